"""Arrow columns of any type to names, marks, times and counts; what cannot be read becomes null.

Every function works on a whole column at once. A file's text and a Parquet file's numbers meet
here: ``"12"``, ``12`` and ``12.0`` are the same name.
"""

import re
from typing import Any, Literal, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

TimeUnit = Literal["auto", "s", "ms", "us", "ns", "spreadsheet", "date"]
MISSING, NUMBER, DATE, ZONED, DAY_FIRST, MONTH_FIRST, EITHER, POINTED = range(8)
"""Kinds of times: none, a number, a date and time, one with its zone; dates whose numbers tell that
the day or the month is first, and such as leave it open, with other marks and with points."""

JOINT = "\x1f"
"""Stands before each skill of a list once they are one text; no name holds it."""

UNREAD = "the time cannot be read"
"""What is said of a time that is neither a number nor a date."""

CUT = (
    "the student is a number that a spreadsheet has cut",
    "Many students would become one: export the file again, with ids as text.",
)
_CUT = re.compile(r"\d[.,]\d+E\+?\d{2,3}")
_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
_ZONE = r"(Z|[+-]\d\d(:?\d\d)?)$"
_ISO = r"^\d{4}-\d\d-\d\d([ T]\d\d(:\d\d(:\d\d(\.\d{1,9})?)?)?(Z| ?UTC| ?GMT|[+-]\d\d(:?\d\d)?)?)?$"
NO_NAME = ("nan", "NaN", "NAN", "NULL", "null", "<NA>", "#N/A", "\\N")
"""What programs write for a missing name, in their spelling: Nan and Null are people's names."""
_NO_VALUE = ("", "na", "n/a", "nan", "null", "none", "?")


def names(column: pa.Array) -> pa.StringArray:
    """Return names as text without blanks around them; null where there is none."""
    column = _plain(column)
    if pa.types.is_floating(column.type):
        whole = pc.and_(pc.equal(pc.floor(column), column), pc.less(pc.abs(column), 2.0**63))
        if pc.all(whole, skip_nulls=True).as_py() in (True, None):
            column = column.cast(pa.int64())
        else:
            column = pc.if_else(pc.is_finite(column), column, pa.scalar(None, column.type))
    text = pc.utf8_trim_whitespace(column.cast(pa.string()))
    return pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text)


class Encoded(NamedTuple):
    """A column of names, each of which stands once.

    Attributes:
        code: Where each row's name stands, -1 where there is none; shape (rows,).
        names: The names; a few may stand twice.
    """

    code: NDArray[np.int32]
    names: list[str | None]

    @property
    def cut(self) -> NDArray[np.bool_]:
        """Which rows have a long number of which a spreadsheet has kept the first digits."""
        cut = [name is not None and _CUT.fullmatch(name) is not None for name in self.names]
        return np.append(cut, False)[self.code] if any(cut) else np.zeros(len(self.code), bool)

    @property
    def missing(self) -> NDArray[np.bool_]:
        """Which rows have no name; shape (rows,)."""
        return self.code < 0

    def kept(self, keep: NDArray[np.bool_]) -> "Encoded":
        """Return some rows, without names that none of them has."""
        if keep.all():
            return self
        some, code = np.unique(self.code[keep], return_inverse=True)
        names = [self.names[i] for i in some.tolist() if i >= 0]
        return Encoded((code - int(len(some) > 0 and some[0] < 0)).astype(np.int32), names)


def encoded(column: pa.Array) -> Encoded:
    """Return the names of a column as ``names`` does, of which each is looked at once.

    What programs write for a missing value is no name.
    """
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    if not pa.types.is_dictionary(column.type):
        column = _plain(column).dictionary_encode()
    text = names(column.dictionary)
    return _coded(column, text, pc.or_(pc.is_null(text), pc.is_in(text, pa.array(NO_NAME))))


def _coded(column: pa.DictionaryArray, text: pa.StringArray, missing: pa.BooleanArray) -> Encoded:
    code, none = pc.fill_null(column.indices, -1).to_numpy(False), missing.to_numpy(False)
    if none.any():
        code = np.append(np.where(none, -1, np.arange(len(text))), -1)[code]
    return Encoded(code.astype(np.int32, copy=False), text.to_pylist())


def encoded_skills(column: pa.Array) -> Encoded:
    """Return each row's skills as one text; those of a list each with ``JOINT`` before it."""
    column = _plain(column)
    if not (pa.types.is_list(column.type) or pa.types.is_large_list(column.type)):
        return encoded(column)
    values = names(column.flatten())
    offsets = np.concatenate(
        [[0], np.cumsum(pc.fill_null(pc.list_value_length(column), 0).to_numpy(False))]
    )
    marked = pc.fill_null(pc.binary_join_element_wise("", values, JOINT), "")
    joined = pc.binary_join(pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), marked), "")
    encoding = joined.dictionary_encode()
    return _coded(encoding, encoding.dictionary, pc.equal(encoding.dictionary, ""))


