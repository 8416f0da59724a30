"""Numbers of the past, beside what following each student answer by answer gives."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from torchedu.datasets.answers import Answers
from torchedu.datasets.past import Earlier, past
from torchedu.schema import IN_ALL_RATES, ON_SKILL_RATES, RECENT_ANSWERS, SMOOTHED_BY

SKILLS = [[], [], [2], [2, 3], [], [3, 1], [4, 2]]
MARKS = st.sampled_from([0.0, 1.0, 0.25])
HISTORIES = st.lists(
    st.lists(st.tuples(st.integers(1, len(SKILLS) - 1), MARKS), max_size=9), max_size=4
)


def class_of(histories: list[list[tuple[int, float]]]) -> Answers:
    flat = [answer for history in histories for answer in history]
    return Answers(
        offsets=np.cumsum([0, *map(len, histories)]),
        item=np.array([item for item, _ in flat], np.int32),
        correct=np.array([mark for _, mark in flat], np.float32),
        skill_offsets=np.cumsum([0, *map(len, SKILLS)]),
        skill=np.array([skill for one in SKILLS for skill in one], np.int32),
        num_items=len(SKILLS),
        num_skills=5,
    )


def told(marks: list[tuple[int, float]], rates: tuple[float, ...], now: int) -> list[float]:
    """Tell of earlier marks, each with its place: attempts, wins, averages, latest, recency."""
    signed = [2 * mark - 1 for _, mark in marks]
    averages = [0.0] * len(rates)
    for mark in signed:
        averages = [one + rate * (mark - one) for one, rate in zip(averages, rates, strict=True)]
    counts = np.log1p([len(marks), sum(mark for _, mark in marks)]) / 4
    latest = [signed[-1], 1 / (now - marks[-1][0])] if marks else [0.0, 0.0]
    return [*counts, *averages, *latest]


@given(HISTORIES)
def test_numbers_are_those_of_following_each_student(
    histories: list[list[tuple[int, float]]],
) -> None:
    in_all, on_item, on_skill = [], [], []
    for history in histories:
        for now, (item, _) in enumerate(history):
            before = [(place, *answer) for place, answer in enumerate(history[:now])]
            marks = [(place, mark) for place, _, mark in before]
            *all_of, _ = told(marks, IN_ALL_RATES, now)
            mean = sum(2 * mark - 1 for _, mark in marks) / (now + SMOOTHED_BY)
            in_all.append([*all_of[:2], mean, *all_of[2:]])
            same = [(place, mark) for place, other, mark in before if other == item]
            on_item.append(told(same, (), now) if item > 1 else [0.0] * 4)
            for skill in SKILLS[item]:
                like = [(place, mark) for place, other, mark in before if skill in SKILLS[other]]
                if skill > 1:
                    on_skill.append(told(like, ON_SKILL_RATES, now))
    found = past(class_of(histories))
    for ours, wanted in (
        (found.in_all, in_all),
        (found.on_item, on_item),
        (found.on_skill, on_skill),
    ):
        np.testing.assert_allclose(ours, np.reshape(wanted, ours.shape), atol=1e-6)


def test_an_item_is_looked_for_among_the_last_answers_alone() -> None:
    gap = RECENT_ANSWERS
    met, late = (
        past(class_of([[(2, 1.0), *[(4, 0.0)] * (since - 1), (2, 1.0)]])).on_item[-1]
        for since in (gap, gap + 1)
    )
    assert met[2] == 1
    assert met[3] == np.float32(1 / gap)
    assert not late.any()


def test_sums_of_shares_never_fall_below_zero() -> None:
    key = np.random.default_rng(0).integers(0, 50, 2000)
    before = Earlier(key, np.full(2000, 0.1), np.arange(2000))
    assert before.wins().min() == 0
    np.testing.assert_allclose(before.wins(), 0.1 * before.attempts(), atol=1e-9)
