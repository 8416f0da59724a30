"""Questions are answered and are never history; one student is told what to do next."""

from pathlib import Path

import numpy as np
import pyarrow.csv
import pytest

from torchedu.cli import main
from torchedu.datasets import AnswerStore
from torchedu.datasets.importers import import_data
from torchedu.engine import open_engine
from torchedu.errors import DataError

ANSWERS = "student,item,skill,correct\nann,q1,a,1\nann,q2,b,0\nbo,q1,a,0\nbo,q2,b,1\nbo,q3,a,1\n"


def rows_of(file: Path) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = pyarrow.csv.read_csv(file).to_pylist()
    return rows


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a run of the default network on thirty students, whose answers lie beside it."""
    folder = tmp_path_factory.mktemp("asked")
    drawn = np.random.default_rng(0)
    lines = [
        f"s{student},q{item},k{item % 3},{int(drawn.random() < 0.2 + item / 20)}"
        for student in range(30)
        for item in drawn.integers(12, size=10)
    ]
    (folder / "class.csv").write_text("\n".join(["student,item,skill,correct", *lines, ""]))
    words = ["--data.path", str(folder / "class.csv"), "--run", str(folder / "run")]
    assert main(["fit", *words, "--trainer.max_epochs", "1", "--trainer.accelerator", "cpu"]) == 0
    return folder / "run"


def test_rows_without_a_mark_stand_beside_the_answers(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text(f"{ANSWERS}new,q3,a,\nbo,q2,b,\nann,q3,a,\nann,q1,a,1\n")
    store = import_data("csv", file, tmp_path / "a.store", {"unmarked": "ask"})
    assert isinstance(store, AnswerStore)
    students = np.array(store.student_names(np.arange(store.num_students)))
    asked = store.questions
    name = store.vocabulary["item"].name
    listed = [(s, name(i), a) for s, i, a in zip(students[asked.student], *asked[1:], strict=True)]
    assert listed == [("ann", "q3", 2), ("bo", "q2", 3), ("new", "q3", 0)]
    assert dict(zip(students, np.diff(store.history_offsets), strict=True)) == {
        "ann": 3, "bo": 3, "new": 0
    }  # fmt: skip
    assert store.correct.dtype == np.uint8
    assert "Rows without a mark: 3" in " ".join(store.about["notes"])
    with pytest.raises(DataError, match="correct is missing") as caught:
        import_data("csv", file, tmp_path / "b.store")
    assert "unmarked" in caught.value.options()


def test_a_time_says_where_a_question_stands(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    rows = ["ann,q1,1,2024-01-01 10:00", "ann,q2,0,2024-01-03 10:00", "ann,q3,,2024-01-02 10:00"]
    file.write_text("\n".join(["student,item,correct,time", *rows, ""]))
    store = import_data("csv", file, tmp_path / "a.store", {"unmarked": "ask"})
    assert isinstance(store, AnswerStore)
    assert store.questions.after.tolist() == [1]
    without = import_data("csv", file, tmp_path / "c.store", {"on_bad_row": "drop"})
    assert isinstance(without, AnswerStore)
    assert not len(without.questions.item)
    assert without.num_answers == store.num_answers == 2


def test_questions_of_the_data_and_of_a_file_are_answered_as_the_engine_does(run: Path) -> None:
    answers = (run.parent / "class.csv").read_text()
    asking = run.parent / "asking.csv"
    asking.write_text(f"{answers}s3,q5,k2,\nnew,q2,k2,\ns4,other,k1,\n")
    (run.parent / "file.csv").write_text("question,user,topic\nq1,,\nq7,s5,\nunheard,s5,k1\n")
    words = ["--format", "csv", "--questions", str(run.parent / "file.csv")]
    assert main(["predict", str(run), "--data.path", str(asking), *words]) == 0
    folder = run / "predict-asking"
    rows = rows_of(folder / "questions.csv")
    given = {(row["student"], row["item"]): row["probability"] for row in rows}
    assert len(given) == 3 + 31 + 2
    engine = open_engine(run)
    for student, item, _, correct in (line.split(",") for line in answers.splitlines()[1:]):
        engine.answer(student, item, float(correct))
    skill = {"other": "k1", "unheard": "k1"}
    for (student, item), chance in given.items():
        said = engine.predict(str(student), str(item), skill=skill.get(str(item)))
        assert chance == pytest.approx(said, abs=1e-5)
    # No answer more than there was without the questions.
    predictions = rows_of(folder / "predictions.csv")
    assert len(predictions) == len(answers.splitlines()) - 1
    assert main(["predict", str(run), "--format", "csv"]) == 0
    before = rows_of(run / "predict-class" / "predictions.csv")
    assert [row["probability"] for row in before] == pytest.approx(
        [row["probability"] for row in predictions], abs=1e-6
    )
    assert not (run / "predict-class" / "questions.csv").exists()


def test_one_student_is_told_what_to_do_next(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["predict", str(run), "--student", "s3", "--format", "csv"]
    assert main([*words, "--count", "3", "--target", "0.6"]) == 0
    rows = rows_of(run / "predict-class" / "next.csv")
    said = "".join(capsys.readouterr().out.split())
    assert f"s3shoulddonext:{rows[0]['item']}({rows[0]['probability']:.2f})" in said
    engine = open_engine(run)
    lines = (run.parent / "class.csv").read_text().splitlines()[1:]
    for student, item, _, correct in (line.split(",") for line in lines if line.startswith("s3,")):
        engine.answer(student, item, float(correct))
    best = engine.next("s3", count=3, target=0.6)
    assert [row["item"] for row in rows] == [suggested.item for suggested in best]
    needs = run.parent / "needs.csv"
    needs.write_text("skill,requires\nk1,k0\nk2,k1\n")
    more = ["--prerequisites", str(needs), "--mastered", "1", "--count", "20"]
    assert main([*words, *more]) == 0
    items = {row["item"] for row in rows_of(run / "predict-class" / "next.csv")}
    assert items == {"q0", "q3", "q6", "q9"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--student", "s33"], "'s33', whom class does not know"),
        (["--student", "s3", "--target", "2"], "--target is 2"),
        (["--student", "s3", "--count", "0"], "--count is 0"),
        (["--questions", "none.csv"], "none.csv"),
        (["--questions", "empty.csv"], "asks nothing"),
        (["--questions", "gap.csv"], "a question has no item"),
        (["--questions", "other.csv"], "'q77' is not known"),
        (["--questions", "whom.csv"], "ask 'zoe', whom class does not know"),
    ],
)
def test_what_cannot_be_asked_is_told(
    run: Path, tmp_path: Path, words: list[str], said: str, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    Path("empty.csv").write_text("item\n")
    Path("gap.csv").write_text("item,student\nq1,\n,s1\n")
    Path("other.csv").write_text("item\nq77\n")
    Path("whom.csv").write_text("item,student\nq1,zoe\n")
    assert main(["predict", str(run), *words]) == 2
    assert said in capsys.readouterr().err


def test_another_task_answers_no_questions(
    enrolment_store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--model", "CourseRecommendation", "--data.path", str(enrolment_store)]
    fast = ["--trainer.max_epochs", "1", "--trainer.accelerator", "cpu", "--model.net.dim", "4"]
    assert main(["fit", *words, "--run", str(tmp_path / "r"), *fast]) == 0
    assert main(["predict", str(tmp_path / "r"), "--student", "U1"]) == 2
    assert "--student is asked of a CourseRecommendation" in capsys.readouterr().err
