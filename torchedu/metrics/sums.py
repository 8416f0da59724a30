"""Sums over answers that come out the same to the last bit, however the answers are divided.

A sum of floating-point numbers depends on their order; a sum of whole numbers does not. So every
term is taken in steps of 2 ** -56, finer than float64 tells numbers near one apart, and counted in
two int64: one of steps of 2 ** -26, and one of the rest. Both are exact up to 2 ** 32 answers.
"""

import torch
from torch import Tensor

CLIP = 1e-7
"""Log loss sees probabilities no nearer to 0 and 1 than this, about float32's step below 1."""

BINS = 15
"""Equal-width bins of predicted probability, for calibration."""

CHUNK = 2**14
"""Answers that are summed at once, in a processor's cache."""

ANSWERS, ON_RIGHT_SIDE = 0, 1
LOSS, PREDICTED, OBSERVED = slice(2, 4), slice(4, 6), slice(6, 8)
COLUMNS = 8
"""What is summed in each bin: two counts, then three numbers of two columns each."""


def answer_sums(p: Tensor, y: Tensor, bins: int = BINS) -> Tensor:
    """Sum what accuracy, log loss and calibration need, by bin of predicted probability.

    Args:
        p: Predicted probability that an answer is right, 0..1 or NaN; shape (answers,).
        y: 0, 1 or a share of the marks; shape (answers,).
        bins: Number of equal-width bins; a bin holds its lower edge.

    Returns:
        Sums to add to others'; shape (bins + 1, COLUMNS), int64. The last row counts the answers
        whose prediction or mark is NaN.
    """
    sums = torch.zeros(bins + 1, COLUMNS, dtype=torch.int64, device=p.device)
    for some_p, some_y in zip(p.split(CHUNK), y.split(CHUNK), strict=True):
        _add(sums, some_p, some_y, bins)
    return sums


def number(parts: Tensor) -> Tensor:
    """Return the numbers that two columns hold; shape (..., 2) to (...), float64 on the CPU."""
    parts = parts.cpu()  # not every device has float64
    return parts[..., 0].double() / 2**26 + parts[..., 1].double() / 2**56


def mean_scores(sums: Tensor) -> dict[str, float]:
    """Return accuracy, log loss and calibration error of at least one answer.

    Args:
        sums: Those of ``answer_sums``, or of several calls added up.

    Returns:
        ``accuracy``, ``log_loss`` and ``calibration_error``, as ``scores`` defines them; NaN where
        a prediction or mark is.
    """
    if sums[-1, ANSWERS]:
        return dict.fromkeys(("accuracy", "log_loss", "calibration_error"), float("nan"))
    total = sums.sum(0)
    answers = int(total[ANSWERS])
    gaps = number(sums[:, PREDICTED] - sums[:, OBSERVED]).abs()
    return {
        "accuracy": int(total[ON_RIGHT_SIDE]) / answers,
        "log_loss": float(number(total[LOSS])) / answers,
        "calibration_error": float(gaps.sum()) / answers,
    }


def _add(sums: Tensor, p: Tensor, y: Tensor, bins: int) -> None:
    p, y = p.double(), y.double()
    nan = (p + y).isnan()
    p, y = p.masked_fill(nan, 0), y.masked_fill(nan, 0)
    # Not by torch's function, which CUDA refuses in mixed precision, though these are doubles.
    within = p.clamp(CLIP, 1 - CLIP)
    loss = -(y * within.log() + (1 - y) * (-within).log1p())
    scaled = torch.stack([loss, p, y], -1) * 2**26
    whole = scaled.round()
    rest = ((scaled - whole) * 2**30).round()
    counts = torch.stack([torch.ones_like(nan), (p >= 0.5) == (y >= 0.5)], -1)
    terms = torch.cat([counts, torch.stack([whole, rest], -1).flatten(-2)], -1).long()
    at = (p * bins).long().clamp(max=bins - 1).masked_fill(nan, bins)
    sums.index_add_(0, at, terms)
