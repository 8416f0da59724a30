"""What is best of trials that were told, without training any."""

from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("optuna", reason="needs the package optuna")

from optuna.trial import TrialState

from torchedu.errors import ConfigError
from torchedu.tune.objectives import Goals
from torchedu.tune.results import front_of, importances, none_whole, standing, write_table
from torchedu.tune.space import Space
from torchedu.tune.study import Asked, Study
from torchedu.tune.trial import tell

SPACE = Space.parse("lr: {float: [0.1, 1]}\nwidth: {choice: [8, 16]}")
TRIALS = 16


def studied(
    folder: Path, limits: str, gap: Callable[[float], float], objectives: str = "val/auc"
) -> Study:
    """Return a study whose scores are twice the rates, and whose gaps are given by them."""
    goals = Goals.parse(objectives, limits, "")
    study = Study(folder, Asked((), "", objectives, limits, sampler="random"), goals)
    for number in range(TRIALS):
        trial = study.claim(TRIALS)
        assert trial is not None
        rate = SPACE.suggest(trial)["lr"]
        reached = {"val/auc": 2 * rate, "val/abroca": gap(rate)}
        for name, value in (("reached", reached), ("stopped", number == 0), ("rung 3", reached)):
            trial.set_user_attr(name, value)
        study.study.tell(trial, [reached[each.name] for each in goals.objectives])
        study.let_go(number)
    return study


def test_the_best_keeps_the_limits_and_was_trained_to_its_end(tmp_path: Path) -> None:
    now = standing(studied(tmp_path / "study", "val/abroca<=0.5", lambda rate: rate))
    whole = now.rows[1:]
    kept = [row for row in whole if row.options["lr"] <= 0.5]
    assert now.keeps
    assert now.front == [now.best] == [max(kept, key=lambda row: row.options["lr"])]
    assert now.rows[0].state == "stopped"
    assert all(row.validations == 3 for row in now.rows)
    assert {row.options["width"] for row in now.rows} == {8, 16}


def test_a_front_is_tried_by_another_study_with_all_its_values(tmp_path: Path) -> None:
    space = Space.parse(
        "lr: {float: [0.00001, 1]}\ndecay: {choice: [0.00001, 0.1]}\n"
        "course: {choice: ['2013', a]}\n"
        "clip: {choice: [null, 1]}\nshuffle: {choice: [true, false]}\nyear: {choice: ['007', b]}"
    )
    options = {"lr": 5e-05, "decay": 1e-05, "course": "2013", "shuffle": "true", "year": "007"}
    study = Study(tmp_path / "study", Asked((), ""), Goals.parse("val/auc", "", ""))
    study.offer({name: value if name == "lr" else str(value) for name, value in options.items()})
    trial = study.claim(1)
    assert trial is not None
    Space([each for each in space.dimensions if each.option in options]).suggest(trial)
    tell(study.study, study.goals, trial, {"val/auc": 0.7}, 1, False)
    write_table(study, standing(study))
    (named,) = front_of(tmp_path / "study", space)
    assert named == {**options, "decay": "1e-05"}
    for other in ("other: {float: [0, 1]}", "lr: {float: [0.1, 1]}"):
        with pytest.raises(ConfigError, match="none of its values is in"):
            front_of(tmp_path / "study", Space.parse(other))
    table = tmp_path / "study" / "trials.csv"
    table.write_text(table.read_text().replace(",yes,", ",,"))
    with pytest.raises(ConfigError, match="none came to its end"):
        front_of(tmp_path / "study", space)


def test_where_none_keeps_them_the_nearest_is_taken(tmp_path: Path) -> None:
    now = standing(studied(tmp_path / "study", "val/abroca<=0.01", lambda rate: rate))
    assert not now.keeps
    assert now.best == min(now.rows[1:], key=lambda row: row.options["lr"])
    assert now.front == [now.best]


def test_of_several_objectives_the_best_is_inside_the_front(tmp_path: Path) -> None:
    both = "val/auc,val/abroca"
    now = standing(studied(tmp_path / "study", "", lambda rate: rate**4, both))
    assert len(now.front) == TRIALS - 1  # the one is bought with the other
    rates = sorted(row.options["lr"] for row in now.front)
    assert now.best is not None
    assert rates[0] < now.best.options["lr"] < rates[-1]


def test_what_decides_matters(tmp_path: Path) -> None:
    study = studied(tmp_path / "study", "val/abroca<=0.5", lambda rate: 0.0)
    shares = importances(study, "val/auc")
    assert list(shares) == ["lr", "width"]
    assert shares["lr"] > 0.9
    assert importances(study, "val/abroca") == {}  # all are alike


def test_a_search_without_a_whole_trial_names_the_first_that_failed(tmp_path: Path) -> None:
    study = Study(tmp_path / "study", Asked((), "", sampler="random"), Goals.parse("x", "", ""))
    for number in range(2):
        trial = study.claim(2)
        assert trial is not None
        trial.set_user_attr("error", f"reason {number}")
        study.study.tell(trial, state=TrialState.FAIL)
        study.let_go(number)
    error = none_whole(standing(study))
    assert "no trial of 2 came to its end, 2 have failed. trial 0: reason 0" in str(error)
