"""Does each small input that once gave a wrong number, or none, come out right?

The inputs and what is right of them are tests, which are run here.
"""

import subprocess
import sys
from typing import Any

from harness import ROOT, Goal

LEAKS = "tests/leaks/test_check.py::test_a_planted_leak_is_found"
TEXTS = "tests/datasets/importers/texts/test_importer.py"
RECOMMENDERS = "tests/baselines/test_recommenders.py"
CHATS = "tests/readers/test_chat_tokenizer.py"
EVENTS = "tests/datamodules/test_course_events.py"
COURSES = "tests/tasks/test_recommendation.py"
GRADING = "tests/evaluation/test_grading.py"
CASES: dict[str, tuple[str, ...]] = {
    "A7 an answer in a row for each skill": (
        f"{LEAKS}[answers-row_a_skill]",
        "tests/leaks/test_answers.py",
    ),
    "A8 every student under two numbers": (f"{LEAKS}[answers-twins]",),
    "A9 marks in names of items, or in the order; a perfect score": (
        f"{LEAKS}[answers-item_names]",
        f"{LEAKS}[answers-by_mark]",
        "tests/evaluation/test_leak_section.py::test_a_perfect_score_is_doubted",
    ),
    "A13 next year's file": ("tests/run/test_following.py",),
    "A14 another seed, split or fold on a trained run": ("tests/datamodules/test_base.py",),
    "A16 a split column is no attribute": (
        "tests/evaluation/test_tracing.py::test_a_splits_column_is_no_attribute_to_compare",
    ),
    "A17 eight students": (
        "tests/evaluation/test_any_task.py::test_what_is_too_little_is_said",
        "tests/evaluation/test_lead.py",
    ),
    "A20 lone quotes": ("tests/datasets/importers/reading/test_quotes.py",),
    "C3 a blend below its best part": (
        f"{RECOMMENDERS}::test_a_blend_is_never_below_its_best_part_where_it_is_found",
    ),
    "C4 a penalty of another data set": (
        f"{RECOMMENDERS}::test_a_penalty_is_chosen_near_the_best",
    ),
    "C5 a network that is NaN in evaluation": ("tests/tasks/test_not_finite.py",),
    "C9 the held-out course in attributes and before it; copies": (
        f"{LEAKS}[enrolments-next_course]",
        f"{LEAKS}[enrolments-token_before]",
        f"{LEAKS}[enrolments-twins]",
    ),
    "C10 more courses drawn than there are": (
        "tests/evaluation/test_recommendation.py::test_everything_to_beat_stands_beside_the_network",
    ),
    "L1 a forward of its own": ("tests/models/test_own_forward.py",),
    "L2 the end of a turn": (
        f"{CHATS}::test_an_answer_ends_as_the_template_ends_it",
        "tests/export/test_language.py::test_an_export_ends_answers_as_the_chat_template_does",
    ),
    "L3 a template without a system turn": (
        f"{CHATS}::test_what_the_system_says_begins_the_first_turn_where_it_has_none",
    ),
    "R6 a few hundred rows": ("tests/baselines/test_risk.py",),
    "R7 what failing students alone have; copies": (
        f"{LEAKS}[events-event_of_failing]",
        f"{LEAKS}[events-outcome_attribute]",
        f"{LEAKS}[events-twins]",
    ),
    "R8 groups that are too small": (
        "tests/metrics/test_fairness.py::test_what_was_not_compared_is_not_called_fair",
    ),
    "R9 one student on both sides": (
        f"{EVENTS}::test_a_student_of_two_courses_is_on_one_side_of_training_and_validation",
    ),
    "T1 one id with two labels": (
        f"{TEXTS}::test_an_id_that_is_given_two_labels_or_parts_is_refused_and_both_rows_named",
    ),
    "T2, T3 overlap with the reference; a row a test part": (
        "tests/evaluation/test_grading.py::test_short_answers_are_labelled_beside_their_references",
    ),
    "T7 copies of texts, lessons and problems": (
        f"{LEAKS}[texts-copied_texts]",
        f"{LEAKS}[texts-near_texts]",
        f"{LEAKS}[lessons-less_a_sentence]",
        f"{LEAKS}[chats-test_problems]",
    ),
    "Y2 loaders without the data module": (
        "tests/tasks/test_base.py::test_a_task_refuses_loaders_without_the_data_that_they_are_of",
    ),
    "Y4 losses of a batch that is divided": (
        f"{COURSES}::test_a_loss_that_is_another_one_when_divided_says_so",
        f"{COURSES}::test_a_step_s_gradient_is_the_same_however_it_is_divided",
    ),
}
"""Tests by case."""


def measure() -> tuple[list[Goal], dict[str, Any]]:
    """Count the cases of which a test fails.

    Raises:
        RuntimeError: The tests could not be run, such as where there is no such test.
    """
    tests = [test for some in CASES.values() for test in some]
    words = [sys.executable, "-m", "pytest", "-q", "-rfE", "--tb=no", "-p", "no:cacheprovider"]
    done = subprocess.run([*words, *tests], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1):
        raise RuntimeError(done.stdout[-2000:] + done.stderr[-2000:])
    lines = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    wrong = [
        case for case, some in CASES.items() if any(test in line for test in some for line in lines)
    ]
    goal = Goal("honest.cases", len(wrong), f"0 of {len(CASES)} come out wrong", not wrong)
    return [goal], {"wrong": wrong, "failed": lines, "ran": done.stdout.splitlines()[-1]}
