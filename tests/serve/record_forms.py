"""Learning records in the forms that Open edX, Moodle and H5P publish, of people made up here."""

from copy import deepcopy
from typing import Any
from uuid import UUID

import numpy as np

Statement = dict[str, Any]
ADL, TIN_CAN, W3ID = "http://adlnet.gov/expapi", "http://id.tincanapi.com", "https://w3id.org/xapi"
EDX, MOODLE, H5P = (
    "https://edx.example.org",
    "https://moodle.example.org",
    "https://h5p.example.org",
)
COURSES = {
    "edx": f"{EDX}/course/course-v1:Example+M1+2026",
    "moodle": f"{MOODLE}/course/view.php?id=7",
}


def _activity(id: str, type: str, name: str, **more: Any) -> Statement:
    definition = {"type": type, "name": {"en": name}, **more}
    return {"id": id, "objectType": "Activity", "definition": definition}


def _edx(drawn: np.random.Generator, student: str, verb: str, about: Statement) -> Statement:
    course = _activity(COURSES["edx"], f"{ADL}/activities/course", "Mathematics 1")
    return {
        "actor": {"objectType": "Agent", "account": {"homePage": EDX, "name": student}},
        "verb": {"id": verb, "display": {"en": verb.rpartition("/")[2]}},
        "object": about,
        "version": "1.0.3",
        "context": {
            "contextActivities": {"parent": [course]},
            "extensions": {
                f"{W3ID}/openedx/extension/transformer-version": "event-routing-backends@9.3.0",
                f"{W3ID}/openedx/extensions/session-id": f"{int(drawn.integers(2**60)):032x}",
            },
        },
    }


def _edx_problem(drawn: np.random.Generator, **more: Any) -> Statement:
    block = f"{EDX}/xblock/block-v1:Example+M1+2026+type@problem+block@i{drawn.integers(40)}"
    return _activity(block, f"{ADL}/activities/cmi.interaction", "Checkboxes", **more)


def edx_problem_check(drawn: np.random.Generator, student: str) -> Statement:
    right, attempt = int(drawn.integers(2)), int(drawn.integers(1, 4))
    about = _edx_problem(
        drawn, interactionType="choice", extensions={f"{TIN_CAN}/extension/attempt-id": attempt}
    )
    said = _edx(drawn, student, f"{W3ID}/acrossx/verbs/evaluated", about)
    score = {"raw": right, "min": 0, "max": 1, "scaled": right}
    return said | {"result": {"success": bool(right), "score": score, "response": "['a', 'c']"}}


def edx_problem_check_in_browser(drawn: np.random.Generator, student: str) -> Statement:
    return _edx(drawn, student, f"{ADL}/verbs/attempted", _edx_problem(drawn))


def edx_grade_of_problem(drawn: np.random.Generator, student: str) -> Statement:
    said = _edx(drawn, student, f"{ADL}/verbs/attempted", _edx_problem(drawn))
    score = {"raw": 2.0, "min": 0.0, "max": 4.0, "scaled": 0.5}
    return said | {"result": {"score": score, "success": False}}


def edx_enrolment(drawn: np.random.Generator, student: str, verb: str = "registered") -> Statement:
    course = _activity(COURSES["edx"], f"{ADL}/activities/course", "Mathematics 1")
    where = ADL if verb != "unregistered" else TIN_CAN
    said = _edx(drawn, student, f"{where}/verbs/{verb}", course)
    del said["context"]["contextActivities"]
    return said


def edx_unenrolment(drawn: np.random.Generator, student: str) -> Statement:
    return edx_enrolment(drawn, student, "unregistered")


def edx_passed(drawn: np.random.Generator, student: str) -> Statement:
    return edx_enrolment(drawn, student, "passed")


def edx_video(drawn: np.random.Generator, student: str) -> Statement:
    block = f"{EDX}/xblock/block-v1:Example+M1+2026+type@video+block@v{drawn.integers(9)}"
    about = _activity(
        block,
        f"{W3ID}/video/activity-type/video",
        "Limits",
    )
    said = _edx(drawn, student, f"{W3ID}/video/verbs/played", about)
    extensions = {f"{W3ID}/video/extensions/time": round(float(drawn.random() * 300), 3)}
    return said | {"result": {"extensions": extensions}}


