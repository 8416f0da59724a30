"""A page a class and a page a student, of the tables that predictions were written to."""

from collections.abc import Callable
from pathlib import Path

from torchedu.errors import DataError
from torchedu.prediction.page import Pages, table_in
from torchedu.prediction.student_pages import recommendation, risk, tracing
from torchedu.prediction.text_pages import explanation, grading, lessons

BUILDERS: dict[str, Callable[[Path], Pages]] = {
    "mastery": tracing, "risks": risk, "recommendations": recommendation, "grades": grading,
    "tags": lessons, "explanations": explanation,
}  # fmt: skip
"""What makes the pages of a task, by a table that it alone writes."""


def pages(folder: Path) -> Pages:
    """Return the pages of what ``predict`` wrote into a folder.

    Args:
        folder: The folder.

    Raises:
        DataError: It holds no tables of a task that has pages.
    """
    for table, builder in BUILDERS.items():
        if table_in(folder, table) is not None:
            return builder(folder)
    raise DataError(
        "no table that pages are made of is here.",
        "Pages are of tracing, students at risk, recommended courses, grades, lessons and "
        "explanations: leave ⟦pages⟧ out.",
        file=folder,
    )
