"""A row for each skill of an answer is found however the skills stand there."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from benchmarks.honest_planted import Made, Row, answers, row_a_skill
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
