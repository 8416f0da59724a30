"""How good predictions are: AUC, accuracy, log loss, calibration; overall, by group, as curves.

All scores are computed in float64 from all predictions at once, and are the same to the last bit in
whatever order these come. AUC and accuracy ask whether an answer is right, and count a mark of at
least one half as right; log loss and calibration take the mark as it is.
"""

from collections.abc import Sequence

import torch
from numpy.typing import ArrayLike
from torch import Tensor

from torchedu.metrics.sums import (
    ANSWERS,
    BINS,
    OBSERVED,
    PREDICTED,
    answer_sums,
    mean_scores,
    number,
)

SCORES = ("auc", "accuracy", "log_loss", "calibration_error")
"""The names of the scores, in the order in which they are told."""


def scores(probability: ArrayLike, correct: ArrayLike) -> dict[str, float | None]:
    """Score predictions of answers.

    - ``auc``: the chance that a right answer was given a higher probability than a wrong one, ties
      counting half; exact.
    - ``accuracy``: share of answers on whose right side of .5 the prediction was.
    - ``log_loss``: mean cross-entropy in nats, probabilities clipped to ``CLIP``..1 - ``CLIP``.
    - ``calibration_error``: how far predictions are from what came true: the distance between mean
      prediction and mean mark in each of ``BINS`` equal-width bins, averaged over answers (expected
      calibration error; Naeini, Cooper and Hauskrecht, AAAI 2015).

    Args:
        probability: Predicted probability that an answer is right, 0..1; shape (answers,).
        correct: 0, 1 or a share of the marks; shape (answers,).

    Returns:
        The four scores. ``auc`` is None where all answers are right or all wrong, every score is
        None without answers, and NaN where a probability or mark is NaN.

    Raises:
        ValueError: The shapes differ, or a value lies outside 0..1.
    """
    p, y = checked(probability, correct)
    if not len(p):
        return dict.fromkeys(SCORES)
    sums = answer_sums(p, y)
    if sums[-1, ANSWERS]:
        return dict.fromkeys(SCORES, float("nan"))
    return {"auc": _auc(p, y), **mean_scores(sums)}


def scores_by(
    probability: ArrayLike,
    correct: ArrayLike,
    group_ids: ArrayLike,
    names: Sequence[str],
    student_ids: ArrayLike | None = None,
) -> list[dict[str, str | int | float | None]]:
    """Score the answers of each group on their own.

    Args:
        probability: Predicted probability that an answer is right, 0..1; shape (answers,).
        correct: 0, 1 or a share of the marks; shape (answers,).
        group_ids: The group of each answer, an index into ``names``; shape (answers,).
        names: The groups' names.
        student_ids: Who gave each answer, to count the students too; shape (answers,).

    Returns:
        For each group with answers, in the order of ``names``: ``group``, ``students`` where
        ``student_ids`` is given, ``answers``, and the scores of ``scores``.

    Raises:
        ValueError: The shapes differ, a value lies outside 0..1, or a group has no name.
    """
    p, y = checked(probability, correct)
    group = _tensor(group_ids, torch.int64, p.device)
    student = None if student_ids is None else _tensor(student_ids, torch.int64, p.device)
    for ids in (group, student):
        if ids is not None and ids.shape != p.shape:
            raise ValueError(f"{tuple(ids.shape)} ids for {tuple(p.shape)} predictions")
    if len(group) and (int(group.min()) < 0 or int(group.max()) >= len(names)):
        raise ValueError(f"a group id lies outside the {len(names)} names")
    order = group.argsort(stable=True)
    found: list[dict[str, str | int | float | None]] = []
    ends = torch.bincount(group, minlength=len(names)).cumsum(0).tolist()
    for name, begin, end in zip(names, [0, *ends], ends, strict=False):
        if begin == end:
            continue
        rows = order[begin:end]
        row: dict[str, str | int | float | None] = {"group": name}
        if student is not None:
            row["students"] = len(student[rows].unique())
        found.append(row | {"answers": end - begin} | scores(p[rows], y[rows]))
    return found


