"""Small classes of students for the tests of baselines."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from torchedu.datasets.answers import Answers


def _class_of(
    histories: Sequence[Sequence[tuple[int, float]]], skills: Sequence[Sequence[int]]
) -> Answers:
    flat = [answer for history in histories for answer in history]
    return Answers(
        offsets=np.cumsum([0, *map(len, histories)]),
        item=np.array([item for item, _ in flat], np.int32),
        correct=np.array([correct for _, correct in flat], np.float32),
        skill_offsets=np.cumsum([0, *map(len, skills)]),
        skill=np.array([skill for one in skills for skill in one], np.int32),
        num_items=len(skills),
        num_skills=max((skill for one in skills for skill in one), default=1) + 1,
    )


def _rasch_class(students: int, answers: int, seed: int) -> Answers:
    items = 40
    hard = np.random.default_rng(0).normal(0, 1, items + 2)
    rng = np.random.default_rng(seed)
    item = rng.integers(2, items + 2, (students, answers))
    logit = rng.normal(0, 1.5, (students, 1)) - hard[item]
    correct = rng.random(item.shape) < 1 / (1 + np.exp(-logit))
    return Answers(
        offsets=np.arange(students + 1) * answers,
        item=item.ravel().astype(np.int32),
        correct=correct.ravel().astype(np.float32),
        skill_offsets=np.array([0, 0, 0, *range(1, items + 1)]),
        skill=(2 + np.arange(items) % 4).astype(np.int32),
        num_items=items + 2,
        num_skills=6,
    )


@pytest.fixture(scope="session")
def class_of() -> Callable[..., Answers]:
    """Build answers from each student's (item, mark) pairs and each item id's skill ids."""
    return _class_of


@pytest.fixture(scope="session")
def rasch_class() -> Callable[..., Answers]:
    """Simulate students of differing ability on 40 items of differing difficulty, 4 skills."""
    return _rasch_class
