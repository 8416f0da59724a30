"""Times as people write them: dates in a country's own order, or in a format that is given."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from torchedu.datasets.importers.reading import values
from torchedu.datasets.importers.reading.rows import Sieve

_LOCAL = (
    r"^(?P<first>\d{1,2})(?P<mark>[./-])(?P<second>\d{1,2})[./-](?P<year>\d{4})"
    r"(?:,? +(?P<hour>\d{1,2}):(?P<minute>\d\d)(?::(?P<second_>\d\d)(?:\.\d+)?)?"
    r"(?: ?(?P<half>[AaPp])\.?[Mm]\.?)?)?$"
)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_READABLE = (
    "Write 2024-01-31 09:30:00 or a number, say how it is written, such as ⟦time_format⟧ "
    "'%d %b %y %H:%M', or give ⟦on_bad_row⟧ drop."
)
_BOTH = "Say which with ⟦dayfirst⟧ true or ⟦dayfirst⟧ false."


class Dates:
    """Reads the times of a file.

    Args:
        form: How all times are written, as ``strptime`` has it.
        day_first: Whether 01/02/2024 is in February; None where the file's days above 12 tell.
            Dates with points have the day first.
    """

    def __init__(self, form: str | None = None, day_first: bool | None = None) -> None:
        self._form, self._day_first = form, day_first
        self._chosen = ""

    def take(self, sieve: Sieve, column: pa.Array) -> values.Times:
        """Return the times of a column called ``time``, and refuse those that cannot be read."""
        if isinstance(column, pa.DictionaryArray):
            column = column.dictionary_decode()
        if self._form is not None and values.is_text(column.type):
            time = self._formed(column, self._form)
        else:
            time = values.times(column)
            rest = np.flatnonzero(time.wrong)
            if len(rest) and values.is_text(column.type):
                self._local(sieve, column, time, rest)
        sieve.refuse(values.UNREAD, time.wrong, column="time", remedy=_READABLE)
        return time

    def notes(self) -> list[str]:
        """Say in which order days and months were read where the file told it."""
        return [self._chosen] if self._chosen else []

    def _formed(self, column: pa.Array, form: str) -> values.Times:
        text = values.names(column)
        stamps = pc.strptime(text, format=form, unit="ms", error_is_null=True)
        value = values.milliseconds(stamps)
        wrong = np.isnan(value) & text.is_valid().to_numpy(False)
        kind = np.where(np.isnan(value), values.MISSING, values.DATE).astype(np.uint8)
        return values.Times(value, kind, wrong)

    def _local(
        self, sieve: Sieve, column: pa.Array, time: values.Times, rest: NDArray[np.int64]
    ) -> None:
        """Read dates in a country's own order, where the day and the month can be told apart."""
        text = _numbered(pc.utf8_trim_whitespace(column.take(pa.array(rest))))
        parts = pc.extract_regex(text, _LOCAL)
        there = parts.is_valid().to_numpy(False)
        rest, parts = rest[there], parts.filter(pa.array(there))
        if not len(rest):
            return
        first, second = (_whole(parts.field(name)) for name in ("first", "second"))
        pointed = pc.equal(parts.field("mark"), ".").to_numpy(False)
        unsure = np.zeros(len(time.wrong), bool)
        free = ~pointed & (np.minimum(first, second) <= 12)
        if free.any() and self._day_first is None:
            days, months = (int((n[free] > 12).sum()) for n in (first, second))
            if days == months:
                unsure[rest[free]] = True
                reason = "the time may have the day or the month first"
                sieve.refuse(reason, unsure, column="time", remedy=_BOTH, always=True)
                return
            self._day_first = days > months
            order = "day" if self._day_first else "month"
            self._chosen = f"Dates were read with the {order} first: a number above 12 tells it."
        day_first = pointed | bool(self._day_first)
        day, month = np.where(day_first, first, second), np.where(day_first, second, first)
        hour, half = _whole(parts.field("hour")), pc.utf8_lower(parts.field("half"))
        halved = pc.is_in(half, pa.array(["a", "p"])).to_numpy(False)
        late = pc.equal(half, "p").to_numpy(False)
        twelve = np.where((hour >= 1) & (hour <= 12), hour % 12 + 12 * late, 99)
        hour = np.where(halved, twelve, hour)
        clock = [_padded(hour), *(_padded(_whole(parts.field(n))) for n in ("minute", "second_"))]
        date = pc.binary_join_element_wise(parts.field("year"), _padded(month), _padded(day), "-")
        stamps = pc.binary_join_element_wise(date, pc.binary_join_element_wise(*clock, ":"), " ")
        read = values.times(stamps)
        good = ~read.wrong
        time.value[rest[good]], time.kind[rest[good]] = read.value[good], read.kind[good]
        time.wrong[rest[good]] = False


def _numbered(text: pa.StringArray) -> pa.StringArray:
    """Return dates such as ``Wednesday, 31 January 2024, 9:30 AM`` with the month's number."""
    text = pc.replace_substring_regex(text, r"^[A-Za-z]+day,? ", "")
    for number, month in enumerate(_MONTHS, 1):
        shape = rf"(?i)^(\d{{1,2}})[ -]{month}[a-z]*\.?,?[ -](\d{{4}})"
        text = pc.replace_substring_regex(text, shape, rf"\1.{number}.\2")
    return text


def _whole(digits: pa.StringArray) -> NDArray[np.int64]:
    """Return numbers, 0 where there are no digits."""
    text = pc.if_else(pc.equal(digits, ""), "0", digits)
    return np.asarray(text.cast(pa.int64()).to_numpy(False))


def _padded(numbers: NDArray[np.int64]) -> pa.StringArray:
    return pc.utf8_lpad(pa.array(numbers).cast(pa.string()), 2, "0")
