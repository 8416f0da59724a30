"""Networks that tag lessons under test."""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from torchedu.batch import LessonBatch
from torchedu.models import LessonModel
from torchedu.schema import RESERVED, ROLES
from torchedu.testing.contract import apart, named
from torchedu.testing.kinds.kind import Kind, NetworkSubject


def tags(subject: NetworkSubject) -> str:
    """Each role's tags have a score each, the reserved ids none."""
    net, batch = subject.net(), subject.batch()
    wanted = [subject.sizes[f"num_{role}_tags"] - RESERVED for role in ROLES]
    widths = [logit_BLT.shape[-1] for logit_BLT in net(batch)]
    return "" if widths == wanted else f"{widths} scores a sentence instead of {wanted}"


def speakers(subject: NetworkSubject) -> str:
    """Whether two sentences are of one person counts, and not who that is."""
    net, batch = subject.net(), subject.batch()
    renamed = batch._replace(speaker_BL=(batch.speaker_BL + 1) % 3)
    if apart(subject.said(net, batch), subject.said(net, renamed)):
        return "predictions depend on who speaks"
    return ""


def turns(subject: NetworkSubject) -> str:
    """Which sentences are of one turn counts, and not its number in the lesson."""
    net, batch = subject.net(), subject.batch()
    later = batch._replace(turn_BL=batch.turn_BL + 7, start_B=batch.start_B + 11)
    if apart(subject.said(net, batch), subject.said(net, later)):
        return "predictions depend on how far the lesson has come"
    return ""


class Sentences(Kind):
    """Lessons sentence by sentence; each role's tags come out."""

    network = LessonModel
    sizes: ClassVar = {"num_teacher_tags": 5, "num_student_tags": 4, "vector_dim": 8}
    fill: ClassVar = {"speaker_BL": -1, "turn_BL": -1}
    loose = ("vector_BLD", "words_BL", "tag_BL")
    contracts = named(tags, speakers, turns)

    def batch(self, sizes: Mapping[str, Any], rows: int, steps: int, width: int) -> LessonBatch:
        """Draw lessons; see ``Kind.batch``."""
        shape = (rows, steps)
        every_BL = torch.ones(shape, dtype=torch.bool)
        return LessonBatch(
            torch.randn(*shape, sizes["vector_dim"]),
            torch.randint(len(ROLES), shape),
            torch.randint(3, shape),
            torch.randint(2, shape).cumsum(1),
            torch.randint(1, 9, shape).float(),
            torch.randint(RESERVED, min(list(sizes.values())[:2]), shape),
            every_BL,
            every_BL.clone(),
            every_BL.clone(),
            torch.arange(rows),
            torch.zeros(rows, dtype=torch.int64),
            torch.full((rows,), float(rows * steps)),
        )

    def said(self, net: LessonModel, batch: LessonBatch) -> Tensor:
        """Return the scores of both roles' tags, side by side."""
        return torch.cat(net(batch), dim=-1)

    def real(self, batch: LessonBatch) -> Tensor:
        """Return which slots hold a sentence."""
        return batch.seen_BL

    def unread(self, net: LessonModel) -> tuple[str, ...]:
        """Return what must not be read: the tags first of all."""
        return ("tag_BL", "asked_BL", "scored_BL", "lesson_B", "start_B", "mean_over_B")
