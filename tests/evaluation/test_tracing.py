"""What is reported is one honest prediction an answer, beside everything a network has to beat."""

import importlib
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from lightning import Trainer

from torchedu.baselines import BestLR, ItemMean, StreamingLR
from torchedu.datamodules import Interactions
from torchedu.datasets import AnswerWriter
from torchedu.datasets.answers import Answers
from torchedu.datasets.simulator import simulate
from torchedu.evaluation import evaluate, tracing
from torchedu.evaluation.tracing import HISTORY
from torchedu.metrics import scores
from torchedu.metrics.within import within
from torchedu.models import DKT, ItemDKT, LogisticDKT
from torchedu.prediction.stream import predicted
from torchedu.readers.histories import answers_in
from torchedu.schema import ITEM, SKILL, Names, Vocabulary
from torchedu.tasks import KnowledgeTracing


def stock_trainer() -> Trainer:
    return Trainer(
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )


def untrained(data: Interactions) -> KnowledgeTracing:
    task = KnowledgeTracing(ItemDKT, data.num_items, data.num_skills)
    task.companions = data.own
    return task


@pytest.mark.parametrize("by", ["student", "time"])
def test_every_model_is_scored_on_the_same_answers(class_store: Path, by: str) -> None:
    data = Interactions(str(class_store), split=by, window=12, context=5)
    task = untrained(data)
    found = evaluate(task, data, stock_trainer())
    part, train = data.parts["test"], data.parts["train"]
    assert found["counts"]["answers"] == part.num_answers
    assert found["counts"]["students"] == len(part.student)
    rows = {row["name"]: row for row in found["scores"]}
    store = data.store
    index = [
        store.history_offsets[student] + position
        for student, first, stop in zip(*part, strict=True)
        for position in range(first, stop)
    ]
    scored = np.concatenate(
        [np.arange(stop) >= first for _, first, stop in zip(*part, strict=True)]
    )
    for baseline in (ItemMean(), BestLR()):
        baseline.fit(store.answers(train.student, train.stop))
        predicted = baseline.predict(store.answers(part.student, part.stop))[scored]
        wanted = scores(predicted, store.correct[index])
        assert rows[baseline.name].items() >= {"kind": "baseline", **wanted}.items()
        alone = within(
            predicted, store.correct[index], np.repeat(part.student, part.stop - part.first)
        )
        assert rows[baseline.name]["auc_within"] == alone.auc()
        assert rows[baseline.name]["pairs_within"] == alone.pairs.sum()
        assert rows[baseline.name]["pairs_within_skill"] < alone.pairs.sum(), (
            "skills share out items"
        )
        later = np.concatenate([np.arange(*ends) > 0 for ends in zip(*part[1:], strict=True)])
        without = scores(predicted[later], store.correct[index][later])["auc"]
        assert rows[baseline.name]["auc_later"] == without
    assert found["first_answers"] == int((part.first == 0).sum())
    (section,) = (s for s in found["sections"] if s["title"] == "By length of history")
    assert f"{found['first_answers']} are a student's first" in section["sentence"]
    truth = scores(store.answer_column("truth")[index], store.correct[index])
    assert rows["oracle"].items() >= {"kind": "oracle", **truth}.items()
    assert rows["oracle"]["auc"] > rows["best reachable"]["auc"] > rows["item mean"]["auc"]


