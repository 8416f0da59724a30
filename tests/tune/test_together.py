"""A trial on two ranks is stopped on both alike, and one that loses a rank has failed."""

import os
from pathlib import Path

import pytest

pytest.importorskip("optuna", reason="needs the package optuna")

from tests.tune.conftest import SHORT
from torchedu.errors import ConfigError
from torchedu.testing.launch import LaunchServer
from torchedu.tune import together
from torchedu.tune.check import devices_of
from torchedu.tune.measure import Measure
from torchedu.tune.objectives import Goals
from torchedu.tune.space import Space
from torchedu.tune.study import Asked, Study
from torchedu.tune.workers import work

SECONDS = 300.0
SPACE = "model.net.dim: {choice: [8, 16]}"


def asked(data: Path, strategy: str) -> Asked:
    words = ("--model.net", "ItemDKT", "--data.batch_size", "16", *SHORT, "--data.path", str(data))
    more = ("--trainer.devices", "2", "--trainer.strategy", strategy)
    return Asked((*words, *more), SPACE, sampler="random")


def searched_on_two_ranks(
    folder: Path, data: Path, strategy: str, lost: bool
) -> list[tuple[object, ...]]:
    """Search on two ranks, the second of which is lost at the first step where that is asked."""
    study = Study(folder, asked(data, strategy), Goals.parse("parameters,val/auc", "", ""))
    assert devices_of(study.asked, True).ranks == 2
    if lost:
        together.GRACE = 0.0

        def leaves(self: Measure, *_: object) -> None:
            if os.environ["RANK"] == "1":
                os._exit(3)

        Measure.on_validation_start = leaves  # type: ignore[method-assign, assignment]
    work(study, Space.parse(SPACE), 1 if lost else 2, ranks=2)
    trials = study.trials()
    return [
        (trial.state.name, trial.user_attrs.get("stopped"), trial.user_attrs.get("error"))
        for trial in trials
    ]


@pytest.mark.timeout(2 * SECONDS)
@pytest.mark.parametrize("strategy", ["ddp", "fsdp"])
def test_both_ranks_end_where_a_trial_is_stopped(
    launch: LaunchServer, class_store: Path, tmp_path: Path, strategy: str
) -> None:
    started = launch.start(searched_on_two_ranks, tmp_path / "study", class_store, strategy, False)
    assert started.wait(SECONDS) == [0], started.output()
    # The second one has the first one's options, and so is no better.
    assert started.result() == [("COMPLETE", False, None), ("COMPLETE", True, None)]


@pytest.mark.timeout(2 * SECONDS)
def test_a_trial_that_loses_a_rank_has_failed(
    launch: LaunchServer, class_store: Path, tmp_path: Path
) -> None:
    started = launch.start(searched_on_two_ranks, tmp_path / "study", class_store, "ddp", True)
    assert started.wait(SECONDS) == [0], started.output()
    ((state, _, error),) = started.result()
    assert state == "FAIL"
    assert "rank 1 of 2 ended (exit code 3)" in error


def test_a_trial_has_one_host_and_one_device_unless_more_are_named() -> None:
    assert devices_of(Asked(("--trainer.accelerator", "cpu"), SPACE), True).ranks == 1
    assert devices_of(Asked(("--trainer.devices", "3"), SPACE), True).ranks == 3
    with pytest.raises(ConfigError, match=r"num_nodes is 2, and a trial has one host"):
        devices_of(Asked(("--trainer.num_nodes", "2"), SPACE), True)
