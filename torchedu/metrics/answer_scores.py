"""The scores over an epoch, gathered batch by batch and from all ranks."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat

from torchedu.metrics.scores import EXACT, checked, scores
from torchedu.metrics.streaming import CHUNK, Summary


class AnswerScores(Metric):
    """Collects predictions over batches and ranks, and scores them together at the end.

    AUC cannot be averaged over batches, so predictions are kept, 8 bytes an answer, and scored
    exactly. Beyond ``exact_up_to`` answers they are counted in cells instead, in constant memory:
    AUC is then within ``auc_error`` of the exact one, which is told beside it, and the other scores
    stay exact. Either way the scores are the same to the last bit however the answers are divided
    among batches and ranks.

    An update neither computes a score nor waits for the device, but for one in some ``CHUNK``
    answers, which counts or tidies up what was kept.

    A batch may hold other answers than those to score (padding, or history alone); they are left
    out of every score.

    Args:
        exact_up_to: Most answers, over all ranks, whose AUC is exact; 0 for constant memory from
            the start. A rank holds at most a quarter more, and at the end what all ranks hold.
    """

    # A forward pass then updates what was kept so far, and not a fresh copy alone.
    full_state_update = True
    is_differentiable = False
    _UNSCORED = -1.0

    probability: list[Tensor]
    correct: list[Tensor]
    cells: list[Tensor] | Tensor
    shift: Tensor
    sums: Tensor

    def __init__(self, exact_up_to: int = EXACT) -> None:
        super().__init__()
        self.exact_up_to = exact_up_to
        self.add_state("probability", default=[], dist_reduce_fx="cat")
        self.add_state("correct", default=[], dist_reduce_fx="cat")
        nothing = Summary.empty()
        self.add_state("cells", default=[], dist_reduce_fx="cat")
        self.add_state("shift", default=torch.tensor(nothing.shift), dist_reduce_fx="max")
        self.add_state("sums", default=nothing.sums, dist_reduce_fx="sum")
        self.reset()

    def reset(self) -> None:
        """Forget all answers."""
        super().reset()
        # Never an empty list: for that, torchmetrics gathers a tensor of another type and shape.
        self.cells = [Summary.empty().cells.to(self.device)]

    def update(self, probability: Tensor, correct: Tensor, scored: Tensor | None = None) -> None:
        """Add a batch.

        Args:
            probability: Predicted probability that an answer is right, 0..1; any shape, such as
                (B, L). Values of answers that are not scored do not matter.
            correct: 0, 1 or a share of the marks; same shape.
            scored: Which answers count; same shape. All, where it is not given.

        Raises:
            ValueError: The shapes differ, or, told at some later update or by ``compute``, a value
                lies outside 0..1.
        """
        for tensor in (correct, scored):
            if tensor is not None and tensor.shape != probability.shape:
                raise ValueError(
                    f"shape {tuple(tensor.shape)} beside predictions of {tuple(probability.shape)}"
                )
        correct = correct.detach().float()
        if scored is not None:
            # Marked, not taken out: a boolean index would wait for the device at every step.
            correct = torch.where(scored, correct, self._UNSCORED)
        self.probability.append(probability.detach().float().flatten())
        self.correct.append(correct.flatten())
        # The first tensor is what tidying left. A share of it, lest it be copied too often.
        if sum(map(len, self.correct[1:])) >= max(CHUNK, len(self.correct[0]) // 4):
            self._tidy()

    def compute(self) -> dict[str, float | None]:
        """Return the scores of all answers of all ranks, as ``scores`` does.

        Returns:
            ``auc``, ``accuracy``, ``log_loss`` and ``calibration_error``; None where a score is not
            defined. Beyond ``exact_up_to`` answers ``auc_error`` too, the most by which ``auc`` is
            off.
        """
        kept, summary = self._kept(), self._summary()
        if summary.answers + len(kept[0]) <= self.exact_up_to:
            return scores(*kept)
        return _added(summary, kept).scores()

    def _tidy(self) -> None:
        """Drop what is not scored; beyond the limit, count what is kept in cells."""
        kept, summary = self._kept(), self._summary()
        if summary.answers + len(kept[0]) > self.exact_up_to:
            summary = _added(summary, kept)
            self.cells = [summary.cells]
            self.shift = torch.tensor(summary.shift, device=self.device)
            self.sums = summary.sums
            kept = kept[0][:0], kept[1][:0]
        self.probability, self.correct = ([values] for values in kept)

    def _kept(self) -> tuple[Tensor, Tensor]:
        """Return the predictions and marks of the scored answers that are not in cells."""
        if not len(self.correct):
            return torch.zeros(0), torch.zeros(0)
        correct = dim_zero_cat(self.correct)
        scored = correct != self._UNSCORED
        return dim_zero_cat(self.probability)[scored], correct[scored]

    def _summary(self) -> Summary:
        # One tensor, on this rank or of all; concatenated it would be copied.
        cells = self.cells if isinstance(self.cells, Tensor) else self.cells[0]
        return Summary(int(self.shift), cells, self.sums)


def _added(summary: Summary, kept: Sequence[Tensor]) -> Summary:
    for some in zip(*(values.split(CHUNK) for values in kept), strict=True):
        summary = summary.add(*checked(*some))
    return summary
