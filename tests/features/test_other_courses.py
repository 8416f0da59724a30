"""What a student's other courses tell, and that nothing of it is told before its day."""

from pathlib import Path

import numpy as np
import pytest

from torchedu.datasets.events import Courses, Enrolments, Events, EventStore, Work, write_events
from torchedu.features.course_view import Moments, view
from torchedu.schema import MOMENT_NUMBERS, OTHER_NUMBERS

FIRST = MOMENT_NUMBERS.index(OTHER_NUMBERS[0])
LENGTH, SPRING, AUTUMN = 100.0, 0.0, 150.0


def written(
    path: Path,
    enrolments: list[tuple[str, int, str | None, float]],
    events: list[tuple[int, float, int, float]],
    begins: tuple[float, ...] = (SPRING, AUTUMN, AUTUMN + 20),
) -> EventStore:
    """Write algebra in spring and autumn, and history, from 20 days later in autumn on.

    Args:
        path: The store.
        enrolments: Student, course, outcome and day of leaving.
        events: Enrolment, day, work and mark of what was handed in.
        begins: The first day of each course.
    """
    courses = Courses(
        ["algebra 1", "algebra 2", "history 2"], ["algebra", "algebra", "history"],
        ["1", "2", "2"], np.full(3, LENGTH), np.array(begins),
    )  # fmt: skip
    work = Work(["a", "b", "c"], np.arange(3), ["TMA"] * 3, np.full(3, 30.0), np.ones(3))
    student, course, outcome, end = zip(*enrolments, strict=True)
    size = len(student)
    rows = Enrolments(
        student, np.array(course), outcome, np.full(size, -10.0), np.array(end, float), {}
    )
    enrolment, day, about, mark = (np.array(one) for one in zip(*events, strict=True))
    done = Events(enrolment, np.zeros(len(day), np.int64), day.astype(float), about, mark)
    return write_events(path, courses, work, rows, done, ["Fail"], {})


def told(store: EventStore, row: int, day: float, delay: float = 0) -> dict[str, float]:
    """Return what is told of a student's other courses on a day."""
    seen = view(store, Moments(np.array([row]), np.array([day])), delay)
    values = seen.moment[0, FIRST : FIRST + len(OTHER_NUMBERS)].tolist()
    return {name: one for name, one in zip(OTHER_NUMBERS, values, strict=True) if one}


STAYED = np.inf
THREE = [("Ann", 0, "Fail", STAYED), ("Ann", 1, "Pass", STAYED), ("Ann", 2, "Pass", 40.0)]
OTHERS = [(f"other {i}", 2, "Pass", STAYED) for i in range(3)]
DONE = [(0, 10.0, 0, 0.9), *((3 + i, 10.0, 2, 0.8) for i in range(3))]


def test_a_course_that_ended_tells_how_and_one_beside_how_it_goes(tmp_path: Path) -> None:
    store = written(tmp_path / "out.store", [*THREE, *OTHERS], DONE)
    ended = {"courses_failed": 1, "module_again": 1}
    # Day 50 in algebra is day 30 in history, in which all others have handed in.
    assert told(store, 1, 50) == pytest.approx({**ended, "courses_beside": 1, "rank_beside": -0.75})
    late = told(store, 1, 51)
    assert late["missing_rank_beside"] > 0
    assert told(store, 1, 60) == {**ended, "courses_left": 1}
    assert told(store, 3, 50) == {}


def test_nothing_is_told_before_its_day(tmp_path: Path) -> None:
    store = written(tmp_path / "a.store", [*THREE, *OTHERS], DONE)
    assert told(store, 0, 100) == {}  # spring knows nothing of the autumn for which none is signed
    assert told(store, 2, 5)["courses_failed"] == 1
    assert told(store, 1, -5, delay=60).get("courses_failed") is None
    assert told(store, 1, 10, delay=60)["courses_failed"] == 1
    later = [
        ("Ann", 0, "Fail", STAYED), ("Ann", 1, "Fail", STAYED), ("Ann", 2, "Fail", 70.0),
        *OTHERS,
    ]  # fmt: skip
    other = written(tmp_path / "b.store", later, [*DONE, (2, 35.0, 2, 0.1)])
    for day in (0.0, 20.0, 50.0):
        assert told(store, 1, day) == told(other, 1, day)
    assert told(store, 1, 60) != told(other, 1, 60)


def test_without_a_calendar_nothing_is_told(tmp_path: Path) -> None:
    store = written(tmp_path / "out.store", THREE, DONE[:1], (np.nan, AUTUMN, np.nan))
    assert told(store, 1, 60) == {}
