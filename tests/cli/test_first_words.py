"""Most mistakes are told before what trains is imported, and nothing right is refused."""

import json
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from torchedu.cli import first_words
from torchedu.cli.first_words import KNOWN, check
from torchedu.errors import TorcheduError, command_line, read_by
from torchedu.parsing import RECIPES

ROOT = Path(__file__).parents[2]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in a folder with a run and a file of data."""
    monkeypatch.chdir(tmp_path)
    for file in ("mine/config.yaml", "mine/checkpoints/best.ckpt", "notes/a.txt", "answers.csv"):
        Path(file).parent.mkdir(parents=True, exist_ok=True)
        Path(file).touch()
    Path("answers.csv").write_text("uid,q,correct\nann,q1,1\n", "utf-8")
    return tmp_path


def test_the_words_known_are_those_of_the_parsers() -> None:
    script = runpy.run_path(str(ROOT / "scripts" / "known_words.py"))
    known = json.loads(KNOWN.read_text("utf-8"))
    assert script["known_words"]() == known, "run scripts/known_words.py"


@pytest.mark.parametrize(
    ("words", "problem", "remedy"),
    [
        ("fit --epochs 3", "--epochs is not known", "--trainer.max_epochs"),
        ("fit --trainer.max_epoch=3", "--trainer.max_epoch is not known", "--trainer.max_epochs"),
        ("fit --model.net.dimm 3", "--model.net.dimm is not known", "--model.net.dim"),
        ("fit --data.init_args.widow 3", "--data.widow is not known", "--data.window"),
        ("fit --early_stopping.patients 3", "is not known", "--early_stopping.patience"),
        ("fit --config nodkt", "neither a file nor a recipe", "Did you mean dkt?"),
        ("fit --model.net SAKTT", "--model.net 'SAKTT' is not known", "Did you mean SAKT?"),
        ("fit --config two_tower --model.net SAKT", "'SAKT' is not known", "TwoTower"),
        ("fit --model AtRis", "--model 'AtRis' is not known", "AtRisk"),
        ("fit --model AtRisk --model.net=GRU", "--model.net 'GRU' is not known", "EventGRU"),
        ("fit --data Interaction", "--data 'Interaction' is not known", "Interactions"),
        ("fit --data.path answer.csv", "no such file or folder", "answers.csv"),
        ("fit --data.path=", "--data.path is empty", "Name a file or folder"),
        ("fit --run mine", "--run mine is in use", "--resume auto"),
        ("fit --run notes --resume auto", "--run notes is in use", "move that one"),
        ("test nothing", "holds no checkpoint (it does not exist)", "run's folder"),
        ("test mime", "holds no checkpoint (it does not exist)", "Did you mean mine?"),
        ("test mine --data.path answer.csv", "no such file or folder", "answers.csv"),
        ("predict mine --data.path=", "--data.path is empty", "Name a file or folder"),
        ("predict", "needs a trained network", "torchedu predict runs/version_0"),
        ("validate --data.path answers.csv", "needs a trained network", "runs/version_0"),
        ("fit answers.csv", "one word too many", "--data.path answers.csv?"),
        ("test mine answers.csv", "one word too many", "--data.path answers.csv?"),
        ("fit --data answers.csv", "--data names a class", "--data.path answers.csv?"),
        ("fit --model SAKT", "--model names a task", "--model.net SAKT?"),
        ("fit --model.net sakt", "'sakt' is not known", "Did you mean SAKT?"),
        ("fit --device cuda", "--device is not known", "--trainer.accelerator"),
        ("predict mine --formt csv", "--formt is not known", "--format"),
    ],
)
def test_a_mistake_is_told(here: Path, words: str, problem: str, remedy: str) -> None:
    command, *rest = words.split()
    with read_by(command_line):
        with pytest.raises(TorcheduError) as raised:
            check(command, rest)
        lines = str(raised.value).splitlines()
    assert problem in lines[0]
    assert remedy in lines[1]


@pytest.mark.parametrize(
    "words",
    [
        "fit",
        "fit --data.path answers.csv --data.columns.item q --run new --model.lr -1",
        "fit --run mine --resume auto",
        "fit --data.columns.student uid --data.columns {item:q}",
        "fit --model.net.init_args.dim 3 --data.init_args.window 4",
        "fit --model my_package.MyTask --model.own 3 --data my_package.MyData --data.own 4",
        "fit --trainer.logger CSVLogger --trainer.logger.save_dir x --trainer.callbacks+ Timer",
        "fit --optimizer AdamW --optimizer.lr 3 --lr_scheduler.help CosineAnnealingLR",
        "fit --init_from mine --model.net SAKT",
        "fit --data.path s3://bucket/answers.csv",
        "test --ckpt_path mine --data.path answers.csv",
        "test --data.path=answers.csv --ckpt_path=mine",
        "fit --help dkt --nonsense",
        "predict mine --format csv --data.path answers.csv",
        "test --ckpt_path mine",
        "data check nothing.csv",
        *(f"fit --config {file.stem}" for file in RECIPES.glob("*.yaml")),
    ],
)
def test_what_is_right_passes(here: Path, words: str) -> None:
    command, *rest = words.split()
    check(command, rest)


def test_options_of_a_configuration_with_own_classes_pass(here: Path) -> None:
    Path("own.yaml").write_text("model:\n  class_path: my_package.MyTask\n")
    check("fit", ["--config", "own.yaml", "--model.own", "3"])


def test_what_another_lightning_takes_passes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    source = tmp_path / "pytorch" / first_words.LIGHTNINGS["trainer"]
    source.parent.mkdir(parents=True)
    source.write_text("class Trainer:\n    def __init__(\n        self,\n        brand_new: int,\n")

    class Spec:
        submodule_search_locations = (str(tmp_path),)

    monkeypatch.setattr(first_words, "find_spec", lambda _: Spec)
    check("fit", ["--trainer.brand_new", "3"])
    with pytest.raises(TorcheduError):
        check("fit", ["--trainer.brand_old", "3"])


def test_torch_is_not_imported_for_a_mistake(here: Path) -> None:
    program = (
        "import sys\nfrom torchedu.cli import main\n"
        "codes = [main(words.split()) for words in ("
        "'fit --epochs 3', 'fit --data.path answer.csv', 'fit --config nodkt', 'fit --run mine',"
        "'test nothing', 'fit --model.net SAKTT', 'fit --help', 'predict --help')]\n"
        "print(codes, {'torch', 'lightning'} & set(sys.modules))\n"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert ran.stdout.splitlines()[-1] == "[2, 2, 2, 2, 2, 2, 0, 0] set()", ran.stderr
    assert "Traceback" not in ran.stderr
