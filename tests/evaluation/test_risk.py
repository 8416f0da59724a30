"""From the folder of a data set to scores, lists and reasons, by the commands that people use."""

import html
import json
import os
import shutil
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from lightning import Trainer, seed_everything

from tests.datasets.oulad_files import STUDENTS, write_oulad
from torchedu import trainer
from torchedu.baselines.risk import RiskBoosting, RiskLogistic, RiskMoments, blend
from torchedu.cli import main
from torchedu.datamodules import CourseEvents
from torchedu.errors import CheckpointError, ConfigError, DataError
from torchedu.models import EventGRU
from torchedu.prediction.stream import predicted
from torchedu.schema import ATTRIBUTE, MODULE, Names, Vocabulary
from torchedu.tasks import AtRisk, open_task
from torchedu.testing.launch import LaunchServer

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
    page = html.unescape((run / "report.html").read_text())
    assert "AUC at 50 %" in page
    assert "Week by week" in page
    assert "One student's risk over time" in page
    calls, weeks, groups, student, _ = found["sections"]
    worth, lists = calls["forms"]
    assert [row[2] for row in worth["rows"]] == [call["precision"] for call in found["calls"]]
    risks = [row[2] for row in lists["rows"] if row[0] == lists["rows"][0][0]]
    assert risks == sorted(risks, reverse=True)
    came = [row[3] == "failed or left" for row in lists["rows"]]
    assert sum(came) / len(came) == pytest.approx(found["calls"][0]["precision"])
    ranking, trust = groups["forms"]
    assert [line["name"].split()[0] for line in ranking["lines"]] == ["F", "M"]
    assert ranking["title"].startswith("gender: ABROCA 0.")
    assert [line["name"] for line in trust["lines"]] == ["F", "M"]
    assert [len(one["forms"]) for one in (weeks, student)] == [2, 1]
    risk = student["forms"][0]["lines"][0]["y"]
    assert risk[0] < max(risk)
    drawn = {file.stem for file in (run / "pictures").iterdir()}
    assert {"week-by-week", "week-by-week-2", "for-all-groups-alike-2"} <= drawn
    assert "one-student-s-risk-over-time" in drawn
    kept = json.loads((run / "companions.json").read_text())["thresholds"]
    assert kept == found["thresholds"]
    assert [one["policy"] for one in kept] == ["least_cost", "even"]
    card = (run / "model_card.md").read_text()
    assert "# Model card: EventGRU" in card
    assert "AUC at 25 %" in card
    assert "gender" in card


def test_training_may_be_held_to_serve_groups_alike(folder: Path, tmp_path: Path) -> None:
    run = tmp_path / "fair"
    words = ["--model", "AtRisk", "--model.net.dim", "4", "--trainer.max_epochs", "1"]
    words += ["--data.fair_to", "gender", "--data.mitigation", "reweighing"]
    words += ["--model.parity_weight", "0.5", "--data.path", str(folder), "--run", str(run)]
    assert main(["fit", *words, *FAST]) == 0
    kept = {
        one["policy"]: one
        for one in json.loads((run / "evaluation.json").read_text())["thresholds"]
    }
    assert set(kept["equal_opportunity"]["threshold"]) <= {"F", "M"}
    data = CourseEvents(str(folder), fair_to="gender", mitigation="reweighing")
    learned = data.parts["train"]
    for group in (0, 1):
        mine = learned[data.group[learned] == group]
        rate = np.average(data.store.at_risk[mine], weights=data._weight[mine])
        assert rate == pytest.approx(data.store.at_risk[learned].mean(), abs=1e-5)


