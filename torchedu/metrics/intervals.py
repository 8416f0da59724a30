"""How far a score would move with other students of the same kind."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

FEW = 30
"""Students below whom a score is no judgement."""
MOST = 2000
"""Students above whom no interval is drawn: it would be narrower than what is printed."""
DRAWS = 400
"""How often students are drawn again."""


def auc_interval(
    probability: ArrayLike, correct: ArrayLike, student: ArrayLike
) -> tuple[float, float] | None:
    """Return where the AUC lies in 95 of 100 draws of as many students, with replacement.

    A student's answers are alike, so that whole students are drawn (a cluster bootstrap; Field and
    Welsh, Journal of the Royal Statistical Society B 2007).

    Args:
        probability: Predicted probability that an answer is right; shape (answers,).
        correct: Marks, of which at least one half is right; shape (answers,).
        student: Whose answer each is; shape (answers,).

    Returns:
        The lower and the upper end; None of fewer than two students, of more than ``MOST``, or
        where no draw has right and wrong answers.
    """
    names = np.unique(student)
    if not 1 < len(names) <= MOST:
        return None
    who = np.searchsorted(names, student)
    p, right = np.asarray(probability), np.asarray(correct) >= 0.5
    order = np.argsort(p, kind="stable")
    p, right, who = p[order], right[order], who[order]
    runs = np.flatnonzero(np.diff(p, prepend=-1) != 0)
    generator = np.random.default_rng(0)
    aucs = []
    for _ in range(DRAWS):
        times = np.bincount(generator.integers(0, len(names), len(names)), minlength=len(names))
        auc = _auc(times[who], right, runs)
        if auc is not None:
            aucs.append(auc)
    if not aucs:
        return None
    low, high = np.quantile(aucs, [0.025, 0.975]).tolist()
    return low, high


def _auc(
    times: NDArray[np.int64], right: NDArray[np.bool_], runs: NDArray[np.int64]
) -> float | None:
    """Return the AUC of answers that each count several times, in ascending order of prediction."""
    rights = np.add.reduceat(times * right, runs)
    wrongs = np.add.reduceat(times * ~right, runs)
    pairs = int(rights.sum()) * int(wrongs.sum())
    won = int((rights * (2 * (np.cumsum(wrongs) - wrongs) + wrongs)).sum())
    return won / (2 * pairs) if pairs else None
