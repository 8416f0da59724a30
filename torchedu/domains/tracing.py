"""Knowledge tracing: how likely is this student to answer the next question correctly?"""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from torch import Tensor
from torch.nn import functional as F

from torchedu.batch import AnswerBatch
from torchedu.domains.domain import Domain, Schedule
from torchedu.domains.rows import windows_named
from torchedu.layers import at_least_single
from torchedu.models import KTModel
from torchedu.schema import GROUP, ITEM, SKILL

if TYPE_CHECKING:
    from torchmetrics import Metric


class TracedAnswers(NamedTuple):
    """Predictions of answers, one each however many skills the item has.

    Attributes:
        student: Row in the store; shape (answers,).
        position: Position in the student's history.
        probability: The chance of a correct answer, from the history before it.
        correct: What came true: 0, 1 or a share of the marks.
    """

    student: Tensor
    position: Tensor
    probability: Tensor
    correct: Tensor


class Tracing(Domain):
    """Predicts every answer of a student from those before it.

    The loss is the mean binary cross-entropy over the answers of a step, plus the network's own
    loss and penalty. Each answered question is predicted and scored once, whatever the number of
    its skills.

    Args:
        net: Called with the numbers of items and skills, gives the network: a class such as ``DKT``
            or ``functools.partial(DKT, dim=64)``.
        num_items: Number of item ids, the reserved ones included.
        num_skills: Number of skill ids, the reserved ones included.
        sparse: Give the tables of items and skills sparse gradients, and step with row-wise Adagrad
            in place of AdamW: for tables of which a batch touches little. It wants a larger ``lr``,
            such as .05, and no weight decay.
        lr: Learning rate of AdamW.
        weight_decay: Its weight decay.
        schedule: ``constant`` keeps the learning rate; ``one_cycle`` raises it to ``lr`` over the
            first tenth of all steps and lowers it to nothing by the last.
    """

    net: KTModel
    sizes = ("num_items", "num_skills")
    compares = "right and wrong answers"
    binds: ClassVar = {ITEM: "num_items", SKILL: "num_skills", GROUP: ""}
    nets = KTModel
    keys = ("student", "position")
    use_for = (
        "To foretell whether a student answers the next question right, and to show what is "
        "mastered."
    )
    not_for = "To mark a student."
    usual: ClassVar = {
        "net": "torchedu.models.LogisticDKT",
        "data": "torchedu.datamodules.Interactions",
        "init_args": {"lr": 5e-3, "weight_decay": 0.5, "schedule": "one_cycle"},
    }

    def __init__(
        self,
        net: Callable[[int, int], KTModel],
        num_items: int,
        num_skills: int,
        sparse: bool = False,
        lr: float = 1e-3,
        weight_decay: float = 0.0,
        schedule: Schedule = "constant",
    ) -> None:
        super().__init__(lr, weight_decay, schedule, sparse)
        self.net = self.built(net, KTModel, num_items, num_skills)
        self.num_items = num_items
        self.num_skills = num_skills

    def take_facts(self, data: Any, fresh: bool) -> None:
        """Keep how often each item was answered, and what judges new ones by their words."""
        if self.companions is None:
            return
        reading = dict(self.companions.reading) | data.judged_by
        self.companions = replace(self.companions, answered=data.answered, reading=reading)

    def scoring(self) -> "Metric":
        """Return what the scores are computed by; see ``Domain.metrics``."""
        from torchedu.metrics.tracing_scores import TracingScores

        return TracingScores()

    def loss(self, batch: AnswerBatch) -> tuple[Tensor, Tensor]:
        """Return the summed cross-entropy of each window's scored answers, and their number."""
        logit_BL = at_least_single(self(batch))
        each_BL = F.binary_cross_entropy_with_logits(logit_BL, batch.correct_BL, reduction="none")
        loss_B = (each_BL * batch.scored_BL).sum(1) + self.net.own_loss(batch, logit_BL)
        return loss_B, batch.scored_BL.sum(1)

    def pseudonyms(self, batch: AnswerBatch) -> list[str]:
        """Name each window by the student's row in the store and the answers' positions."""
        return windows_named(batch, "answers")

    def output(self, batch: AnswerBatch) -> dict[str, Tensor]:
        """Return the log odds of each answer; see ``Domain.output``."""
        return {"logit": self(batch)}

    def outcome(self, batch: AnswerBatch) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return probability, mark and whether it counts, of each slot of a batch, and whose."""
        return self(batch).float().sigmoid(), batch.correct_BL, batch.scored_BL, batch.student_B

    def predict(self, batch: AnswerBatch) -> TracedAnswers:
        """Return the predictions of the scored answers of a batch."""
        probability_BL = self(batch).float().sigmoid()
        row, step = batch.scored_BL.nonzero(as_tuple=True)
        position = batch.start_B[row] + step
        return TracedAnswers(
            batch.student_B[row], position, probability_BL[row, step], batch.correct_BL[row, step]
        )