def test_what_students_are_is_told_only_where_it_is_asked_for(
    run: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plain, told = CourseEvents(str(folder)), CourseEvents(str(folder), attributes=["gender"])
    assert next(iter(plain.train_dataloader())).attribute_BA.shape[1] == 0
    assert list(told.vocabulary[ATTRIBUTE]) == ["gender: F", "gender: M"]
    batch = next(iter(told.train_dataloader()))
    own = told.store.group("gender")[batch.enrolment_B]
    assert batch.attribute_BA[:, 0].tolist() == own.tolist()
    net = partial(EventGRU, dim=4, members=1)
    task = AtRisk(net, told.num_modules, told.num_attributes)
    assert predicted(task, told, "test", stock_trainer())["probability"].shape
    with pytest.raises(CheckpointError, match="attributes of nobody, the network was trained w"):
        predicted(task, plain, "test", stock_trainer())
    assert main(["test", str(run), "--data.attributes", '["gender"]']) == 2
    assert "attributes gender, the network was trained with none" in capsys.readouterr().err


def test_groups_that_cannot_be_served_alike_are_said(
    folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    raw = shutil.copytree(folder, tmp_path / "oulad")
    head, *rows = (raw / "studentInfo.csv").read_text().splitlines()
    parts = [row.split(",") for row in rows]
    for i, row in enumerate(parts[:12]):
        row[3], row[-1] = ("X", "Fail") if i < 8 else ("?", row[-1])
    (raw / "studentInfo.csv").write_text("\n".join([head, *map(",".join, parts)]))
    data = CourseEvents(str(raw), fair_to="gender", mitigation="balanced_batches", batch_size=32)
    learned = data.parts["train"]
    unknown = int((data.group[learned] < 0).sum())
    assert f"{unknown} of {len(learned)} training enrolments have no known gender" in caplog.text
    assert "gender X: the outcomes of all" in caplog.text
    for batch in data.train_dataloader():
        count = np.bincount(batch.group_B[batch.group_B >= 0], minlength=3)
        assert count.max() - count.min() <= 2


def trained_on_ranks(folder: Path, run: Path) -> dict[str, Any]:
    """Fit by the command's own parts, on as many ranks as there are."""
    torch.set_num_threads(1)
    ranks = int(os.environ.get("WORLD_SIZE", "1"))
    seed_everything(0)
    data = CourseEvents(str(folder), batch_size=32, fair_to="gender", mitigation="balanced_batches")
    net = partial(EventGRU, dim=4, members=1, dropout=0.0)
    task = AtRisk(net, data.num_modules, data.num_attributes, lr=0.01)
    fitted = trainer(
        str(run), 2, accelerator="cpu", devices=ranks, strategy="ddp" if ranks > 1 else "auto"
    )
    fitted.fit(task, datamodule=data)
    told = predicted(task, data, "test", fitted)
    weights = torch.cat([one.detach().flatten() for one in task.parameters()])
    return {"weights": weights.numpy(), "risk": told["probability"], "enrolment": told["enrolment"]}


def test_two_ranks_train_and_foretell_as_one(
    folder: Path, tmp_path: Path, launch: LaunchServer
) -> None:
    CourseEvents(str(folder))  # the store beside the folder is made once
    alone = launch.start(trained_on_ranks, folder, tmp_path / "one")
    both = launch.start(trained_on_ranks, folder, tmp_path / "two", ranks=2)
    assert [*alone.wait(timeout=120), *both.wait(timeout=120)] == [0, 0, 0]
    one, (first, second) = alone.result(), (both.result(rank) for rank in range(2))
    assert np.array_equal(first["weights"], second["weights"])
    assert np.abs(first["weights"] - one["weights"]).max() < 1e-3
    assert not len(second["risk"])  # all stand on the first rank
    for found in (first,):  # every moment once, from both ranks
        assert np.array_equal(found["enrolment"], one["enrolment"])
        assert np.abs(found["risk"] - one["risk"]).max() < 1e-3


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
    words = ["predict", str(run), "--run", str(out), "--data.day", "50", "--data.capacity", "5"]
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
    assert set(calls["day"].to_pylist()) == {50.0}
    assert {"student", "course", "day", "risk", "leaving_within_a_week"} == set(risks.column_names)
    changes = pq.read_table(out / "changes.parquet").to_pydict()
    change = np.array(changes["change"])
    assert change == pytest.approx(np.subtract(changes["risk"], changes["week_before"]))
    assert (np.abs(change) >= 0.05).all()
    for course in set(changes["course"]):
        assert (np.diff(change[np.array(changes["course"]) == course]) <= 0).all()
    assert set(changes["day"]) == {50.0}
    assert any("mark" in one for one in changes["events"])


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
    first = predicted(task, data, "test", stock_trainer())
    grown = task.grown(Vocabulary({MODULE: Names(["CCC", *data.store.vocabulary[MODULE]])}))
    assert list(grown.vocabulary[MODULE]) == ["AAA", "BBB", "CCC"]
    second = predicted(grown.eval(), data, "test", stock_trainer())
    assert np.allclose(first["probability"], second["probability"], atol=1e-6)


def test_a_task_of_other_sizes_is_refused(folder: Path) -> None:
    task = AtRisk({"class_path": "torchedu.models.EventGRU", "init_args": {"dim": 4}}, 9)
    with pytest.raises(ConfigError, match="the network has num_modules 9, the data 4"):
        predicted(task, CourseEvents(str(folder)), "test", stock_trainer())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"cutoffs": (1.5,)}, "cutoffs is"),
        ({"cutoffs": ()}, "cutoffs are none"),
        ({"val": 0.0}, "val is 0.0"),
        ({"fair_to": "shoe size"}, "fair_to names 'shoe size'"),
        ({"attributes": ["gendre"]}, "Did you mean gender"),
        ({"mitigation": "balanced_batches"}, "fair_to names no attribute"),
        ({"mark_delay_days": -1}, "mark_delay_days is -1"),
        ({"test": ["2015B"]}, "presentation '2015B' is not known"),
        ({"val_presentations": ["2013J", "2014B"]}, "the train part has no enrolment"),
    ],
)
def test_values_that_cannot_work_are_told(folder: Path, words: dict, said: str) -> None:
    with pytest.raises((ConfigError, DataError), match=said):
        _ = CourseEvents(str(folder), **words).parts


def test_baselines_need_both_outcomes_and_a_blend_lies_between() -> None:
    table, none = np.random.default_rng(0).normal(size=(40, 3)), np.zeros(40, np.int64)
    moments = RiskMoments(table, none, 1, np.arange(40), none, none + 0.5, none + 1)
    for baseline in (RiskLogistic(), RiskBoosting()):
        with pytest.raises(DataError, match="outcomes of one kind"):
            baseline.fit(moments)
    low, high = np.array([0.2, 0.5]), np.array([0.4, 0.9])
    mixed = blend([low, high])
    assert ((mixed > low) & (mixed < high)).all()
