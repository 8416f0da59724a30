import json
import re
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from torchedu import DKT, Interactions, KnowledgeTracing
from torchedu.baselines import EASE, Popularity, recommendation
from torchedu.baselines.recommendation import TooLarge
from torchedu.datasets.enrolments import Enrolled
from torchedu.evaluation import any_task, evaluate
from torchedu.evaluation.any_task import evaluation, fitted
from torchedu.prediction import any_task as any_prediction
from torchedu.prediction import predict
from torchedu.report import write_report
from torchedu.run import trainer
from torchedu.sections import Section, Table
from torchedu.tasks import Task


@pytest.fixture
def unregistered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let torchedu's own tasks be evaluated and predict as those of another package are."""
    monkeypatch.setattr(any_task, "findings", any_task.findings.dispatch(Task))
    monkeypatch.setattr(any_prediction, "outputs", any_prediction.outputs.dispatch(Task))


@pytest.mark.usefixtures("unregistered")
def test_a_task_of_one_s_own_gets_the_scores_that_it_logs(
    class_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = Interactions(str(class_store))
    task = KnowledgeTracing(partial(DKT, dim=4), data.num_items, data.num_skills)
    run = trainer(str(tmp_path / "run"), accelerator="cpu")
    found = evaluate(task, data, run, "test", tmp_path / "scores")
    assert found["columns"]["log_loss"] == "log loss"
    (row,) = found["scores"]
    assert (row["name"], row["kind"]) == ("DKT", "network")
    assert 0 < row["auc"] < 1
    assert json.loads((tmp_path / "scores" / "evaluation.json").read_text()) == found
    assert (found["use_for"], found["not_for"]) == (task.use_for, task.not_for)
    assert "DKT reaches a" in found["lead"]
    monkeypatch.undo()
    own = evaluate(task, data, run, baselines=False)["scores"][0]
    assert abs(own["auc"] - row["auc"]) < 1e-6


AUCS = {
    "ItemDKT": ("network", 0.738), "Best-LR": ("baseline", 0.706), "item mean": ("baseline", 0.627),
    "best reachable": ("bound", 0.746), "oracle": ("oracle", 0.766),
}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "0.738, 0.032 above the best baseline, Best-LR, and 0.008 below the best that is"),
        ({"ItemDKT": 0.7}, "0.700, 0.006 below the best baseline"),
        ({"ItemDKT": 0.7}, "below the best that is reachable: use Best-LR for data like these."),
        ({"ItemDKT": 0.7061}, "0.706, level with the best baseline"),
        ({"ItemDKT": 0.7059}, "0.040 below the best that is reachable."),
        ({"best reachable": None}, "0.738, 0.032 above the best baseline, Best-LR."),
        ({"ItemDKT": None}, "The network's AUC is not defined"),
    ],
)
def test_the_lead_is_honest(class_store: Path, changes: dict[str, float | None], said: str) -> None:
    data = Interactions(str(class_store))
    task = KnowledgeTracing(partial(DKT, dim=4), data.num_items, data.num_skills)
    rows: list[dict[str, Any]] = [
        {"name": name, "kind": kind, "auc": changes.get(name, auc)}
        for name, (kind, auc) in AUCS.items()
    ]
    found = evaluation(
        task, data, "test", counts={}, columns={"auc": "AUC"}, scores=rows, sections=()
    )
    assert said in found["lead"]
    reached = {name: changes.get(name, AUCS[name][1]) or 0 for name in ("ItemDKT", "Best-LR")}
    assert found["best"] == [max(reached, key=lambda name: reached[name])]


