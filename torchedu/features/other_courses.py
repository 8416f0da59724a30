"""What a student's other courses tell on a day: those that ended before, and those that run beside.

Cut off by construction, as all that is told: an outcome counts once its course is over, a leaving
once its day has come. Where the calendar does not say when courses began, nothing is told.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from torchedu.datasets.events import EventStore
from torchedu.features.course import SCALE, steps
from torchedu.schema import MODULE, OTHER_NUMBERS

Ids = NDArray[np.int64]


class Enrolled(NamedTuple):
    """What is known of enrolments, and of the course of each.

    Attributes:
        student: A number of the student; shape (enrolments,).
        module: A number of the course's module.
        begins: The date of the course's day 0, in days; NaN where it is not known.
        length: The course's days.
        begin: Day of registration; NaN where it is not known.
        end: Day of leaving; infinite for those who stayed.
        at_risk: 1 for a bad outcome, 0 for another, NaN for none.
    """

    student: Ids
    module: Ids
    begins: NDArray[np.float64]
    length: NDArray[np.float64]
    begin: NDArray[np.float64]
    end: NDArray[np.float64]
    at_risk: NDArray[np.float64]

    @classmethod
    def of(cls, store: EventStore) -> "Enrolled":
        """Return those of a store."""
        course = store.column("course").astype(np.int64)
        names = store.student_names(np.arange(store.num_enrolments))
        return cls(
            np.unique(names, return_inverse=True)[1],
            np.asarray(store.values("courses", MODULE), np.int64)[course],
            store.courses.begins[course],
            store.courses.length[course],
            store.column("begin").astype(np.float64),
            store.column("end").astype(np.float64),
            store.at_risk.astype(np.float64),
        )


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


def other_courses(known: Enrolled, enrolment: Ids, day: NDArray[np.float64]) -> Others:
    """Find the other courses of students.

    Args:
        known: The enrolments of all.
        enrolment: Who is asked about; shape (moments,).
        day: The day of each moment, in its own course.

    Returns:
        The other enrolments.
    """
    order = np.argsort(known.student, kind="stable")
    size = np.bincount(known.student)
    first = np.cumsum(size) - size
    asked = known.student[enrolment]
    moment = np.repeat(np.arange(len(enrolment)), size[asked])
    place = np.arange(len(moment)) - np.repeat(np.cumsum(size[asked]) - size[asked], size[asked])
    other = order[first[asked][moment] + place]
    there = np.floor(day[moment]) + known.begins[enrolment[moment]] - known.begins[other]
    begin = np.nan_to_num(known.begin, nan=-np.inf)
    here = (other != enrolment[moment]) & (there >= begin[other])  # never where a day is NaN
    moment, other, there = moment[here], other[here], there[here]
    end = np.minimum(known.end, known.length)
    return Others(moment, other, there, end[other] > there)


def other_numbers(
    known: Enrolled,
    enrolment: Ids,
    others: Others,
    standing: NDArray[np.float32],
    delay: float,
) -> NDArray[np.float32]:
    """Return what the other courses tell at each moment.

    Args:
        known: The enrolments of all.
        enrolment: Who is asked about; shape (moments,).
        others: What ``other_courses`` found.
        standing: By score and by missed work, how the student stands in each of the running ones;
            shape (pairs, 2).
        delay: Days after the end of a course until its outcome is known.

    Returns:
        Shape (moments, ``OTHER_NUMBERS``); zeros where there is no other course.
    """
    moment, other, there, running = others
    bad, length = known.at_risk[other], known.length[other]
    left = known.end[other] <= np.minimum(there, length)
    over = ~left & (there >= length + delay)
    same = (left | over) & (known.module[other] == known.module[enrolment[moment]])
    counted = np.stack(
        [running, left, over & (bad == 0), over & (bad == 1), same, *(running * standing.T)], 1
    )
    numbers = np.zeros((len(enrolment), len(OTHER_NUMBERS)), np.int64)
    np.add.at(numbers, moment, steps(counted))
    return np.clip(numbers / SCALE, -3, 3).astype(np.float32)
