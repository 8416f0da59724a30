"""From a file of essays, or of short answers, to scores, a report and grades by name."""

import json
import pickle
from pathlib import Path

import numpy as np
import pyarrow.csv as pa_csv
import pytest
import torch

from tests.conftest import FAST
from tests.encoders import write_encoder
from tests.essays import write_answers, write_essays
from torchedu.cli import main
from torchedu.datamodules import Essays
from torchedu.prediction.stream import predicted
from torchedu.schema import UNKNOWN
from torchedu.tasks import open_task

TEXTS = 400
TASK = ("--model", "EssayGrading", "--trainer.accelerator", "cpu")


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("desk")
    write_encoder(folder / "encoder")
    write_essays(folder / "essays.csv", TEXTS)
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


def test_groups_of_writers_are_audited_and_drawn(run: Path) -> None:
    found, page = read(run), (run / "report.html").read_text("utf-8")
    sexes = {one["name"]: one["texts"] for one in found["essays_by_group"]["sex"]}
    assert set(sexes) == {"f", "m"}
    audited = found["fairness"]["attributes"]["sex"]["groups"]
    assert {one["group"]: one["texts"] for one in audited} == sexes
    assert not any(one["too_few"] for one in audited)
    asked, *words = found["fairness"]["words"]
    assert asked == "Asked of each text: whether people gave it more than the mean of its prompt."
    for line in (asked, *words):
        assert line in page
    assert {one.stem for one in (run / "pictures").iterdir()} >= {
        "where-the-texts-come-from",
        "where-the-texts-come-from-2",
    }


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
    assert table["text"] == [f"e{i}" for i in range(TEXTS)]
    scores = np.array(table["score"])
    cats = np.array(table["prompt"]) == "cats"
    assert scores[cats].max() <= 30
    assert scores[cats].max() > 6 >= scores[~cats].max()
    assert set(scores[~cats]) <= set(range(1, 7))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--data.path", "other.csv"], "the prompt 'rats' of text 'e0' is not known"),
        (["--data.encoder", "another"], "the data has the encoder "),
        (["--data.frozen", "false"], "FrozenGrader reads vectors"),
        (["--data.encoder", "no/such"], "'no/such' is no folder, and no model"),
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


def test_a_network_goes_on_with_new_prompts_and_keeps_the_old_ones(run: Path, desk: Path) -> None:
    write_essays(desk / "next_year.csv", prompts=("7", "cats"))
    more = desk / "runs" / "more"
    words = ["--data.path", str(desk / "next_year.csv"), "--data.encoder", str(desk / "encoder")]
    words += ["--init_from", str(run), "--run", str(more), "--model.lr", "0.01", *FAST]
    assert main(["fit", "--model", "EssayGrading", *words]) == 0
    assert {one["prompt"] for one in read(more)["by_prompt"]} == {"cats", "7"}
    assert read(more)["scores"][0]["qwk"] > 0.5
    before, after = (open_task(one / "checkpoints" / "best.ckpt") for one in (run, more))
    assert list(after.vocabulary["prompt"]) == [*before.vocabulary["prompt"], "7"]
    kept = len(before.ranges)
    torch.testing.assert_close(after.ranges[:kept], before.ranges)
    torch.testing.assert_close(after.net.line_PIY[:kept], before.net.line_PIY)
    assert after.net.line_PIY[kept:].any()
    again = ["test", str(more), "--data.prompts", "[7]", "--run", str(desk / "one"), *FAST[2:]]
    assert main(again) == 0
    assert [one["prompt"] for one in read(desk / "one")["by_prompt"]] == ["7"]
    words = ["--data.path", str(desk / "essays.csv"), "--data.groups", "[sex]", *FAST[2:]]
    assert main(["test", str(more), *words]) == 0
    assert {one["prompt"] for one in read(more / "test-essays")["by_prompt"]} == {"hats", "cats"}


