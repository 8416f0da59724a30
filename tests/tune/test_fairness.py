"""How alike groups are served is measured while a trial trains, as an evaluation measures it."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("optuna", reason="needs the package optuna")

from torchedu.evaluation.judged import Judged, judged
from torchedu.metrics.fairness import Attribute, audit
from torchedu.metrics.paired import clustered
from torchedu.prediction.stream import predicted
from torchedu.testing.launch import LaunchServer
from torchedu.tune.measure import Measure, gaps, unfairness
from torchedu.tune.objectives import FAIRNESS, Goals
from torchedu.tune.trial import trained

GOALS = Goals.parse("val/auc,val/abroca.gender,latency,cost", "", "")


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give answers of 400 students; those of one group say nothing of what they can do."""
    rng = np.random.default_rng(0)
    lines = ["student,item,correct,gender"]
    for student in range(400):
        strong, is_regular = rng.random() < 0.5, student % 2
        for item in range(12):
            chance = (0.95 if strong else 0.05) if is_regular else 0.5
            lines.append(f"s{student},q{item},{int(rng.random() < chance)},{'fm'[is_regular]}")
    file = tmp_path_factory.mktemp("groups") / "answers.csv"
    file.write_text("\n".join(lines) + "\n", "utf-8")
    return file


def measured(data: Path, folder: Path, *more: str) -> tuple[dict[str, float], float, int]:
    """Train, and return what was measured, and the same of the network that was kept."""
    measure = Measure(GOALS)
    words = [
        "--data.path",
        str(data),
        "--data.groups",
        "[gender]",
        "--model.net",
        "PFA",
        "--data.val",
        "0.4",
    ]
    words += ["--trainer.max_epochs", "1", "--trainer.accelerator", "cpu", "--model.lr", "0.1"]
    run = trained([*words, *more], folder, measure)
    columns = predicted(run.task, run.data, "val", run.trainer)
    if not run.trainer.is_global_zero:
        return {}, 0.0, 0
    of = judged(run.task, run.data, columns)
    assert of is not None
    gap = gaps(of, GOALS)[f"{FAIRNESS}.gender"].value
    assert of.scores()["auc"]["value"] == pytest.approx(measure.reached["val/auc"], abs=1e-5)
    assert 0 < measure.floors[f"{FAIRNESS}.gender"] < gap  # what chance alone makes is less
    return measure.measured, gap, measure.steps


def test_the_gap_is_that_of_the_network_that_is_kept(answers: Path, tmp_path: Path) -> None:
    reached, gap, steps = measured(answers, tmp_path / "run")
    assert steps == 1
    assert reached[f"{FAIRNESS}.gender"] == gap > 0.1
    assert reached["latency"] > 0
    assert reached["cost"] > 0


def on_ranks(answers: Path, folder: Path) -> Any:
    more = ["--trainer.strategy", "ddp", "--trainer.devices", "2"]
    return measured(answers, folder, *more)


@pytest.mark.timeout(400)
def test_two_ranks_measure_one_gap(launch: LaunchServer, answers: Path, tmp_path: Path) -> None:
    started = launch.start(on_ranks, answers, tmp_path / "run", ranks=2)
    assert started.wait(380) == [0, 0], started.output()
    reached, gap, _ = started.result()
    assert reached[f"{FAIRNESS}.gender"] == gap > 0.1


def test_groups_are_compared_where_most_is_decided() -> None:
    rng = np.random.default_rng(0)
    p, y = rng.random(600), rng.integers(0, 2, 600)
    person, group = np.repeat(np.arange(300), 2), np.repeat(rng.integers(0, 2, 300), 2)
    early = np.tile([True, False], 300)
    of = Judged(p, y, person, {"gender": Attribute(group, ["f", "m"])}, None, early)
    how = {"permutations": 120, "resamples": 0}
    alone = audit(p[early], y[early], {"gender": Attribute(group[early], ["f", "m"])}, **how)
    assert of.audit(**how) == of.audit("gender", **how) == alone
    assert of.audit("region", **how) is None
    assert of.scores()["auc"] == clustered(p, y, person)["auc"].plain()
    assert Judged(p, y, person, {}).audit() is None
    assert math.isnan(unfairness(None))
