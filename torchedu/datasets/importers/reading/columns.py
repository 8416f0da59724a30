"""Which column of a user's table is taken for what: by the user's map, else by common headings."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from torchedu.errors import ConfigError, DataError, allowed
from torchedu.schema import ANSWER_COLUMNS, GROUP, TRAIT, Column

ANSWER_ID = "answer_id"
"""Rows with the same answer id are one answer, told once for each of its skills."""


class ColumnMap(NamedTuple):
    """Headings of a table by the names of the schema.

    Attributes:
        taken: For each column of the schema, and each ``group.<attribute>``, the heading.
        ignored: The headings that are not used.
    """

    taken: dict[str, str]
    ignored: tuple[str, ...]


def match_columns(
    headings: Sequence[str],
    file: str,
    *,
    columns: Mapping[str, str] | None = None,
    groups: Sequence[str] = (),
    traits: Sequence[str] = (),
    answer_id: str | None = None,
    row: int | None = None,
    needed: Sequence[str] | None = None,
    schema: Sequence[Column] = ANSWER_COLUMNS,
) -> ColumnMap:
    """Find the columns of answers, say, among a table's headings.

    Args:
        headings: The table's headings.
        file: Its name, for messages.
        columns: Headings given by the user for columns of the schema, by the schema's name.
        groups: Headings of student attributes.
        traits: Headings of further scores.
        answer_id: The heading of the answer's id, where one answer fills several rows.
        row: The row the headings stand in, where the file has one.
        needed: The columns that must be there; where it is None, what the schema
            requires.
        schema: The columns that there are.

    Returns:
        The map, and what is left over.

    Raises:
        ConfigError: The user's map names a column that the schema does not have.
        DataError: A needed column is missing, or its heading stands twice.
    """
    known = [column.name for column in schema]
    if needed is None:
        needed = [column.name for column in schema if column.required]
    for name in columns or {}:
        if name not in known:
            raise ConfigError(
                f"⟦columns.{name}⟧ is not a column of this data.",
                allowed(name, known, spell="⟦columns.{}⟧".format),
                option="columns",
                value=name,
                allowed=known,
            )
    taken: dict[str, str] = {}
    for name, heading in (columns or {}).items():
        taken[name] = _given(heading, f"columns.{name}", headings, file, row)
    for attribute in groups:
        taken[GROUP + attribute] = _given(attribute, "groups", headings, file, row)
    if answer_id:
        taken[ANSWER_ID] = _given(answer_id, "answer_id", headings, file, row)
    for column in schema:
        if column.name in taken:
            continue
        match = _heading((column.name, *column.aliases), headings, set(taken.values()))
        if match is not None:
            taken[column.name] = match
        elif column.name in needed and not _there(column.instead, schema, taken, headings):
            raise DataError(
                f"no column holds the {column.name} ({column.unit}).",
                f"Name it with ⟦columns.{column.name}⟧ HEADING. "
                + allowed(column.name, [repr(heading)[1:-1] for heading in headings]),
                file=file,
                row=row,
                option=f"columns.{column.name}",
                allowed=headings,
            )
    for trait in traits:
        taken[TRAIT + trait] = _given(trait, "traits", headings, file, row)
    for name, heading in taken.items():
        if list(headings).count(heading) > 1:
            raise DataError(
                f"the heading {heading!r} (taken for {name}) stands twice.",
                "Rename one of the two columns.",
                file=file,
                row=row,
            )
    used = set(taken.values())
    return ColumnMap(taken, tuple(heading for heading in headings if heading not in used))


def plain(heading: str) -> str:
    """Return a heading as headings are compared: in lower case, with ``_`` for blanks."""
    return heading.strip().lower().replace(" ", "_").replace("-", "_")


def _given(heading: str, option: str, headings: Sequence[str], file: str, row: int | None) -> str:
    if heading in headings:
        return heading
    raise DataError(
        f"no column is called {heading!r} (⟦{option}⟧).",
        allowed(heading, headings),
        file=file,
        row=row,
        option=option,
        value=heading,
        allowed=headings,
    )


def _there(
    name: str, schema: Sequence[Column], taken: Mapping[str, str], headings: Sequence[str]
) -> bool:
    """Say whether a column is there that has not been looked for yet."""
    own = ((column.name, *column.aliases) for column in schema if column.name == name)
    return name in taken or any(_heading(names, headings, {*taken.values()}) for names in own)


def _heading(names: Sequence[str], headings: Sequence[str], used: set[str]) -> str | None:
    """Return the heading that is one of the names, the earlier name first; case is ignored."""
    known = {plain(heading): heading for heading in reversed(headings) if heading not in used}
    return next((known[name] for name in names if name in known), None)
