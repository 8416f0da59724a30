"""What a student had done before each answer: the design matrix of Best-LR, without a loop."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from torchedu.baselines.tracing import named
from torchedu.datasets.answers import Answers, ragged_index
from torchedu.schema import RESERVED


class Past(NamedTuple):
    """What came before, for each of some attempts.

    Attributes:
        attempts: Number of earlier attempts of the same kind; float64.
        wins: Sum of their marks, the number of right answers where marks are 0 or 1; float64.
    """

    attempts: NDArray[np.float64]
    wins: NDArray[np.float64]


def past(key: NDArray[np.int64], correct: NDArray[np.float64]) -> Past:
    """Count, for every attempt, the earlier attempts with the same key and their marks.

    Args:
        key: What the attempts are counted by, such as student and skill in one number; shape
            (attempts,), in the order in which they happened.
        correct: The mark of each attempt, 0..1; shape (attempts,).

    Returns:
        Counts and sums over the attempts before it, shape (attempts,) each.
    """
    order = np.argsort(key, kind="stable")
    ordered = key[order]
    first = np.ones(len(key), bool)
    first[1:] = ordered[1:] != ordered[:-1]
    begins = np.flatnonzero(first)
    group = np.cumsum(first) - 1
    before = np.cumsum(correct[order]) - correct[order]
    attempts, wins = np.empty(len(key)), np.empty(len(key))
    attempts[order] = np.arange(len(key)) - begins[group]
    # Shares of marks may leave a rounding error below zero, which a logarithm would not forgive.
    wins[order] = np.maximum(before - before[begins][group], 0.0)
    return Past(attempts, wins)


def count_features(answers: Answers, num_items: int, num_skills: int) -> csr_array:
    """Return Best-LR's features of every answer, from the history before it.

    The columns are, in this order: the item (one-hot); its skills (one-hot each); for each skill
    of the item log(1 + attempts) and log(1 + wins) at that skill, with a weight a skill; the same
    two numbers for the item and for all answers so far, with a weight for all items together.
    An id that is reserved, or that the fitted vocabulary lacks, has no column.

    Args:
        answers: The histories.
        num_items: Size of the item vocabulary that was fitted, reserved ids included.
        num_skills: Size of the skill vocabulary that was fitted, reserved ids included.

    Returns:
        The features; shape (answers, num_items + 3 num_skills + 4).
    """
    rows = len(answers.item)
    item = answers.item.astype(np.int64)
    correct = answers.correct.astype(np.float64)
    student = np.repeat(np.arange(len(answers.offsets) - 1), np.diff(answers.offsets))

    by_all = past(student, correct)
    by_item = past(student * answers.num_items + item, correct)
    is_named = item >= RESERVED  # unknown items share an id: they are not one item met again
    index, bounds = ragged_index(answers.skill_offsets, item)
    row = np.repeat(np.arange(rows), np.diff(bounds))
    skill = answers.skill[index].astype(np.int64)
    kept = named(skill, num_skills)
    row, skill = row[kept], skill[kept]
    by_skill = past(student[row] * num_skills + skill, correct[row])

    shared = num_items + 3 * num_skills
    fitted = np.flatnonzero(named(item, num_items))
    every = np.arange(rows)
    blocks = [
        (fitted, item[fitted], np.ones(len(fitted))),
        (row, num_items + skill, np.ones(len(row))),
        (row, num_items + num_skills + skill, np.log1p(by_skill.attempts)),
        (row, num_items + 2 * num_skills + skill, np.log1p(by_skill.wins)),
        (every, np.full(rows, shared), np.log1p(by_item.attempts) * is_named),
        (every, np.full(rows, shared + 1), np.log1p(by_item.wins) * is_named),
        (every, np.full(rows, shared + 2), np.log1p(by_all.attempts)),
        (every, np.full(rows, shared + 3), np.log1p(by_all.wins)),
    ]
    row, column, value = (np.concatenate(part) for part in zip(*blocks, strict=True))
    features = csr_array((value, (row, column)), shape=(rows, shared + 4))
    features.eliminate_zeros()
    return features
