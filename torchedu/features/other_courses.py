"""What a student's other courses tell on a day: those that ended before, and those that run beside.

Cut off by construction, as all that is told: an outcome counts once its course is over, a leaving
once its day has come. Where the calendar does not say when courses began, nothing is told.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from torchedu.datasets.events import EventStore
from torchedu.schema import MODULE, OTHER_NUMBERS

Ids = NDArray[np.int64]


class Others(NamedTuple):
    """Other enrolments of the students that moments ask about, as far as they have registered.

    Attributes:
        moment: Which moment asks, ascending; shape (pairs,).
        enrolment: The other enrolment.
        day: The moment's day, in the other course.
        running: Whether that course goes on, with the student in it.
    """

    moment: Ids
    enrolment: Ids
    day: NDArray[np.float64]
    running: NDArray[np.bool_]


def other_courses(store: EventStore, enrolment: Ids, day: NDArray[np.float64]) -> Others:
    """Find the other courses of students.

    Args:
        store: The courses.
        enrolment: Who is asked about; shape (moments,).
        day: The day of each moment, in its own course.

    Returns:
        The other enrolments.
    """
    course = store.column("course").astype(np.int64)
    begins = store.courses.begins[course]
    rows = np.arange(store.num_enrolments)
    student = np.unique(store.student_names(rows), return_inverse=True)[1]
    order = np.argsort(student, kind="stable")
    size = np.bincount(student)
    first = np.cumsum(size) - size
    asked = student[enrolment]
    moment = np.repeat(np.arange(len(enrolment)), size[asked])
    place = np.arange(len(moment)) - np.repeat(np.cumsum(size[asked]) - size[asked], size[asked])
    other = order[first[asked][moment] + place]
    there = np.floor(day[moment]) + begins[enrolment[moment]] - begins[other]
    begin = np.nan_to_num(store.column("begin").astype(np.float64), nan=-np.inf)
    known = (other != enrolment[moment]) & (there >= begin[other])  # never where a day is NaN
    moment, other, there = moment[known], other[known], there[known]
    end = np.minimum(store.column("end"), store.courses.length[course])
    return Others(moment, other, there, end[other] > there)


def other_numbers(
    store: EventStore,
    enrolment: Ids,
    others: Others,
    standing: NDArray[np.float32],
    delay: float,
) -> NDArray[np.float32]:
    """Return what the other courses tell at each moment.

    Args:
        store: The courses.
        enrolment: Who is asked about; shape (moments,).
        others: What ``other_courses`` found.
        standing: By score and by missed work, how the student stands in each of the running ones;
            shape (pairs, 2).
        delay: Days after the end of a course until its outcome is known.

    Returns:
        Shape (moments, ``OTHER_NUMBERS``); zeros where there is no other course.
    """
    course = store.column("course").astype(np.int64)
    module = np.asarray(store.values("courses", MODULE), np.int64)[course]
    moment, other, there, running = others
    bad = store.at_risk[other]
    length = store.courses.length[course[other]]
    left = store.column("end")[other] <= np.minimum(there, length)
    over = ~left & (there >= length + delay)
    same = (left | over) & (module[other] == module[enrolment[moment]])
    counted = np.stack(
        [running, left, over & (bad == 0), over & (bad == 1), same, *(running * standing.T)], 1
    )
    told = np.zeros((len(enrolment), len(OTHER_NUMBERS)), np.float32)
    np.add.at(told, moment, counted.astype(np.float32))
    return np.clip(told, -3, 3)
