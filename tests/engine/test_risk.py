"""Courses that are going on, by what is told of their students."""

import pytest

from tests.missing import KINDS, column
from torchedu.companions import Companions
from torchedu.domains import Risk
from torchedu.engine import RiskEngine
from torchedu.errors import ConfigError, DataError
from torchedu.models import EventGRU
from torchedu.schema import (
    ATTRIBUTE,
    EVENT_NUMBERS,
    MODULE,
    MOMENT_NUMBERS,
    TOLD,
    Names,
    Vocabulary,
)


def engine_of() -> RiskEngine:
    """Return an engine of a course with two pieces of work."""
    names = Vocabulary(
        {MODULE: Names(["algebra"]), TOLD: Names(["sex"]), ATTRIBUTE: Names(["sex: F", "sex: M"])}
    )
    domain = Risk(lambda *sizes: EventGRU(*sizes, dim=4, members=1), 3, 4)
    columns = {"event": EVENT_NUMBERS, "moment": MOMENT_NUMBERS}
    domain.take(Companions(names, columns=columns))
    engine = RiskEngine(domain)
    work = [{"work": "essay", "due": 20}, {"work": "exam", "type": "Exam"}]
    engine.course("algebra 1", module="algebra", length=100, work=work)
    return engine


def test_risks_move_with_what_is_told_and_back() -> None:
    engine = engine_of()
    engine.event("ann", "algebra 1", "registered", -5)
    engine.event("bo", "algebra 1", "registered", -5)
    (before,) = engine.risk("ann", day=30)
    engine.event("ann", "algebra 1", "submitted", 10, work="essay", value=0.9)
    (after,) = engine.risk("ann", day=30)
    assert (before.course, before.day) == ("algebra 1", 30)
    assert after != before
    assert 0 < after.risk < 1
    engine.event("ann", "algebra 1", "submitted", 10, work="essay", taken_back=True)
    assert engine.risk("ann", day=30) == [before]
    engine.about("ann", {"sex": "F"})
    assert engine.risk("ann", day=30) != [before]


def test_the_day_is_the_last_of_which_anything_is_known() -> None:
    engine = engine_of()
    engine.event("ann", "algebra 1", "clicked", 12, value=3)
    (found,) = engine.risk("ann")
    assert found.day == 12
    engine.event("ann", "algebra 1", "submitted", 14, work="exam", value=0.5)  # which is not seen
    assert engine.risk("ann", day=12) == [found]


BAD = {
    "course": ({"course": "algebra 2"}, "row 1: the course 'algebra 2' is not known"),
    "event": ({"event": "slept"}, "row 1: the field 'event' is 'slept'"),
    "work": ({"work": "esay"}, "row 1: the work 'esay' is not known.*\n.*essay"),
    "no work": ({"work": None}, "row 1: the field 'work' is missing"),
    "mark": ({"value": 1.2}, "row 1: the field 'value' is 1.2"),
    "day": ({"day": None}, "row 1: the field 'day' is missing"),
}


@pytest.mark.parametrize("wrong", BAD)
def test_bad_events_name_field_and_row_and_change_nothing(wrong: str) -> None:
    engine, (field, message) = engine_of(), BAD[wrong]
    row = {"student": "ann", "course": "algebra 1", "event": "submitted", "day": 9,
           "work": "essay", "value": 0.5}  # fmt: skip
    with pytest.raises(DataError, match=message):
        engine.event_many([row, row | field])
    with pytest.raises(DataError, match="the student 'ann' is not known"):
        engine.risk("ann")


def test_a_course_begins_once() -> None:
    with pytest.raises(ConfigError, match="name is 'algebra 1'"):
        engine_of().course("algebra 1", length=10)


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_library_calls_missing_is_missing(kind: str) -> None:
    rows = {
        "student": ["ann", "ann", "bo", "bo"], "course": ["algebra 1"] * 4,
        "event": ["submitted", "clicked", "clicked", "submitted"], "day": [10, 12, 12, 13],
        "work": ["essay", None, None, "essay"], "value": [0.9, 3, 4, None],
        "taken_back": [None, None, None, True],
    }  # fmt: skip
    work = {"work": ["essay", "exam"], "due": [20, None], "type": [None, "Exam"],
            "weight": [None, None]}  # fmt: skip
    plain = engine_of()
    engine = RiskEngine(plain.domain)
    engine.course("algebra 1", module="algebra", length=100, work=KINDS[kind](work))
    engine.event_many(KINDS[kind](rows))
    plain.event_many(rows)
    engine.about("bo", {"sex": column(KINDS[kind]({"sex": ["F", None]}), "sex")[1]})
    for student in ("ann", "bo"):
        assert engine.risk(student, day=30) == plain.risk(student, day=30)
