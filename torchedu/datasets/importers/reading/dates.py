"""Dates as people write them: in a country's own order and words, or in a format that is given."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from torchedu.datasets.importers.reading import values
from torchedu.datasets.importers.reading.months import month
from torchedu.datasets.importers.reading.values import (
    DATE,
    DAY_FIRST,
    EITHER,
    MISSING,
    MONTH_FIRST,
    NUMBER,
    POINTED,
    ZONED,
    Times,
)

DAY = 86_400_000
"""Milliseconds of a day."""
_WORD = r"[\p{L}\p{M}]+"
_YEAR = r"(?P<year>\d{4}|\d\d)"
_REST = r"(?P<rest>.*)$"
_DAY = r"(?P<day>\d{1,2})"
_MONTH = rf"(?P<name>{_WORD})\.?"
_WEEKDAY = rf"^(?:{_WORD}\.?,? )?"
_SHAPES = (
    rf"^(?P<first>\d{{1,2}})(?P<mark>[./-]) ?(?P<second>\d{{1,2}})[./-] ?{_YEAR}{_REST}",
    rf"^(?P<year>\d{{4}}) ?[./年년-] ?(?P<month>\d{{1,2}}) ?[./月월-] ?{_DAY}[.日일]?{_REST}",
    rf"{_WEEKDAY}{_DAY}(?:\.|st|nd|rd|th|er|º)?(?: de)?[ -]{_MONTH}(?: del?)?,?[ -]{_YEAR}{_REST}",
    rf"{_WEEKDAY}{_MONTH} {_DAY}(?:st|nd|rd|th)?,? {_YEAR}{_REST}",
    rf"^(?P<year>\d{{4}})\.? {_MONTH} {_DAY}\.?{_REST}",
)
"""Two numbers and a year; a year first; a month's name in the middle, before the day, after all."""
_EARLY, _LATE = ["am", "오전", "上午", "午前", "ص"], ["pm", "오후", "下午", "午後", "م"]
_HALF = "|".join(["[ap]\\.? ?m\\.?", *_EARLY[1:], *_LATE[1:]])
_CLOCK = (
    rf"^(?:[ ,t]*(?:(?:at|um|à|a las|às|ore|om|kl\.?|klo|о|в) )?(?P<before>{_HALF})? ?"
    r"(?P<hour>\d{1,2}) ?[:.h時时点시] ?(?P<minute>\d\d) ?(?:[:.分분] ?(?:(?P<second>\d\d) ?[秒초]?"
    rf"(?:[.,](?P<fraction>\d{{1,9}}))?)?)? ?(?P<after>{_HALF})?(?: ?(?:uhr|h))?"
    r" ?(?P<zone>z|utc|gmt)?(?P<offset>[+-]\d\d?(?::?\d\d)?)?(?: \(.*\))?)?[ ,.]*$"
)


def read(column: pa.Array, form: str | None = None) -> Times:
    """Return times as numbers or as milliseconds since 1970, and which they were.

    Args:
        column: The times, of any type.
        form: How texts are written, as ``strptime`` has it, where it is given.
    """
    if isinstance(column, pa.DictionaryArray):
        column = column.dictionary_decode()
    if form is not None and values.is_text(column.type):
        return _formed(column, form)
    time = values.times(column)
    rest = np.flatnonzero(time.wrong)
    if len(rest) and values.is_text(column.type):
        value, kind = _written(column.take(pa.array(rest)))
        time.value[rest], time.kind[rest] = value, kind
        time.wrong[rest] = kind == MISSING
    return time


