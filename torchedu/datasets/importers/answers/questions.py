"""A table of questions to ask, of every student or of those whom it names."""

from typing import NamedTuple

from torchedu.datasets.importers.answers.item_tables import TEXT
from torchedu.datasets.importers.reading.columns import match_columns
from torchedu.datasets.importers.reading.csv import Table
from torchedu.datasets.importers.reading.text import locate
from torchedu.schema import ITEM, SKILL

STUDENT = "student"


class Question(NamedTuple):
    """A question as a user puts it.

    Attributes:
        item: The item.
        skills: Its skills; nothing where the table does not say.
        student: Who is asked; everybody where it is None.
        text: What it asks, in words; None where the table does not say.
    """

    item: str
    skills: tuple[str, ...]
    student: str | None
    text: str | None


def read_questions(path: str, separator: str = ";") -> list[Question]:
    """Read a CSV file of items, and where they are told of skills, students and texts.

    Args:
        path: The file.
        separator: What stands between several skills of a row.

    Returns:
        The questions in the order of the file.

    Raises:
        DataError: A column or an item is missing, a line is cut, or there is no question.
    """
    source = locate(path)
    table = Table(source, None, "utf-8")
    taken = match_columns(table.headings, path, row=table.heading_row, needed=(ITEM,)).taken
    columns = table.whole({n: taken[n] for n in (ITEM, SKILL, STUDENT, TEXT) if n in taken})
    size = len(columns[ITEM])
    rest = (columns.get(name, [None] * size) for name in (SKILL, STUDENT, TEXT))
    questions = []
    for item, skill, student, text in zip(columns[ITEM], *rest, strict=True):
        if item is None or not item.strip():
            raise source.fault("a question has no item.", "Name one on each row.")
        named = tuple(part.strip() for part in (skill or "").split(separator) if part.strip())
        who, asks = ((said or "").strip() or None for said in (student, text))
        questions.append(Question(item.strip(), named, who, asks))
    if not questions:
        raise source.fault("the file asks nothing.", "Write an item on each row.")
    return questions