def edx_forum(drawn: np.random.Generator, student: str) -> Statement:
    thread = f"{EDX}/courses/course-v1:Example+M1+2026/discussion/threads/{drawn.integers(10**6)}"
    about = _activity(thread, f"{TIN_CAN}/activitytype/discussion", "Why is 0! = 1?")
    return _edx(drawn, student, f"{W3ID}/acrossx/verbs/posted", about)


def _moodle(student: str, verb: str, about: Statement, event: str, *inside: Statement) -> Statement:
    plugin = "https://github.com/xAPI-vle/moodle-logstore_xapi"
    return {
        "actor": {"name": f"Ms Ünal {student}", "account": {"homePage": MOODLE, "name": student}},
        "verb": {"id": verb, "display": {"en": verb.rpartition("/")[2]}},
        "object": about,
        "context": {
            "platform": "Moodle",
            "language": "en",
            "extensions": {
                "http://lrs.learninglocker.net/define/extensions/info": {
                    "http://moodle.org": "4.5.1", plugin: "v4.11.0", "event_name": event,
                }
            },
            "contextActivities": {
                "grouping": [_activity(MOODLE, f"{TIN_CAN}/activitytype/lms", "School"), *inside],
                "category": [
                    _activity("http://moodle.org", f"{TIN_CAN}/activitytype/source", "Moodle")
                ],
            },
        },
    }  # fmt: skip


_MOODLE_COURSE = _activity(COURSES["moodle"], f"{TIN_CAN}/activitytype/lms/course", "Mathématiques")
_QUIZ = _activity(f"{MOODLE}/mod/quiz/view.php?id=3", f"{ADL}/activities/assessment", "Week 1")


def moodle_answer(drawn: np.random.Generator, student: str) -> Statement:
    about = _activity(
        f"{MOODLE}/question/question.php?cmid=3&id={drawn.integers(40)}",
        f"{ADL}/activities/cmi.interaction", "Derivative of x²", interactionType="choice",
    )  # fmt: skip
    event = "\\mod_quiz\\event\\attempt_submitted"
    said = _moodle(student, f"{ADL}/verbs/answered", about, event, _MOODLE_COURSE, _QUIZ)
    right = bool(drawn.integers(2))
    extensions = {"http://learninglocker.net/xapi/cmi/choice/response": "2x"}
    result = {"response": "2x", "success": right, "completion": True, "extensions": extensions}
    return said | {"result": result}


def moodle_quiz(drawn: np.random.Generator, student: str) -> Statement:
    event = "\\mod_quiz\\event\\attempt_submitted"
    said = _moodle(student, f"{ADL}/verbs/completed", _QUIZ, event, _MOODLE_COURSE)
    raw = int(drawn.integers(101))
    score = {"raw": raw, "min": 0, "max": 100, "scaled": raw / 100}
    result = {"score": score, "completion": True, "success": True}
    return said | {"result": result | {"duration": f"PT{drawn.integers(10, 3000)}S"}}


def moodle_view(drawn: np.random.Generator, student: str) -> Statement:
    about = _activity(
        f"{MOODLE}/mod/page/view.php?id={drawn.integers(50)}",
        f"{TIN_CAN}/activitytype/resource", "Page",
    )  # fmt: skip
    event = "\\mod_page\\event\\course_module_viewed"
    return _moodle(student, f"{TIN_CAN}/verb/viewed", about, event, _MOODLE_COURSE)


def moodle_enrolment(drawn: np.random.Generator, student: str) -> Statement:
    event = "\\core\\event\\user_enrolment_created"
    return _moodle(student, f"{ADL}/verbs/registered", _MOODLE_COURSE, event)