def test_of_costs_the_lowest_is_the_best(class_store: Path) -> None:
    data = Interactions(str(class_store))
    task = KnowledgeTracing(partial(DKT, dim=4), data.num_items, data.num_skills)
    rows = [
        {"name": "net", "kind": "network", "cost": 2.0},
        {"name": "1-grams", "kind": "baseline", "cost": 5.0},
        {"name": "5-grams", "kind": "baseline", "cost": 3.0},
    ]
    told = {"counts": {}, "columns": {"cost": "cost"}, "scores": rows, "sections": ()}
    found = evaluation(task, data, "test", lower=True, **told)
    assert found["lead"].endswith("2.000, 1.000 below the best baseline, 5-grams.")
    assert found["best"] == ["net"]
    rows[0]["cost"] = 4.0
    found = evaluation(task, data, "test", lower=True, **told)
    assert found["lead"].endswith(
        "1.000 above the best baseline, 5-grams: use 5-grams for data like these."
    )


class Counting(KnowledgeTracing):
    """A task of somebody else's, with a section of its own."""

    def sections(self, data: Any, predicted: Any) -> list[Section]:
        rows = [["answers", len(predicted["probability"])]]
        return [Section("What was counted", "All answers.", [Table(["what", "number"], rows)])]


@pytest.mark.usefixtures("unregistered")
def test_a_task_of_one_s_own_shows_sections_of_its_own(class_store: Path, tmp_path: Path) -> None:
    data = Interactions(str(class_store))
    task = Counting(partial(DKT, dim=4), data.num_items, data.num_skills)
    run = trainer(str(tmp_path / "run"), accelerator="cpu")
    found = evaluate(task, data, run, "test", tmp_path / "scores")
    section, leaks = found["sections"]
    assert leaks["title"] == "Could the scores be too good?"
    assert leaks["sentence"].endswith("none was found.")
    assert section["forms"][0]["rows"] == [["answers", data.parts["test"].num_answers]]
    page = write_report(tmp_path / "scores").read_text("utf-8")
    assert "What was counted" in page
    (file,) = predict(task, data, run, tmp_path / "out")
    table = pq.read_table(file).to_pydict()
    assert list(table) == ["student", "position", "probability", "correct"]
    first = data.store.student_names([0]) * int(data.store.history_offsets[1])
    assert table["student"][: len(first)] == first


def test_what_is_too_little_is_said(class_store: Path, trained_run: Path) -> None:
    data = Interactions(str(class_store))
    task = KnowledgeTracing(partial(DKT, dim=4), data.num_items, data.num_skills)
    for count, said in ((1, "1 text."), (8, "8 texts."), (30, "")):
        row = {"name": "DKT", "kind": "network", "auc": 0.7}
        counts = {"texts": count, "prompts": 1}
        columns = {"auc": "AUC"}
        found = evaluation(
            task, data, "test", counts=counts, columns=columns, scores=[row], sections=()
        )
        assert found["lead"].endswith(f"Too small to judge: {said}") == bool(said)
    kept = json.loads((trained_run / "evaluation.json").read_text("utf-8"))
    assert "Too small to judge: 16 students." in kept["lead"]
    said = (
        r"With other students of this kind the AUC would be 0\.\d{3} to [01]\.\d{3}, its lead over "
        r"[\w -]+ [+-]0\.\d{3} to [+-]0\.\d{3}, (which chance alone may make|more than chance)"
    )
    assert re.match(said, kept["surely"]), kept["surely"]
    assert kept["next"].startswith("Score it on more students, until then with ")
    assert {"AUC", "accuracy", "log loss", "calibration error"} <= set(kept["terms"])


def test_a_baseline_that_memory_does_not_hold_is_left_out_unless_it_was_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    enrolled = Enrolled(np.array([0, 3, 5]), np.array([2, 3, 4, 3, 2], np.int32), 6)
    monkeypatch.setattr(recommendation, "memory", lambda: 100)
    with pytest.warns(UserWarning, match="Left out: the baseline EASE needs"):
        names = [baseline.name for baseline in fitted([Popularity(), EASE()], True, enrolled)]
    assert names == [Popularity().name]
    with pytest.raises(TooLarge):
        fitted([], [EASE], enrolled)
