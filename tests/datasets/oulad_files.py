"""A small folder laid out as the Open University publishes its data set."""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

PRESENTATIONS = ("2013J", "2014B", "2014J")
MODULES = ("AAA", "BBB")
LENGTH = 120
DUE = (20, 45, 70, 95)
STUDENTS = 50


def write_oulad(folder: Path, clicks: bool = False) -> Path:
    """Write the files of six courses of fifty students, who fail the more the less they do."""
    random = np.random.default_rng(0)
    folder.mkdir(parents=True)
    info, registration, submissions, assessments, clicked = [], [], [], [], []
    student = work = 0
    for module in MODULES:
        for presentation in PRESENTATIONS:
            course = (module, presentation)
            works = []
            for due, weight in zip(DUE, (10, 20, 30, 40), strict=True):
                work += 1
                works.append((work, due))
                assessments.append((*course, work, "CMA" if due == 45 else "TMA", due, weight))
            work += 1
            assessments.append((*course, work, "Exam", "?", 100))
            for _ in range(STUDENTS):
                student += 1
                skill = random.normal()
                left = "?"
                if skill < -1.1:
                    left = int(random.integers(30, 110))
                result = "Withdrawn" if left != "?" else "Fail" if skill < -0.3 else "Pass"
                gender = "M" if random.random() < (0.8 if module == "AAA" else 0.3) else "F"
                info.append(
                    (*course, student, gender, "Wales", "A Level", "10-20", "0-35", 0, 60, "N",
                     result)
                )  # fmt: skip
                registration.append((*course, student, int(random.integers(-90, -5)), left))
                for one, due in works:
                    if random.random() < 1 / (1 + np.exp(-2 * skill - 1)):
                        day = due + int(random.integers(-6, 4))
                        if left == "?" or day < int(left):
                            mark = int(np.clip(60 + 15 * skill + random.normal(0, 8), 0, 100))
                            submissions.append((one, student, day, 0, mark))
                clicked += [
                    (*course, student, 1, int(day), int(random.integers(1, 9)))
                    for day in random.integers(-10, LENGTH, 6)
                ]
    key = ("code_module", "code_presentation")
    courses = [(m, p, LENGTH) for m in MODULES for p in PRESENTATIONS]
    _write(folder / "courses.csv", (*key, "module_presentation_length"), courses)
    _write(
        folder / "assessments.csv",
        (*key, "id_assessment", "assessment_type", "date", "weight"),
        assessments,
    )
    _write(
        folder / "studentInfo.csv",
        (*key, "id_student", "gender", "region", "highest_education", "imd_band", "age_band",
         "num_of_prev_attempts", "studied_credits", "disability", "final_result"),
        info,
    )  # fmt: skip
    _write(
        folder / "studentRegistration.csv",
        (*key, "id_student", "date_registration", "date_unregistration"),
        registration,
    )
    _write(
        folder / "studentAssessment.csv",
        ("id_assessment", "id_student", "date_submitted", "is_banked", "score"),
        submissions,
    )
    if clicks:
        _write(
            folder / "studentVle.csv",
            (*key, "id_student", "id_site", "date", "sum_click"),
            clicked,
        )
    return folder


def _write(file: Path, heading: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with file.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([heading, *rows])
