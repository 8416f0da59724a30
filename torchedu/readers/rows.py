"""Rows as people have them in Python, as columns: plain dicts, or a table of any library.

What is wrong is told by row and field, before anything is made of it.
"""

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from torchedu.errors import DataError, allowed
from torchedu.schema import NO_TIME, Names

Rows = Mapping[str, Sequence[Any]] | Iterable[Mapping[str, Any]] | Any
"""Rows as dicts; or columns by name: a dict of lists, a data frame, a table."""
Columns = dict[str, list[Any]]


def columns_of(rows: Rows, required: Sequence[str], optional: Sequence[str] = ()) -> Columns:
    """Return some columns of rows.

    Args:
        rows: The rows; see ``Rows``. What they hold beside these columns is not looked at.
        required: Columns of which each row has a value.
        optional: Columns that rows may lack; None stands there where they do.

    Returns:
        Lists of one length, by name; an optional column that no row has is left out. What is
        missing, as any library says it, is None; see ``is_missing``.

    Raises:
        DataError: A field is missing, or columns differ in length.
    """
    if rows is None or isinstance(rows, str):
        raise DataError(
            f"the rows are {rows!r}.", "Give dicts of fields by name, one a row, or a table."
        )
    if hasattr(rows, "columns") or isinstance(rows, Mapping):
        values = _of_table(rows, [*required, *optional])
    else:
        values = _of_dicts(list(rows), [*required, *optional])
    size = max(map(len, values.values()), default=0)
    for name in required:
        if name not in values:
            raise DataError(
                f"the rows have no field {name!r}.", f"Each has {', '.join(required)}.", option=name
            )
        for row, value in enumerate(values[name]):
            if value is None:
                refuse(row, name, value, f"Each row has {', '.join(required)}.")
    for name, column in values.items():
        if len(column) != size:
            raise DataError(
                f"the field {name!r} has {len(column)} values, another {size}.",
                "Give one of each a row.",
                option=name,
            )
    return {name: column for name, column in values.items() if name in required or _says(column)}


def is_missing(value: Any) -> bool:
    """Return whether a value stands for none: None, NaN, pandas' NaT or NA.

    What has a length, such as a text, bytes or an array, is a value, whatever it holds.
    """
    if value is None or hasattr(value, "__len__"):
        return value is None
    unlike = value != value
    # NA compared with itself is NA again, which is neither true nor false.
    return bool(unlike) if isinstance(unlike, bool | np.bool_) else unlike is value


def _says(column: list[Any]) -> bool:
    """Return whether any row has a value; of no rows, none lacks one."""
    return not column or any(value is not None for value in column)


def _of_table(rows: Any, names: Sequence[str]) -> Columns:
    present = rows.column_names if hasattr(rows, "column_names") else rows
    return {name: listed(rows[name]) for name in names if name in present}


def listed(column: Any) -> list[Any]:
    """Return the values of a column of any library, None where one is missing.

    Args:
        column: A list, an array, or a column of pandas, polars or Arrow.
    """
    if isinstance(column, np.ndarray) and column.dtype.kind == "M":
        column = column.astype("datetime64[us]")  # finer ones become integers as a list
    for method in ("to_pylist", "to_list", "tolist"):
        if hasattr(column, method):
            column = getattr(column, method)()
            break
    return [None if is_missing(value) else value for value in column]


def _of_dicts(rows: list[Any], names: Sequence[str]) -> Columns:
    for row, mapping in enumerate(rows):
        if not isinstance(mapping, Mapping):
            raise DataError(
                f"row {row} is {mapping!r}.", "A row is a dict of fields by name.", row=row
            )
    columns = {name: listed([mapping.get(name) for mapping in rows]) for name in names}
    return {name: column for name, column in columns.items() if _says(column)}


def refuse(row: int, field: str, value: object, remedy: str) -> NoReturn:
    """Refuse a value of a row.

    Args:
        row: The row, from 0.
        field: The field.
        value: What stands there.
        remedy: What is allowed.

    Raises:
        DataError: Always.
    """
    said = "missing" if is_missing(value) else repr(value)
    raise DataError(
        f"row {row}: the field {field!r} is {said}.", remedy, row=row, option=field, value=value
    )