def numbers(column: pa.Array) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return numbers, NaN where there is none, and where something stands that is no number.

    Words for no value (``NA``, ``null`` and the like) count as none; ``true`` is 1.
    """
    column = _plain(column)
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.uint8())
    if not is_text(column.type):
        try:
            values = column.cast(pa.float64(), safe=False)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            return np.full(len(column), np.nan), np.ones(len(column), bool)
        array = _array(values)
        # In typed columns NaN is how many tools write a missing value; an infinity is a mistake.
        return np.where(np.isinf(array), np.nan, array), np.isinf(array)
    try:
        values = column.cast(pa.float64())  # the common case: one pass
        array = _array(values)
        if not np.isinf(array).any():
            return array, np.zeros(len(array), bool)
    except pa.ArrowInvalid:
        pass
    text = pc.utf8_lower(pc.utf8_trim_whitespace(column))
    text = pc.if_else(pc.equal(text, "true"), "1", pc.if_else(pc.equal(text, "false"), "0", text))
    readable = pc.match_substring_regex(text, _NUMBER)
    values = pc.if_else(readable, text, pa.scalar(None, pa.string())).cast(pa.float64())
    none = pc.is_in(text, pa.array(_NO_VALUE))
    wrong = pc.and_not(pc.invert(none), pc.fill_null(readable, False))
    array = _array(values)
    wrong_array = pc.and_(wrong, pc.is_valid(text)).to_numpy(False) | np.isinf(array)
    return np.where(np.isinf(array), np.nan, array), wrong_array


class Times(NamedTuple):
    """When answers were given, before their unit is known.

    Attributes:
        value: A number as it stands, or milliseconds since 1970 of a date; NaN where none.
        kind: ``MISSING`` or what each is; what leaves it open is taken to have the day first.
        wrong: Where something stands that is neither.
    """

    value: NDArray[np.float64]
    kind: NDArray[np.uint8]
    wrong: NDArray[np.bool_]


def times(column: pa.Array) -> Times:
    """Return times as numbers or as milliseconds since 1970, and which they were."""
    column = _plain(column)
    if pa.types.is_timestamp(column.type) or pa.types.is_date(column.type):
        kind = ZONED if _zone(column) else DATE
        value = milliseconds(column)
        return Times(value, np.where(np.isnan(value), MISSING, kind).astype(np.uint8), _none(value))
    value, wrong = numbers(column)
    kinds = np.where(np.isnan(value), MISSING, NUMBER).astype(np.uint8)
    if not is_text(column.type) or not wrong.any():
        return Times(value, kinds, wrong)
    rest = np.flatnonzero(wrong)
    text = pc.utf8_trim_whitespace(column.take(pa.array(rest)))
    text = pc.if_else(pc.match_substring_regex(text, _ISO), text, pa.scalar(None, pa.string()))
    text = pc.replace_substring_regex(text, r" ?(UTC|GMT)$", "Z")
    # A zone follows a time of day: in "2024-01-31" the ending "-31" is a day.
    zoned = pc.and_(pc.match_substring_regex(text, _ZONE), pc.match_substring(text, ":"))
    zoned = pc.fill_null(zoned, False)
    for which, kind, zone in ((zoned, ZONED, "UTC"), (pc.invert(zoned), DATE, None)):
        where = np.flatnonzero(which.to_numpy(False))
        parsed = _cast_or_null(text.take(pa.array(where)), pa.timestamp("ns", zone))
        read = np.asarray(milliseconds(parsed))
        ok = ~np.isnan(read)
        value[rest[where[ok]]] = read[ok]
        kinds[rest[where[ok]]] = kind
        wrong[rest[where[ok]]] = False
    return Times(value, kinds, wrong)


def _cast_or_null(text: pa.Array, kind: pa.DataType) -> pa.Array:
    """Cast, with null for each value that cannot be: halves of a column that fails are tried."""
    try:
        return text.cast(kind)
    except pa.ArrowInvalid:
        if len(text) == 1:
            return pa.nulls(1, kind)
        half = len(text) // 2
        return pa.concat_arrays(
            [_cast_or_null(text[:half], kind), _cast_or_null(text[half:], kind)]
        )


def _zone(column: pa.Array) -> str | None:
    zone: str | None = column.type.tz if pa.types.is_timestamp(column.type) else None
    return zone


def milliseconds(column: pa.Array) -> NDArray[np.float64]:
    """Return dates as milliseconds since 1970, NaN where there is none."""
    stamps = column.cast(pa.timestamp("ms", _zone(column)), safe=False)
    return _array(stamps.cast(pa.int64()).cast(pa.float64(), safe=False))


def _array(values: pa.Array) -> NDArray[np.float64]:
    return np.array(values.to_numpy(zero_copy_only=False), np.float64)


def _none(values: NDArray[Any]) -> NDArray[np.bool_]:
    return np.zeros(len(values), bool)


def is_text(kind: pa.DataType) -> bool:
    """Say whether a column of this type holds texts."""
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _plain(column: pa.Array) -> pa.Array:
    """Return the column without dictionaries and Arrow's rarer kinds of text."""
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_null(column.type) or pa.types.is_large_string(column.type):
        column = column.cast(pa.string())
    if pa.types.is_string_view(column.type):
        column = column.cast(pa.string())
    return column
