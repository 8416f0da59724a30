import numpy as np

from torchedu.leaks.tells import auc, extremes, pieces, tells, touched


def test_a_value_with_one_target_is_found_and_a_rare_one_is_not() -> None:
    drawn = np.random.default_rng(0)
    target = drawn.integers(2, size=3000)
    value = drawn.integers(5, size=3000)
    assert tells(value, target) == []
    value[target == 1] = np.where(drawn.random((target == 1).sum()) < 0.1, 7, value[target == 1])
    (found,) = tells(value, target)
    assert (found.value, found.target) == (7, 1)
    assert touched(value, np.arange(3000), [found]) == found.rows == (value == 7).sum()
    rare = np.where(value == 7, 0, value)
    rare[np.flatnonzero(target == 1)[:8]] = 9
    assert tells(rare, target) == []


def test_weights_stand_for_rows() -> None:
    value, target = np.array([0, 0, 1]), np.array([0, 1, 1])
    assert tells(value, target, np.array([500, 500, 200]))[0].value == 1
    assert tells(value, target, np.array([500, 500, 5])) == []
    assert tells(value[:0], target[:0]) == []
    assert tells(value, target, np.zeros(3, int)) == []


def test_values_of_the_lowest_are_found() -> None:
    number = np.append(np.linspace(0, 1, 100), np.nan)
    value = np.append(np.where(number[:100] < 0.2, 3, np.arange(100) % 2), 3)
    (found,) = extremes(value, np.arange(101), number)
    assert (found.value, found.target, found.rows) == (3, 0, 20)


def test_an_auc_is_either_way_round_and_not_told_of_few() -> None:
    yes = np.arange(100) < 50
    assert auc(np.arange(100.0), yes) == 1
    assert auc(np.where(yes, np.nan, 1.0), yes) == 0.5


def test_names_fall_into_pieces() -> None:
    piece, row, known = pieces(["q17_1", "q2", ""])
    assert {known[one] for one in piece[row == 0]} == {"q…", "…_1", "…1"}
    assert {known[one] for one in piece[row == 1]} == {"q…", "…2"}
    assert 2 not in row