def swapped(value: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return moments with the day and the month of their dates changed for one another."""
    whole, of_day = np.divmod(value, DAY)
    dates = whole.astype("datetime64[D]")
    months = dates.astype("datetime64[M]")
    years = months.astype("datetime64[Y]")
    month, day = (months - years.astype("datetime64[M]")).astype(np.int64), dates - months
    other = (years.astype("datetime64[M]") + day.astype(np.int64)).astype("datetime64[D]") + month
    return np.asarray(other.astype(np.int64) * float(DAY) + of_day)


def _formed(column: pa.Array, form: str) -> Times:
    text = values.names(column)
    stamps = pc.strptime(text, format=form, unit="ms", error_is_null=True)
    value = values.milliseconds(stamps)
    wrong = np.isnan(value) & text.is_valid().to_numpy(False)
    kind = ZONED if stamps.type.tz else DATE
    return Times(value, np.where(np.isnan(value), MISSING, kind).astype(np.uint8), wrong)


def _written(column: pa.Array) -> tuple[NDArray[np.float64], NDArray[np.uint8]]:
    """Read texts in each shape in turn, those that may have day or month first with the day."""
    text = pc.utf8_lower(pc.utf8_normalize(pc.utf8_trim_whitespace(column), form="NFKC"))
    text = pc.replace_substring_regex(text, r"\s+", " ")
    value, kind = np.full(len(text), np.nan), np.full(len(text), MISSING, np.uint8)
    serial = pc.replace_substring(text, ",", ".")
    number = np.flatnonzero(pc.match_substring_regex(serial, r"^\d{5}\.\d+$").to_numpy(False))
    value[number], kind[number] = values.numbers(serial.take(pa.array(number)))[0], NUMBER
    for shape in _SHAPES:
        rest = np.flatnonzero(kind == MISSING)
        if not len(rest):
            break
        parts = pc.extract_regex(text.take(pa.array(rest)), shape)
        there = parts.is_valid().to_numpy(False)
        moment, order = _moment(parts.filter(pa.array(there)))
        rest = rest[there]
        good = ~np.isnan(moment)
        value[rest[good]], kind[rest[good]] = moment[good], order[good]
    return value, kind


def _moment(parts: pa.StructArray) -> tuple[NDArray[np.float64], NDArray[np.uint8]]:
    """Return the moments of some dates in parts, NaN where there is none such, and their kinds."""
    names = {field.name for field in parts.type}
    size = len(parts)
    kind = np.full(size, DATE, np.uint8)
    if "first" in names:
        first, second = (_whole(parts.field(name)) for name in ("first", "second"))
        mark = parts.field("mark")
        open_ = (first <= 12) & (second <= 12)
        pointed = pc.equal(mark, ".").to_numpy(False)
        kind = np.where(open_, np.where(pointed, POINTED, EITHER), DAY_FIRST).astype(np.uint8)
        kind[(first <= 12) & (second > 12)] = MONTH_FIRST
        turned = kind == MONTH_FIRST
        day, months = np.where(turned, second, first), np.where(turned, first, second)
        cut = pc.equal(mark, "-").to_numpy(False)  # 24-01-31 may have its year first
    else:
        day, cut = _whole(parts.field("day")), np.zeros(size, bool)
        months = _named(parts.field("name")) if "name" in names else _whole(parts.field("month"))
    year = _whole(parts.field("year"))
    short = pc.equal(pc.utf8_length(parts.field("year")), 2).to_numpy(False)
    year = np.where(short, year + np.where(year < 69, 2000, 1900), year)
    fits = (months >= 1) & (months <= 12) & (day >= 1) & ~(short & cut)
    begin = (12 * (year - 1970) + np.where(fits, months, 1) - 1).astype("datetime64[M]")
    fits &= day <= ((begin + 1).astype("datetime64[D]") - begin.astype("datetime64[D]")).astype(int)
    days = begin.astype("datetime64[D]").astype(np.int64) + day - 1
    of_day, zoned = _of_day(parts.field("rest"))
    # What may be turned around is not: an hour of another zone can lie on another day.
    fits &= ~(zoned & np.isin(kind, (EITHER, POINTED)))
    kind[zoned] = ZONED
    return np.where(fits, days * float(DAY) + of_day, np.nan), kind


def _of_day(text: pa.StringArray) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return the milliseconds since midnight in UTC, NaN where it is no time; where a zone is."""
    parts = pc.extract_regex(text, _CLOCK)
    there = parts.is_valid().to_numpy(False)
    parts = pc.if_else(pa.array(there), parts, pa.scalar(None, parts.type))
    hour, minute, second = (_whole(parts.field(name)) for name in ("hour", "minute", "second"))
    half = pc.binary_join_element_wise(parts.field("before"), parts.field("after"), "")
    half = pc.replace_substring_regex(half, r"[. ]", "")
    early, late = (pc.is_in(half, pa.array(words)).to_numpy(False) for words in (_EARLY, _LATE))
    twelve = np.where((hour >= 1) & (hour <= 12), hour % 12 + 12 * late, 99)
    hour = np.where(early | late, twelve, hour)
    fraction = _whole(pc.utf8_slice_codeunits(pc.utf8_rpad(parts.field("fraction"), 3, "0"), 0, 3))
    offset = parts.field("offset")
    digits = pc.replace_substring_regex(offset, r"^[+-](\d)(:|$)", r"0\1\2")
    digits = pc.utf8_rpad(pc.replace_substring_regex(digits, r"[+:-]", ""), 4, "0")
    away = _whole(pc.utf8_slice_codeunits(digits, 0, 2)) * 60 + _whole(
        pc.utf8_slice_codeunits(digits, 2, 4)
    )
    away = np.where(pc.fill_null(pc.starts_with(offset, "-"), False).to_numpy(False), -away, away)
    good = there & (hour < 24) & (minute < 60) & (second < 60)
    milliseconds = ((hour * 60 + minute - away) * 60 + second) * 1000 + fraction
    texts = (pc.fill_null(parts.field(name), "") for name in ("zone", "offset"))
    zoned = np.logical_or(*(pc.not_equal(text, "").to_numpy(False) for text in texts))
    return np.where(good, milliseconds.astype(np.float64), np.nan), zoned


def _named(names: pa.StringArray) -> NDArray[np.int64]:
    encoded = names.dictionary_encode()
    known = np.array([month(name) for name in encoded.dictionary.to_pylist()], np.int64)
    return known[encoded.indices.to_numpy(False)] if len(names) else np.zeros(0, np.int64)


def _whole(digits: pa.StringArray) -> NDArray[Any]:
    """Return numbers, 0 where there are no digits."""
    text = pc.if_else(pc.equal(pc.fill_null(digits, ""), ""), "0", digits)
    return np.asarray(text.cast(pa.int64()).to_numpy(False))
