"""Moments of courses with what is known at each, kept for the next who asks for the same."""

from typing import NamedTuple

import numpy as np

from torchedu.datasets.events import EventStore
from torchedu.features.course_view import Moments, View, view

LATEST = 2
"""How many are kept: the trials of a search ask for the same, each with data of its own."""

_latest: dict[tuple[str, "When"], tuple[Moments, View]] = {}


class When(NamedTuple):
    """Which moments of all courses, and what is known at them.

    Attributes:
        mark_delay_days: Days after which a mark is known.
        every_days: Days between two moments; None where they are at ``cutoffs``.
        cutoffs: Shares of a course's length.
    """

    mark_delay_days: float
    every_days: int | None = None
    cutoffs: tuple[float, ...] = ()


def moments_of(store: EventStore, digest: str, when: When) -> tuple[Moments, View]:
    """Return moments of all enrolments of a store, and the view of them.

    Args:
        store: The courses.
        digest: What tells its content from any other.
        when: Which moments.
    """
    asked = digest, when
    if asked not in _latest:
        made = _made(store, when)
        while len(_latest) >= LATEST:
            _latest.pop(next(iter(_latest)))
        _latest[asked] = made
    return _latest[asked]


def _made(store: EventStore, when: When) -> tuple[Moments, View]:
    length = store.courses.length[store.column("course")]
    if when.every_days is None:
        day = np.floor(length[:, None] * np.array(sorted(when.cutoffs)))
    else:
        days = np.arange(0, length.max() + 1, when.every_days)
        day = np.broadcast_to(days, (len(length), len(days)))
    inside = day <= length[:, None]
    enrolment = np.nonzero(inside)[0]
    moments = Moments(enrolment, day[inside].astype(np.float64))
    return moments, view(store, moments, when.mark_delay_days)
