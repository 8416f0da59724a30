"""The scores over an epoch, gathered batch by batch and from all ranks."""

import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat

from torchedu.metrics.scores import scores


class AnswerScores(Metric):
    """Collects predictions over batches and ranks, and scores them together at the end.

    AUC cannot be averaged over batches, so every prediction is kept: 8 bytes an answer. An update
    neither computes a score nor waits for the device.

    A batch may hold other answers than those to score (padding, or history alone); they are left
    out of every score.
    """

    full_state_update = False
    is_differentiable = False
    _UNSCORED = -1.0

    probability: list[Tensor]
    correct: list[Tensor]

    def __init__(self) -> None:
        super().__init__()
        self.add_state("probability", default=[], dist_reduce_fx="cat")
        self.add_state("correct", default=[], dist_reduce_fx="cat")

    def update(self, probability: Tensor, correct: Tensor, scored: Tensor | None = None) -> None:
        """Add a batch.

        Args:
            probability: Predicted probability that an answer is right, 0..1; any shape, such as
                (B, L). Values of answers that are not scored do not matter.
            correct: 0, 1 or a share of the marks; same shape.
            scored: Which answers count; same shape. All, where it is not given.

        Raises:
            ValueError: The shapes differ.
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

    def compute(self) -> dict[str, float | None]:
        """Return the scores of all answers of all ranks, as ``scores`` does.

        Returns:
            ``auc``, ``accuracy``, ``log_loss`` and ``calibration_error``; None where a score is not
            defined.
        """
        if not len(self.correct):
            return scores([], [])
        correct = dim_zero_cat(self.correct)
        scored = correct != self._UNSCORED
        return scores(dim_zero_cat(self.probability)[scored], correct[scored])
