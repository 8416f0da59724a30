"""How good predictions are: AUC, accuracy, log loss, calibration; overall, by group, as curves.

All scores are computed from all predictions at once, and are the same to the last bit in whatever
order these come; of more than ``EXACT`` in constant memory, with a bound on the error of the AUC.
AUC and accuracy ask whether an answer is right, and count a mark of at
least one half as right; log loss and calibration take the mark as it is.
"""

from collections.abc import Iterable, Sequence

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from torchedu.metrics.streaming import Summary
from torchedu.metrics.sums import (
    ANSWERS,
    BINS,
    OBSERVED,
    PREDICTED,
    answer_sums,
    mean_scores,
    number,
)

BLOCK = 2**18
"""Predictions that are compared with all others at once."""
EXACT = 10_000_000
"""Most predictions whose AUC is exact: they are put in order."""
MANY = 2**20
"""Predictions beyond those that are added up at once."""
SCORES = ("auc", "accuracy", "log_loss", "calibration_error")
"""The names of the scores, in the order in which they are told."""


def scores(probability: ArrayLike, correct: ArrayLike) -> dict[str, float | None]:
    """Score predictions of answers.

    - ``auc``: the chance that a right answer was given a higher probability than a wrong one, ties
      counting half; exact up to ``EXACT`` answers.
    - ``accuracy``: share of answers on whose right side of .5 the prediction was.
    - ``log_loss``: mean cross-entropy in nats, probabilities clipped to ``CLIP``..1 - ``CLIP``.
    - ``calibration_error``: how far predictions are from what came true: the distance between mean
      prediction and mean mark in each of ``BINS`` equal-width bins, averaged over answers (expected
      calibration error; Naeini, Cooper and Hauskrecht, AAAI 2015).

    Args:
        probability: Predicted probability that an answer is right, 0..1; shape (answers,).
        correct: 0, 1 or a share of the marks; shape (answers,).

    Returns:
        The four scores, and beyond ``EXACT`` answers ``auc_error``, the most by which ``auc`` is
        off. ``auc`` is None where all answers are right or all wrong, every score is None without
        answers, and NaN where a probability or mark is NaN.

    Raises:
        ValueError: The shapes differ, or a value lies outside 0..1.
    """
    shape = np.shape(probability)
    if len(shape) == 1 and shape[0] > EXACT and np.shape(correct) == shape:
        parts = (slice(begin, begin + MANY) for begin in range(0, shape[0], MANY))
        return scores_of((probability[some], correct[some]) for some in parts)  # type: ignore[index]
    p, y = checked(probability, correct)
    if not len(p):
        return dict.fromkeys(SCORES)
    sums = answer_sums(p, y)
    if sums[-1, ANSWERS]:
        return dict.fromkeys(SCORES, float("nan"))
    return {"auc": _auc(p, y), **mean_scores(sums)}


