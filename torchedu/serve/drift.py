"""How far what comes is from what a network knows, and from what it foresaw."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from torchedu.schema import RESERVED, UNKNOWN
from torchedu.serve.comparing import TOO_FEW, Mean, enough, mean_of
from torchedu.serve.follower import Answer, Follower, Foreseen
from torchedu.serve.metrics import Gauge
from torchedu.serve.recent import Recent, pack, unpack

MOST = 20_000
"""The latest events that are looked at."""
FIRST = 2_000
"""Events with which later ones are compared, where a network does not tell what it learned from."""
GROUPS = 10
"""Groups of items, each with a like part of the answers, between which a mix is summary apart."""
DRAWS = 100
"""How often students are drawn again."""
UNKNOWN_ITEMS, GAP, PSI = 0.05, 0.03, 0.1
"""What is too much: the share of events on what the network does not know, how far marks are from
what was foreseen, and the population stability index (below .1 nothing is said to have moved)."""
STEADY, DRIFTS, UNDECIDED = "steady", "drifts", "undecided"


class Watch:
    """What came to a run since it answers, beside what it foresaw.

    Args:
        follower: The run.
    """

    def __init__(self, follower: Follower) -> None:
        self._learned = follower.learned
        self._recent = Recent(5, MOST)  # chance, what came, known, new, the item's id

    def add(self, foreseen: Iterable[Foreseen]) -> None:
        """Add events, with what was said of them before they came."""
        for f in foreseen:
            self._recent.add(f.student, f.chance, f.came, f.known, f.new, f.id)
        if self._learned is None and len(self._recent) >= 2 * FIRST:
            first = self._recent.drop_first(FIRST)[:, -1].astype(np.int64)
            self._learned = np.bincount(first).astype(np.float64)

    def forget(self, students: Collection[str]) -> None:
        """Forget what students did."""
        self._recent.forget(students)

    def packed(self) -> dict[str, Any]:
        """Return what came as values of JSON; ``joined`` makes it of several again."""
        learned = None if self._learned is None else pack(self._learned.astype(np.float64))
        return {"learned": learned, **self._recent.packed()}

    @classmethod
    def joined(cls, packs: Sequence[Mapping[str, Any]]) -> "Watch":
        """Return what came to several who have no student in common as what came to one."""
        joined = cls(Follower("", ""))
        learned = [unpack(p["learned"], np.float64) for p in packs if p["learned"] is not None]
        joined._learned = learned[0] if learned else None
        joined._recent = Recent.joined(packs)
        return joined

    def summary(self) -> Answer:
        """Return what is seen of the latest events.

        Returns:
            ``events`` and ``students``, how many; and where something is known of them
            ``unknown``, the share of events on items that the network does not know; ``new``,
            that of students' first events; ``mark``, the mean of what came; ``gap``, by how much it
            is above what was foreseen; ``items``, how far the mix of items is from that which the
            network has learned from. Each has a value, what it may be by chance, and a verdict.
        """
        rows, student = self._recent.rows()
        summary: dict[str, Any] = {"events": len(rows), "students": len(np.unique(student))}
        if not len(rows):
            return summary
        chance, came, known, new, id = rows.T
        foreseen = ~np.isnan(chance)
        gap = (came - chance)[foreseen]
        summary["unknown"] = _mean(1 - known, student, -np.inf, UNKNOWN_ITEMS)
        summary["new"] = _mean(new, student)
        summary["mark"] = _mean(came, student)
        summary["gap"] = _mean(gap, student[foreseen], -GAP, GAP)
        summary["items"] = _mix(id.astype(np.int64), student, self._learned)
        return {name: value for name, value in summary.items() if value is not None}

    def gauges(self, run: str) -> Iterator[Gauge]:
        """Yield what is seen, for Prometheus."""
        summary, labels = self.summary(), {"run": run}
        yield Gauge("watched_events", "Latest events that are looked at", labels, summary["events"])
        for name, about in {
            "unknown": "Share of events on items that the network does not know",
            "new": "Share of events that are a student's first",
            "mark": "Mean mark",
            "gap": "By how much marks are above what was foreseen",
            "items": "Population stability index of the mix of items",
        }.items():
            if name in summary:
                yield Gauge(f"watched_{name}", about, labels, summary[name]["value"])
                moved = summary[name].get("verdict") == DRIFTS
                yield Gauge("drifts", "Whether it drifts", {**labels, "what": name}, float(moved))


def _mean(
    values: NDArray[np.float64], student: NDArray[Any], low: float = -np.inf, high: float = np.inf
) -> Answer | None:
    """Return a mean with its interval, and whether it lies between two limits."""
    mean = mean_of(values, student) if len(values) else None
    if mean is None:
        return None
    summary: dict[str, Any] = {"value": mean.value, "interval": [mean.low, mean.high]}
    if np.isfinite(high):
        summary["verdict"] = _verdict(mean, low, high) if enough(student) else TOO_FEW
    return summary


def _verdict(mean: Mean, low: float, high: float) -> str:
    if mean.low > high or mean.high < low:
        return DRIFTS
    return STEADY if low <= mean.low and mean.high <= high else UNDECIDED


def _mix(
    id: NDArray[np.int64], student: NDArray[Any], learned: NDArray[np.float64] | None
) -> Answer | None:
    """Return how far the mix of items is from the one that was learned from.

    Items are divided into groups that had a like part of the answers each, and the population
    stability index is that of the groups' shares. How far from what was seen it would be if as
    many students were drawn again from those who were, says what chance alone makes.

    Args:
        id: The item of each event; shape (events,).
        student: Whose each is; shape (events,).
        learned: Answers of each id that were learned from; None where nobody knows.
    """
    if learned is None or learned[RESERVED:].sum() <= 0:
        return None
    counts = np.zeros(max(len(learned), int(id.max()) + 1))
    counts[RESERVED : len(learned)] = learned[RESERVED:]
    order = np.argsort(-counts, kind="stable")
    before = np.cumsum(counts[order]) - counts[order]
    group = np.empty(len(counts), np.int64)
    group[order] = np.minimum(GROUPS * before / counts.sum(), GROUPS - 1).astype(np.int64)
    known = id > UNKNOWN
    names, who = np.unique(student[known], return_inverse=True)
    if len(names) < 2:
        return None
    seen_SG = np.zeros((len(names), GROUPS))
    np.add.at(seen_SG, (who, group[id[known]]), 1)
    share_G = np.bincount(group, counts, GROUPS) / counts.sum()
    psi = float(_psi(seen_SG.sum(0), share_G))
    drawn = np.random.default_rng(0)
    times_DS = drawn.multinomial(len(names), np.full(len(names), 1 / len(names)), DRAWS)
    again = _psi(times_DS @ seen_SG, _shares(seen_SG.sum(0)))
    chance = float(np.quantile(again, 0.95))
    summary: dict[str, Any] = {"value": psi, "by_chance": chance}
    if not enough(student[known]):
        return {**summary, "verdict": TOO_FEW}
    return {
        **summary,
        "verdict": DRIFTS if psi > PSI + chance else STEADY if psi < PSI else UNDECIDED,
    }


def _shares(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return shares, none of which is 0."""
    more = counts + 0.5
    return more / more.sum(-1, keepdims=True)


def _psi(counts: NDArray[np.float64], share: NDArray[np.float64]) -> NDArray[np.float64]:
    now, then = _shares(counts), np.maximum(share, 1e-4)
    index: NDArray[np.float64] = ((now - then) * np.log(now / then)).sum(-1)
    return index
