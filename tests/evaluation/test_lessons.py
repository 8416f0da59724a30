"""From a file of lessons to scores, tags and summaries, by the commands that people use."""

import csv
import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.encoders import write_encoder
from torchedu.cli import main
from torchedu.evaluation.lessons import _tag_by_tag
from torchedu.tasks import open_task
from torchedu.testing.launch import LaunchServer

ROLES = ("teacher", "student")


@pytest.fixture(scope="module")
def run(lesson_store: Path, encoder_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("runs") / "run"
    words = ["--config", "talk_moves", "--data.path", str(lesson_store), "--data.batch_size", "2"]
    words += ["--data.encoder", str(encoder_folder), "--data.tokens", "64"]
    words += ["--trainer.max_epochs", "6", "--trainer.accelerator", "cpu", "--model.lr", "0.01"]
    assert main(["fit", *words, "--run", str(run)]) == 0
    return run


def test_progress_counts_sentences(
    lesson_store: Path, encoder_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--config", "talk_moves", "--data.path", str(lesson_store), "--run", str(tmp_path)]
    words += ["--data.encoder", str(encoder_folder), "--trainer.accelerator", "cpu"]
    assert main(["fit", *words, "--trainer.max_epochs", "1", "--data.batch_size", "2"]) == 0
    assert "epoch 1 of 1: sentences/s " in capsys.readouterr().out


def test_a_run_is_scored_beside_baselines(run: Path) -> None:
    found = json.loads((run / "evaluation.json").read_text("utf-8"))
    rows = {row["name"]: row for row in found["scores"]}
    assert list(rows) == ["TurnContext", "commonest tag", "TF-IDF, linear SVM"]
    for role in ROLES:
        assert rows["TurnContext"][f"{role}_macro_f1"] > 0.8  # each word tells its tag
        assert rows["TF-IDF, linear SVM"][f"{role}_macro_f1"] > 0.9
        assert rows["commonest tag"][f"{role}_macro_f1"] < 0.3
        assert rows["commonest tag"][f"{role}_mcc"] == 0
        total = sum(one["sentences"] for tags in found["by_tag"].values() for one in tags)
    assert found["counts"]["tagged sentences"] == found["counts"]["sentences"] == total
    assert found["columns"]["teacher_macro_f1"] == "teachers' macro-F1"
    task = open_task(run / "checkpoints" / "best.ckpt")
    assert list(task.vocabulary["tag.teacher"]) == [
        "none", "press for accuracy", "press for reasoning",
    ]  # fmt: skip


def fitted_on_ranks(words: list[str], run: Path) -> dict[str, Any]:
    """Train and score by the command, on as many ranks as there are."""
    ranks = os.environ.get("WORLD_SIZE", "1")
    words = [*words, "--run", str(run), "--trainer.devices", ranks, "--trainer.strategy", "ddp"]
    assert main(["fit", *words]) == 0
    if os.environ.get("RANK", "0") != "0":  # the first one writes the files
        return {}
    found: dict[str, Any] = json.loads((run / "evaluation.json").read_text("utf-8"))
    with (run / "metrics.csv").open(encoding="utf-8") as file:
        found["losses"] = [
            float(row["train/loss"]) for row in csv.DictReader(file) if row["train/loss"]
        ]
    return found


def test_two_ranks_train_and_score_as_one(
    lesson_store: Path, encoder_folder: Path, tmp_path: Path, launch: LaunchServer
) -> None:
    words = ["--config", "talk_moves", "--data.path", str(lesson_store), "--data.batch_size", "2"]
    words += ["--data.encoder", str(encoder_folder), "--data.tokens", "64", "--model.lr", "0.01"]
    words += ["--model.net.dropout", "0", "--trainer.max_epochs", "2"]
    words += ["--trainer.accelerator", "cpu", "--trainer.precision", "32"]
    alone = launch.start(fitted_on_ranks, words, tmp_path / "one")
    both = launch.start(fitted_on_ranks, words, tmp_path / "two", ranks=2)
    assert [*alone.wait(120), *both.wait(120)] == [0, 0, 0], both.output()
    one, two = alone.result(), both.result()
    assert two["losses"] == pytest.approx(one["losses"], rel=1e-4)
    assert two["counts"] == one["counts"]
    for mine, theirs in zip(two["scores"], one["scores"], strict=True):
        for name, value in theirs.items():
            assert mine[name] == (pytest.approx(value, abs=1e-6) if type(value) is float else value)


def test_the_report_draws_the_lesson_and_the_tags(run: Path) -> None:
    page = (run / "report.html").read_text("utf-8")
    assert "One lesson over time" in page
    assert "Tag by tag" in page
    drawn = {file.stem for file in (run / "pictures").iterdir()}
    assert {"one-lesson-over-time", "tag-by-tag"} <= drawn
    lesson, *_ = json.loads((run / "evaluation.json").read_text("utf-8"))["sections"]
    assert lesson["sentence"].startswith("Lesson row")  # not its name
    (stripes,) = lesson["forms"]
    for band, other in zip(stripes["bands"], reversed(stripes["bands"]), strict=True):
        assert list(band["rows"]) == ["network", "people"]
        mine, theirs = (one["rows"]["people"] for one in (band, other))
        # Each sentence has a tag of its own role alone.
        assert all((a >= 0) != (b >= 0) for a, b in zip(mine, theirs, strict=True))


def test_predictions_name_each_sentence_and_sum_up_each_lesson(
    run: Path, lesson_file: Path, tmp_path: Path
) -> None:
    with lesson_file.open(newline="", encoding="utf-8") as stream:
        raw = list(csv.DictReader(stream))
    untagged = tmp_path / "new.csv"
    with untagged.open("w", newline="", encoding="utf-8") as stream:
        out = csv.writer(stream)
        out.writerow(("lesson", "speaker", "role", "sentence"))
        out.writerows([r["lesson"], r["speaker"], r["role"], r["sentence"]] for r in raw)
    out_folder = tmp_path / "out"
    words = ["--data.path", str(untagged), "--format", "csv", "--run", str(out_folder)]
    assert main(["predict", str(run), *words, "--trainer.accelerator", "cpu"]) == 0
    with (out_folder / "tags.csv").open(newline="", encoding="utf-8") as stream:
        told = list(csv.DictReader(stream))
    wanted = sorted((r["lesson"], r["sentence"], r["speaker"], r["role"]) for r in raw)
    assert sorted((r["lesson"], r["sentence"], r["speaker"], r["role"]) for r in told) == wanted
    assert all(0 < float(row["probability"]) <= 1 for row in told)
    truth = {row["sentence"]: row["tag"] for row in raw}
    right = [truth[row["sentence"]] == row["tag"] for row in told]
    assert sum(right) > 0.8 * len(right)

    lessons = json.loads((out_folder / "lessons.json").read_text("utf-8"))
    first = next(one for one in lessons if one["lesson"] == "lesson 0")
    mine = [row for row in told if row["lesson"] == "lesson 0"]
    assert first["sentences"] == len(mine)
    assert first["words"] == sum(len(row["sentence"].split()) for row in mine)
    assert first["turns"] == 12
    for role in ROLES:
        own = [row for row in mine if row["role"] == role]
        assert first[role]["sentences"] == len(own)
        assert first[role]["turns"] == 6
        none = first[role]["tags"]["none"]
        assert none["sentences"] == sum(row["tag"] == "none" for row in own)
        assert none["share"] == pytest.approx(none["sentences"] / len(own), abs=1e-4)
    assert first["teacher"]["share_of_words"] + first["student"]["share_of_words"] == pytest.approx(
        1
    )

    with (out_folder / "talk.csv").open(newline="", encoding="utf-8") as stream:
        talk = [row for row in csv.DictReader(stream) if row["lesson"] == "lesson 0"]
    assert {row["speaker"] for row in talk} == {row["speaker"] for row in mine}
    assert sum(int(row["words"]) for row in talk) == first["words"]
    assert sum(int(row["turns"]) for row in talk) == 12
    teacher = next(row for row in talk if row["role"] == "teacher")
    assert int(teacher["teacher: none"]) == first["teacher"]["tags"]["none"]["sentences"]
    assert int(teacher["student: none"]) == 0


def test_another_encoder_is_refused(
    run: Path, lesson_store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = write_encoder(tmp_path / "other", seed=1)
    capsys.readouterr()
    words = ["--data.path", str(lesson_store), "--data.encoder", str(other)]
    assert main(["test", str(run), *words, "--run", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert len(said) == 2
    assert "the data has the encoder " in said[0]


def test_a_tag_that_nobody_has_is_not_drawn() -> None:
    asked = {"tag": "asking", "sentences": 3, "f1": {"Net": 0.5}}
    never = {"tag": "pressing", "sentences": 0, "f1": {"Net": 0.0}}
    (dots,) = _tag_by_tag({"teacher": [asked, never]}, "Net").forms
    assert [dot.name for dot in dots.dots] == ["teachers: asking"]
    assert _tag_by_tag({"teacher": [never]}, "Net").lacking
