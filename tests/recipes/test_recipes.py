"""Every recipe that torchedu ships is short, says what it reaches, and trains."""

import re
from pathlib import Path

import pytest
import yaml

from tests.datasets.oulad_files import write_oulad
from tests.encoders import write_encoder
from tests.essays import write_answers, write_essays
from tests.spoken_files import write_answers as write_spoken
from torchedu.cli import main
from torchedu.parsing import RECIPES
from torchedu.tasks import open_task

FILES = sorted(RECIPES.glob("*.yaml"))
TRAINED = [file for file in FILES if "source:" not in file.read_text("utf-8")]
"""Those that begin with no weights from elsewhere."""
FIGURE = r"(AUC|HR@10|QWK|macro-F1) \.\d{3}|perplexity \d+\.\d|\d+\.\d GiB a device"


def test_there_are_recipes() -> None:
    assert {"dkt", "item_dkt", "sakt"} <= {file.stem for file in FILES}


@pytest.fixture(scope="module")
def data(
    class_store: Path,
    enrolment_store: Path,
    lesson_store: Path,
    chat_store: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Path]:
    """Give small data for each data module."""
    folder = tmp_path_factory.mktemp("data")
    return {
        "Interactions": class_store,
        "CourseEvents": write_oulad(folder / "oulad"),
        "Enrolments": enrolment_store,
        "Essays": write_essays(folder / "essays.csv"),
        "Transcripts": lesson_store,
        "SpokenAnswers": write_spoken(folder / "spoken"),
        "answers": write_answers(folder / "answers"),
        "encoder": write_encoder(folder / "encoder", layers=3),
        "Explanations": chat_store,
    }


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_recipe_is_short_and_says_its_command_and_what_it_reached(file: Path) -> None:
    first, *lines = file.read_text("utf-8").splitlines()
    assert re.match(rf"# torchedu fit --config {file.stem}[^:]*: ({FIGURE})", first)
    assert len(lines) < 30


@pytest.mark.parametrize("file", TRAINED, ids=lambda file: file.stem)
def test_a_recipe_trains(file: Path, data: dict[str, Path], tmp_path: Path) -> None:
    run = tmp_path / "run"
    kind = yaml.safe_load(file.read_text("utf-8"))["data"]["class_path"].rpartition(".")[2]
    kind = "answers" if file.stem == "short_answer" else kind
    words = ["--config", file.stem, "--data.path", str(data[kind]), "--run", str(run)]
    if kind in ("Essays", "answers", "Transcripts"):
        words += ["--data.encoder", str(data["encoder"])]
    assert main(["fit", *words, "--trainer.max_epochs", "1", "--trainer.accelerator", "cpu"]) == 0
    task = open_task(run / "checkpoints" / "best.ckpt")
    asked = yaml.safe_load(file.read_text("utf-8"))["model"]["init_args"]
    assert type(task.net).__name__ == asked["net"]["class_path"].rpartition(".")[2]
    assert task.net.arguments().items() >= asked["net"].get("init_args", {}).items()
    assert (task.lr, task.schedule) == (asked["lr"], asked["schedule"])
