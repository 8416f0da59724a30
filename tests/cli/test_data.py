import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.datasets.importers.fake import answers, write_csv
from tests.datasets.lesson_files import write_lessons
from tests.essays import write_essays
from torchedu.cli import main


def run(*words: str) -> int:
    return main(["data", *words])


def test_import_says_what_it_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{**row, "noise": 1} for row in answers()]
    rows[3]["correct"] = 9
    raw = write_csv(tmp_path / "a.csv", rows)
    out = tmp_path / "class.store"
    assert (
        run(
            "import",
            "csv",
            str(raw),
            str(out),
            "--groups=gender",
            "--on_bad_row=drop",
            "--full_mark=1",
        )
        == 0
    )
    said = capsys.readouterr().out
    assert "4 students, 19 answers" in said
    assert "groups    gender (2)" in said
    assert "correct = correct" in said
    assert "ignored   noise" in said
    assert "time      seconds" in said
    assert re.search(r"dropped +1 rows: correct is outside 0..1 \(first: .*a.csv, row 5\)", said)


def test_describe_prints_and_draws(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    raw = write_csv(tmp_path / "a.csv", answers())
    run("import", "csv", str(raw), str(tmp_path / "class"), "--groups=gender")
    capsys.readouterr()
    assert run("describe", str(tmp_path / "class")) == 0
    said = capsys.readouterr().out
    for text in ("students", "answers per", "median", "gender", "share correct"):
        assert text in said
    assert (tmp_path / "class.describe.png").read_bytes().startswith(b"\x89PNG")
    assert run("describe", str(tmp_path / "class"), "--picture", str(tmp_path / "p.svg")) == 0
    assert (tmp_path / "p.svg").read_text().lstrip().startswith("<?xml")


def test_any_kind_of_data_is_imported_and_described(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    essays, lessons = write_essays(tmp_path / "e.csv"), write_lessons(tmp_path / "l.csv", 4)
    assert run("import", "texts", str(essays), str(tmp_path / "e"), "--groups=sex") == 0
    assert run("import", "transcripts", str(lessons), str(tmp_path / "l")) == 0
    said = capsys.readouterr().out
    assert "160 texts, 2 prompts" in said
    assert "4 lessons" in said
    picture = tmp_path / "p.svg"
    assert run("describe", str(tmp_path / "e"), "--picture", str(picture)) == 0
    assert "Words a text" in picture.read_text()
    assert run("describe", str(tmp_path / "l"), "--picture", str(picture)) == 0
    said = capsys.readouterr().out
    for text in ("words per text", "cats", "teacher's tag", "press for reasoning"):
        assert text in said


def test_describe_of_what_is_no_store(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("describe", str(tmp_path / "nothing")) == 2
    assert capsys.readouterr().err.count("\n") == 2


def test_simulate(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("simulate", str(tmp_path / "class"), "--students=12", "--seed=3") == 0
    assert "12 students" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["import", "csvv", "a", "b"], "Did you mean csv?"),
        (["import", "csv", "a", "b", "--on_bad_row", "keep"], "error, drop"),
        (["import", "csv", "a", "b", "--delimeter", ";"], "Did you mean --delimiter?"),
        (["import", "csv"], "torchedu data"),
        (
            ["import", "gsm8k", "a", "b", "--merge_skill_rows", "true"],
            "Its own: on_bad_row, deidentify.",
        ),
    ],
)
def test_mistakes_take_two_lines(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*words) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 2
    assert said in err


def test_import_leaves_torch_unimported(tmp_path: Path) -> None:
    raw = write_csv(tmp_path / "a.csv", answers())
    code = (
        "import sys; from torchedu.cli import main; "
        f"main(['data', 'import', 'csv', {str(raw)!r}, {str(tmp_path / 'out')!r}]); "
        # Not pandas: where it is installed, pyarrow loads it by itself.
        "print([name for name in ('torch', 'lightning', 'scipy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]", done.stdout
