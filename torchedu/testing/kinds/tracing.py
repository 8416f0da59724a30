"""Networks of knowledge tracing under test."""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from torchedu.batch import UNKNOWN_VALUES, AnswerBatch
from torchedu.models import KTModel
from torchedu.schema import NO_TIME, PADDING, RESERVED, UNKNOWN
from torchedu.testing.contract import apart, named
from torchedu.testing.kinds.kind import NetworkSubject
from torchedu.testing.kinds.steps import Stepwise, steps


def skills(subject: NetworkSubject) -> str:
    """An item's skills are a set: their order and the padding after them change nothing."""
    net, batch = subject.net(), subject.batch()
    logit_BL = net(batch)
    if apart(logit_BL, net(batch._replace(skill_BLS=F.pad(batch.skill_BLS, (0, 2))))):
        return "predictions depend on how many padded skills follow"
    turned_BLS = batch.skill_BLS.sort(-1, descending=True).values  # padding stays at the end
    if apart(logit_BL, net(batch._replace(skill_BLS=turned_BLS))):
        return "predictions depend on the order of an item's skills"
    if not net(batch._replace(skill_BLS=batch.skill_BLS * 0)).isfinite().all():
        return "items without a skill give numbers that are not finite"
    return ""


def unknown_names(subject: NetworkSubject) -> str:
    """Items and skills that the vocabulary lacks have id 1, and predictions stay finite."""
    net, batch = subject.net(), subject.batch()
    item_BL = torch.full_like(batch.item_BL, UNKNOWN)
    skill_BLS = batch.skill_BLS.clamp(max=UNKNOWN)
    for unknown in ({"item_BL": item_BL}, {"item_BL": item_BL, "skill_BLS": skill_BLS}):
        if not net(batch._replace(**unknown)).isfinite().all():
            return f"numbers that are not finite where {' and '.join(unknown)} is unknown"
    return ""


def partial_credit(subject: NetworkSubject) -> str:
    """A mark between 0 and 1 is taken in, and three quarters of the marks are not none."""
    net, batch = subject.net(), subject.batch()

    def after(mark: float) -> Tensor:
        logit_BL: Tensor = net(batch._replace(correct_BL=torch.full_like(batch.correct_BL, mark)))
        return logit_BL

    none, most, full = after(0.0), after(0.75), after(1.0)
    if not most.isfinite().all():
        return "numbers that are not finite after a mark of 0.75"
    if apart(none, full) and not apart(none, most):
        return "a mark of 0.75 counts as 0"
    return ""


def earlier_marks(subject: NetworkSubject) -> str:
    """An earlier mark moves what is predicted, whatever skills the data names.

    Where it names none of an item, data modules give the item a skill of its own.
    """
    net, batch = subject.net(), subject.batch()
    flipped_BL = torch.cat([1 - batch.correct_BL[:, :1], batch.correct_BL[:, 1:]], dim=1)
    skill_K = RESERVED + torch.arange(subject.sizes["num_items"]) % (
        subject.sizes["num_skills"] - RESERVED
    )
    own_BLS = F.pad(skill_K[batch.item_BL].unsqueeze(-1), (0, batch.skill_BLS.shape[-1] - 1))
    some_BLS = torch.where(batch.item_BL.unsqueeze(-1) % 2 == 0, own_BLS, batch.skill_BLS)
    for which, skill_BLS in (("all", batch.skill_BLS), ("no", own_BLS), ("some", some_BLS)):
        same = batch._replace(skill_BLS=skill_BLS)
        if not apart(net(same)[:, 1:], net(same._replace(correct_BL=flipped_BL))[:, 1:]):
            return f"the first mark moves no later prediction where {which} items name skills"
    return ""


class Answers(Stepwise):
    """Histories of answers, each item with 1 to ``width`` skills; a chance comes out.

    They carry what few networks read too, here and there not known.
    """

    network = KTModel
    sizes: ClassVar = {"num_items": 20, "num_skills": 9}
    fill: ClassVar = {f"{name}_BL": unknown for name, (_, unknown) in UNKNOWN_VALUES.items()}
    loose = ("skill_BLS", "correct_BL", "time_BL", "response_time_BL", "attempt_BL")
    asked = ("item_BL", "skill_BLS", "time_BL", "attempt_BL")
    answered = ("correct_BL", "response_time_BL")
    contracts = named(skills, unknown_names, partial_credit, earlier_marks, steps)

    def batch(self, sizes: Mapping[str, Any], rows: int, steps: int, width: int) -> AnswerBatch:
        """Draw histories; see ``Kind.batch``."""
        item_BL = torch.randint(RESERVED, sizes["num_items"], (rows, steps))
        skill_BLS = torch.rand(rows, steps, sizes["num_skills"] - RESERVED).argsort(-1) + RESERVED
        skill_BLS = skill_BLS[..., :width]
        more_BL = torch.randint(skill_BLS.shape[-1], (rows, steps, 1))
        skill_BLS = skill_BLS * (torch.arange(skill_BLS.shape[-1]) <= more_BL)
        correct_BL = torch.randint(2, (rows, steps)).float()
        time_BL = 10**12 + torch.randint(10**8, (rows, steps)).cumsum(1)
        response_time_BL = 60 * torch.rand(rows, steps)
        attempt_BL = torch.randint(1, 5, (rows, steps))
        known_BL = torch.rand(rows, steps) < 0.8
        return AnswerBatch(
            item_BL,
            skill_BLS,
            correct_BL,
            torch.ones(rows, steps, dtype=torch.bool),
            torch.arange(rows),
            torch.zeros(rows, dtype=torch.int64),
            torch.full((rows,), float(rows * steps)),
            time_BL.masked_fill(~known_BL, NO_TIME),
            response_time_BL.masked_fill(~known_BL, torch.nan),
            attempt_BL * known_BL,
        )

    def said(self, net: KTModel, batch: AnswerBatch) -> Tensor:
        """Return the log odds of each answer."""
        logit_BL: Tensor = net(batch)
        return logit_BL

    def real(self, batch: AnswerBatch) -> Tensor:
        """Return which slots hold an answer."""
        return batch.item_BL != PADDING

    def unread(self, net: KTModel) -> tuple[str, ...]:
        """Return what must not be read: what the network does not say that it reads, too."""
        unsaid = [f"{name}_BL" for name in UNKNOWN_VALUES if name not in net.reads]
        return ("scored_BL", "student_B", "start_B", "mean_over_B", *unsaid)

    def varied(self, batch: AnswerBatch) -> AnswerBatch:
        """Give half of the marks here and there."""
        half_BL = batch.item_BL % 3 == 0
        return batch._replace(correct_BL=torch.where(half_BL, 0.5, batch.correct_BL))

    def predicted(
        self, net: KTModel, state: tuple[Tensor, ...], batch: AnswerBatch, t: int
    ) -> Tensor:
        """Return what ``predict`` says of an answer."""
        return net.predict(state, batch.answered(t).asked)

    def stepped(
        self, net: KTModel, state: tuple[Tensor, ...], batch: AnswerBatch, t: int
    ) -> tuple[Tensor, ...]:
        """Return the state after an answer."""
        return net.step(state, batch.answered(t))
