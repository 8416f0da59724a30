"""From a file of essays, or of short answers, to scores, a report and grades by name."""

import json
from pathlib import Path

import numpy as np
import pyarrow.csv as pa_csv
import pytest

from tests.conftest import FAST
from tests.encoders import write_encoder
from tests.essays import write_answers, write_essays
from torchedu.cli import main
from torchedu.tasks import open_task

TASK = ("--model", "EssayGrading", "--trainer.accelerator", "cpu")


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("desk")
    write_encoder(folder / "encoder")
    write_essays(folder / "essays.csv")
    write_answers(folder / "answers")
    return folder


def read(folder: Path) -> dict:
    return json.loads((folder / "evaluation.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def run(desk: Path) -> Path:
    run = desk / "runs" / "frozen"
    words = ["--data.path", str(desk / "essays.csv"), "--data.groups", "[sex]", "--run", str(run)]
    words += ["--data.encoder", str(desk / "encoder"), "--trainer.max_epochs", "15"]
    assert main(["fit", *TASK, *words, "--data.batch_size", "16", "--model.lr", "0.01"]) == 0
    return run


def test_essays_are_graded_beside_baselines_and_raters(run: Path) -> None:
    found = read(run)
    rows = {row["name"]: row for row in found["scores"]}
    assert [*rows] == [
        "FrozenGrader", "length alone", "surface counts", "words (TF-IDF) and surface",
        "two human raters",
    ]  # fmt: skip
    assert rows["FrozenGrader"]["qwk"] > 0.5
    assert rows["two human raters"]["adjacent"] > 0.7
    assert {one["prompt"] for one in found["by_prompt"]} == {"hats", "cats"}
    mean = np.mean([one["qwk"]["FrozenGrader"] for one in found["by_prompt"]])
    assert rows["FrozenGrader"]["qwk"] == pytest.approx(mean)
    assert set(found["stretch"]) == {"hats", "cats"}
    assert (run / "report.html").is_file()


def test_testing_again_gives_the_same_scores_from_the_same_vectors(run: Path, desk: Path) -> None:
    done = next((desk / "essays.features").glob("*/*.done")).stat().st_mtime
    assert main(["test", str(run), "--trainer.accelerator", "cpu"]) == 0
    again = read(run / "test-essays")
    assert again["scores"] == read(run)["scores"]
    assert next((desk / "essays.features").glob("*/*.done")).stat().st_mtime == done


def test_grades_are_written_on_each_prompts_own_scale(run: Path, desk: Path) -> None:
    words = ["--format", "csv", "--run", str(desk / "graded"), "--trainer.accelerator", "cpu"]
    assert main(["predict", str(run), *words]) == 0
    table = pa_csv.read_csv(desk / "graded" / "grades.csv").to_pydict()
    assert table["text"] == [f"e{i}" for i in range(160)]
    scores = np.array(table["score"])
    cats = np.array(table["prompt"]) == "cats"
    assert scores[cats].max() <= 30
    assert scores[cats].max() > 6 >= scores[~cats].max()
    assert set(scores[~cats]) <= set(range(1, 7))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--data.path", "other.csv"], "the prompt 'rats' of text 'e0' is not known"),
        (["--data.encoder", "another"], "the data has the encoders"),
        (["--data.frozen", "false"], "FrozenGrader reads vectors"),
        (["--data.encoder", "no/such"], "'no/such' is no folder, and the hub"),
    ],
)
def test_what_does_not_fit_the_network_is_told_in_two_lines(
    words: list[str], said: str, run: Path, desk: Path,
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.chdir(desk)
    write_essays(desk / "other.csv", prompts=("rats",))
    if not (desk / "another").is_dir():
        write_encoder(desk / "another", seed=1)
    assert main(["test", str(run), *words, "--trainer.accelerator", "cpu"]) == 2
    error = capsys.readouterr().err.strip().splitlines()
    assert len(error) == 2
    assert said in error[0]


def test_short_answers_are_labelled_beside_their_references(desk: Path) -> None:
    run = desk / "runs" / "answers"
    words = ["--data.path", str(desk / "answers"), "--run", str(run), "--trainer.max_epochs", "15"]
    words += ["--data.encoder", str(desk / "encoder"), "--model.net.head", "classes"]
    words += ["--data.batch_size", "16", "--model.lr", "0.01"]
    assert main(["fit", *TASK, *words]) == 0
    found = read(run)
    network, words_alone = found["scores"]
    assert network["macro_f1"] > 0.6
    assert words_alone["name"] == "words (TF-IDF), by question"
    assert [one["name"] for one in found["by_part"]] == ["unseen-answers", "unseen-questions"]
    task = open_task(run / "checkpoints" / "best.ckpt")
    assert (task.net.num_roles, task.num_labels) == (2, 3)
    words = ["--format", "csv", "--run", str(desk / "labels"), "--trainer.accelerator", "cpu"]
    assert main(["predict", str(run), *words]) == 0
    table = pa_csv.read_csv(desk / "labels" / "grades.csv").to_pydict()
    assert set(table["label"]) <= {"correct", "incorrect", "contradictory"}
    chances = np.array(
        [table[f"chance of {one}"] for one in ("correct", "incorrect", "contradictory")]
    )
    np.testing.assert_allclose(chances.sum(0), 1, atol=1e-5)


@pytest.mark.parametrize("data", ["essays.csv", "answers"])
def test_an_encoder_is_trained_along(data: str, desk: Path) -> None:
    run = desk / "runs" / f"tuned-{data}"
    words = ["--data.path", str(desk / data), "--data.frozen", "false", "--run", str(run)]
    words += ["--data.encoder", str(desk / "encoder"), "--model.net", "TextGrader"]
    words += ["--model.net.head", "ordinal" if data == "essays.csv" else "classes"]
    assert main(["fit", *TASK, *words, *FAST]) == 0
    scores = read(run)["scores"]
    assert scores[0]["name"] == "TextGrader"
    assert main(["test", str(run), "--trainer.accelerator", "cpu"]) == 0  # built without its folder
    assert read(run / f"test-{Path(data).stem}")["scores"][0] == scores[0]
