from collections import defaultdict
from collections.abc import Callable

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from torchedu.baselines.counts import count_features
from torchedu.datasets.answers import Answers

SKILLS = [[], [], [2], [2, 3], [], [3, 1], [4, 2]]
MARKS = st.sampled_from([0.0, 1.0, 0.25])
HISTORIES = st.lists(
    st.lists(st.tuples(st.integers(1, len(SKILLS) - 1), MARKS), max_size=8), max_size=5
)


def one_by_one(
    histories: list[list[tuple[int, float]]], num_items: int, num_skills: int
) -> np.ndarray:
    """Follow every student answer by answer, as the paper tells it."""
    rows = []
    for history in histories:
        attempts: dict[object, float] = defaultdict(float)
        wins: dict[object, float] = defaultdict(float)
        for item, correct in history:
            row = np.zeros(num_items + 3 * num_skills + 4)
            skills = [skill for skill in SKILLS[item] if 2 <= skill < num_skills]
            seen: list[object] = ["all", *(("skill", skill) for skill in skills)]
            if item >= 2:
                seen.append(("item", item))
                row[-4:-2] = np.log1p([attempts[seen[-1]], wins[seen[-1]]])
                if item < num_items:
                    row[item] = 1
            for skill in skills:
                key = ("skill", skill)
                row[num_items + skill] = 1
                row[num_items + num_skills + skill] = np.log1p(attempts[key])
                row[num_items + 2 * num_skills + skill] = np.log1p(wins[key])
            row[-2:] = np.log1p([attempts["all"], wins["all"]])
            rows.append(row)
            for key in seen:
                attempts[key] += 1
                wins[key] += correct
    return np.array(rows).reshape(-1, num_items + 3 * num_skills + 4)


def test_features_are_those_of_following_each_student(
    class_of: Callable[..., Answers],
) -> None:
    @given(HISTORIES, st.integers(3, len(SKILLS)), st.integers(3, 5))
    def check(histories: list[list[tuple[int, float]]], items: int, skills: int) -> None:
        features = count_features(class_of(histories, SKILLS), items, skills)
        np.testing.assert_allclose(
            features.toarray(), one_by_one(histories, items, skills), rtol=1e-12, atol=1e-12
        )

    check()


def test_an_items_second_skill_does_not_see_the_answer_through_the_first(
    class_of: Callable[..., Answers],
) -> None:
    right, wrong = (
        count_features(class_of([[(3, mark)]], SKILLS), 7, 5).toarray() for mark in (1.0, 0.0)
    )
    np.testing.assert_array_equal(right, wrong)
