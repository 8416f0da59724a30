"""What a student had done before each answer: the design matrix of Best-LR, without a loop."""

import numpy as np
from scipy.sparse import csr_array

from torchedu.baselines.tracing import named
from torchedu.datasets.answers import Answers, ragged_index
from torchedu.datasets.past import Earlier
from torchedu.schema import RESERVED


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

    every = np.arange(rows)
    by_all = Earlier(student, correct, every)
    by_item = Earlier(student * answers.num_items + item, correct, every)
    is_named = item >= RESERVED  # unknown items share an id: they are not one item met again
    index, bounds = ragged_index(answers.skill_offsets, item)
    row = np.repeat(np.arange(rows), np.diff(bounds))
    skill = answers.skill[index].astype(np.int64)
    kept = named(skill, num_skills)
    row, skill = row[kept], skill[kept]
    by_skill = Earlier(student[row] * num_skills + skill, correct[row], row)

    shared = num_items + 3 * num_skills
    fitted = np.flatnonzero(named(item, num_items))
    blocks = [
        (fitted, item[fitted], np.ones(len(fitted))),
        (row, num_items + skill, np.ones(len(row))),
        (row, num_items + num_skills + skill, np.log1p(by_skill.attempts())),
        (row, num_items + 2 * num_skills + skill, np.log1p(by_skill.wins())),
        (every, np.full(rows, shared), np.log1p(by_item.attempts()) * is_named),
        (every, np.full(rows, shared + 1), np.log1p(by_item.wins()) * is_named),
        (every, np.full(rows, shared + 2), np.log1p(by_all.attempts())),
        (every, np.full(rows, shared + 3), np.log1p(by_all.wins())),
    ]
    row, column, value = (np.concatenate(part) for part in zip(*blocks, strict=True))
    features = csr_array((value, (row, column)), shape=(rows, shared + 4))
    features.eliminate_zeros()
    return features
