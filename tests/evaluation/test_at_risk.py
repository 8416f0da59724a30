"""From the folder of a data set to scores, lists and reasons, by the commands that people use."""

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from lightning import Trainer

from tests.datasets.oulad_files import STUDENTS, write_oulad
from torchedu.baselines.at_risk import RiskBoosting, RiskLogistic, blend
from torchedu.cli import main
from torchedu.datamodules import CourseEvents
from torchedu.errors import ConfigError, DataError
from torchedu.prediction.at_risk import predict_risks
from torchedu.schema import MODULE, Names, Vocabulary
from torchedu.tasks import AtRisk, open_task

FAST = ["--trainer.accelerator", "cpu", "--data.batch_size", "32"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_oulad(tmp_path_factory.mktemp("data") / "oulad", clicks=True)


@pytest.fixture(scope="module")
def run(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("runs") / "run"
    words = ["--model", "AtRisk", "--model.net.dim", "8", "--trainer.max_epochs", "6"]
    assert main(["fit", *words, "--data.path", str(folder), "--run", str(run), *FAST]) == 0
    return run


def test_a_run_is_scored_beside_baselines_and_audited(run: Path) -> None:
    found = json.loads((run / "evaluation.json").read_text())
    rows = {row["name"]: row for row in found["scores"]}
    assert list(rows) == ["EventGRU", "logistic regression", "boosting", "blend of all"]
    for row in rows.values():
        assert 0.6 < row["auc25"] <= 1
        assert row["auc75"] > 0.75
    assert found["columns"]["auc50"] == "AUC at 50 %"
    assert [one["share"] for one in found["by_cutoff"]] == [0.25, 0.5, 0.75]
    assert found["fairness"]["stratum"] == "course"
    assert {"gender", "age", "disability"} <= set(found["fairness"]["attributes"])
    assert all(call["precision"] > 0.3 for call in found["calls"])
    page = (run / "report.html").read_text()
    assert "AUC at 50 %" in page
    assert "Week by week" in page
    assert "One student's risk over time" in page
    assert set(found["groups"]["gender"]) == {"F", "M"}
    assert found["student"]["risk"][0] < max(found["student"]["risk"])
    drawn = {file.stem for file in (run / "pictures").iterdir()}
    assert {"weeks", "leaving", "group_roc", "group_calibration", "student"} <= drawn
    kept = json.loads((run / "checkpoints" / "thresholds.json").read_text())
    assert kept == found["thresholds"]
    assert [one["policy"] for one in kept] == ["least_cost", "even"]
    card = (run / "model_card.md").read_text()
    assert "# Model card: EventGRU" in card
    assert "AUC at 25 %" in card
    assert "gender" in card


def test_training_may_be_held_to_serve_groups_alike(folder: Path, tmp_path: Path) -> None:
    run = tmp_path / "fair"
    words = ["--model", "AtRisk", "--model.net.dim", "4", "--trainer.max_epochs", "1"]
    words += ["--data.fair_to", "gender", "--data.weighting", "reweighing"]
    words += ["--model.parity_weight", "0.5", "--data.path", str(folder), "--run", str(run)]
    assert main(["fit", *words, *FAST]) == 0
    kept = {
        one["policy"]: one
        for one in json.loads((run / "evaluation.json").read_text())["thresholds"]
    }
    assert set(kept["equal_opportunity"]["threshold"]) <= {"F", "M"}
    data = CourseEvents(str(folder), fair_to="gender", weighting="reweighing")
    learned = data.parts["train"]
    for group in (0, 1):
        mine = learned[data.group[learned] == group]
        rate = np.average(data.store.at_risk[mine], weights=data._weight[mine])
        assert rate == pytest.approx(data.store.at_risk[learned].mean(), abs=1e-5)


def test_those_who_have_left_are_not_scored(folder: Path) -> None:
    data = CourseEvents(str(folder))
    moments, seen = data.moments("test")
    end, begin = data.store.column("end"), data.store.column("begin")
    assert (end[moments.enrolment] > moments.day).all()
    assert (begin[moments.enrolment] <= moments.day).all()
    assert seen.registered.all()
    assert len(moments.day) < 3 * 2 * STUDENTS


def test_predict_lists_whom_to_call_with_reasons(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = ["predict", str(run), "--run", str(out), "--data.day", "60", "--data.capacity", "5"]
    assert main(words) == 0
    calls, risks = (pq.read_table(out / f"{name}.parquet") for name in ("calls", "risks"))
    assert calls.num_rows == 6 * 5
    for course in set(calls["course"].to_pylist()):
        mine = calls.filter([one == course for one in calls["course"].to_pylist()])
        assert mine["rank"].to_pylist() == [1, 2, 3, 4, 5]
        risk = mine["risk"].to_numpy()
        assert (np.diff(risk) <= 0).all()
        assert mine["expected"].to_numpy() == pytest.approx(np.cumsum(risk), rel=1e-5)
    told = " ".join(calls["reasons"].to_pylist())
    assert "missed" in told
    assert "points" in told
    assert set(calls["day"].to_pylist()) == {60.0}
    assert {"student", "course", "day", "risk", "leaving_within_a_week"} == set(risks.column_names)


def test_another_test_part_and_delay_are_asked_for_by_words(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "late"
    assert main(["test", str(run), "--run", str(out), "--data.mark_delay_days", "14"]) == 0
    assert json.loads((out / "evaluation.json").read_text())["mark_delay_days"] == 14


def stock_trainer() -> Trainer:
    return Trainer(
        accelerator="cpu", logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False,
    )  # fmt: skip


def test_a_network_says_the_same_after_saving_and_of_modules_in_another_order(
    run: Path, folder: Path
) -> None:
    task = open_task(run / "checkpoints" / "best.ckpt")
    data = CourseEvents(str(folder))
    first = predict_risks(task, data, stock_trainer(), "test")
    grown = task.grown(Vocabulary({MODULE: Names(["CCC", *data.store.vocabulary[MODULE]])}))
    assert list(grown.vocabulary[MODULE]) == ["AAA", "BBB", "CCC"]
    second = predict_risks(grown.eval(), data, stock_trainer(), "test")
    assert np.allclose(first.risk, second.risk, atol=1e-6)


def test_a_task_of_other_sizes_is_refused(folder: Path) -> None:
    task = AtRisk({"class_path": "torchedu.models.EventGRU", "init_args": {"dim": 4}}, 9)
    with pytest.raises(ConfigError, match="the network has 9 modules, the data 4"):
        predict_risks(task, CourseEvents(str(folder)), stock_trainer(), "test")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"cutoffs": (1.5,)}, "cutoffs are"),
        ({"val": 0.0}, "val is 0.0"),
        ({"fair_to": "shoe size"}, "fair_to is 'shoe size'"),
        ({"weighting": "balanced"}, "fair_to names no attribute"),
        ({"mark_delay_days": -1}, "mark_delay_days is -1"),
        ({"test": ["2015B"]}, "presentation '2015B' is not known"),
        ({"val_presentations": ["2013J", "2014B"]}, "the train part has no enrolment"),
    ],
)
def test_values_that_cannot_work_are_told(folder: Path, words: dict, said: str) -> None:
    with pytest.raises((ConfigError, DataError), match=said):
        CourseEvents(str(folder), **words)


def test_baselines_need_both_outcomes_and_a_blend_lies_between() -> None:
    table = np.random.default_rng(0).normal(size=(40, 3))
    for baseline in (RiskLogistic(), RiskBoosting()):
        with pytest.raises(DataError, match="outcomes of one kind"):
            baseline.fit(table, np.ones(40))
    low, high = np.array([0.2, 0.5]), np.array([0.4, 0.9])
    mixed = blend([low, high])
    assert ((mixed > low) & (mixed < high)).all()
