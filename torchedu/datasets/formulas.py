"""What a spreadsheet would compute: tables are guarded from it, and read back as they were."""

import re
from collections.abc import Iterable, Sequence
from typing import TypeVar

import pyarrow as pa
import pyarrow.compute as pc

Rows = TypeVar("Rows", pa.Table, pa.RecordBatch)
_SIGNS = "[=+\\-@\\t\\r\\n\uff1d\uff0b\uff0d\uff20]"
_FORMULA = f"^('*{_SIGNS})"
"""What a text begins with that a spreadsheet computes; apostrophes before it are told apart too."""
_GUARDED = f"^'('*{_SIGNS})"


def guarded(table: pa.Table) -> pa.Table:
    """Return a table in whose texts and headings no spreadsheet finds a formula.

    Names and texts are students': ``=HYPERLINK(...)`` in one would run where a teacher opens it.
    """
    names = {field.name for field in table.schema if _is_text(field.type)}
    headings = [re.sub(_FORMULA, r"'\1", name) for name in table.column_names]
    return _replaced(table, names, _FORMULA, r"'\1").rename_columns(headings)


def unguarded(table: pa.Table) -> pa.Table:
    """Return a table as it was before ``guarded``; columns that were not are left alone."""
    names = guarded_columns([table]) if table.num_rows else set()
    return without_guard(table, names).rename_columns(unguarded_texts(table.column_names))


def unguarded_texts(texts: Sequence[str]) -> list[str]:
    """Return texts without the guard that they have together, such as the headings of a table."""
    bare = any(re.match(_SIGNS, text) for text in texts)
    return [*texts] if bare else [re.sub(_GUARDED, r"\1", text) for text in texts]


def may_be_guarded(rows: pa.Table | pa.RecordBatch) -> bool:
    """Say whether a text begins as ``guarded`` leaves it; cheap where none has an apostrophe."""
    return any(
        pc.any(pc.starts_with(column, "'")).as_py() and _any(column, _GUARDED)
        for column in rows.columns
        if _is_text(column.type)
    )


def guarded_columns(parts: Iterable[pa.Table | pa.RecordBatch]) -> set[str]:
    """Return which columns of a table went through ``guarded``.

    In such a column some texts begin with the apostrophe and none with a bare sign; a file from
    elsewhere, in which both stand, means its apostrophes.

    Args:
        parts: The table, part by part.
    """
    with_guard: set[str] = set()
    bare: set[str] = set()
    for part in parts:
        for name, column in zip(part.schema.names, part.columns, strict=True):
            if _is_text(column.type) and name not in bare:
                bare |= {name} if _any(column, f"^{_SIGNS}") else set()
                with_guard |= {name} if _any(column, _GUARDED) else set()
    return with_guard - bare


def without_guard(rows: Rows, names: set[str]) -> Rows:
    """Return rows without the guard of some columns."""
    return _replaced(rows, names, _GUARDED, r"\1")


def _replaced(rows: Rows, names: set[str], pattern: str, by: str) -> Rows:
    for i, field in enumerate(rows.schema):
        if field.name in names:
            rows = rows.set_column(i, field, pc.replace_substring_regex(rows[i], pattern, by))
    return rows


def _any(column: pa.Array | pa.ChunkedArray, pattern: str) -> bool:
    return bool(pc.any(pc.match_substring_regex(column, pattern)).as_py())


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))