def moodle_course_completed(drawn: np.random.Generator, student: str) -> Statement:
    event = "\\core\\event\\course_completed"
    return _moodle(student, f"{TIN_CAN}/verb/completed", _MOODLE_COURSE, event)


def moodle_login(drawn: np.random.Generator, student: str) -> Statement:
    site = _activity(MOODLE, f"{TIN_CAN}/activitytype/lms", "School")
    event = "\\core\\event\\user_loggedin"
    return _moodle(student, "https://brindlewaye.com/xAPITerms/verbs/loggedin/", site, event)


def _h5p(student: str, verb: str, about: Statement, library: str) -> Statement:
    return {
        "actor": {"name": student, "mbox": f"mailto:{student}@example.org", "objectType": "Agent"},
        "verb": {"id": f"{ADL}/verbs/{verb}", "display": {"en-US": verb}},
        "object": about,
        "context": {
            "contextActivities": {
                "category": [
                    {"id": f"http://h5p.org/libraries/{library}", "objectType": "Activity"}
                ],
                "parent": [{"id": f"{H5P}/node/12", "objectType": "Activity"}],
            }
        },
    }


def h5p_answer(drawn: np.random.Generator, student: str) -> Statement:
    id = f"{H5P}/node/12?subContentId={UUID(int=int(drawn.integers(40)))}"
    about = {
        "id": id,
        "objectType": "Activity",
        "definition": {
            "type": f"{ADL}/activities/cmi.interaction",
            "interactionType": "true-false",
            "correctResponsesPattern": ["true"],
            "description": {"en-US": "Is 7 a prime?\n"},
            "extensions": {"http://h5p.org/x-api/h5p-local-content-id": 12},
        },
    }
    right = int(drawn.integers(2))
    score = {"min": 0, "max": 1, "raw": right, "scaled": right}
    spent = f"PT{drawn.integers(1, 9999) / 100}S"
    result = {"score": score, "completion": True, "success": bool(right), "duration": spent}
    said = _h5p(student, "answered", about, "H5P.TrueFalse-1.8")
    return said | {"result": result | {"response": "true"}}


def h5p_interaction(drawn: np.random.Generator, student: str) -> Statement:
    extensions = {"http://h5p.org/x-api/h5p-local-content-id": int(drawn.integers(20))}
    about = {"id": f"{H5P}/node/12", "objectType": "Activity", "definition": {
             "extensions": extensions, "name": {"en-US": "Primes"}}}  # fmt: skip
    said = _h5p(student, "interacted", about, "H5P.QuestionSet-1.20")
    del said["context"]["contextActivities"]["parent"]
    return said


def h5p_completion(drawn: np.random.Generator, student: str) -> Statement:
    said = h5p_interaction(drawn, student)
    said["verb"] = {"id": f"{ADL}/verbs/completed", "display": {"en-US": "completed"}}
    raw = int(drawn.integers(6))
    score = {"min": 0, "max": 5, "raw": raw, "scaled": raw / 5}
    return said | {"result": {"score": score, "completion": True, "duration": "PT64.03S"}}


FORMS = (
    edx_problem_check, edx_problem_check_in_browser, edx_grade_of_problem, edx_enrolment,
    edx_unenrolment, edx_passed, edx_video, edx_forum, moodle_answer, moodle_quiz, moodle_view,
    moodle_enrolment, moodle_course_completed, moodle_login, h5p_answer, h5p_interaction,
    h5p_completion,
)  # fmt: skip


def made(form: Any, number: int, drawn: np.random.Generator) -> list[Statement]:
    """Return statements of a form, each with a name and a time, of twenty students."""
    statements = []
    for n in range(number):
        said = deepcopy(form(drawn, f"s{drawn.integers(20)}"))  # forms share their parts
        id = str(UUID(bytes=drawn.bytes(16), version=4))
        since = np.timedelta64(int(drawn.integers(10**7)) * 1000 + n, "ms")
        moment = np.datetime64("2026-01-05T08:00:00", "ms") + since
        statements.append({"id": id, **said, "timestamp": f"{moment}+00:00"})
    return statements
