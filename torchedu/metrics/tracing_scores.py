"""The scores of traced answers over an epoch: pooled, and within students."""

import numpy as np
import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat

from torchedu.metrics.answer_scores import AnswerScores
from torchedu.metrics.streaming import CHUNK
from torchedu.metrics.within import within


class WithinScores(Metric):
    """Collects predictions with their students over batches and ranks; AUC within students.

    A student's answers may come in any batches and ranks, so predictions are kept, 12 bytes an
    answer. Of more than ``most`` answers a half, a quarter and so on of the students are: whole
    students, chosen by their number alone, so that the score is the same however answers are
    divided.

    Args:
        most: Most answers that a rank keeps.
    """

    full_state_update = True
    is_differentiable = False

    probability: list[Tensor]
    right: list[Tensor]
    student: list[Tensor]
    halvings: Tensor

    def __init__(self, most: int = 10_000_000) -> None:
        super().__init__()
        self.most = most
        for name in ("probability", "right", "student"):
            self.add_state(name, default=[], dist_reduce_fx="cat")
        self.add_state("halvings", default=torch.tensor(0), dist_reduce_fx="max")
        self.reset()

    def reset(self) -> None:
        """Forget all answers."""
        super().reset()
        # Never an empty list: for that, torchmetrics gathers a tensor of another type.
        nothing = torch.empty(0, device=self.device)
        self.probability, self.right, self.student = [nothing], [nothing], [nothing.int()]

    def update(self, probability: Tensor, correct: Tensor, scored: Tensor, student: Tensor) -> None:
        """Add a batch.

        Args:
            probability: Predicted probability that an answer is right; shape (B, L).
            correct: Marks; same shape.
            scored: Which answers count; same shape.
            student: Row of each student in the store; shape (B,).
        """
        # Marked, not taken out: a boolean index would wait for the device at every step.
        who_BL = torch.where(scored, student.unsqueeze(1), -1)
        self.probability.append(probability.detach().float().flatten())
        self.right.append(correct.detach().float().flatten())
        self.student.append(who_BL.int().flatten())
        if sum(map(len, self.student[1:])) >= max(CHUNK, len(self.student[0]) // 4):
            self._tidy()

    def compute(self) -> dict[str, float | None]:
        """Return ``auc_within``; None where no student has right and wrong answers."""
        self._tidy()
        p, right, who = (
            column[0].cpu().numpy() for column in (self.probability, self.right, self.student)
        )
        order = np.argsort(who, kind="stable")
        return {"auc_within": within(p[order], right[order], who[order]).auc()}

    def _tidy(self) -> None:
        """Drop what is not scored, and students while there are too many answers."""
        columns = [dim_zero_cat(column) for column in (self.probability, self.right, self.student)]
        while True:
            who = columns[2]
            kept = (who >= 0) & (who % 2 ** int(self.halvings) == 0)
            columns = [column[kept] for column in columns]
            if len(columns[2]) <= self.most:
                break
            self.halvings = self.halvings + 1
        self.probability, self.right, self.student = ([column] for column in columns)


class TracingScores(Metric):
    """What ``AnswerScores`` tells, and beside it ``auc_within`` where students are given."""

    full_state_update = True
    is_differentiable = False

    def __init__(self) -> None:
        super().__init__()
        self.pooled = AnswerScores()
        self.within = WithinScores()

    def update(
        self,
        probability: Tensor,
        correct: Tensor,
        scored: Tensor,
        student: Tensor | None = None,
    ) -> None:
        """Add a batch; see ``WithinScores``."""
        self.pooled.update(probability, correct, scored)
        if student is not None:
            self.within.update(probability, correct, scored, student)

    def compute(self) -> dict[str, float | None]:
        """Return the scores of all answers of all ranks."""
        own = self.within.compute() if self.within.update_called else {}
        return {**self.pooled.compute(), **own}

    def reset(self) -> None:
        """Forget all answers."""
        super().reset()
        self.pooled.reset()
        self.within.reset()
