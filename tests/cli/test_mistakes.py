"""What a user gets wrong at the command line ends in two lines and exit code 2."""

import shlex
from pathlib import Path

import pytest

from tests.conftest import FAST
from torchedu.cli import main

HEADINGS = "student,item,skill,correct\n"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encoder_folder: Path) -> Path:
    """Stand in an empty folder with two files of answers, and texts of one score."""
    monkeypatch.chdir(tmp_path)
    # Lightning logs to the standard error of the first test, which is closed by now.
    monkeypatch.setattr("logging.raiseExceptions", False)
    rows = [f"s{s},q{q},k,{(s + q) % 2}\n" for s in range(12) for q in range(4)]
    Path("answers.csv").write_text(HEADINGS + "".join(rows))
    right = [f"s{s},q{q},k,1\n" for s in range(12) for q in range(4)]
    Path("right.csv").write_text(HEADINGS + "".join(right))
    alike = [f"t{i},p,3,some {i} words\n" for i in range(40)]
    Path("alike.csv").write_text("id,prompt,score,text\n" + "".join(alike))
    Path("encoder").symlink_to(encoder_folder)
    return tmp_path


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("fit --data answers.csv", "--data.path"),
        ("fit --data.path answers.csv --model.net DKT --model.net.dim 0", "It is at least 1."),
        ("fit --data.path answers.csv --model.lr -1", "lr is -1.0. It is at least 0"),
        ("fit --data.path answers.csv --resume answers.csv", "checkpoint"),
        ("fit --data.path answers.csv --early_stopping.monitor nix", "val/auc"),
        ("fit --data.path right.csv", "needs right and wrong answers"),
        (
            "fit --config essay --data.path alike.csv --data.format texts --data.encoder encoder",
            "needs several scores of a prompt or several labels: the validation part",
        ),
        ("fit --data.path answers.csv --run answers.csv", "in use"),
        ("fit --data.path answers.csv --run answers.csv/run", "cannot be made"),
        ("fit --data.path answers.csv --trainer.limit_train_batches 0", "nothing to train"),
        ("fit --data.path answers.csv --data.seed -1", "seed is -1"),
        ("test answers.csv", "checkpoint"),
    ],
)
def test_two_lines_and_exit_code_2(
    words: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    fast = FAST if words.startswith("fit") else ()
    assert main([*shlex.split(words), *fast]) == 2
    error = capsys.readouterr().err
    assert said in " ".join(error.splitlines()[-2:])
    assert "Traceback" not in error


def test_a_run_without_configuration_is_not_scored_on_the_simulated_class(
    trained_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = Path("python_run/checkpoints")
    run.mkdir(parents=True)
    (run / "best.ckpt").write_bytes((trained_run / "checkpoints" / "best.ckpt").read_bytes())
    assert main(["predict", "python_run"]) == 2
    assert "--data.path" in capsys.readouterr().err


def test_the_scores_of_another_run_are_not_overwritten(
    trained_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (trained_run / "evaluation.json").read_bytes()
    assert main(["test", str(trained_run), "--run", str(trained_run)]) == 2
    assert "in use" in capsys.readouterr().err
    assert (trained_run / "evaluation.json").read_bytes() == before


def test_a_file_that_cannot_be_written_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device", "report.html")

    monkeypatch.setattr("torchedu.cli.report.main", full)
    assert main(["report", "run"]) == 2
    said = capsys.readouterr().err
    assert "report.html" in said
    assert len(said.splitlines()) == 2
