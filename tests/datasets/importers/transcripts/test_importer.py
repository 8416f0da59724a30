"""Lessons in every layout that is read, and what becomes of those that are not as they should."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.datasets.lesson_files import lesson, write_lessons, write_workbook
from torchedu.cli import main
from torchedu.datasets.importers import import_data
from torchedu.datasets.transcripts import NO_PART, TranscriptStore
from torchedu.errors import ConfigError, DataError, command_line
from torchedu.schema import TAG


def table(tmp_path: Path, text: str, name: str = "x.csv") -> Path:
    file = tmp_path / name
    file.write_text(text, "utf-8")
    return file


def tags_of(store: TranscriptStore, row: int) -> list[str]:
    begin, end = store.lesson_offsets[row : row + 2]
    roles = ("teacher", "student")
    columns = (store.column(name)[begin:end].tolist() for name in ("role", "tag"))
    return [store.vocabulary[TAG + roles[r]].name(t) for r, t in zip(*columns, strict=True)]


def test_a_table_of_ones_own_is_read(tmp_path: Path) -> None:
    store = import_data("transcripts", write_lessons(tmp_path / "x.csv", 12), tmp_path / "s")
    assert store.num_lessons == 12
    assert store.lesson_names([0, 2, 11]) == ["lesson 0", "lesson 2", "lesson 11"]
    begin, end = store.lesson_offsets[2:4]
    rows = lesson(2)
    assert store.sentences(np.arange(begin, end)) == [row[4] for row in rows]
    assert store.speaker_names(store.column("speaker")[begin:end]) == [row[3] for row in rows]
    assert store.column("words")[begin:end].tolist() == [len(row[4].split()) for row in rows]
    assert tags_of(store, 2) == [(row[5] or row[6]).partition(" - ")[2] for row in rows]
    turns = store.column("turn")[begin:end].tolist()
    assert [turns[i] != turns[i - 1] for i in range(1, len(rows))] == [
        rows[i][2] != rows[i - 1][2] for i in range(1, len(rows))
    ]
    assert turns[0] == 0
    assert (store.part == NO_PART).all()
    assert str(tmp_path) not in str(store.about)


def test_csv_parquet_and_workbooks_give_the_same_lessons(tmp_path: Path) -> None:
    file = write_lessons(tmp_path / "x.csv", 3)
    with file.open(newline="", encoding="utf-8") as stream:
        headings, *rows = list(csv.reader(stream))
    columns = dict(zip(headings, zip(*rows, strict=True), strict=True))
    pq.write_table(pa.table({k: list(v) for k, v in columns.items()}), tmp_path / "x.parquet")
    write_workbook(tmp_path / "x.xlsx", rows, headings)
    stores = [
        import_data("transcripts", tmp_path / f"x.{kind}", tmp_path / kind)
        for kind in ("csv", "parquet", "xlsx")
    ]
    files = [{k: v["sha256"] for k, v in store.manifest["files"].items()} for store in stores]
    assert files[0] == files[1] == files[2]


def test_a_folder_of_files_is_a_lesson_a_file(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    for name in ("monday", "tuesday"):
        table(
            raw, "who,text\nMs. Lee,Good morning.\nTom,Morning.\nDr. Oz,Sit down.\n", f"{name}.csv"
        )
    table(raw, "", "~$monday.xlsx")  # what Excel leaves while a file is open
    store = import_data("transcripts", raw, tmp_path / "s")
    assert store.lesson_names([0, 1]) == ["monday", "tuesday"]
    assert store.column("role").tolist() == [0, 1, 0] * 2
    assert store.column("turn").tolist() == [0, 1, 2] * 2
    assert not store.column("tag").any()


def test_roles_follow_tags_where_each_role_has_a_column(tmp_path: Path) -> None:
    text = (
        "speaker,sentence,teacher_tag,student_tag\n"
        "R1,Why?,ask,\nR1,Go on.,ask,\nKim,It is.,,claim\nR1,Yes.,,\nKim,Is it?,ask,\nT,Hm.,,\n"
    )
    store = import_data("transcripts", table(tmp_path, text), tmp_path / "s")
    # R1 asks as teachers do; once Kim does as well; T has no tags but a teacher's name.
    assert store.column("role").tolist() == [0, 0, 1, 0, 0, 0]
    assert store.column("tag").tolist() == [2, 2, 2, 0, 2, 0]


def test_a_published_split_is_kept(tmp_path: Path) -> None:
    text = "lesson,speaker,sentence,split\na,T,Hi.,train\nb,T,Hi.,val\nc,T,Hi.,test\nd,T,Hi.,\n"
    store = import_data("transcripts", table(tmp_path, text), tmp_path / "s")
    assert store.part.tolist() == [0, 1, 2, NO_PART]


def test_lessons_under_two_names_count_once(tmp_path: Path) -> None:
    said = "".join(f"{{name}},T,sentence {i},{{part}}\n" for i in range(25))

    def both(first: str, second: str) -> Path:
        rows = said.format(name="a", part=first) + said.format(name="b", part=second)
        return table(tmp_path, "lesson,speaker,sentence,split\n" + rows)

    store = import_data("transcripts", both("train", "train"), tmp_path / "s")
    assert store.num_lessons == 1
    assert "word for word" in store.about["notes"][0]
    with pytest.raises(DataError, match=r"'a' and 'b' are the same.*in the parts train and test"):
        import_data("transcripts", both("train", "test"), tmp_path / "s")


HEAD = "lesson,speaker,role,sentence,tag,split\n"
GOOD = HEAD + "a,T,teacher,Why?,ask,train\na,S,student,So.,claim,train\n"


@pytest.mark.parametrize(
    ("text", "problem", "remedy"),
    [
        (GOOD + "a,T,teacher, ,ask,train\n", "row 4: the sentence is empty", "--on_bad_row drop"),
        (GOOD + ",T,teacher,So?,ask,train\n", "row 4: the transcript has no name", "drop"),
        (GOOD + "a,T,pupil,So?,ask,train\n", "row 4: the role is neither.*'pupil'", "drop"),
        (GOOD + "a,T,teacher,So?,ask,dev\n", "row 4: the split is no part.*'dev'", "train, val"),
        (
            GOOD + f"a,T,teacher,{'word ' * 100_000},ask,train\n",
            r"row 4: the sentence is too long \('100,000 words'\)",
            "A row is a sentence, of 2,000 words at most",
        ),
        (
            GOOD + "b,T,teacher,So?,ask,test\na,T,teacher,So?,ask,test\n",
            "row 5: the transcript 'a' is in the parts train and test",
            "Put all of a lesson in one part",
        ),
        (
            GOOD + "b,T,teacher,So?,aks,test\n",
            "row 4: the teacher's tag 'aks' is unknown: no lesson for training has it",
            "Did you mean ask",
        ),
        ("lesson,speaker\na,T\n", "row 1: no column holds the sentence", "--columns.sentence"),
    ],
)
def test_bad_rows_are_told_with_their_place(
    text: str, problem: str, remedy: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    raw = table(tmp_path, text)
    with pytest.raises(DataError, match=problem) as caught:
        import_data("transcripts", raw, tmp_path / "s")
    assert remedy in caught.value.render(command_line)
    words = ["data", "import", "transcripts", str(raw), str(tmp_path / "s")]
    assert main(words) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 2
    assert not (tmp_path / "s").exists()


def test_bad_rows_can_be_dropped(tmp_path: Path) -> None:
    raw = table(tmp_path, GOOD + "a,T,teacher,,ask,train\na,T,guest,Hi.,ask,train\n")
    store = import_data("transcripts", raw, tmp_path / "s", {"on_bad_row": "drop"})
    assert store.num_sentences == 2
    assert {k: v["rows"] for k, v in store.about["dropped"].items()} == {
        "the sentence is empty": 1,
        "the role is neither teacher nor student": 1,
    }


def test_another_encoding_is_told_and_read(tmp_path: Path) -> None:
    raw = tmp_path / "x.csv"
    raw.write_bytes("speaker,sentence\nT,Très bien.\n".encode("cp1252"))
    with pytest.raises(DataError, match="row 2: the text is not utf-8") as caught:
        import_data("transcripts", raw, tmp_path / "s")
    assert "such as ⟦encoding⟧ cp1252" in caught.value.remedy
    store = import_data("transcripts", raw, tmp_path / "s", {"encoding": "cp1252"})
    assert store.sentences([0]) == ["Très bien."]


def test_formats_and_options_that_are_not_known_are_refused(tmp_path: Path) -> None:
    raw = table(tmp_path, GOOD)
    with pytest.raises(ConfigError, match="'talkmove' is not known") as caught:
        import_data("talkmove", raw, tmp_path / "s")
    assert "Did you mean talkmoves" in caught.value.remedy
    with pytest.raises(ConfigError, match="has no option encoding"):
        import_data("talkmoves", raw, tmp_path / "s", {"encoding": "utf-16"})


def test_the_command_says_what_it_made(tmp_path: Path, capsys: Any) -> None:
    words = ["data", "import", "transcripts", str(table(tmp_path, GOOD)), str(tmp_path / "s")]
    assert main(words) == 0
    said = capsys.readouterr().out
    assert "1 lessons, 2 sentences" in said
    assert "tags      teachers': ask" in said
