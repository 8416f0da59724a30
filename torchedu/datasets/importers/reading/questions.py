"""Which columns of a table with a row a student hold what was answered to which question."""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from torchedu.datasets.importers.reading.columns import plain
from torchedu.datasets.importers.reading.marks import is_mark
from torchedu.datasets.importers.reading.people import NOBODY, known

Rows = Sequence[Sequence[str]]
RESPONSE = ("response", "antwort", "réponse", "respuesta", "resposta", "risposta", "antwoord")
RIGHT = (
    *("right answer", "correct answer", "richtige antwort", "bonne réponse", "respuesta correcta"),
    *("resposta correta", "risposta corretta", "juiste antwoord"),
)
EARNED = ("earnedpoints", "earned_points", "points_earned", "erzielte_punkte")
ITEM_ID = ("itemid", "item_id")
NO_MARK = (
    *("-", "–", "n/a", "ex", "not yet graded", "requires grading", "noch nicht bewertet"),
    *("bewertung notwendig", "not yet answered", "nicht beantwortet"),
)
"""What stands, in lower case, where nothing was answered or marked."""

MARKS = 0.5
"""The share of a column's cells above which these are marks where it is a question's."""


class Question(NamedTuple):
    """A question, and where a table tells of it.

    Attributes:
        name: The question; where ``named`` is given, what its cells fall back to.
        mark: The column of the mark, or of the answer.
        full: The points that can be reached; None where the heading does not tell.
        right: The column of the right answer, which an answer is compared with.
        named: The column whose cells name the question.
    """

    name: str
    mark: int
    full: float | None = None
    right: int | None = None
    named: int | None = None


Rule = Callable[[Sequence[str], Rows], Iterator[Question]]


def number(text: str) -> float | None:
    """Return a number with a point or a comma before decimals; None where it is none."""
    try:
        return float(text.strip().replace(",", "."))
    except ValueError:
        return None


def bracketed(headings: Sequence[str], rows: Rows) -> Iterator[Question]:
    """Google Forms: ``Question``, ``Question [Score]``, ``Question [Feedback]``."""
    for i in range(1, len(headings)):
        before, match = headings[i - 1], re.fullmatch(r"(.+) \[[^\]]+\]", headings[i], re.S)
        if match and match[1].strip() == before:
            yield Question(before, i)


def prefixed(headings: Sequence[str], rows: Rows) -> Iterator[Question]:
    """Microsoft Forms: ``Question``, ``Points - Question``, ``Feedback - Question``."""
    for i in range(1, len(headings)):
        before, now = headings[i - 1], headings[i]
        begins = now.removesuffix(before) if before and now.endswith(before) else ""
        some = any(len(row) > i and number(row[i]) is not None for row in rows)
        if re.fullmatch(r"[^-–:]{3,20}\s?[-–:]\s?", begins) and some:
            yield Question(before, i)


def slashed(headings: Sequence[str], rows: Rows) -> Iterator[Question]:
    """Moodle's grades of a quiz: ``Q. 1 /1.00``, ``F 1 /1,00``."""
    for i, heading in enumerate(headings):
        if match := re.fullmatch(r"(\D{0,12}\d+) ?/ ?(\d+(?:[.,]\d+)?)", heading):
            yield Question(match[1].strip(), i, number(match[2]))


def responses(headings: Sequence[str], rows: Rows) -> Iterator[Question]:
    """Moodle's responses of a quiz: ``Response 1`` with ``Right answer 1``."""
    plainly = [heading.strip().lower() for heading in headings]
    for i, heading in enumerate(plainly):
        word, _, place = heading.rpartition(" ")
        if word in RESPONSE and place.isdigit():
            right = next((f"{w} {place}" for w in RIGHT if f"{w} {place}" in plainly), None)
            yield Question(place, i, right=None if right is None else plainly.index(right))


def numbered(headings: Sequence[str], rows: Rows) -> Iterator[Question]:
    """Canvas' analysis of a quiz: ``101: What is 2 + 2?`` and, under its points, the mark."""
    for i in range(1, len(headings)):
        match = re.fullmatch(r"(\d+): ?(.*)", headings[i - 1], re.S)
        points, earned = number(headings[i]), plain(headings[i]) in EARNED
        if match and (points or earned):
            yield Question(match[2].strip() or match[1], i, points)


def named(headings: Sequence[str], rows: Rows) -> Iterator[Question]:
    """Canvas' New Quizzes: columns ``ItemID``, ..., ``EarnedPoints`` again for each question."""
    item: int | None = None
    for i, heading in enumerate(headings):
        name = plain(heading)
        if name in ITEM_ID:
            item = i
        elif name in EARNED and item is not None:
            yield Question(f"item {item + 1}", i, named=item)
            item = None


def gradebook(headings: Sequence[str], rows: Rows) -> Iterator[Question]:
    """Canvas' gradebook: ``Homework 1 (4314282)`` with a row of points that can be reached."""
    for i, heading in enumerate(headings):
        if match := re.fullmatch(r"(.*) \(\d{3,}\)", heading):
            yield Question(match[1].strip(), i)


def typed(headings: Sequence[str], rows: Rows) -> Iterator[Question]:
    """Moodle's gradebook: ``Quiz: Fractions (Real)``, or in percent."""
    matches = [re.fullmatch(r"(\w+: ?.+) \(([^)]+)\)", heading) for heading in headings]
    percent = [i for i, match in enumerate(matches) if match and _shows(i, rows, "%")]
    for i, match in enumerate(matches):
        if match and (i in percent or not percent) and _mostly_marks(i, rows):
            yield Question(match[1].strip(), i)


def plainly(headings: Sequence[str], rows: Rows) -> Iterator[Question]:
    """Any other table: the columns that hold marks more than anything else."""
    for i, heading in enumerate(headings):
        if heading and not known(heading) and _mostly_marks(i, rows):
            yield Question(heading, i)


LAYOUTS: dict[str, tuple[Rule, ...]] = {
    "moodle": (slashed, responses, typed),
    "canvas": (numbered, named, gradebook),
    "forms": (bracketed, prefixed),
}
"""How platforms lay out tables of answers."""


def _shows(i: int, rows: Rows, sign: str) -> bool:
    return any(len(row) > i and sign in row[i] for row in rows)


def _mostly_marks(i: int, rows: Rows) -> bool:
    """Say whether the cells of a column are marks but for some, which are told as bad rows."""
    cells = [row[i].strip() for row in rows if len(row) > i]
    said = [cell for cell in cells if cell and cell.lower() not in (*NO_MARK, *NOBODY)]
    return bool(said) and sum(map(is_mark, said)) > MARKS * len(said)