def known_ids(names: Names, column: Sequence[Any], field: str) -> list[int]:
    """Return the ids of names, all of which have to be known.

    Raises:
        DataError: One is not.
    """
    ids = names.ids(column)
    for row, id in enumerate(ids):
        if id == 1:
            refuse_name(row, field, column[row], names)
    return ids


def refuse_name(row: int, field: str, name: object, known: Collection[str] | Names) -> NoReturn:
    """Refuse a name that nobody knows.

    Raises:
        DataError: Always, with the nearest name that is known.
    """
    raise DataError(
        f"row {row}: the {field} {name!r} is not known to the network.",
        allowed(str(name), known, 5),
        row=row,
        option=field,
        value=name,
    )


def texts(column: Sequence[Any], field: str, required: bool = True) -> list[str]:
    """Return texts without the space around them.

    Args:
        column: The values.
        field: What they are.
        required: Whether each has to say something; else an empty one stands for None.

    Raises:
        DataError: One is no string, says nothing, or holds half of a character.
    """
    stripped = []
    for row, value in enumerate(column):
        if not required and is_missing(value):
            value = ""
        if not isinstance(value, str):
            refuse(row, field, value, f"A {field} is a string.")
        if required and not value.strip():
            refuse(row, field, None, f"Each row has a {field}.")
        try:
            value.encode()
        except UnicodeEncodeError:
            refuse(row, field, value, "It holds half of a character: decode it as what it is.")
        stripped.append(value.strip())
    return stripped


def marks(column: Sequence[Any], field: str = "correct") -> NDArray[np.float32]:
    """Return marks.

    Raises:
        DataError: One is no number of 0 to 1.
    """
    return numbers(column, field, lambda x: (x >= 0) & (x <= 1), "A mark is a number of 0 to 1.")


def numbers(
    column: Sequence[Any],
    field: str,
    fine: Callable[[NDArray[np.float64]], NDArray[np.bool_]],
    remedy: str,
    unknown: float | None = None,
) -> NDArray[np.float32]:
    """Return numbers.

    Args:
        column: The values.
        field: What they are called.
        fine: Says which may stand.
        remedy: What is allowed, in words.
        unknown: What stands for what is missing; where it is None these are refused.

    Raises:
        DataError: A value is no number, or may not stand.
    """
    try:
        values = np.array([math.nan if is_missing(x) else x for x in column], np.float64)
    except (TypeError, ValueError):
        row = next(i for i, x in enumerate(column) if not (is_missing(x) or _is_number(x)))
        refuse(row, field, column[row], remedy)
    missing = np.isnan(values)
    wrong = (~fine(values) & ~missing) | (missing & (unknown is None))
    if wrong.any():
        row = int(wrong.argmax())
        refuse(row, field, column[row], remedy)
    return np.where(missing, unknown or 0, values).astype(np.float32)


def times(column: Sequence[Any], field: str = "time") -> NDArray[np.int64]:
    """Return times in milliseconds since 1970, ``NO_TIME`` where none is known.

    Raises:
        DataError: One is neither a whole number of them nor a ``datetime``.
    """
    seconds = np.full(len(column), NO_TIME)
    for row, value in enumerate(column):
        if is_missing(value):
            continue
        if isinstance(value, datetime):
            seconds[row] = round(value.timestamp() * 1000)
        elif _is_number(value) and abs(value) < 2**62:
            seconds[row] = int(value)
        else:
            refuse(row, field, value, "Give milliseconds since 1970, or a datetime.")
    return seconds


def counts(column: Sequence[Any], field: str) -> NDArray[np.int64]:
    """Return counts from 1, 0 where none is known.

    Raises:
        DataError: One is no whole number from 1.
    """
    remedy = "It is a whole number from 1."
    values = numbers(column, field, lambda x: (x >= 1) & (x == np.floor(x)), remedy, unknown=0)
    return values.astype(np.int64)


def _is_number(value: object) -> bool:
    try:
        return math.isfinite(float(value))  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return False