def test_the_regression_that_a_network_builds_on_is_the_baseline_fitted_once(
    class_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fits = []
    fit = StreamingLR.fit

    def counted(self: StreamingLR, answers: Answers) -> StreamingLR:
        fits.append(self.known)
        return fit(self, answers)

    monkeypatch.setattr(StreamingLR, "fit", counted)
    data = Interactions(str(class_store))
    task = KnowledgeTracing(LogisticDKT, data.num_items, data.num_skills)
    task.agree(data, training=True)
    found = evaluate(task, data, stock_trainer())
    assert fits == [None]
    train, test = data.parts["train"], data.parts["test"]
    alone = StreamingLR().fit(data.store.answers(train.student, train.stop))
    asked = data.store.answers(test.student, test.stop)
    row = next(row for row in found["scores"] if row["name"] == alone.name)
    assert row.items() >= scores(alone.predict(asked), asked.correct).items()
    ids = answers_in(data.store, data.vocabulary, train)
    for own, anew in zip(data.regression.weights, StreamingLR().fit(ids).weights, strict=True):
        assert np.array_equal(own, anew)
    # What a trained network goes on from, and a baseline beside it, are not the same.
    fits.clear()
    other = Interactions(str(class_store))
    task.agree(other, training=True)
    assert other.facts(task.net) is not None
    assert other.regression.known is None
    assert [known is None for known in fits] == [False, False, True]


def test_history_and_groups_share_out_the_same_answers(class_store: Path) -> None:
    data = Interactions(str(class_store))
    found = evaluate(untrained(data), data, stock_trainer(), "val", baselines=False)
    assert found["split"] == "val"
    total = data.parts["val"].num_answers
    assert sum(row["answers"] for row in found["by_history"]) == total
    begins = [row["from"] for row in found["by_history"]]
    assert begins == list(HISTORY[: len(begins)])
    assert [row["to"] + 1 for row in found["by_history"]][:-1] == begins[1:]
    assert set(found["by_group"]) == {"region", "support"}
    for rows in found["by_group"].values():
        assert sum(row["answers"] for row in rows) == total
        assert sum(row["students"] for row in rows) == len(data.parts["val"].student)
    assert [row["kind"] for row in found["scores"]] == ["network", "bound", "oracle"]
    shown = {one["title"]: one for one in found["sections"]}
    (roc, calibration) = shown["Ranking and trust"]["forms"]
    assert {line["name"] for line in roc["lines"]} == {row["name"] for row in found["scores"]}
    assert sum(calibration["counts"]) == total
    assert [line["name"] for line in calibration["lines"]] == ["ItemDKT"]
    (told,) = shown["Within students"]["forms"]
    assert [row[2] for row in told["rows"]] == [row["auc_within"] for row in found["scores"]]
    assert not any(one["lacking"] for one in found["sections"])


def test_answers_that_memory_does_not_hold_have_the_same_scores(
    class_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = Interactions(str(class_store))
    task = untrained(data)
    exact = evaluate(task, data, stock_trainer())
    answers = data.parts["test"].num_answers
    for module in (importlib.import_module("torchedu.metrics.scores"), tracing):
        monkeypatch.setattr(module, "EXACT", answers - 1)
    monkeypatch.setattr(tracing, "BLOCK", 50)
    monkeypatch.setattr(tracing, "LOOKED_AT", answers // 3)
    many = evaluate(task, data, stock_trainer())
    for row, same in zip(many["scores"], exact["scores"], strict=True):
        assert row.pop("auc_error") == 0, "so few predictions each have a cell of their own"
        assert row == same
    assert many["counts"] == exact["counts"]
    assert many["first_answers"] == exact["first_answers"]
    (few,) = set(many["facts"].values()) - set(exact["facts"].values())
    assert answers // 3 <= few < answers
    assert sum(row["answers"] for row in many["by_history"]) == few
    for rows in many["by_group"].values():
        assert sum(row["answers"] for row in rows) == few
    monkeypatch.setattr(tracing, "LEARNED", 200)
    names = {row["name"]: row["auc"] for row in evaluate(task, data, stock_trainer())["scores"]}
    before = {row["name"]: row["auc"] for row in exact["scores"]}
    assert names["item mean"] != before["item mean"]


def test_a_splits_column_is_no_attribute_to_compare(tmp_path: Path) -> None:
    rows = [
        f"s{s},q{(s + n) % 6},k,{(s * n) % 2},{('train', 'val', 'test')[s % 3]},{'ab'[s % 2]}"
        for s in range(12)
        for n in range(6)
    ]
    raw = tmp_path / "answers.csv"
    raw.write_text("\n".join(["student,item,skill,correct,part,region", *rows]), "utf-8")
    data = Interactions(
        str(raw),
        groups=["part", "region"],
        split="column",
        split_column="part",
        window=6,
        context=2,
    )
    found = evaluate(untrained(data), data, stock_trainer(), baselines=False)
    assert set(found["by_group"]) == {"region"}
    assert "part" not in " ".join(found["fairness"]["words"])
    assert "Too small to judge: 4 students" in found["lead"]
    sure = found["sure"]["score"]
    assert sure["low"] <= sure["value"] <= sure["high"]
    assert sure["value"] == pytest.approx(found["scores"][0]["auc"])


def test_what_is_kept_is_what_was_found(class_store: Path, tmp_path: Path) -> None:
    data = Interactions(str(class_store), window=12, context=5)
    task = untrained(data)
    found = evaluate(task, data, stock_trainer(), folder=tmp_path / "run")
    kept = json.loads((tmp_path / "run" / "evaluation.json").read_text("utf-8"))
    assert kept == json.loads(json.dumps(found))
    table = pq.read_table(tmp_path / "run" / "predictions.parquet").to_pydict()
    columns = predicted(task, data, "test", stock_trainer())
    np.testing.assert_allclose(table["probability"], columns["probability"], atol=1e-6)
    assert table["correct"] == columns["correct"].tolist()
    store = data.store
    assert table["student"] == store.student_names(columns["student"])
    place = store.history_offsets[columns["student"]] + columns["position"]
    assert table["item"] == [store.vocabulary[ITEM].name(i) for i in store.item[place]]
    (told,) = (one for one in found["sections"] if one["title"].startswith("One student"))
    picture, answers = told["forms"]
    assert set(picture["rows"]) <= set(store.vocabulary[SKILL])
    assert {len(row) for row in picture["values"]} == {len(answers["rows"])}
    assert all(0 <= level <= 1 for row in picture["values"] for level in row)
    assert not any(name in told["sentence"].split() for name in store.student_names(range(80)))
    assert sorted(f.name for f in (tmp_path / "run").iterdir()) == [
        "PRIVACY.txt",
        "evaluation.json",
        "predictions.parquet",
    ]


def test_a_prediction_never_sees_its_own_mark_nor_a_later_one(tmp_path: Path) -> None:
    whole = simulate(tmp_path / "a.store", students=40, skills=3, items=12, answers=15)
    vocabulary = Vocabulary({kind: whole.vocabulary[kind] for kind in (ITEM, SKILL)})
    skills = (np.diff(whole.skill_offsets), whole.skill)
    lengths = np.diff(whole.history_offsets)
    position = np.arange(whole.num_answers) - np.repeat(whole.history_offsets[:-1], lengths)
    turned = np.where(position >= 6, 1 - whole.correct, whole.correct)
    with AnswerWriter(tmp_path / "b.store", vocabulary, skills) as writer:
        writer.append(
            whole.student_names(range(40)), lengths, {"item": whole.item, "correct": turned}
        )
    predictions = []
    for name in ("a", "b"):
        data = Interactions(str(tmp_path / f"{name}.store"), window=9, context=4)
        if not predictions:
            task = untrained(data)
        predictions.append(predicted(task, data, None, stock_trainer()))
    one, other = predictions
    same = np.abs(one["probability"] - other["probability"]) < 1e-6
    assert same[one["position"] <= 6].all()
    assert not same[one["position"] == 7].any()


def class_of(path: Path, correct: Sequence[float], students: int = 8) -> Interactions:
    """Return a class in which each student gives the same few answers, without skills."""
    vocabulary = Vocabulary({ITEM: Names(["q"])})
    with AnswerWriter(path, vocabulary, ([0, 0, 0], []), fractional=True) as writer:
        writer.append(
            [f"s{i}" for i in range(students)],
            [len(correct)] * students,
            {"item": [2] * len(correct) * students, "correct": list(correct) * students},
        )
    return Interactions(str(path))


def test_scores_that_are_not_defined_are_null(tmp_path: Path) -> None:
    data = class_of(tmp_path / "a.store", [1, 1, 1])
    found = evaluate(untrained(data), data, stock_trainer(), folder=tmp_path / "run")
    assert all(row["auc"] is None for row in found["scores"])
    assert all(row["log_loss"] > 0 for row in found["scores"])
    assert '"auc": null' in (tmp_path / "run" / "evaluation.json").read_text("utf-8")
    assert "NaN" not in (tmp_path / "run" / "evaluation.json").read_text("utf-8")


def test_part_of_the_marks_is_evaluated(tmp_path: Path) -> None:
    data = class_of(tmp_path / "a.store", [0, 0.25, 1, 0.75])
    task = KnowledgeTracing(DKT, data.num_items, data.num_skills)
    task.companions = data.own
    found = evaluate(task, data, stock_trainer())
    assert [row["name"] for row in found["scores"]] == [
        "DKT",
        "item mean",
        "Best-LR",
        "Streaming-LR",
    ]
    assert found["counts"]["answers"] == 8
    assert found["by_group"] == {}