def scores_of(parts: Iterable[tuple[ArrayLike, ArrayLike]]) -> dict[str, float | None]:
    """Score predictions that come part by part, in constant memory, however many they are.

    Args:
        parts: Predictions and marks of some answers, as ``scores`` takes them.

    Returns:
        The four scores and ``auc_error``, the most by which ``auc`` is off.

    Raises:
        ValueError: As ``scores``.
    """
    summary = Summary.empty()
    for p, y in parts:
        summary = summary.add(*checked(p, y))
    return summary.scores()


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
    group = np.asarray(group_ids)
    student = None if student_ids is None else np.asarray(student_ids)
    for ids in (group, student):
        if ids is not None and ids.shape != p.shape:
            raise ValueError(f"{ids.shape} ids for {tuple(p.shape)} predictions")
    if len(group) and (group.min() < 0 or group.max() >= len(names)):
        raise ValueError(f"a group id lies outside the {len(names)} names")
    groups: list[dict[str, str | int | float | None]] = []
    for id, name in enumerate(names):
        mine = group == id
        if not mine.any():
            continue
        row: dict[str, str | int | float | None] = {"group": name}
        if student is not None:
            some = range(0, len(mine), BLOCK)
            each = [np.unique(student[i : i + BLOCK][mine[i : i + BLOCK]]) for i in some]
            row["students"] = len(np.unique(np.concatenate(each)))
        rows = torch.from_numpy(mine).to(p.device)
        row |= {"answers": int(mine.sum()), **scores(p[rows], y[rows])}
        groups.append(row)
    return groups


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
    low, high = _divided(p, y)
    if p.isnan().any() or not len(low) or not len(high):
        return {"false_positive_rate": [], "true_positive_rate": []}
    cuts = torch.from_numpy(np.unique(p.cpu().numpy())).to(p.device)

    def rates(place: Tensor) -> tuple[Tensor, Tensor]:
        """Return both rates at some places of the curve, of which the first has no answer above."""
        cut = cuts[len(cuts) - place.clamp(min=1)]
        x, y = (
            ((len(scores) - torch.searchsorted(scores, cut)) * (place > 0)).double() / len(scores)
            for scores in (low, high)
        )
        return x, y

    place = torch.arange(min(len(cuts) + 1, most + 1), device=p.device)
    if len(cuts) >= most:  # of the places that lie nearest behind points spread along the curve
        along = torch.linspace(0, 2, most, dtype=torch.float64, device=p.device)
        first, last = torch.zeros_like(along).long(), torch.full_like(along, len(cuts)).long()
        while bool((first < last).any()):
            middle = (first + last) // 2
            before = sum(rates(middle)) < along
            first, last = torch.where(before, middle + 1, first), torch.where(before, last, middle)
        place = first.clamp(max=len(cuts)).unique()
    x, y = rates(place)
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
    answers = sums[:, ANSWERS].cpu()
    return {
        "predicted": (number(sums[:, PREDICTED]) / answers).tolist(),
        "observed": (number(sums[:, OBSERVED]) / answers).tolist(),
        "answers": answers.tolist(),
    }


def _auc(p: Tensor, y: Tensor) -> float | None:
    low, high = _divided(p, y)
    if not len(low) or not len(high):
        return None
    # A pair in order counts twice, a tie once, in whole numbers: exact up to 4e9 answers.
    won = sum(
        int(torch.searchsorted(low, some, right=right).sum())
        for some in high.split(BLOCK)
        for right in (False, True)
    )
    return won / (2 * len(low) * len(high))


def _divided(p: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Return the predictions of wrong and of right answers, ascending."""
    right = y >= 0.5
    return _ascending(p[~right]), _ascending(p[right])


def _ascending(values: Tensor) -> Tensor:
    """Put predictions in order, NaN last: numpy takes a third of torch's time on a processor."""
    if values.device.type == "cpu":
        return torch.from_numpy(np.sort(values.numpy()))
    return values.sort().values


def checked(probability: ArrayLike, correct: ArrayLike) -> tuple[Tensor, Tensor]:
    """Return predictions and marks in their own precision; see ``scores`` for the rest."""
    p = _tensor(probability)
    y = _tensor(correct, p.device)
    if p.ndim != 1 or p.shape != y.shape:
        raise ValueError(f"shapes {tuple(p.shape)} and {tuple(y.shape)}, not (answers,) twice")
    for name, values in (("probability", p), ("correct", y)):
        if ((values < 0) | (values > 1)).any():
            raise ValueError(f"a value of {name} lies outside 0..1")
    return p, y


def _tensor(values: ArrayLike, device: torch.device | None = None) -> Tensor:
    """Return values as float32 where they are, else as float64."""
    if isinstance(values, Tensor):
        # Apple's GPUs have no float64.
        values = values.detach().cpu() if values.is_mps else values.detach()
        return values.to(device, values.dtype if values.dtype == torch.float32 else torch.float64)
    array = np.asarray(values)
    dtype = np.float32 if array.dtype == np.float32 else np.float64
    # What is read-only, as columns of stores are, is copied: torch would warn.
    array = np.require(array, dtype, ("C", "W"))
    return torch.from_numpy(array).to(device)
