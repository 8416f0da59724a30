"""A wrong column is told before what trains is imported, as its import tells it."""

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from torchedu.cli.first_words import check
from torchedu.datamodules import Enrolments, Interactions
from torchedu.datasets.examples import write_example
from torchedu.errors import TorcheduError, command_line, read_by

MARKS = "who,question,skill,mark\nann,q1,k,1\nbo,q2,k,0\n"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("marks.csv").write_text(MARKS, "utf-8")
    Path("notes.md").write_text("no table\n", "utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("words", "problem", "remedy"),
    [
        ("", "no column holds the student", "--data.columns.student HEADING"),
        ("--data.columns.student whoo", "'whoo' (--data.columns.student)", "mean who?"),
        ("--data.columns '{student: who, correct: marks}'", "'marks'", "mean mark?"),
        (
            "--data.columns '{student: who, corect: mark}'",
            "columns.corect",
            "mean --data.columns.correct?",
        ),
        ("--data.columns.student who --data.groups '[school]'", "--data.groups", "question"),
        ("--data.columns.student who --data.options '{answer_id: x}'", "options.answer_id", "who"),
        ("--data.columns.student who --data.options '{answerid: x}'", "option answerid", "answer"),
        ("--data.format cvs", "'cvs' is not known", "mean csv?"),
        ("--config essay", "no column holds the text", "--data.columns.text"),
        ("--config two_tower", "no column holds the student", "who"),
        ("--data.path notes.md", "nothing tells the format", "--data.format"),
    ],
)
def test_a_wrong_column_is_told(here: Path, words: str, problem: str, remedy: str) -> None:
    given = ["--data.path", "marks.csv", *shlex.split(words)]
    with read_by(command_line):
        with pytest.raises(TorcheduError) as raised:
            check("fit", given)
        first, second = str(raised.value).splitlines()
    assert problem in first
    assert remedy in second


def test_it_is_told_as_the_import_tells_it(here: Path) -> None:
    columns = {"student": "whoo"}
    with pytest.raises(TorcheduError) as now:
        check("fit", ["--data.path", "marks.csv", "--data.columns", "{student: whoo}"])
    with pytest.raises(TorcheduError) as later:
        Interactions("marks.csv", columns=columns).prepare_data()
    assert now.value.to_json() == later.value.to_json()
    with pytest.raises(TorcheduError) as now:
        check(
            "fit",
            ["--data.path", "marks.csv", "--config", "two_tower", "--data.groups", "[school]"],
        )
    with pytest.raises(TorcheduError) as later:
        Enrolments("marks.csv", groups=["school"]).prepare_data()
    assert now.value.to_json() == later.value.to_json()


@pytest.mark.parametrize(
    "words",
    [
        "--data.columns.student who --data.columns.correct mark --data.columns.item question",
        "--data.columns {student:",  # no value: the command itself tells
        "--data.columns.student who --data.groups who",
        "--data.columns.student 3 --data Enrolments",
        "--config own.yaml",
        "--init_from marks.csv",
    ],
)
def test_what_may_be_right_is_left_to_the_command(here: Path, words: str) -> None:
    Path("own.yaml").write_text("data:\n  init_args:\n    columns: {student: who}\n", "utf-8")
    full = " --data.columns.correct mark --data.columns.item question" * ("student" in words)
    check("fit", ["--data.path", "marks.csv", *shlex.split(words), *full.split()])


@pytest.mark.parametrize(
    ("kind", "recipe"),
    [
        ("answers", "dkt"), ("enrolments", "two_tower"), ("events", "at_risk"),
        ("texts", "essay"), ("transcripts", "talk_moves"), ("conversations", "math_small"),
    ],
)  # fmt: skip
def test_data_of_every_task_passes(kind: str, recipe: str, here: Path) -> None:
    file = f"data.{'jsonl' if kind == 'conversations' else 'csv'}"
    write_example(kind, Path(file))
    check("fit", ["--config", recipe, "--data.path", file])


def test_torch_is_not_imported_for_a_wrong_column(here: Path) -> None:
    program = (
        "import sys\nfrom torchedu.cli import main\n"
        "code = main(['fit', '--data.path', 'marks.csv', '--data.columns.student', 'whoo'])\n"
        "print(code, {'torch', 'lightning', 'scipy', 'pandas'} & set(sys.modules))\n"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert ran.stdout == "2 set()\n", ran.stderr
    assert len(ran.stderr.splitlines()) == 2
