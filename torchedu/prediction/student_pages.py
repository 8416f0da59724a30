"""Pages of a class and of students: mastery, risks, recommended courses."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from torchedu.prediction.page import Cells, Page, Pages, Rows, by, groups, share, together
from torchedu.sections import Section, Table

MASTERED = 0.8
LATEST = 30
"""Answers of a student that are shown, the last ones."""


def tracing(folder: Path) -> Pages:
    """Tell what each student masters, and the class."""
    mastery = {name: _mastery(rows) for name, rows in by(folder, "mastery", "student")}
    answers = dict(by(folder, "predictions", "student"))
    skills: dict[str, list[float]] = {}
    for known in mastery.values():
        for skill, value in known.items():
            skills.setdefault(skill, []).append(value)
    by_skill = [
        [skill, float(np.mean(values)), share(np.array(values) >= MASTERED), len(values)]
        for skill, values in sorted(skills.items(), key=lambda skill: float(np.mean(skill[1])))
    ]
    students: Cells = []
    people = {}
    for name, known in mastery.items():
        rows = answers.get(name, [])
        right = share([row["correct"] >= 0.5 for row in rows])
        mean = float(np.mean([*known.values()])) if known else None
        weakest = min(known, key=lambda skill: known[skill], default="")
        students.append([name, len(rows), right, mean, weakest])
        people[name] = Page(name, _of_student(known, len(rows), right), _student(known, rows))
    students.sort(key=lambda row: (row[3] is None, row[3]))
    lead = f"{len(mastery):,} students. "
    if by_skill:
        lead += f"What the class masters least is {by_skill[0][0]}."
    sections = [
        Section(
            "Skill by skill",
            "Mastery is the chance of a right answer on a new question of the skill: the mean of "
            f"the class, and the share of students who reach {MASTERED:.0%}.",
            [
                Table(
                    ["skill", "mean mastery", f"{MASTERED:.0%} or more", "students"],
                    by_skill,
                    bars=(1, 2),
                )
            ],
        ),
        Section(
            "Student by student",
            "Those first who master least.",
            [
                Table(
                    ["student", "answers", "share right", "mean mastery", "weakest skill"],
                    students,
                    bars=(2, 3),
                )
            ],
        ),
    ]
    return together("student", {"The class": Page("The class", lead, sections)}, people)


def _mastery(rows: Rows) -> dict[str, float]:
    return {row["skill"]: row["mastery"] for row in rows if row["mastery"] is not None}


def _of_student(known: Mapping[str, float], answers: int, right: float | None) -> str:
    said = f"{answers:,} answers" + (f", {right:.0%} of them right." if right is not None else ".")
    weak = [skill for skill, value in known.items() if value < MASTERED]
    if not known:
        return said
    weakest = min(known, key=lambda skill: known[skill])
    return said + (
        f" Below {MASTERED:.0%} in {len(weak)} of {len(known)} skills; least in {weakest}."
        if weak
        else f" All {len(known)} skills are at {MASTERED:.0%} or above."
    )


def _student(known: Mapping[str, float], rows: Rows) -> list[Section]:
    skills = sorted(known.items(), key=lambda skill: skill[1])
    latest = [
        [str(row["position"] + 1), row["item"], row["probability"], f"{row['correct']:g}"]
        for row in rows[-LATEST:]
    ]
    return [
        Section(
            "Mastery",
            "The chance of a right answer on a new question of each skill, the lowest first.",
            [Table(["skill", "mastery"], [[*pair] for pair in skills], bars=(1,))],
        ),
        Section(
            "Latest answers",
            "What the network expected before each answer, and what came.",
            [Table(["answer", "item", "expected", "marks"], latest, bars=(2,))],
        ),
    ]


def risk(folder: Path) -> Pages:
    """Tell whom to call in each course, and each student's risk week by week."""
    calls, changes = dict(by(folder, "calls", "course")), dict(by(folder, "changes", "course"))
    why = {
        (row["student"], course): row["reasons"] for course, rows in calls.items() for row in rows
    }
    classes = {}
    for course, rows in calls.items():
        listed = [[row["student"], row["risk"], row["week_before"], row["reasons"]] for row in rows]
        moved = [
            [row["student"], row["week_before"], row["risk"], row["events"]]
            for row in changes.get(course, [])
        ]
        expected = rows[-1]["expected"] if rows else 0.0
        lead = (
            f"Day {rows[0]['day']:.0f}: {len(rows)} students to call, of whom {expected:.1f} "
            "would fail or leave if nothing is done."
            if rows
            else "Nobody is to be called."
        )
        sections = [
            Section(
                "Whom to call",
                "The highest risk first. Reasons are what the network went by, not what helps.",
                [Table(["student", "risk", "a week ago", "what raised it"], listed, bars=(1,))],
            )
        ]
        if moved:
            changed = Table(["student", "a week ago", "risk", "what happened"], moved, bars=(2,))
            sections.append(Section("What has changed", "By 5 points or more.", [changed]))
        classes[course] = Page(course, lead, sections)
    people = {}
    for name, rows in by(folder, "risks", "student"):
        sections = []
        for course, mine in groups(rows, "course"):
            weeks = [[f"{row['day']:.0f}", row["risk"]] for row in mine]
            said = why.get((name, course))
            sections.append(
                Section(
                    course,
                    f"What raised the risk: {said}." if said else "Not on the list of today.",
                    [Table(["day of the course", "risk"], weeks, bars=(1,))],
                )
            )
        last = rows[-1]
        lead = f"In {last['course']} the risk on day {last['day']:.0f} is {last['risk']:.0%}."
        people[name] = Page(name, lead, sections)
    return together("student", classes, people)


def recommendation(folder: Path) -> Pages:
    """Tell each student's courses, and which are recommended most."""
    people: dict[str, Page] = {}
    first, firsts = Counter[str](), Cells()
    for name, rows in by(folder, "recommendations", "student"):
        first.update(row["course"] for row in rows[:3])
        firsts.append([name, *(_first(rows, key) for key in ("course", "because"))])
        listed = [[str(row["place"]), row["course"], row["because"]] for row in rows]
        table = Table(["place", "course", "because of"], listed)
        said = "The best first, with the courses of their own that each leans on."
        lead = f"Next: {firsts[-1][1]}." if rows else "Nothing is left to recommend."
        people[name] = Page(name, lead, [Section("Recommended courses", said, [table])])
    size = max(len(people), 1)
    most: Cells = [[course, count, count / size] for course, count in first.most_common()]
    lead = f"{len(people):,} students."
    if most:
        lead += f" Recommended most often is {most[0][0]}."
    sections = [
        Section(
            "Course by course",
            "To how many students each course is recommended among the first three.",
            [Table(["course", "students", "share"], most, bars=(2,))],
        ),
        Section(
            "Student by student",
            "The first recommendation of each.",
            [Table(["student", "course", "because of"], firsts)],
        ),
    ]
    return together("student", {"All students": Page("All students", lead, sections)}, people)


def _first(rows: Rows, key: str) -> str:
    return rows[0][key] if rows else ""
