"""Pages of texts, lessons and conversations: grades, tags, explanations."""

from collections import Counter
from pathlib import Path
from typing import Any

from torchedu.prediction.page import Cells, Page, Pages, by, share, together
from torchedu.sections import Section, Table

_WORDS = {"asked": "prompt", "explained": "explanation", "the tutor": "tutor"}
SENTENCES = 400
"""Sentences of a lesson that are shown, the first ones."""


def grading(folder: Path) -> Pages:
    """Tell each text's grades, and how they spread in each prompt."""
    classes, people = {}, {}
    for prompt, rows in by(folder, "grades", "prompt"):
        names = [key for key in rows[0] if key not in ("text", "prompt")]
        main, count = names[0], len(rows)
        grades = Counter(_grade(row[main]) for row in rows)
        numbers = {_grade(row[main]): row[main] for row in rows}
        order = sorted(grades, key=lambda grade: numbers[grade])
        counted: Cells = [[grade, grades[grade], grades[grade] / count] for grade in order]
        shown = [name for name in names if not name.startswith("chance of ")]
        texts = [[row["text"], *(_grade(row[name]) for name in shown)] for row in rows]
        commonest = max(grades, key=lambda grade: grades[grade])
        sections = [
            Section(
                "Grade by grade",
                "How many texts are given each.",
                [Table([main, "texts", "share"], counted, bars=(2,))],
            ),
            Section("Text by text", "In the order of the data.", [Table(["text", *shown], texts)]),
        ]
        lead = f"{count:,} texts; the commonest {main} is {commonest}."
        classes[prompt] = Page(f"Prompt {prompt}", lead, sections)
        for row in rows:
            marks = [[name, _grade(row[name])] for name in names]
            place = share([row[main] > other[main] for other in rows])
            above = (
                f" Above {place:.0%} of {count:,} texts." if not isinstance(row[main], str) else ""
            )
            said = f"{main}: {_grade(row[main])}.{above}"
            table = Section("What the network gives", "", [Table(["what", "given"], marks)])
            people[row["text"]] = Page(row["text"], said, [table])
    return together("text", classes, people)


def lessons(folder: Path) -> Pages:
    """Tell who talked how much in each lesson, and what was done with what was said."""
    talk = dict(by(folder, "talk", "lesson"))
    people: dict[str, Page] = {}
    every: Cells = []
    for name, rows in by(folder, "tags", "lesson"):
        speakers = talk.get(name, [])
        shares = [
            [row["speaker"], row["role"], row["share_of_words"], row["words"]] for row in speakers
        ]
        teacher = sum(row["share_of_words"] for row in speakers if row["role"] == "teacher")
        tags = Counter((row["role"], row["tag"]) for row in rows if row["tag"])
        by_role = Counter(row["role"] for row in rows)
        counted = [
            [tag, role, count, count / by_role[role]] for (role, tag), count in tags.most_common()
        ]
        said = [[row["speaker"], row["sentence"], row["tag"] or ""] for row in rows[:SENTENCES]]
        commonest = counted[0][0] if counted else ""
        every.append([name, len(rows), teacher, commonest])
        people[name] = Page(
            name,
            f"{len(rows):,} sentences; teachers speak {teacher:.0%} of the words.",
            [
                Section(
                    "Who talked how much",
                    "The share of all words.",
                    [Table(["speaker", "role", "share of words", "words"], shares, bars=(2,))],
                ),
                Section(
                    "What was done with it",
                    "How many sentences have each tag, and what share of the role's.",
                    [Table(["tag", "role", "sentences", "share"], counted, bars=(3,))],
                ),
                Section(
                    "Sentence by sentence",
                    f"The first {SENTENCES}." if len(rows) > SENTENCES else "",
                    [Table(["speaker", "sentence", "tag"], said)],
                ),
            ],
        )
    table = Table(["lesson", "sentences", "teachers' words", "commonest tag"], every, bars=(2,))
    section = Section("Lesson by lesson", "", [table])
    lead = f"{len(people):,} lessons."
    return together("lesson", {"All lessons": Page("All lessons", lead, [section])}, people)


def explanation(folder: Path) -> Pages:
    """Tell what was asked and explained in each conversation."""
    people: dict[str, Page] = {}
    every: Cells = []
    for name, (row, *_) in by(folder, "explanations", "conversation"):
        right = {None: "", True: "yes", False: "no"}[row["right"]]
        every.append([name, _cut(row["prompt"]), right])
        said: Cells = [[who, row[column]] for who, column in _WORDS.items()]
        answer = f"The answer is {'right' if row['right'] else 'wrong'}."
        people[name] = Page(
            f"Conversation {name}",
            "No answer is known." if row["right"] is None else answer,
            [Section("What was said", "", [Table(["who", "words"], said)])],
        )
    judged = [row[2] == "yes" for row in every if row[2]]
    lead = f"{len(every):,} explanations; {sum(judged):,} of {len(judged):,} answers are right."
    table = Table(["conversation", "asked", "right"], every)
    page = Page("All explanations", lead, [Section("One by one", "", [table])])
    return together("conversation", {"All explanations": page}, people)


def _grade(value: Any) -> str:
    return value if isinstance(value, str) else f"{value:.3g}"


def _cut(text: str, most: int = 120) -> str:
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"
