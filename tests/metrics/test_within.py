"""AUC within students equals a count of all pairs, whatever the blocks."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from torchedu.metrics import within as module
from torchedu.metrics.within import within


def counted(
    p: list[float], y: list[float], who: list[int], skills: list[set[int]]
) -> tuple[int, int]:
    """Count pairs one by one: twice those won, and all."""
    won = pairs = 0
    for i, j in product(range(len(p)), repeat=2):
        if who[i] == who[j] and y[i] >= 0.5 > y[j]:
            shared = len(skills[i] & skills[j])
            pairs += shared
            won += shared * (2 * (p[i] > p[j]) + (p[i] == p[j]))
    return won, pairs


answers = st.lists(
    st.tuples(
        st.sampled_from([0.0, 0.25, 0.5, 0.5000001, 1.0]),
        st.sampled_from([0.0, 0.4, 0.5, 1.0]),
        st.integers(0, 4),
        st.sets(st.integers(2, 5), min_size=1),
    ),
    max_size=40,
)


@given(answers, st.sampled_from([1, 3, 1000]))
def test_it_equals_a_count_of_all_pairs(
    rows: list[tuple[float, float, int, set[int]]], block: int
) -> None:
    p, y, who, skills = (
        ([*column] for column in zip(*sorted(rows, key=lambda r: r[2]), strict=True))
        if rows
        else ([], [], [], [])
    )
    lengths = np.array([len(one) for one in skills], np.int64)
    flat = np.array([k for one in skills for k in sorted(one)], np.int64)
    ends = np.cumsum(lengths)

    def of(some: slice) -> tuple[np.ndarray, np.ndarray]:
        begin = 0 if some.start == 0 else ends[some.start - 1]
        return lengths[some], flat[begin : ends[some.stop - 1]]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "BLOCK", block)
        alone = within(np.array(p), np.array(y), np.array(who, int))
        skilled = within(np.array(p), np.array(y), np.array(who, int), of)
    for found, shared in ((alone, [{0}] * len(p)), (skilled, skills)):
        won, pairs = counted(p, y, who, shared)
        assert (int(found.won.sum()), int(found.pairs.sum())) == (won, pairs)
        assert found.auc() == (won / (2 * pairs) if pairs else None)
        assert found.student.tolist() == sorted(set(who))
        for k, student in enumerate(found.student.tolist()):
            own = [i for i, one in enumerate(who) if one == student]
            mine = counted(*([column[i] for i in own] for column in (p, y, who, shared)))
            assert (int(found.won[k]), int(found.pairs[k])) == mine


def test_students_have_to_be_in_order() -> None:
    with pytest.raises(ValueError, match="ascending"):
        within([0.1, 0.2], [0, 1], [1, 0])
    with pytest.raises(ValueError, match="shapes"):
        within([0.1, 0.2], [0, 1], [1])


def test_knowing_who_is_good_alone_is_worth_nothing() -> None:
    who = np.repeat(np.arange(50), 20)
    ability = np.linspace(0.1, 0.9, 50)[who]
    right = (np.random.default_rng(0).random(1000) < ability).astype(float)
    assert within(ability, right, who).auc() == 0.5
