import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torch import Tensor

from torchedu import CourseRecommendation, Enrolments, TwoTower, evaluate, trainer
from torchedu.batch import EnrolmentBatch
from torchedu.domains.recommendation import LOOKED_AT
from torchedu.errors import DataError
from torchedu.evaluation.recommendation import EXAMPLES, _who_gets
from torchedu.leaks import Finding
from torchedu.metrics.fairness import LEAST
from torchedu.prediction import predict


def scored(store: Path, folder: Path) -> tuple[Any, Any, Any, dict[str, Any]]:
    data = Enrolments(str(store), batch_size=32)
    sizes = data.num_items, data.num_students, data.num_groups
    task = CourseRecommendation(partial(TwoTower, dim=16), *sizes, lr=0.02)
    run = trainer(str(folder), 3, accelerator="cpu", monitor=task.monitor)
    run.fit(task, datamodule=data)
    return task, data, run, evaluate(task, data, run, folder=folder)


def test_everything_to_beat_stands_beside_the_network(
    enrolment_store: Path, tmp_path: Path
) -> None:
    task, data, run, found = scored(enrolment_store, tmp_path)
    rows = {row["name"]: row for row in found["scores"]}
    assert next(iter(rows)) == "TwoTower"
    assert {"popularity", "item-kNN", "iALS", "EASE", "EASE, recent first"} <= set(rows)
    assert {"last-course Markov", "next-course ridge", "linear blend"} <= set(rows)
    assert rows["TwoTower + linear"]["kind"] == "blend"
    assert rows["popularity"]["hr10"] < rows["linear blend"]["hr10"]
    assert all(set(found["columns"]) <= set(row) for row in rows.values())
    students = data.store.num_students
    assert found["counts"]["held-out courses"] == students
    for parts in (found["recommendation_by_group"]["gender"], found["recommendation_by_history"]):
        assert sum(row["cases"] for row in parts) == students
    kept = json.loads((tmp_path / "evaluation.json").read_text("utf-8"))
    assert kept["scores"] == found["scores"]
    (logged,) = run.test(task, datamodule=data, verbose=False)
    for name in ("hr10", "ndcg10", "mrr", "coverage10", "novelty10"):
        assert np.isclose(logged[f"test/{name}"], rows["TwoTower"][name], rtol=1e-6)
    assert not any("sampled" in name for name in rows["TwoTower"])
    drawn = Enrolments(str(enrolment_store), batch_size=32, sampled=12)
    with pytest.warns(UserWarning, match="ranks among 12 courses drawn"):
        again = evaluate(task, drawn, run)
    assert again["columns"]["hr10_sampled"] == "HR@10 of 12 drawn"
    for row in again["scores"]:
        assert row["hr10"] == rows[row["name"]]["hr10"]
        assert row["ndcg10"] < row["ndcg10_sampled"] <= 1
    every = Enrolments(str(enrolment_store), batch_size=32, sampled=500)
    with pytest.warns(UserWarning, match=r"fewer are left to draw, \d+ at least"):
        again = evaluate(task, every, run)
    for row in again["scores"]:  # among all that are left, no course counts twice
        assert row["hr10_sampled"] >= row["hr10"]


def test_hits_that_chance_alone_would_give_are_not_told(tmp_path: Path) -> None:
    rows = [f"s{i},c{(i * 5 + j * j) % 12}" for i in range(40) for j in range(4)]
    file = tmp_path / "few.csv"
    file.write_text("\n".join(["student,course", *rows]), "utf-8")
    _, _, _, found = scored(file, tmp_path / "run")
    assert next(iter(found["columns"])) == "ndcg10"
    assert set(found["columns"]) & {"hr1", "hr10", "hr20"} == {"hr1"}
    assert "an NDCG@10 of 0." in found["lead"]
    assert set(found["cold"]) == {"cases", "ndcg10"}


def test_the_network_sees_each_held_out_course_once(
    enrolment_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = Enrolments(str(enrolment_store), batch_size=32, sampled=12)
    sizes = data.num_items, data.num_students, data.num_groups
    task = CourseRecommendation(partial(TwoTower, dim=16), *sizes)
    run = trainer(str(tmp_path), 1, accelerator="cpu", monitor=task.monitor)
    forward, seen = TwoTower.forward, {"cases": 0}

    def counting(net: TwoTower, batch: EnrolmentBatch) -> Tensor:
        seen["cases"] += int(batch.scored_BL.sum())
        return forward(net, batch)

    monkeypatch.setattr(TwoTower, "forward", counting)
    with pytest.warns(UserWarning, match="drawn"):
        evaluate(task, data, run)
    shown = EXAMPLES * (1 + LOOKED_AT)
    scored = data.parts["test"].num_answers + data.parts["val"].num_answers
    assert seen["cases"] == scored + shown
    seen["cases"] = 0
    predict(task, data, run, tmp_path / "predictions")
    assert seen["cases"] == data.store.num_students * (1 + LOOKED_AT)  # and without each of a few


def test_data_with_a_leak_is_not_scored(
    enrolment_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leak = [Finding("name", "courses", 3, 0.1, "3 follow from one course", "Take them out.")]
    monkeypatch.setattr("torchedu.datamodules.enrolments.check", lambda *_: leak)
    with pytest.raises(DataError, match="no score would mean anything"):
        Enrolments(str(enrolment_store)).test_dataloader()


def test_fewer_cases_than_say_anything_are_not_drawn() -> None:
    rows = [{"from": 0, "to": 5, "cases": LEAST, "hr10": {"Net": 0.5}}]
    few = {"group": "North", "cases": LEAST - 1, "hr10": {"Net": 0.5}}
    cold = {"cases": 1, "hr10": {"Net": 0.0}}
    (dots,) = _who_gets(rows, {"school": [few]}, cold, "Net", "hr10").forms
    assert [dot.name for dot in dots.dots] == ["0–4"]
    assert _who_gets([], {"school": [few]}, cold, "Net", "hr10").lacking