def test_a_trained_encoder_goes_on_with_new_prompts(desk: Path) -> None:
    write_essays(desk / "next_year.csv", prompts=("7", "cats"))
    first, more = desk / "runs" / "tuned", desk / "runs" / "tuned-more"
    words = ["--data.encoder", str(desk / "encoder"), "--data.frozen", "false", *FAST]
    begin = ["--data.path", str(desk / "essays.csv"), "--model.net", "TextGrader"]
    assert main(["fit", *TASK[:2], *begin, *words, "--run", str(first)]) == 0
    words += ["--data.path", str(desk / "next_year.csv"), "--init_from", str(first)]
    assert main(["fit", *TASK[:2], *words, "--run", str(more)]) == 0
    before, after = (open_task(one / "checkpoints" / "best.ckpt").net for one in (first, more))
    kept = before.num_prompts
    for name in ("line_PIY", "middle_PRD", "scale_PRD", "centre_PF"):
        torch.testing.assert_close(getattr(after, name)[:kept], getattr(before, name))
    assert after.known_P[kept:].all()
    assert not after.line_PIY[kept:].any()
    assert before.scale_PRD[UNKNOWN].min() > 2
    assert torch.equal(after.scale_PRD[kept], before.scale_PRD[UNKNOWN])
    assert torch.equal(after.middle_PRD[kept], before.middle_PRD[UNKNOWN])


def test_labels_are_audited_by_what_is_commonest_in_training(
    desk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = ["text,label,sex,part"]
    for part, good in (("train", 3), ("val", 1), ("test", 1)):
        rows += [
            f"a cat sat {'home' * (i % 4)},{'good' if i % 4 < good else 'bad'},{'fm'[i % 2]},{part}"
            for i in range(24)
        ]
    (desk / "labelled.csv").write_text("\n".join(rows), "utf-8")
    asked: list[str] = []

    def noted(task: object, data: object, part: str, trainer: object) -> object:
        asked.append(part)
        return predicted(task, data, part, trainer)

    monkeypatch.setattr("torchedu.evaluation.grading.predicted", noted)
    run = desk / "runs" / "labelled"
    words = ["--data.path", str(desk / "labelled.csv"), "--data.groups", "[sex]", "--run", str(run)]
    words += ["--data.encoder", str(desk / "encoder"), "--model.net.head", "classes", *FAST]
    assert main(["fit", *TASK[:2], *words]) == 0
    assert asked == ["test"]
    first, *others = read(run)["fairness"]["words"]
    assert first == "Asked of each text: whether people labelled it 'good'."
    assert "Too few texts or outcomes to compare: sex f (12), sex m (12)." in others
    assert "| attribute | group | texts |" in (run / "model_card.md").read_text("utf-8")


def test_no_worker_counts_the_surface_again(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = Essays(str(desk / "essays.csv"), encoder=str(desk / "encoder"))
    sent = pickle.dumps(data.batches)
    index = np.arange(3)
    monkeypatch.setattr("torchedu.readers.texts.surface", None)
    there = pickle.loads(sent)(index)
    assert torch.equal(there.surface_BF, data.batches(index).surface_BF)


def test_short_answers_are_labelled_beside_their_references(
    desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = desk / "runs" / "answers"
    words = ["--data.path", str(desk / "answers"), "--run", str(run), "--trainer.max_epochs", "15"]
    words += ["--data.encoder", str(desk / "encoder"), "--model.net.head", "classes"]
    words += ["--data.batch_size", "16", "--model.lr", "0.01"]
    assert main(["fit", *TASK, *words]) == 0
    found = read(run)
    network, words_alone, overlap = found["scores"]
    assert network["macro_f1"] > 0.6
    assert words_alone["name"] == "words (TF-IDF), by question"
    assert overlap["name"] == "overlap with the reference"
    assert overlap["macro_f1"] > 0.6
    parts = ["unseen-answers", "unseen-questions"]
    assert [one["name"] for one in found["by_part"]] == parts
    printed = capsys.readouterr().out
    for part in found["by_part"]:
        for column in found["columns"]:
            assert set(part[column]) == {row["name"] for row in found["scores"]}
        assert f"{part['name']} ({part['texts']})" in printed
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
