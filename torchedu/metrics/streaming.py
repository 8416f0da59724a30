"""Scores of any number of answers in constant memory, with a bound on the error of the AUC.

The AUC asks for the order of predictions alone, and the bits of positive float32s, read as whole
numbers, are in their order: a prediction's place is its bits up to one half, and beyond it those of
its distance from 1, mirrored. So places are as dense near 1 as near 0. Predictions are counted in
cells of 2 ** shift neighbouring places. The shift is the smallest that leaves at most ``CELLS``
cells in use: nothing is lost while there are no more distinct predictions than that, whether they
are ties, lie close together or crowd at 0 or 1.

A pair of a right and a wrong answer in two cells is ordered; so is one in a cell that a single
prediction fell into, a tie. Any other pair in one cell counts half, which is wrong by at most a
half. So the AUC is within (pairs within cells) / (2 * right * wrong) of the exact one: proven for
whatever was predicted, and told as ``auc_error``. For predictions spread like a network's it is
near 1e-5, and the error made far smaller. It is large where more than ``CELLS`` distinct
predictions are spread out and, among them, a large share of all crowds into a few cells: half of
all answers at one value leave 0.1, though the error made is then 1e-6.

The shift can only grow with the answers, and cells only join. So the summary is a function of the
answers, not of their order or division: merged in any order it is the same to the last bit.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from torchedu.metrics.sums import ANSWERS, BINS, COLUMNS, answer_sums, mean_scores

CELLS = 7 * 2**15
"""Most cells in use: of 24 bytes each, which with all that an update needs is under 64 MiB."""

CHUNK = 2**16
"""Answers to add at once: few, for memory's sake, yet worth going over all cells."""

PLACE, RIGHT, WRONG = range(3)
_HALF = 0x3F000000  # the bits of 0.5


class Summary(NamedTuple):
    """What is kept of answers.

    Attributes:
        shift: A cell holds 2 ** shift neighbouring places.
        cells: For each cell in use, twice the lowest place of a prediction in it, plus one where
            there are others, and the numbers of right and of wrong answers; shape (cells, 3),
            int64.
        sums: Those of ``answer_sums``.

    Several are put together by the largest shift, the cells one after the other, and the sums added
    up.
    """

    shift: int
    cells: Tensor
    sums: Tensor

    @classmethod
    def empty(cls) -> "Summary":
        """Return the summary of no answers."""
        cells = torch.zeros(0, 3, dtype=torch.int64)
        return cls(0, cells, torch.zeros(BINS + 1, COLUMNS, dtype=torch.int64))

    @property
    def answers(self) -> int:
        """The number of answers."""
        return int(self.sums[:, ANSWERS].sum())

    def add(self, p: Tensor, y: Tensor) -> "Summary":
        """Return the summary with more answers.

        Args:
            p: Predicted probability that an answer is right, 0..1 or NaN; shape (answers,),
                float64, taken to the nearest float32.
            y: 0, 1 or a share of the marks; shape (answers,), float64.
        """
        rows = torch.empty(len(self.cells) + len(p), 3, dtype=torch.int64, device=p.device)
        rows[: len(self.cells)] = self.cells
        points = rows[len(self.cells) :]
        points[:, PLACE] = 2 * _places(p.float())
        points[:, RIGHT] = y >= 0.5
        points[:, WRONG] = 1 - points[:, RIGHT]
        sums = self.sums.to(p.device) + answer_sums(p, y)
        return Summary(*_joined(rows, self.shift), sums)

    def scores(self) -> dict[str, float | None]:
        """Return what ``torchedu.metrics.scores`` does, and ``auc_error``.

        Returns:
            The four scores, and the most by which ``auc`` is off; both are None where all answers
            are right or all wrong. Every value is NaN where a prediction or mark is.
        """
        if not self.answers:
            return dict.fromkeys(("auc", "accuracy", "log_loss", "calibration_error", "auc_error"))
        means = mean_scores(self.sums)
        auc, error = self._auc()
        if self.sums[-1, ANSWERS]:
            auc = error = float("nan")
        return {"auc": auc, **means, "auc_error": error}

    def _auc(self) -> tuple[float | None, float | None]:
        _, cells = _joined(self.cells, self.shift)
        place, right, wrong = cells.unbind(1)
        pairs = int(right.sum()) * int(wrong.sum())
        if not pairs:
            return None, None
        # In whole numbers: exact up to 4e9 answers.
        won = int((right * (wrong.cumsum(0) - wrong)).sum())
        within = right * wrong
        unsure = int(within[place % 2 == 1].sum())
        return (2 * won + int(within.sum())) / (2 * pairs), unsure / (2 * pairs)


def _places(p: Tensor) -> Tensor:
    """Number all float32s from 0 to 1 in their order, with gaps above one half."""
    # Adding zero turns -0, whose bits are out of order, into 0.
    nearer = torch.minimum(p, 1 - p) + 0.0
    bits = nearer.view(torch.int32).long()
    return torch.where(p <= 0.5, bits, 2 * _HALF - bits)


def _joined(cells: Tensor, shift: int) -> tuple[int, Tensor]:
    """Join rows that fall into one cell, with a shift that makes the cells few enough."""
    while True:
        used, cell = (cells[:, PLACE] >> (shift + 1)).unique(return_inverse=True)
        if len(used) <= CELLS:
            break
        shift += 1
    joined = cells.new_zeros(len(used), 3)
    joined[:, RIGHT:].index_add_(0, cell, cells[:, RIGHT:])
    lowest, highest = (
        used.scatter_reduce(0, cell, cells[:, PLACE], reduce, include_self=False)
        for reduce in ("amin", "amax")
    )
    joined[:, PLACE] = lowest | (lowest != highest)
    return shift, joined
