"""Students at risk: who will fail or leave, told early enough to call them?"""

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from torchedu.batch import RiskBatch
from torchedu.domains.domain import Domain, Schedule
from torchedu.layers import at_least_single
from torchedu.models import EventModel
from torchedu.ranges import NOT_NEGATIVE
from torchedu.schema import (
    ATTRIBUTE,
    EVENT_NUMBERS,
    MODULE,
    MOMENT_NUMBERS,
    RESERVED,
    TOLD,
)

if TYPE_CHECKING:
    from torchmetrics import Metric


class Risks(NamedTuple):
    """Risks at moments.

    Attributes:
        enrolment: Row in the store; shape (moments,).
        day: The day in the course.
        probability: The chance of a bad outcome, from what was known on that day.
        leaving: The chance of leaving within a week from then.
    """

    enrolment: Tensor
    day: Tensor
    probability: Tensor
    leaving: Tensor


class Risk(Domain):
    """Says at any moment of a course how likely each student is to fail it or to leave.

    The loss is the mean binary cross-entropy of the outcome over all weeks of all training
    students, averaged over the network's members, plus a smaller one of leaving within a week.
    What students are (gender, age, region) is an input only where ``--data.attributes`` names it.

    Args:
        net: Called with the four sizes below, gives the network: a class such as ``EventGRU`` or
            ``functools.partial(EventGRU, dim=32)``.
        num_modules: Number of module ids, the reserved ones included.
        num_attributes: Number of ids of what is told of students, the reserved ones included.
        num_event_columns: Numbers of an event.
        num_moment_columns: Numbers of a moment.
        leaving_weight: Weight of the loss of leaving within a week.
        parity_weight: Weight of a penalty on unequal treatment: the squared distance, among
            students of the same outcome, of each group's mean log odds from those of all in the
            batch, a smooth form of equalized odds. The groups are those of ``--data.fair_to``.
        lr: Learning rate of AdamW.
        weight_decay: Its weight decay.
        schedule: ``constant`` keeps the learning rate; ``one_cycle`` raises it to ``lr`` over the
            first tenth of all steps and lowers it to nothing by the last.
    """

    limits: ClassVar = dict.fromkeys(("leaving_weight", "parity_weight"), NOT_NEGATIVE)
    net: EventModel
    keys = ("enrolment", "day")
    use_for = "To tell teachers whom to call while help still matters."
    not_for = "To grade, to refuse or to exclude anyone: a risk is no verdict."
    counts = "moments"
    compares = "students of both outcomes"
    sizes = ("num_modules", "num_attributes", "num_event_columns", "num_moment_columns")
    binds: ClassVar = {MODULE: "num_modules", ATTRIBUTE: "num_attributes"}
    fixed = (TOLD,)
    nets = EventModel
    usual: ClassVar = {
        "net": "torchedu.models.EventGRU",
        "data": "torchedu.datamodules.CourseEvents",
    }

    def __init__(
        self,
        net: Callable[[int, int, int, int], EventModel],
        num_modules: int,
        num_attributes: int = RESERVED,
        num_event_columns: int = len(EVENT_NUMBERS),
        num_moment_columns: int = len(MOMENT_NUMBERS),
        leaving_weight: float = 0.2,
        parity_weight: float = 0.0,
        lr: float = 3e-3,
        weight_decay: float = 0.1,
        schedule: Schedule = "one_cycle",
    ) -> None:
        super().__init__(lr, weight_decay, schedule)
        sizes = (num_modules, num_attributes, num_event_columns, num_moment_columns)
        self.net = self.built(net, EventModel, *sizes)
        self.num_modules = num_modules
        self.num_attributes = num_attributes
        self.num_event_columns = num_event_columns
        self.num_moment_columns = num_moment_columns
        self.leaving_weight = leaving_weight
        self.parity_weight = parity_weight

    def scoring(self) -> "Metric":
        """Return what the scores are computed by; see ``Domain.metrics``."""
        from torchedu.metrics import AnswerScores

        return AnswerScores()

    def loss(self, batch: RiskBatch) -> tuple[Tensor, Tensor]:
        """Return the summed cross-entropy of each student's scored moments, and their number."""
        logit_BQM2 = at_least_single(self(batch))
        risk_BQM, leaving_BQM = logit_BQM2.unbind(-1)
        at_risk_BQM = batch.at_risk_B[:, None, None].expand_as(risk_BQM)
        soon_BQM = batch.leaving_BQ.unsqueeze(-1).expand_as(leaving_BQM)
        each_BQM = F.binary_cross_entropy_with_logits(risk_BQM, at_risk_BQM, reduction="none")
        each_BQM = each_BQM + self.leaving_weight * F.binary_cross_entropy_with_logits(
            leaving_BQM, soon_BQM, reduction="none"
        )
        each_BQ = each_BQM.mean(-1) * batch.weight_B.unsqueeze(1)
        if self.parity_weight:
            each_BQ = each_BQ + self.parity_weight * self._disparity(risk_BQM.mean(-1), batch)
        loss_B = (each_BQ * batch.scored_BQ).sum(1) + self.net.own_loss(batch, logit_BQM2)
        return loss_B, batch.scored_BQ.sum(1)

    @property
    def by_batch(self) -> str:
        """Groups are compared within a batch where they are."""
        weighed = self.parity_weight > 0
        return "⟦model.parity_weight⟧ compares groups within a batch" if weighed else ""

    def _disparity(self, logit_BQ: Tensor, batch: RiskBatch) -> Tensor:
        """Return the mean squared gap between groups and all, of the same outcome; a scalar."""
        gaps = []
        for bad in (False, True):
            mine_B = (batch.at_risk_B > 0.5) == bad
            of_all = logit_BQ[mine_B & (batch.group_B >= 0)]
            counted = batch.scored_BQ[mine_B & (batch.group_B >= 0)]
            for group in batch.group_B[batch.group_B >= 0].unique():
                one_B = mine_B & (batch.group_B == group)
                if batch.scored_BQ[one_B].any():
                    mean = logit_BQ[one_B][batch.scored_BQ[one_B]].mean()
                    gaps.append((mean - of_all[counted].mean()) ** 2)
        return torch.stack(gaps).mean() if gaps else logit_BQ.new_zeros(())

    def pseudonyms(self, batch: RiskBatch) -> list[str]:
        """Name each row of a batch by its enrolment's row in the store."""
        return [f"enrolment row {row}" for row in batch.enrolment_B.tolist()]

    def probabilities(self, batch: RiskBatch) -> tuple[Tensor, Tensor]:
        """Return the risk and the chance of leaving within a week; shape (B, Q) each."""
        risk_BQ, leaving_BQ = self(batch).float().sigmoid().mean(-2).unbind(-1)
        return risk_BQ, leaving_BQ

    def output(self, batch: RiskBatch) -> dict[str, Tensor]:
        """Return the risk and the chance of leaving within a week; see ``Domain.output``."""
        return dict(zip(("risk", "leaving"), self.probabilities(batch), strict=True))

    def outcome(self, batch: RiskBatch) -> tuple[Tensor, Tensor, Tensor]:
        """Return risk, outcome and whether it counts, of each moment of a batch."""
        risk_BQ, _ = self.probabilities(batch)
        return risk_BQ, batch.at_risk_B.unsqueeze(1).expand_as(risk_BQ), batch.scored_BQ

    def predict(self, batch: RiskBatch) -> Risks:
        """Return the risks at the scored moments of a batch."""
        risk_BQ, leaving_BQ = self.probabilities(batch)
        row, at = batch.scored_BQ.nonzero(as_tuple=True)
        return Risks(
            batch.enrolment_B[row], batch.day_BQ[row, at], risk_BQ[row, at], leaving_BQ[row, at]
        )
