"""Whom training has used is left out of scoring, refused or kept, as asked."""

from pathlib import Path
from typing import Any

import pytest

from torchedu.datamodules import DataModule, Interactions
from torchedu.errors import ConfigError
from torchedu.people import People


def trained(store: Path) -> People:
    people = Interactions(str(store)).people(None)
    assert people is not None
    return people


@pytest.mark.parametrize("by", ["student", "time", "fold"])
@pytest.mark.parametrize("part", ["val", "test"])
def test_a_runs_own_parts_stay_whole(class_store: Path, by: str, part: str) -> None:
    data = Interactions(str(class_store), split=by, seen="refuse")
    before = data.parts[part]
    data.leave_out(data.people(None), part)
    assert data.parts[part] is before


def test_another_seed_scores_the_others_alone(class_store: Path) -> None:
    first = Interactions(str(class_store))
    data = Interactions(str(class_store), seed=1)
    whole = len(data.parts["test"].student)
    data.leave_out(trained(class_store), "test")
    left = set(data.parts["test"].student.tolist())
    assert left == left & set(first.parts["test"].student.tolist())
    assert data.left_out == {"test": whole - len(left)}
    assert 0 < len(left) < whole


def test_they_are_kept_with_a_warning_or_refused(class_store: Path) -> None:
    kept = Interactions(str(class_store), seed=1, seen="keep")
    whole = kept.parts["test"]
    with pytest.warns(UserWarning, match="scores are too high"):
        kept.leave_out(trained(class_store), "test")
    assert kept.parts["test"] is whole
    refused = Interactions(str(class_store), seed=1, seen="refuse")
    with pytest.raises(ConfigError, match="training has used") as told:
        refused.leave_out(trained(class_store), "test")
    assert told.value.option == "data.seen"


def test_nobody_left_is_refused(class_store: Path) -> None:
    data = Interactions(str(class_store))
    people = trained(class_store)
    data.parts = {**data.parts, "test": data.parts["train"]}
    with pytest.raises(ConfigError, match="training has used 56 of the 56 students"):
        data.leave_out(people, "test")


def test_an_unknown_way_is_told() -> None:
    with pytest.raises(ConfigError, match="seen is 'none'"):
        Interactions(seen="none")  # type: ignore[arg-type]


def test_data_that_cannot_say_what_all_of_it_is_stays_divided(class_store: Path) -> None:
    class Divided(Interactions):
        def whole(self) -> Any:
            return DataModule.whole(self)

    data, learned = Divided(str(class_store)), Interactions(str(class_store), seed=1)
    data.follow(learned)
    assert data.learned is learned
    assert len(data.parts["train"].student) == len(learned.parts["train"].student)
