"""A row for each skill of an answer is found however the skills stand there."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from benchmarks.honest_planted import (
    PLANTS,
    Made,
    Plant,
    Row,
    answers,
    row_a_skill,
    twins,
)
from torchedu.datasets.importers import import_data
from torchedu.leaks import Finding, check

HEAD = ("student", "item", "correct", "timestamp")


def found(rows: list[Row], folder: Path) -> list[Finding]:
    made = Made("csv", HEAD, rows)
    return check(import_data(made.format, made.write(folder), folder / "x.store"))


@pytest.mark.parametrize(
    "kept",
    [lambda row: [row[0], row[1], row[3], row[4]], lambda row: [row[0], row[2], row[3], row[4]]],
    ids=["no skill column", "the skill as item"],
)
def test_a_row_a_skill_without_a_column_of_skills(
    kept: Callable[[Row], Row], tmp_path: Path
) -> None:
    clean = answers(np.random.default_rng(2), 150)
    assert found([kept(row) for row in clean.rows], tmp_path) == []
    leaky = row_a_skill(np.random.default_rng(3), clean, 1.0)
    (tell,) = found([kept(row) for row in leaky.rows], tmp_path)
    assert (tell.kind, tell.where) == ("tell", "rows one after the other")
    assert "merge_skill_rows" in tell.remedy


@pytest.mark.parametrize("plant", PLANTS[answers], ids=lambda plant: plant.__name__)
def test_a_quarter_of_the_answers_shows_what_all_show(plant: Plant, tmp_path: Path) -> None:
    clean = answers(np.random.default_rng(5), 600)
    leaky = plant(np.random.default_rng(6), clean, 0.5)
    for made, kinds in ((clean, ""), (leaky, PLANTS[answers][plant])):
        store = import_data(made.format, made.write(tmp_path), tmp_path / "x.store", made.options)
        some = check(store, most=store.num_answers // 4)
        assert [finding.kind in kinds for finding in some] == [True] * bool(kinds)


def test_what_is_looked_at_holds_both_of_two_copies(tmp_path: Path) -> None:
    made = twins(np.random.default_rng(7), answers(np.random.default_rng(5), 600), 0.2)
    store = import_data(made.format, made.write(tmp_path), tmp_path / "x.store")
    every, some = (check(store, most=most) for most in (None, store.num_answers // 8))
    assert [finding.kind for finding in every] == [finding.kind for finding in some] == ["copies"]
    assert abs(some[0].share - every[0].share) < 0.15
    assert some[0].count < every[0].count / 4
