"""What statements of learning say, in the forms of who publishes them."""

from typing import Any

import numpy as np
import pytest

from tests.serve import record_forms as forms
from torchedu.datasets.statements import Answer, answer, course_of, in_course, named

EDX, MOODLE = forms.COURSES["edx"], forms.COURSES["moodle"]


def drawn() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.mark.parametrize(
    ("form", "event", "course", "value"),
    [
        (forms.edx_problem_check, "submitted", EDX, 1.0),
        (forms.edx_problem_check_in_browser, "submitted", EDX, None),
        (forms.edx_grade_of_problem, "submitted", EDX, 0.5),
        (forms.edx_enrolment, "registered", EDX, None),
        (forms.edx_unenrolment, "left", EDX, None),
        (forms.edx_passed, "outcome", EDX, 0.0),
        (forms.edx_video, "clicked", EDX, 1.0),
        (forms.moodle_answer, "submitted", MOODLE, 1.0),
        (forms.moodle_quiz, "submitted", MOODLE, 0.85),
        (forms.moodle_view, "clicked", MOODLE, 1.0),
        (forms.moodle_enrolment, "registered", MOODLE, None),
        (forms.moodle_course_completed, "outcome", MOODLE, 0.0),
        (forms.h5p_answer, "submitted", f"{forms.H5P}/node/12", 1.0),
    ],
)
def test_courses_are_told_by_what_activities_are(
    form: Any, event: str, course: str, value: float | None
) -> None:
    said = in_course(form(drawn(), "ann"))
    assert said is not None
    assert (said.event, said.course, said.value) == (event, course, value)


@pytest.mark.parametrize("form", [forms.edx_forum, forms.moodle_login])
def test_what_says_nothing_of_a_course_is_nothing(form: Any) -> None:
    assert in_course(form(drawn(), "ann")) is None


def test_answers_are_marked_by_points_or_by_being_right() -> None:
    said = forms.edx_problem_check(drawn(), "ann")
    assert answer(said) == Answer(said["object"]["id"], 1.0, None, 2)
    said["result"] = {"score": {"min": 0.0}, "success": False}  # of several questions
    assert answer(said) == Answer(said["object"]["id"], 0.0, None, 2)
    said["result"] = {"score": {"raw": 3, "min": 1, "max": 5}, "success": False}
    assert answer(said) == Answer(said["object"]["id"], 0.5, None, 2)
    said["result"] = {"score": {"raw": 0, "min": 0, "max": 0}, "success": True}
    assert answer(said) == Answer(said["object"]["id"], 1.0, None, 2)
    said["result"] = {"response": "a", "score": {"scaled": None}}
    assert answer(said) is None
    for form in (forms.edx_grade_of_problem, forms.moodle_quiz, forms.h5p_completion):
        assert answer(form(drawn(), "ann")) is None  # of a whole, or told twice


@pytest.mark.parametrize(
    ("duration", "seconds"),
    [("PT1M", 60), ("P1DT2H0.5S", 93_600.5), ("P1W", 604_800), ("P1M", None), ("PT", None),
     ("soon", None), (7, None)],
)  # fmt: skip
def test_durations_are_seconds(duration: Any, seconds: float | None) -> None:
    said = forms.moodle_answer(drawn(), "ann")
    said["result"]["duration"] = duration
    told = answer(said)
    assert told is not None
    assert told.seconds == seconds


def test_without_types_the_first_around_is_the_course() -> None:
    said = forms.moodle_view(drawn(), "ann")
    around = said["context"]["contextActivities"]
    for activity in around["grouping"][1:]:
        del activity["definition"]
    assert course_of(said) == MOODLE  # the platform is none
    around["grouping"] = {"id": "other"}  # as versions before 1.0 wrote it
    assert course_of(said) == "other"
    del said["context"]
    assert course_of(said) == said["object"]["id"]


def test_everybody_is_named() -> None:
    said = forms.h5p_answer(drawn(), "ann")
    said["context"]["instructor"] = {"account": {"homePage": "x", "name": "mr lee"}}
    said["context"]["team"] = {"objectType": "Group", "member": [{"mbox": "mailto:bo@x.org"}]}
    said["context"]["extensions"] = {"x": {"account": "cy"}}
    assert set(named(said)) == {"mailto:ann@example.org", "mr lee", "mailto:bo@x.org", ""}
