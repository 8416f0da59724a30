"""Trials are ranked by layers of better ones, and within a layer so that it is spanned."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from torchedu.tune.ranking import front, knee, layers, ranked

numbers = st.integers(0, 5).map(float)
costs = st.lists(st.tuples(numbers, numbers), min_size=1, max_size=20)


@given(costs)
def test_the_front_is_what_no_other_is_better_than(rows: list[tuple[float, float]]) -> None:
    def beaten(mine: tuple[float, float]) -> bool:
        return any(o[0] <= mine[0] and o[1] <= mine[1] and o != mine for o in rows)

    assert front(rows).tolist() == [not beaten(row) for row in rows]


@given(costs)
def test_every_trial_has_its_place_behind_those_that_are_better(
    rows: list[tuple[float, float]],
) -> None:
    order = ranked(rows).tolist()
    assert sorted(order) == list(range(len(rows)))
    first, second = np.array(rows).T
    for place, i in enumerate(order):
        for j in order[place + 1 :]:
            assert not (first[j] <= first[i] and second[j] < second[i])
            assert not (first[j] < first[i] and second[j] <= second[i])
    assert sum(len(layer) for layer in layers(rows)) == len(rows)


def test_one_objective_is_an_order() -> None:
    assert ranked([[3.0], [1.0], [2.0]]).tolist() == [1, 2, 0]


def test_the_first_of_a_layer_span_it() -> None:
    line = [(0.0, 1.0), (0.1, 0.9), (0.2, 0.8), (0.5, 0.5), (1.0, 0.0)]
    assert ranked(line).tolist()[:3] == [0, 4, 3]
    # Spans count, not units.
    assert ranked([(x, 1000 * y) for x, y in line]).tolist()[:3] == [0, 4, 3]


def test_what_breaks_a_limit_comes_after_all_that_keep_it() -> None:
    assert ranked([[1.0], [5.0], [0.0], [2.0]], [0.0, 0.0, 0.3, 0.1]).tolist() == [0, 1, 3, 2]


def test_the_knee_is_nearest_to_the_best_of_all_objectives() -> None:
    assert knee([(0.0, 10.0), (0.2, 2.0), (1.0, 0.0)]) == 1
    assert knee([(3.0, 3.0)]) == 0
