"""Two versions of a run beside each other, by what each said of the same events before."""

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from torchedu.metrics.paired import FEW, LEAST, averaged
from torchedu.metrics.scores import scores
from torchedu.serve.follower import Foreseen
from torchedu.serve.metrics import Gauge
from torchedu.serve.recent import Recent

Floats = NDArray[np.float64]

MOST = 50_000
"""The latest events that are kept to be compared."""
ENOUGH = 200
"""Events below which nothing is judged, of ``FEW`` students at least."""
TOO_FEW = "too few to judge"


def _log_loss(chance: Floats, came: Floats) -> Floats:
    sure = np.clip(chance, LEAST, 1 - LEAST)
    return -(came * np.log(sure) + (1 - came) * np.log(1 - sure))


def _misses(chance: Floats, came: Floats) -> Floats:
    return came - chance


LOSSES: dict[str, Callable[[Floats, Floats], Floats]] = {"log_loss": _log_loss, "misses": _misses}
"""What each event costs: in nats, or 1 where a course was taken that was not recommended."""


class Mean(NamedTuple):
    """A mean over events, with what it may be by chance.

    Attributes:
        value: The mean.
        low: The lower end of its interval, 95 of 100.
        high: The upper end.
    """

    value: float
    low: float
    high: float


def mean_of(values: Floats, student: NDArray[Any]) -> Mean | None:
    """Return a mean over events with its interval over students, whose own events are alike.

    Args:
        values: Shape (events,).
        student: Whose each is; shape (events,).

    Returns:
        None of fewer than two students.
    """
    mean = averaged(values, student)
    if math.isnan(mean.error):
        return None
    return Mean(mean.value, *mean.ends)


def enough(student: NDArray[Any]) -> bool:
    """Say whether there is enough to judge by: events, and students whose they are."""
    return len(student) >= ENOUGH and len(np.unique(student)) >= FEW


class Comparison:
    """What the version that answers and another one said of the same events.

    Args:
        loss: By which loss; see ``LOSSES``.
    """

    def __init__(self, loss: str) -> None:
        self._loss = loss
        self._recent = Recent(3, MOST)  # what both said, and what came

    def add(self, served: Iterable[Foreseen], other: Iterable[Foreseen]) -> None:
        """Add events of which both said something."""
        theirs = {f.seq: f for f in other}
        for mine in served:
            yours = theirs.get(mine.seq)
            if yours is not None and mine.chance == mine.chance and yours.chance == yours.chance:
                self._recent.add(mine.student, mine.chance, yours.chance, mine.came)

    def forget(self, students: Collection[str]) -> None:
        """Forget what students did."""
        self._recent.forget(students)

    def packed(self) -> dict[str, Any]:
        """Return what was said as values of JSON; ``joined`` makes it of several again."""
        return {"loss": self._loss, **self._recent.packed()}

    @classmethod
    def joined(cls, packs: Sequence[Mapping[str, Any]]) -> "Comparison":
        """Return the comparisons of several who have no student in common as one."""
        joined = cls(packs[0]["loss"])
        joined._recent = Recent.joined(packs)
        return joined

    def scores(self) -> dict[str, Any]:
        """Return how good both were, by the same events.

        Returns:
            ``events`` and ``students``, how many; ``verdict``; the loss of ``served`` and of
            ``other``, ``auc`` of both where there is one; ``difference``, by how much the other's
            loss is higher, and its ``interval``. None where a score is not defined.
        """
        rows, student = self._recent.rows()
        served, other, came = rows.T
        sides = {"served": served, "other": other}
        summary: dict[str, Any] = {"events": len(student), "students": len(np.unique(student))}
        if not len(student):
            return {**summary, "verdict": TOO_FEW}
        loss = {name: LOSSES[self._loss](chance, came) for name, chance in sides.items()}
        difference = mean_of(loss["other"] - loss["served"], student)
        summary["verdict"] = _verdict(difference) if enough(student) else TOO_FEW
        summary[self._loss] = {name: float(values.mean()) for name, values in loss.items()}
        if self._loss == "log_loss":
            summary["auc"] = {name: scores(chance, came)["auc"] for name, chance in sides.items()}
        if difference is not None:
            summary["difference"] = difference.value
            summary["interval"] = [difference.low, difference.high]
        return summary

    def gauges(self, run: str) -> Iterator[Gauge]:
        """Yield the scores of both, for Prometheus."""
        summary = self.scores()
        yield Gauge(
            "shadow_events", "Events said of by both versions", {"run": run}, summary["events"]
        )
        for score in (self._loss, "auc"):
            for version, value in summary.get(score, {}).items():
                if value is not None:
                    about = f"The {score} of a version, by the same events as the other's"
                    labels = {"run": run, "version": version}
                    yield Gauge(f"shadow_{score}", about, labels, value)


def _verdict(difference: Mean | None) -> str:
    if difference is None:
        return TOO_FEW
    if difference.high < 0:
        return "the other is better"
    return "the other is worse" if difference.low > 0 else "no difference is shown"
