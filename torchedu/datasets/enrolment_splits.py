"""Which enrolments are trained on, which choose and which are reported, each from those before."""

import numpy as np

from torchedu.datasets import splits
from torchedu.datasets.draws import name_keys
from torchedu.datasets.enrolments import EnrolmentStore
from torchedu.datasets.splits import (
    MORE,
    Part,
    between,
    by_time,
    drawn,
    first_of,
    in_fold,
    whole_histories,
)
from torchedu.mapped import mapped

KINDS = ("last", "time", "fold")
CHOOSERS = 1000
"""Students whose last course but one chooses, at least, where there are as many."""


def split_enrolments(
    store: EnrolmentStore,
    by: str = "last",
    *,
    val: float = 0.1,
    test: float = 0.2,
    seed: int = 0,
    folds: int = 5,
    fold: int = 0,
) -> dict[str, Part]:
    """Divide enrolments into train, val and test.

    Args:
        store: The enrolments.
        by: ``last``: each student's last course is the test; of some students the last but one
            chooses, and all others are trained on: a validation of everyone would keep the newest
            courses from training. Who took one or two courses only has no last but one. ``time``:
            each part is a stretch of time. ``fold``: each student is in one part, with fold number
            ``fold`` of ``folds`` as test; the last course of the students held out is predicted.
        val: By last, the share of the students whose last course but one chooses, 1,000 at least
            or all; by time, the share of the enrolments; by fold, of the other students.
        test: By time, the share of the enrolments for test.
        seed: Another seed draws other students.
        folds: Number of folds.
        fold: Which of them is the test, from 0.

    Returns:
        A ``Part`` for each of ``train``, ``val`` and ``test``; what comes before ``first`` is seen
        and not predicted.

    Raises:
        ConfigError: A share, fold or kind of split is not possible.
        DataError: A part is empty, or the data has no time for a split by it.
    """
    splits.check_split(by, KINDS, val, test, disjoint=by == "time")
    splits.check_fold(fold, folds)
    students, none, lengths = whole_histories(store.history_offsets)
    if by == "last":
        last = np.maximum(lengths - 1, np.minimum(lengths, 1))
        keys, chosen = name_keys(store, seed), lengths > 2
        keys = keys[chosen]
        chosen[chosen] = first_of(keys, max(CHOOSERS, round(len(keys) * val)))
        parts = between([none, last - chosen, last, lengths])
    elif by == "time":
        time = store.time
        if time is None:
            raise store.fault(
                "a split by time needs the time of each enrolment, and there is none.",
                "Import a column of times, or split by last.",
            )
        parts = by_time(time, store.history_offsets, val, test)
    else:
        keys, parts = name_keys(store, seed), {}
        for name, where in drawn(keys, in_fold(keys, fold, folds), val).items():
            some = where & (lengths > (0 if name == "train" else 1))
            stop = mapped(lengths[some])
            zero = np.broadcast_to(np.int32(0), stop.shape)
            first = zero if name == "train" else mapped(stop - 1)
            parts[name] = Part(mapped(students[some]), first, stop)
    for name, part in parts.items():
        if part.num_answers == 0:
            raise store.fault(
                f"the part {name!r} of a split by {by} holds no enrolments ({store.num_students} "
                f"students, {store.num_enrolments} enrolments in all).",
                MORE,
            )
    return parts
