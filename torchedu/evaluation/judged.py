"""Yes-or-no predictions of people as they are judged: how right they are, and for whom."""

from functools import singledispatch
from typing import Any, NamedTuple

import numpy as np
from lightning import LightningDataModule
from numpy.typing import NDArray

from torchedu.evaluation.side_by_side import audited
from torchedu.metrics.fairness import Attribute
from torchedu.metrics.paired import clustered
from torchedu.prediction.stream import Columns
from torchedu.tasks import Task


class Judged(NamedTuple):
    """Predictions of people, in the order of these.

    Attributes:
        probability: What was predicted; shape (predictions,).
        outcome: What came true.
        person: Whose each is, ascending.
        groups: To which groups they belong, by attribute.
        stratum: The course of each, within which groups are compared, where there are courses.
        early: Which of them groups are compared on: those by which most is decided.
    """

    probability: NDArray[Any]
    outcome: NDArray[Any]
    person: NDArray[np.int64]
    groups: dict[str, Attribute]
    stratum: Attribute | None = None
    early: NDArray[np.bool_] | slice = slice(None)

    def scores(self) -> dict[str, dict[str, float | None]]:
        """Return the scores of ``metrics.paired.clustered`` with intervals over people."""
        estimates = clustered(self.probability, self.outcome, self.person)
        return {name: estimate.plain() for name, estimate in estimates.items()}

    def audit(self, attribute: str | None = None, **how: Any) -> dict[str, Any] | None:
        """Audit the groups; None without any.

        Args:
            attribute: Whose groups alone are audited; those of all where it is None.
            **how: What else ``torchedu.metrics.fairness.audit`` takes.
        """
        at = self.early

        def of(each: Attribute) -> Attribute:
            return Attribute(np.asarray(each.ids)[at], each.names)

        groups = {name: of(each) for name, each in self.groups.items() if attribute in (None, name)}
        stratum = None if self.stratum is None else of(self.stratum)
        who = {"student": self.person[at], "stratum": stratum}
        return audited(self.probability[at], self.outcome[at], groups, **who, **how)


@singledispatch
def judged(task: Task, data: LightningDataModule, columns: Columns) -> Judged | None:
    """Return which predictions of a part are judged; None of a task without such.

    A task's way to stands with its evaluation.

    Args:
        task: The task.
        data: The data.
        columns: What its ``predict`` returns of the part, in the order of its ``keys``.
    """
    return None
