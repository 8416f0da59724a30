"""Tables of items, kept apart from the answers: their skills, and what they ask."""

from torchedu.datasets.importers.reading.columns import match_columns
from torchedu.datasets.importers.reading.csv import Table
from torchedu.datasets.importers.reading.text import locate
from torchedu.schema import ITEM, SKILL

TEXT = "item_text"
"""The column of what an item asks."""


def read_skill_table(
    path: str, separator: str, delimiter: str | None, encoding: str
) -> dict[str, tuple[str, ...]]:
    """Read a CSV file with a column of items and one of skills.

    Args:
        path: The file; an item may stand on several rows.
        separator: What stands between several skills of a row.
        delimiter: What stands between fields.
        encoding: The text's encoding.

    Returns:
        Each item's skills, by name.

    Raises:
        DataError: A column is missing or a line is cut.
    """
    table = Table(locate(path), delimiter, encoding)
    needed = (ITEM, SKILL)
    taken = match_columns(table.headings, path, row=table.heading_row, needed=needed).taken
    columns = table.whole({name: taken[name] for name in needed})
    skills: dict[str, dict[str, None]] = {}
    for item, text in zip(*columns.values(), strict=True):
        if item is not None:
            parts = (text or "").split(separator) if separator else [text or ""]
            names = {part.strip(): None for part in parts if part.strip()}
            skills.setdefault(item.strip(), {}).update(names)
    return {item: tuple(names) for item, names in skills.items()}


def read_text_table(path: str, delimiter: str | None, encoding: str) -> dict[str, str]:
    """Read a CSV file with a column of items and one of what they ask.

    Args:
        path: The file; of an item that stands on several rows the first text counts.
        delimiter: What stands between fields.
        encoding: The text's encoding.

    Returns:
        Each item's text, by name.

    Raises:
        DataError: A column is missing or a line is cut.
    """
    table = Table(locate(path), delimiter, encoding)
    needed = (ITEM, TEXT)
    taken = match_columns(table.headings, path, row=table.heading_row, needed=needed).taken
    columns = table.whole({name: taken[name] for name in needed})
    texts: dict[str, str] = {}
    for item, text in zip(*columns.values(), strict=True):
        if item is not None and text is not None and text.strip():
            texts.setdefault(item.strip(), text.strip())
    return texts