def roc_points(
    probability: ArrayLike, correct: ArrayLike, most: int = 200
) -> dict[str, list[float]]:
    """Return the ROC curve for drawing: what share of wrong and of right answers is above a cut.

    Args:
        probability: Predicted probability that an answer is right, 0..1; shape (answers,).
        correct: 0, 1 or a share of the marks; shape (answers,).
        most: The most points to return; they are spread evenly along the curve.

    Returns:
        ``false_positive_rate`` and ``true_positive_rate``, from (0, 0) to (1, 1), both ascending;
        empty where there is no curve: one class only, or a NaN.

    Raises:
        ValueError: The shapes differ, or a value lies outside 0..1.
    """
    p, y = checked(probability, correct)
    wrong, right = _ranking(p, y)
    if p.isnan().any() or not wrong[-1] or not right[-1]:
        return {"false_positive_rate": [], "true_positive_rate": []}
    x, y = wrong / wrong[-1], right / right[-1]
    if len(x) > most:
        along = torch.linspace(0, 2, most, dtype=torch.float64, device=x.device)
        kept = torch.searchsorted(x + y, along).clamp(max=len(x) - 1).unique()
        x, y = x[kept], y[kept]
    return {"false_positive_rate": x.tolist(), "true_positive_rate": y.tolist()}


def calibration_points(
    probability: ArrayLike, correct: ArrayLike, bins: int = BINS
) -> dict[str, list[float]]:
    """Return the calibration curve for drawing: what was predicted, and what came true.

    Args:
        probability: Predicted probability that an answer is right, 0..1; shape (answers,).
        correct: 0, 1 or a share of the marks; shape (answers,).
        bins: Number of equal-width bins of predicted probability.

    Returns:
        For each bin with answers: mean ``predicted`` probability, mean ``observed`` mark, and
        number of ``answers``; empty where a probability or mark is NaN.

    Raises:
        ValueError: The shapes differ, or a value lies outside 0..1.
    """
    p, y = checked(probability, correct)
    sums = answer_sums(p, y, bins)
    if sums[-1, ANSWERS]:
        return {"predicted": [], "observed": [], "answers": []}
    sums = sums[sums[:, ANSWERS] > 0]
    answers = sums[:, ANSWERS]
    return {
        "predicted": (number(sums[:, PREDICTED]) / answers).tolist(),
        "observed": (number(sums[:, OBSERVED]) / answers).tolist(),
        "answers": answers.tolist(),
    }


def _auc(p: Tensor, y: Tensor) -> float | None:
    wrong, right = _ranking(p, y)
    if not wrong[-1] or not right[-1]:
        return None
    # Twice the area, in whole numbers: exact up to 4e9 answers.
    area = (wrong.diff() * (right[1:] + right[:-1])).sum()
    return int(area) / (2 * int(wrong[-1]) * int(right[-1]))


def _ranking(p: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Count wrong and right answers at or above each distinct prediction, falling from infinity."""
    ordered, order = p.sort(descending=True)
    last = torch.ones(len(p), dtype=torch.bool, device=p.device)
    last[:-1] = ordered[1:] != ordered[:-1]
    seen = last.nonzero().flatten() + 1
    right = (y >= 0.5)[order].cumsum(0)[seen - 1]
    zero = right.new_zeros(1)
    return torch.cat([zero, seen - right]), torch.cat([zero, right])


def checked(probability: ArrayLike, correct: ArrayLike) -> tuple[Tensor, Tensor]:
    """Return predictions and marks as float64; see ``scores`` for arguments and errors."""
    p = _tensor(probability, torch.float64)
    y = _tensor(correct, torch.float64, p.device)
    if p.ndim != 1 or p.shape != y.shape:
        raise ValueError(f"shapes {tuple(p.shape)} and {tuple(y.shape)}, not (answers,) twice")
    for name, values in (("probability", p), ("correct", y)):
        if ((values < 0) | (values > 1)).any():
            raise ValueError(f"a value of {name} lies outside 0..1")
    return p, y


def _tensor(
    values: ArrayLike, dtype: torch.dtype, device: torch.device | str | None = None
) -> Tensor:
    if isinstance(values, Tensor):
        # Apple's GPUs have no float64.
        values = values.detach().cpu() if values.is_mps else values.detach()
        return values.to(device=device, dtype=dtype)
    # A copy: memory-mapped columns are read-only, which torch warns about.
    return torch.tensor(values, dtype=dtype, device=device)
