"""Talk moves: what teachers and students do with what they say, sentence by sentence."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from torchedu.batch import LessonBatch
from torchedu.domains.domain import Domain, Schedule
from torchedu.layers import at_least_single
from torchedu.models import LessonModel
from torchedu.ranges import SHARE
from torchedu.schema import ENCODER, RESERVED, ROLE, ROLES, TAG

if TYPE_CHECKING:
    from torchedu.metrics.tags import TagScores

FEW = 10_000
"""Training sentences of a role at which ``balance`` has half its way to 1 to go, as a power."""


class Tagged(NamedTuple):
    """Sentences with their tags.

    Attributes:
        lesson: Row in the store; shape (sentences,).
        position: Place in the lesson, from 0.
        tag: The id of the likeliest tag of its role.
        probability: How likely the network takes it to be.
    """

    lesson: Tensor
    position: Tensor
    tag: Tensor
    probability: Tensor


class Lessons(Domain):
    """Tags each sentence of a lesson, a teacher's and a student's by sets of their own.

    The loss is the mean cross-entropy over all sentences that have a tag.

    Args:
        net: Called with the numbers of teachers' and of students' tags and the width of the
            sentences' vectors, gives the network: a class such as ``TurnContext`` or
            ``functools.partial(TurnContext, turns=3)``.
        num_teacher_tags: Number of ids of teachers' tags, the reserved ones included.
        num_student_tags: Number of ids of students' tags.
        vector_dim: Width of the sentences' vectors.
        balance: How far rare tags count for more: a tag counts by its number of training sentences
            to the power of minus this. 0 counts all sentences alike, 1 all tags; a value between is
            the nearer to 1 the fewer sentences there are, of which rare tags have hardly any.
        lr: Learning rate of AdamW.
        weight_decay: Its weight decay.
        schedule: ``constant`` keeps the learning rate; ``one_cycle`` raises it to ``lr`` over the
            first tenth of all steps and lowers it to nothing by the last.
    """

    limits: ClassVar = {"balance": SHARE}
    net: LessonModel
    monitor = "val/macro_f1"
    counts = "sentences"
    compares = "sentences with tags"
    sizes = ("num_teacher_tags", "num_student_tags", "vector_dim")
    binds: ClassVar = {TAG + role: f"num_{role}_tags" for role in ROLES}
    fixed = (ENCODER, ROLE)
    unknown: ClassVar = {TAG + role: "sentences with them are not scored" for role in ROLES}
    nets = LessonModel
    keys = ("lesson", "position")
    use_for = (
        "To show teachers what was said in their own lessons, so that they see their moves "
        "and change them."
    )
    not_for = "To judge or to pay teachers."
    usual: ClassVar = {
        "net": "torchedu.models.TurnContext",
        "data": "torchedu.datamodules.Transcripts",
    }

    def __init__(
        self,
        net: Callable[[int, int, int], LessonModel],
        num_teacher_tags: int,
        num_student_tags: int,
        vector_dim: int,
        balance: float = 0.3,
        lr: float = 1e-3,
        weight_decay: float = 0.01,
        schedule: Schedule = "one_cycle",
    ) -> None:
        super().__init__(lr, weight_decay, schedule)
        sizes = (num_teacher_tags, num_student_tags)
        self.net = self.built(net, LessonModel, *sizes, vector_dim)
        self.num_teacher_tags = num_teacher_tags
        self.num_student_tags = num_student_tags
        self.vector_dim = vector_dim
        self.balance = balance
        for role, num in zip(ROLES, sizes, strict=True):
            self.register_buffer(f"{role}_weight", torch.ones(num - RESERVED), persistent=False)

    def agree(self, data: Any, training: bool) -> None:
        """Agree with the data, and weigh tags by how rare they are; see ``Domain.agree``."""
        super().agree(data, training)
        if training:
            for role, count in data.tag_counts().items():
                power = self.balance ** (count.sum() / (count.sum() + FEW))
                weight = (count.clamp(min=1) / count.sum().clamp(min=1)) ** -power
                # As many sentences count in all as there are.
                weight *= count.sum() / (weight * count).sum().clamp(min=1e-9)
                self.get_buffer(f"{role}_weight").copy_(weight)

    def scoring(self) -> "TagScores":
        """Return what the scores are computed by; see ``Domain.metrics``."""
        from torchedu.metrics.tags import TagScores

        sizes = self.num_teacher_tags, self.num_student_tags
        return TagScores({role: num - RESERVED for role, num in zip(ROLES, sizes, strict=True)})

    def loss(self, batch: LessonBatch) -> tuple[Tensor, Tensor]:
        """Return the summed cross-entropy of each lesson's tagged sentences, and their number."""
        loss_BL, output = torch.zeros_like(batch.words_BL), self(batch)
        for number, logit_BLT in enumerate(output):
            if not logit_BLT.shape[-1]:  # a role without tags
                continue
            mine_BL = batch.scored_BL & (batch.role_BL == number)
            target_BL = (batch.tag_BL - RESERVED).masked_fill(~mine_BL, -100)
            # Flat: of more dimensions it has no deterministic form on CUDA.
            each = F.cross_entropy(
                at_least_single(logit_BLT).flatten(0, 1),
                target_BL.flatten(),
                self.get_buffer(f"{ROLES[number]}_weight"),
                reduction="none",
                ignore_index=-100,
            )
            loss_BL = loss_BL + each.view_as(loss_BL)
        return loss_BL.sum(1) + self.net.own_loss(batch, output), batch.scored_BL.sum(1)

    def pseudonyms(self, batch: LessonBatch) -> list[str]:
        """Name each row of a batch by its lesson's row in the store."""
        return [f"lesson row {row}" for row in batch.lesson_B.tolist()]

    def output(self, batch: LessonBatch) -> dict[str, Tensor]:
        """Return the chance of each tag, by role that has some; see ``Domain.output``."""
        chances = zip(ROLES, (logit_BLT.float().softmax(-1) for logit_BLT in self(batch)),
                      strict=True)  # fmt: skip
        return {role: chance_BLT for role, chance_BLT in chances if chance_BLT.shape[-1]}

    def likeliest(self, batch: LessonBatch) -> tuple[Tensor, Tensor]:
        """Return each sentence's likeliest tag, from 0, and its probability; shape (B, L) each.

        Where a role has no tags, tag 0 with probability 0.
        """
        tag_BL, probability_BL = torch.zeros_like(batch.tag_BL), torch.zeros_like(batch.words_BL)
        for number, logit_BLT in enumerate(self(batch)):
            if logit_BLT.shape[-1]:
                best = logit_BLT.float().softmax(-1).max(-1)
                mine_BL = batch.role_BL == number
                tag_BL = torch.where(mine_BL, best.indices, tag_BL)
                probability_BL = torch.where(mine_BL, best.values, probability_BL)
        return tag_BL, probability_BL

    def outcome(self, batch: LessonBatch) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return the tag given, the tag, the role and whether it counts, of each sentence."""
        given_BL, _ = self.likeliest(batch)
        true_BL = (batch.tag_BL - RESERVED).clamp(min=0)
        return given_BL, true_BL, batch.role_BL, batch.scored_BL

    def predict(self, batch: LessonBatch) -> Tagged:
        """Return the tags of the sentences of a batch, each once."""
        tag_BL, probability_BL = self.likeliest(batch)
        row, at = batch.asked_BL.nonzero(as_tuple=True)
        position = batch.start_B[row] + at
        return Tagged(
            batch.lesson_B[row], position, tag_BL[row, at] + RESERVED, probability_BL[row, at]
        )
