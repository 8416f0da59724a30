from pathlib import Path

import numpy as np
import pytest

from tests.datasets.oulad_files import PRESENTATIONS, STUDENTS, write_oulad
from torchedu.cli import main
from torchedu.datasets.events import CLICKED, TRANSFERRED
from torchedu.datasets.importers import import_data
from torchedu.errors import DataError


def test_every_file_comes_into_the_store(tmp_path: Path) -> None:
    store = import_data(
        "oulad", write_oulad(tmp_path / "oulad", clicks=True), tmp_path / "out.store"
    )
    store.verify()
    assert store.num_enrolments == 6 * STUDENTS
    assert list(store.courses.presentation) == [*PRESENTATIONS] * 2
    assert list(store.vocabulary["outcome"]) == ["Fail", "Pass", "Withdrawn"]
    assert list(store.vocabulary["group.deprivation"]) == ["10-20%"]  # its percent sign is back
    assert store.work.due[4] == 120  # an exam without a day is at the end
    assert (store.events.kind == CLICKED).any()
    assert 0.2 < store.at_risk.mean() < 0.8
    assert store.about["dropped"] == {}
    without = import_data(
        "oulad", tmp_path / "oulad", tmp_path / "without.store", {"clicks": False}
    )
    assert not (without.events.kind == CLICKED).any()


def change(folder: Path, file: str, *lines: str) -> None:
    with (folder / file).open("a", encoding="utf-8") as stream:
        stream.writelines(f"{line}\n" for line in lines)


def test_quirks_are_taken_counted_and_said(tmp_path: Path) -> None:
    folder = write_oulad(tmp_path / "oulad")
    before = import_data("oulad", folder, tmp_path / "a.store")
    heading = (folder / "studentAssessment.csv").read_text().splitlines()[0]
    change(
        folder, "studentAssessment.csv",
        heading, "1,1,-3,1,55", "999,1,5,0,50", "1,77777,5,0,50", "1,2,?,0,50", "2,2,44,0,?",
        "2,1,-200,0,90",
    )  # fmt: skip
    # A student in two courses is two enrolments; the same course twice is one.
    change(
        folder, "studentInfo.csv",
        "BBB,2013J,1,X,?,?,?,?,0,60,N,Pass", "AAA,2013J,1,M,Wales,A,10-20,0-35,0,60,N,Pass",
        "ZZZ,2013J,1,M,Wales,A,10-20,0-35,0,60,N,Pass",
    )  # fmt: skip
    store = import_data("oulad", folder, tmp_path / "b.store")
    assert store.about["dropped"] == {
        "heading lines in the middle of studentAssessment.csv": 1,
        "submissions of unknown work or students": 2,
        "submissions without a day": 1,
        "enrolments that stand twice or belong to no course": 2,
    }
    assert store.num_enrolments == before.num_enrolments + 1
    assert len(store.events.day) == len(before.events.day) + 3
    assert (store.events.kind == TRANSFERRED).sum() == 1
    assert np.isnan(store.column("begin")[-1])  # nobody told when that one registered
    assert store.group("region")[-1] == 0
    assert "X" in list(store.vocabulary["group.gender"])
    note, outcomes = store.about["notes"]
    assert outcomes.startswith("Outcomes to prevent: ")
    assert "others: " in outcomes
    assert "before their student's registration" in note


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("courses.csv", "code_module,other\nAAA,1\n", "cannot be read"),
        ("studentAssessment.csv", None, "is missing"),
        (
            "studentAssessment.csv",
            "id_assessment,id_student,date_submitted,is_banked,score\n1,1,soon,0,5\n",
            "date_submitted holds a value that is no number",
        ),
    ],
)
def test_files_that_cannot_be_read_are_named(
    tmp_path: Path, file: str, text: str | None, said: str
) -> None:
    folder = write_oulad(tmp_path / "oulad")
    (folder / file).unlink()
    if text is not None:
        (folder / file).write_text(text)
    with pytest.raises(DataError, match=said) as error:
        import_data("oulad", folder, tmp_path / "out.store")
    assert file in str(error.value)
    assert not (tmp_path / "out.store").exists()


def test_the_command_imports_and_tells(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_oulad(tmp_path / "oulad")
    assert main(["data", "import", "oulad", str(folder), str(tmp_path / "out.store")]) == 0
    assert "300 enrolments, 6 courses" in capsys.readouterr().out


def test_the_real_data_set(real_data: Path, tmp_path: Path) -> None:
    store = import_data("oulad", real_data / "atrisk" / "oulad", tmp_path / "out.store")
    assert (store.num_enrolments, len(store.events.day)) == (32_593, 173_912)
    assert store.about["dropped"] == {}
