import numpy as np
import pytest

from torchedu.metrics import dealing
from torchedu.metrics.dealing import Kinds, Rows, dealings, drawings, kinds, observed


def drawn(seed: int, students: int, each: int) -> tuple[Rows, Kinds]:
    random = np.random.default_rng(seed)
    unit = np.repeat(np.arange(students), each)
    # Each student's predictions are alike, so that whole students have to be dealt.
    cell = (random.integers(0, 8, students)[unit] + random.integers(0, 2, len(unit))).astype(int)
    labels = np.stack([random.integers(0, 2, students), random.integers(-1, 3, students)])
    labels[1, :40] = 3  # a small group
    return Rows(unit, cell, 9), kinds(labels, (2, 4))


def test_groups_are_counted_as_they_are() -> None:
    rows, of = drawn(0, 200, 3)
    label = of.groups[1][of.of_unit][rows.unit]
    expected = [np.bincount(rows.cell[label == i], minlength=9) for i in range(4)]
    assert observed(rows, of)[2:].tolist() == np.array(expected).tolist()


@pytest.mark.parametrize("each", [1, 5])
def test_bundles_are_dealt_and_drawn_as_single_students_are(
    each: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, of = drawn(1, 12_000, each)
    pool = np.arange(12_000) % 2
    made: list[tuple[np.ndarray, np.ndarray]] = []
    monkeypatch.setattr(dealing, "CHEAP", 0)
    for bundles in (2048, 12_000):  # in bundles, and one by one
        monkeypatch.setattr(dealing, "BUNDLES", bundles)
        random = np.random.default_rng(2)
        dealt = np.concatenate(list(dealings(random, rows, of, pool, 400)))
        resampled = np.concatenate(list(drawings(random, rows, of, 400)))
        made.append((dealt, resampled))
        # Every group keeps its size to the last student.
        assert (dealt.sum(-1) == observed(rows, of).sum(-1)).all()
    for one, other in zip(*made, strict=True):
        error = one.std(0) / np.sqrt(400) + 1e-9
        assert (np.abs(one.mean(0) - other.mean(0)) < 6 * error).all()
    spread = made[0][0].std(0) / made[1][0].std(0)
    assert np.mean(spread) == pytest.approx(1, abs=0.05)
    assert spread == pytest.approx(np.ones_like(spread), abs=0.3)
