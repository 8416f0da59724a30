"""Leaks planted in each kind of data are found as what they are; clean data raises nothing."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.honest_planted import (
    MAKERS,
    PLANTS,
    Made,
    Maker,
    Plant,
    answers,
    chats,
    enrolments,
    events,
    lessons,
    texts,
    twins,
)
from torchedu.datasets import Store
from torchedu.datasets.importers import import_data
from torchedu.errors import DataError
from torchedu.leaks import KINDS, Finding, check, refuse

SIZES = {answers: 150, enrolments: 400, events: 200, texts: 400, lessons: 24, chats: 300}
"""Small: ``benchmarks/honest.py`` plants in less of more."""
CASES = [(maker, plant, kinds) for maker in MAKERS for plant, kinds in PLANTS[maker].items()]


def made(maker: Maker, seed: int) -> Made:
    return maker(np.random.default_rng(seed), SIZES[maker])


def imported(made: Made, folder: Path) -> Store:
    store: Store = import_data(made.format, made.write(folder), folder / "x.store", made.options)
    return store


@pytest.mark.parametrize("maker", MAKERS, ids=lambda maker: maker.__name__)
def test_clean_data_raises_nothing(maker: Maker, tmp_path: Path) -> None:
    assert check(imported(made(maker, 1), tmp_path)) == []


@pytest.mark.parametrize(
    ("maker", "plant", "kinds"),
    CASES,
    ids=[f"{one.__name__}-{two.__name__}" for one, two, _ in CASES],
)
def test_a_planted_leak_is_found(maker: Maker, plant: Plant, kinds: str, tmp_path: Path) -> None:
    leaky = plant(np.random.default_rng(3), made(maker, 2), 1.0)
    found = check(imported(leaky, tmp_path))
    assert {one.kind for one in found} & set(kinds.split())
    for one in found:
        assert one.kind in KINDS
        assert 0 < one.share <= 1
        assert one.count > 0
        assert str(one).endswith(one.remedy)


def test_another_split_is_looked_at_where_it_is_given(tmp_path: Path) -> None:
    store = imported(twins(np.random.default_rng(3), made(answers, 2), 0.1), tmp_path)
    (found,) = check(store, {})
    assert found.kind == "copies"
    assert "scored" not in found.sentence
    train = np.arange(100)
    (found,) = check(store, {"train": train, "test": np.setdiff1d(np.arange(165), train)})
    assert "that are scored have their like in training" in found.sentence


def test_data_that_gives_all_away_is_refused(tmp_path: Path) -> None:
    store = imported(made(answers, 1), tmp_path)

    def finding(kind: str, share: float) -> Finding:
        return Finding(kind, "items", 3, share, "three tell it", "Take them out.", ["q1"])

    refuse([finding("tell", 0.1), finding("grouping", 1.0), finding("cutoff", 0.1)], store)
    for wrong in (finding("name", 0.01), finding("held_out", 0.01), finding("tell", 0.5)):
        with pytest.raises(DataError, match="no score would mean anything: three tell it"):
            refuse([wrong], store)


def test_what_is_told_of_real_data_is_true(real_data: Path, tmp_path: Path) -> None:
    store = import_data("bridge", real_data / "math" / "bridge", tmp_path / "x.store")
    assert [(one.kind, one.count) for one in check(store)] == [("copies", 242)]
