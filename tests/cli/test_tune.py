"""What is wrong with a search is told in two lines before any trial starts."""

import subprocess
import sys
from pathlib import Path

import pytest

import torchedu.run  # noqa: F401 - Lightning logs for good to the standard error that it first sees
from torchedu.cli import main
from torchedu.cli.tune import divided

pytest.importorskip("optuna", reason="needs the package optuna")

LR = "model.lr: {float: [0.001, 0.1]}\n"


def test_words_are_the_searchs_or_the_recipes() -> None:
    words = "--config dkt --space s.yaml --trials=3 --data.path a.csv --model.net.dim 8 --seed 1"
    own, recipe = divided(words.split(), {"space", "trials", "seed"})
    assert own == ["--space", "s.yaml", "--trials=3", "--seed", "1"]
    assert recipe == ["--config", "dkt", "--data.path", "a.csv", "--model.net.dim", "8"]
    words = "--objectives -val/loss,cost --model.lr -1 --seed -1"  # values, and no options
    own, recipe = divided(words.split(), {"objectives", "seed"})
    assert own == ["--objectives=-val/loss,cost", "--seed=-1"]
    assert recipe == ["--model.lr", "-1"]


@pytest.mark.parametrize(
    ("space", "words", "said"),
    [
        (LR.replace("model.lr", "model.lrr"), [], ["--space gives --model.lrr=0.001", "model.lr"]),
        ("model.lr: {float: [-1, 1]}", [], ["--space gives --model.lr=-1.0", "at least 0"]),
        ("data.batch_size: {choice: [16, x]}", [], ["--space gives --data.batch_size=x"]),
        ("model.net: {choice: [DKTT]}", [], ["--space gives --model.net=DKTT", "DKT"]),
        ("model.lr: 3", [], ["'3' is no kind"]),
        (LR, ["--objectives", "val/acu"], ["--objectives names 'val/acu'", "val/auc"]),
        (LR, ["--objectives", "val/abroca"], ["no groups of this data"]),
        (LR, ["--limits", "val/gap<=1"], ["--limits names 'val/gap'"]),
        (LR, ["--pruner", "median", "--objectives", "val/auc,cost"], ["--pruner median"]),
        (LR, ["--sampler", "x"], ["--sampler is 'x'", "tpe"]),
        (LR, ["--storage", "sqlite:////no/such/a.db"], ["--storage", "cannot be reached"]),
        (LR, ["--trials", "0"], ["--trials is 0"]),
        (LR, ["--workers", "0"], ["--workers is 0"]),
        (LR, ["--engine", "rya"], ["--engine is 'rya'", "ray"]),
        (LR, ["--trainer.devices", "[0]", "--workers", "2"], ["--trainer.devices is [0]"]),
        (LR, ["--run", "x"], ["--run is given"]),
        (LR, ["--trails", "3"], ["--trails", "--trials"]),
        (LR, ["--objective=val/auc"], ["--objective", "--objectives"]),
        (LR, ["--model.lrr", "3"], ["--model.lrr"]),
        (LR, ["--config", "dktt"], ["dktt", "dkt"]),
    ],
)  # fmt: skip
def test_bad_input_is_told_before_any_trial(
    space: str,
    words: list[str],
    said: list[str],
    class_store: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "space.yaml").write_text(space, "utf-8")
    given = ["tune", "--space", str(tmp_path / "space.yaml"), "--study", str(tmp_path / "study")]
    given += ["--data.path", str(class_store), "--trainer.accelerator", "cpu"]
    assert main([*given, *words]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 2, error
    assert all(text in error for text in said), error
    assert not (tmp_path / "study" / "trials").exists()


def test_a_space_that_is_no_file_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["tune", "--space", str(tmp_path / "none.yaml")]) == 2
    assert "cannot be read" in capsys.readouterr().err
    assert main(["tune"]) == 2
    assert "space" in capsys.readouterr().err


def test_a_wrong_word_of_the_recipe_is_told_before_torch_is_imported(tmp_path: Path) -> None:
    (tmp_path / "space.yaml").write_text(LR, "utf-8")
    code = (
        "import sys; from torchedu.cli import main\n"
        "code = main(['tune', '--space', 'space.yaml', '--data.fair_too', 'x'])\n"
        "sys.exit(code if 'torch' not in sys.modules else 9)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2, done.stderr
    assert "--data.fair_to?" in done.stderr


def test_help_needs_neither_optuna_nor_torch() -> None:
    code = (
        "import sys; from torchedu.cli import main\n"
        "try: main(['tune', '--help'])\n"
        "except SystemExit: print(*sorted({'optuna', 'torch'} & set(sys.modules)), 'none')"
    )
    words = [sys.executable, "-c", code]
    said = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    assert said.splitlines()[-1] == "none"
    assert "--objectives" in said
    assert "torchedu fit" in said
