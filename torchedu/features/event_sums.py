"""What a student did so far, summed up: how many, their mean and the last, kind by kind."""

import numpy as np
from numpy.typing import NDArray

from torchedu.features.course import SCALE, steps
from torchedu.schema import EVENT_KINDS, EVENT_NUMBERS

Floats = NDArray[np.float32]
Ids = NDArray[np.int64]

_SUMMED = (
    ("marked", ("mark", "mark_beside_others", "failed")),
    ("submitted", ("days_late", "share_handed_in")),
    ("missed", ("weight", "tests")),
)
"""Numbers of a kind's events that a moment has the mean and the last of."""


def event_sums(kind: Ids, numbers: Floats, begin: Ids, end: Ids) -> Floats:
    """Sum up the events of each moment.

    Args:
        kind: Of each event, an index into ``EVENT_KINDS``; shape (events,).
        numbers: Shape (events, ``EVENT_NUMBERS``).
        begin: The first event of each moment's student; shape (moments,).
        end: After the last one known at the moment.

    Returns:
        The numbers of a moment from ``marks`` to ``last_missed_test``; shape (moments, 16).
    """
    columns = []
    for column, names in _SUMMED:
        mine = kind == EVENT_KINDS.index(column)
        count = np.diff(np.concatenate([[0], np.cumsum(mine)])[np.stack([begin, end])], axis=0)[0]
        # The last event of the kind before each place, if it is of the same enrolment.
        place = np.maximum.accumulate(np.where(mine, np.arange(len(mine)), -1))
        last = place[np.maximum(end - 1, 0)]
        known = (count > 0) & (last >= begin)
        if column != "submitted":
            columns.append(count / 5)
        for name in names:
            values = np.where(mine, numbers[:, EVENT_NUMBERS.index(name)], 0)
            # In whole numbers, so that no other student's events move a bit.
            total = np.append(0, np.cumsum(steps(values.astype(np.float64))))
            columns.append((total[end] - total[begin]) / SCALE / np.maximum(count, 1))
            columns.append(np.where(known, values[last], 0))
    return np.stack(columns, 1).astype(np.float32)
