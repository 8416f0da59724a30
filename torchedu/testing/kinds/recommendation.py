"""Networks of course recommendation under test."""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from torchedu.batch import CourseFacts, EnrolmentBatch
from torchedu.models import Recommender
from torchedu.schema import PADDING, RESERVED, UNKNOWN
from torchedu.testing.contract import apart, named, seeded
from torchedu.testing.kinds.kind import Kind, NetworkSubject


def some_courses(subject: NetworkSubject) -> str:
    """The scores of some courses are those that they have among all."""
    net, batch = subject.net(), subject.batch()
    state_MD = net(batch)[:, 1]
    every_MN = net.logits(state_MD)
    if every_MN.shape != (len(state_MD), net.num_items):
        return f"all scores have shape {tuple(every_MN.shape)}, for {net.num_items} courses"
    some_MK = torch.randint(RESERVED, net.num_items, (len(state_MD), 4))
    if apart(every_MN.gather(1, some_MK), net.logits(state_MD, some_MK)):
        return "the scores of some courses are others than among all"
    if apart(every_MN[:, some_MK[0]], net.logits(state_MD, some_MK[:1])):
        return "the scores of the same courses for everyone are others than among all"
    return ""


def history(subject: NetworkSubject) -> str:
    """``reads_history`` says whether the courses before count."""
    net, batch, other = subject.net(), subject.batch(), subject.batch(seed=1)
    reads = apart(net(batch)[:, -1], net(batch._replace(item_BL=other.item_BL))[:, -1]) > 0
    if reads != net.reads_history:
        return f"reads_history is {net.reads_history}, and the courses before count: {reads}"
    return ""


def students(subject: NetworkSubject) -> str:
    """``knows_students`` says whether it has parameters of each student."""
    net, batch = subject.net(), subject.batch()
    knows = apart(net(batch), net(batch._replace(student_B=batch.student_B.flip(0)))) > 0
    if knows != net.knows_students:
        return f"knows_students is {net.knows_students}, and who it is counts: {knows}"
    return ""


def unknown_names(subject: NetworkSubject) -> str:
    """Courses that the vocabulary lacks have id 1, and scores stay finite; so without groups."""
    net, batch = subject.net(), subject.batch()
    unknown = batch._replace(item_BL=torch.full_like(batch.item_BL, UNKNOWN))
    if not subject.said(net, unknown).isfinite().all():
        return "numbers that are not finite where courses are unknown"
    nobody = batch._replace(group_BG=batch.group_BG[:, :0])
    if not subject.said(net, nobody).isfinite().all():
        return "numbers that are not finite where students have no groups"
    return ""


class Courses(Kind):
    """Students' courses in order, of ``width`` groups each; scores of all courses come out."""

    network = Recommender
    sizes: ClassVar = {"num_items": 14, "num_students": 16, "num_groups": 6, "num_skills": 5}
    answered = ("item_BL",)
    contracts = named(some_courses, history, students, unknown_names)

    def batch(self, sizes: Mapping[str, Any], rows: int, steps: int, width: int) -> EnrolmentBatch:
        """Draw courses; see ``Kind.batch``."""
        item_BL = torch.randint(RESERVED, sizes["num_items"], (rows, steps))
        return EnrolmentBatch(
            item_BL,
            torch.ones(rows, steps, dtype=torch.bool),
            torch.randint(RESERVED, sizes["num_items"], (rows, 4)),
            torch.randint(RESERVED, sizes["num_groups"], (rows, width)),
            torch.arange(rows) % sizes["num_students"],
            torch.zeros(rows, dtype=torch.int64),
            torch.full((rows,), float(rows * steps)),
        )

    def said(self, net: Recommender, batch: EnrolmentBatch) -> Tensor:
        """Return the scores of all courses before each course."""
        state_BLD: Tensor = net(batch)
        score_MN = net.logits(state_BLD.flatten(0, 1))[:, RESERVED:]
        return score_MN.unflatten(0, state_BLD.shape[:2])

    def real(self, batch: EnrolmentBatch) -> Tensor:
        """Return which slots hold a course."""
        return batch.item_BL != PADDING

    def unread(self, net: Recommender) -> tuple[str, ...]:
        """Return what must not be read: the student neither, where it goes by courses."""
        who = () if net.knows_students else ("student_B",)
        return (*who, "scored_BL", "before_BM", "start_B", "mean_over_B")

    def prepare(self, net: Recommender, sizes: Mapping[str, Any]) -> Any:
        """Tell it what courses teach and how popular they are."""
        with seeded(2):
            popularity_N = torch.randint(9, (sizes["num_items"],)).float()
            skill_NS = torch.randint(RESERVED, sizes["num_skills"], (sizes["num_items"], 2))
        skill_NS[:RESERVED] = PADDING
        net.learn(CourseFacts(popularity_N, skill_NS), fresh=True)
        return net
