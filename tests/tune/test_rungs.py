"""A trial goes on at a rung where it is among the best third of those that came there."""

import pytest

from torchedu.errors import ConfigError

optuna = pytest.importorskip("optuna", reason="needs the package optuna")

from torchedu.tune.objectives import Goals  # noqa: E402 - after what it needs
from torchedu.tune.rungs import (  # noqa: E402
    Rungs,
    among_best,
    came_to,
    first_rung,
    is_rung,
    optuna_pruner,
    rung_of,
)

BOTH = Goals.parse("val/auc,val/abroca", "", "")


def test_rungs_lie_three_times_as_far_each() -> None:
    assert [step for step in range(1, 30) if is_rung(step, 1)] == [1, 3, 9, 27]
    assert [step for step in range(1, 30) if is_rung(step, 2)] == [2, 6, 18]


def test_nobody_is_stopped_for_a_gap_before_it_can_be_seen() -> None:
    auc, limited = Goals.parse("val/auc", "", ""), Goals.parse("val/auc", "val/abroca<=0.1", "")
    assert [first_rung(None, goals) for goals in (auc, BOTH, limited)] == [1, 3, 3]
    assert [first_rung(2, goals) for goals in (auc, BOTH)] == [2, 2]
    study = optuna.create_study(directions=["maximize", "minimize"])
    judged = [step for step in range(1, 10) if Rungs(study, BOTH).judges(step)]
    assert judged == [3, 9]


def reached(auc: float, gap: float) -> dict[str, float]:
    return {"val/auc": auc, "val/abroca": gap}


def test_several_objectives_keep_the_ends_of_the_front() -> None:
    others = [reached(0.8, 0.2), reached(0.5, 0.0), reached(0.6, 0.3), reached(0.5, 0.3)]
    assert among_best(others, reached(0.9, 0.3), BOTH)
    assert among_best(others, reached(0.6, 0.0), BOTH)
    assert not among_best(others, reached(0.55, 0.25), BOTH)
    assert among_best([], reached(0.1, 0.9), BOTH)


def test_what_chance_explains_is_no_rank() -> None:
    others = [reached(0.7, 0.0), reached(0.8, 0.0)]
    assert among_best(others, reached(0.81, 0.0), BOTH)
    assert not among_best(others, reached(0.75, 0.0), BOTH)


def test_limits_come_before_the_objective() -> None:
    goals = Goals.parse("val/auc", "val/abroca<=0.05", "")
    assert among_best([reached(0.9, 0.2), reached(0.9, 0.1)], reached(0.6, 0.05), goals)
    assert not among_best([reached(0.9, 0.2), reached(0.7, 0.0)], reached(0.95, 0.06), goals)


@pytest.mark.parametrize("objectives", ["val/auc", "val/auc,val/abroca"])
def test_a_trial_is_held_against_those_before_it(objectives: str) -> None:
    goals = Goals.parse(objectives, "", "")
    lower = ["minimize" if each.lower else "maximize" for each in goals.objectives]
    study = optuna.create_study(directions=lower)
    rungs = Rungs(study, goals, first=1)
    first, worse = study.ask(), study.ask()
    assert rungs.keeps(first, 1, reached(0.8, 0.0))
    assert rungs.keeps(first, 2, reached(0.8, 0.0))
    assert not rungs.keeps(worse, 1, reached(0.7, 0.1))
    # Asked again, as by a process that took the trial up, it says the same.
    assert not rungs.keeps(worse, 1, reached(0.7, 0.1))
    known = study.get_trials()
    assert [came_to(trial) for trial in known] == [2, 1]
    assert (known[0].intermediate_values == {1: 0.8}) == (len(goals.objectives) == 1)
    assert [rungs.judges(step) for step in (1, 2, 3)] == [True, False, True]
    # One in which nothing could be measured is no rank for the others.
    assert rungs.keeps(study.ask(), 1, {"val/auc": float("nan")})
    assert Rungs(study, goals, "none").keeps(study.ask(), 1, reached(0.0, 1.0))


def test_median_and_hyperband_are_of_one_objective() -> None:
    one_goal = Goals.parse("val/auc", "", "")
    for name, kind in (("median", "Median"), ("hyperband", "Hyperband"), ("asha", "Nop")):
        assert kind in type(optuna_pruner(name, one_goal, 1, 9)).__name__
    with pytest.raises(ConfigError, match="one objective without limits"):
        optuna_pruner("median", BOTH, 1, 9)
    with pytest.raises(ConfigError, match=r"pruner is 'asah'.\n.*Did you mean asha"):
        optuna_pruner("asah", BOTH, 1, 9)
    study = optuna.create_study(
        direction="maximize", pruner=optuna_pruner("median", one_goal, 1, 9)
    )
    rungs = Rungs(study, one_goal, "median")
    for auc in (0.6, 0.7, 0.8, 0.7, 0.6):
        trial = study.ask()
        assert rungs.keeps(trial, 1, reached(auc, 0.0))
        study.tell(trial, auc)
    assert not rungs.keeps(study.ask(), 1, reached(0.5, 0.0))


def test_attributes_of_other_kinds_are_no_rungs() -> None:
    assert [rung_of(name) for name in ("rung 12", "rung x", "stopped", 3)] == [12, 0, 0, 0]
