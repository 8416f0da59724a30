"""A column of times: read row by row, its order, unit and zone decided when all is seen."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from torchedu.datasets.importers.reading import dates
from torchedu.datasets.importers.reading.dates import DAY
from torchedu.datasets.importers.reading.rows import Sieve
from torchedu.datasets.importers.reading.values import (
    DATE,
    DAY_FIRST,
    EITHER,
    MISSING,
    MONTH_FIRST,
    NUMBER,
    POINTED,
    UNREAD,
    ZONED,
    Times,
    TimeUnit,
)
from torchedu.errors import ConfigError, DataError

UNITS = {"s": 1e3, "ms": 1.0, "us": 1e-3, "ns": 1e-6, "spreadsheet": float(DAY)}
"""Milliseconds in one of each unit."""
SPREADSHEET_1970 = 25_569
"""The day 1970-01-01 in Excel and its like."""
_WORDS = {
    "s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds",
    "spreadsheet": "days of a spreadsheet", "digits": "digits of dates, as in 20240131",
}  # fmt: skip
_KINDS = ("missing", "numbers", "dates without a zone", "dates with a zone")
_BASE = np.array([MISSING, NUMBER, DATE, ZONED, DATE, DATE, DATE, DATE], np.uint8)
_READABLE = (
    "Write 2024-01-31 09:30:00 or a number, say how it is written, such as ⟦time_format⟧ "
    "'%d %b %y %H:%M', or give ⟦on_bad_row⟧ drop."
)

# As times since 1970, seconds from 1979 to 2286 and the finer units from there on do not overlap;
# between them lie values that are no plausible date in any unit.
_EDGES = np.array([3e8, 1e10, 3e11, 1e13, 3e14, 1e16, 3e17])
_CLASSES = ("small", "s", "gap", "ms", "gap", "us", "gap", "ns")
_YEAR_2286 = 1e13  # in milliseconds
FEW = 20
"""One time in so many that fits no other is a bad row; more of them leave the unit open."""
_DAYS_2000_TO_2050 = (36_526, 54_789)  # of a spreadsheet


class Clock:
    """Sees every time once, then says what one is in milliseconds.

    Args:
        unit: ``auto``, ``date``, or one of ``UNITS``.
        form: How all times are written, as ``strptime`` has it.
        day_first: Whether 01/02/2024 is in February; None where days above 12 tell. Dates with
            points have the day first where nothing tells.
        zone: The zone of times that tell none, by its name or as ``+01:00``.

    Raises:
        ConfigError: The zone is not known.
    """

    kept = (
        "_kinds", "_classes", "_least", "_most", "_smallest", "_largest", "_whole_days",
        "_fractions", "_digits", "_unit", "_kind", "_low", "_high", "_open", "_notes", "_day_first",
    )  # fmt: skip

    def __init__(
        self,
        unit: TimeUnit = "auto",
        form: str | None = None,
        day_first: bool | None = None,
        zone: str | None = None,
    ) -> None:
        self.given = unit
        self._form, self._day_first, self._zone = form, day_first, zone
        self._kinds = np.zeros(POINTED + 1, np.int64)
        self._classes = np.zeros(len(_CLASSES), np.int64)
        self._least, self._most = np.inf, -np.inf
        self._smallest, self._largest = np.inf, -np.inf  # of numbers
        self._whole_days = True
        self._fractions, self._digits = False, True
        self._unit, self._kind = "", MISSING
        self._low, self._high = -np.inf, np.inf
        self._open: tuple[str, str, int] | None = None  # the first that leaves its order open
        self._notes: list[str] = []
        if zone is not None:
            _shift(np.zeros(1), zone)

    def take(self, sieve: Sieve, column: pa.Array) -> Times:
        """Return the times of a column called ``time``, and refuse those that cannot be read."""
        time = dates.read(column, self._form)
        sieve.refuse(UNREAD, time.wrong, column="time", remedy=_READABLE)
        unsure = (time.kind == EITHER) & sieve.keep
        if self._open is None and unsure.any():
            self._open = sieve.shown(int(unsure.argmax()), "time")
        return time

    def see(self, value: NDArray[np.float64], kind: NDArray[np.uint8]) -> None:
        """Take up some times as ``take`` gives them."""
        self._kinds += np.bincount(kind, minlength=len(self._kinds))
        number = np.abs(value[kind == NUMBER])
        self._classes += np.bincount(
            np.searchsorted(_EDGES, number, side="right"), minlength=len(_CLASSES)
        )
        if len(number):
            self._smallest = min(self._smallest, float(number.min()))
            self._largest = max(self._largest, float(number.max()))
            if self._may_be_spreadsheet:
                self._fractions = self._fractions or bool((number % 1).any())
            self._digits = self._digits and not np.isnan(_of_digits(number)).any()
        some = value[kind != MISSING]
        if len(some):
            self._least = min(self._least, float(some.min()))
            self._most = max(self._most, float(some.max()))
            dated = value[kind > NUMBER]
            self._whole_days = self._whole_days and not (dated % DAY).any()

    @property
    def tells_order(self) -> bool:
        """Whether there are times at all and they differ; one time for all orders nothing."""
        return bool(self._kinds[NUMBER:].sum()) and self._least < self._most

    @property
    def tells_moment(self) -> bool:
        """Whether times are fine enough to say that two answers were given at the same moment."""
        return self.tells_order and not (self._kind != NUMBER and self._whole_days)

    @property
    def unit(self) -> str:
        """What the times were taken for, in words."""
        return _WORDS[self._unit] if self._kind == NUMBER else _KINDS[self._kind]

    @property
    def notes(self) -> list[str]:
        """What a user should know of how times were read, once it is decided."""
        if self.tells_order:
            return self._notes
        return ["The times are all missing or the same: the file's order counts."]

    def decide(self, file: str) -> None:
        """Choose the order of dates, the kind and the unit, by what most of the times are.

        Raises:
            DataError: Days may be months, or numbers seconds or milliseconds, and only the user can
                know.
        """
        self._decide_order()
        kinds = np.bincount(_BASE, self._kinds, minlength=4)
        if self._zone is not None:
            kinds[ZONED] += kinds[DATE]
            kinds[DATE] = 0
        if self.given != "auto":
            dated = self.given == "date"
            if not (kinds[DATE:] if dated else kinds[NUMBER : NUMBER + 1]).any():
                raise DataError(
                    f"the times are {'numbers' if dated else 'dates'}, for which ⟦time_unit⟧ "
                    f"{self.given} is not.",
                    "Leave it out, or give ⟦time_unit⟧ auto.",
                    file=file, option="time_unit", value=self.given,
                )  # fmt: skip
            self._kind = int(kinds[DATE:].argmax()) + DATE if self.given == "date" else NUMBER
            self._unit = self.given
            factor = UNITS.get(self.given, 1.0)
            self._low, self._high = -_YEAR_2286 / factor, _YEAR_2286 / factor
            return
        self._kind = int(kinds[NUMBER:].argmax()) + NUMBER
        if self._kind == NUMBER:
            self._decide_unit(file)

    def _decide_order(self) -> None:
        days, months = int(self._kinds[DAY_FIRST]), int(self._kinds[MONTH_FIRST])
        either, pointed = int(self._kinds[EITHER]), int(self._kinds[POINTED])
        if self._day_first is not None or not either + pointed + min(days, months):
            return
        if days != months:
            self._day_first = days > months
            number = max(days, months)
            order = "day" if self._day_first else "month"
            self._notes.append(
                f"Dates were read with the {order} first: {number:,} have a number above 12."
            )
        elif self._open is not None:
            value, file, row = self._open
            raise DataError(
                f"the time may have the day or the month first ({value!r}).",
                "Say which with ⟦dayfirst⟧ true or ⟦dayfirst⟧ false.",
                file=file, row=row, option="dayfirst",
            )  # fmt: skip
        else:
            self._day_first = True
            self._notes.append(
                "Dates with points were read with the day first, which no number above 12 tells: "
                "⟦dayfirst⟧ false is for the month."
            )

    @property
    def _may_be_spreadsheet(self) -> bool:
        low, high = _DAYS_2000_TO_2050
        return low <= self._smallest and self._largest <= high

    def _decide_unit(self, file: str) -> None:
        count = {
            name: int(sum(n for n, c in zip(self._classes, _CLASSES, strict=True) if c == name))
            for name in _CLASSES
        }
        if self._digits:
            self._unit = "digits"
        elif count["ms"] or count["us"] or count["ns"]:
            self._unit = max(("s", "ms", "us", "ns"), key=lambda name: count[name])
            index = _CLASSES.index(self._unit)
            self._low = float(_EDGES[index - 1])
            self._high = float(_EDGES[index]) if index < len(_EDGES) else np.inf
        elif count["gap"]:
            self._unit = "ms"
        elif _are_many(count["s"], count["small"]):
            raise self._unsure(file, "seconds or milliseconds", "ms")
        elif self._may_be_spreadsheet:
            if not self._fractions:
                raise self._unsure(file, "seconds or days of a spreadsheet", "spreadsheet")
            self._unit = "spreadsheet"
        else:
            self._unit = "s"
            if count["s"] and count["small"]:  # a few that are off
                recent = count["s"] > count["small"]
                self._low, self._high = (_EDGES[0], np.inf) if recent else (-np.inf, _EDGES[0])

    def _unsure(self, file: str, words: str, other: str) -> DataError:
        return DataError(
            f"the times from {self._least:g} to {self._most:g} may be {words}.",
            f"Say which with ⟦time_unit⟧ s or ⟦time_unit⟧ {other}.",
            file=file,
            option="time_unit",
        )

    def breaks(self, value: NDArray[np.float64], kind: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """Return where a time is missing, or of another kind, order or unit than the others."""
        number = np.abs(value)
        base = _BASE[kind]
        if self._zone is not None:
            base = np.where(base == DATE, ZONED, base)
        off = (base == NUMBER) & ~((number >= self._low) & (number < self._high))
        if self._day_first is not None:
            off |= kind == (MONTH_FIRST if self._day_first else DAY_FIRST)
        return np.asarray((base != self._kind) | off)

    def reason(self, kind: int) -> tuple[str, str]:
        """Return why a time breaks the clock, and what to do; for rows that ``breaks`` finds."""
        if kind == MISSING:
            return "the time is missing", "Fill it in, or give ⟦on_bad_row⟧ drop."
        if kind in (DAY_FIRST, MONTH_FIRST) and self._kind != NUMBER:
            first, others = ("day", "month") if kind == DAY_FIRST else ("month", "day")
            return (
                f"the {first} stands first, while other times have the {others} first",
                "Write all times alike, or give ⟦on_bad_row⟧ drop.",
            )
        if self._zone is None and {int(_BASE[kind]), self._kind} == {DATE, ZONED}:
            remedy = "Say of which zone times without one are: ⟦time_zone⟧ UTC, or Europe/Berlin."
            return f"mixed time zones: most times are {self.unit}, this one is not", remedy
        return (
            f"mixed time units: most times are {self.unit}, this one is not",
            "Write all times alike, or give ⟦on_bad_row⟧ drop.",
        )

    def milliseconds(
        self, value: NDArray[np.float64], kind: NDArray[np.uint8]
    ) -> NDArray[np.int64]:
        """Return times, none of which breaks the clock, as whole milliseconds since 1970."""
        if self._kind == NUMBER:
            if self._unit == "digits":
                value = _of_digits(value)
            elif self._unit == "spreadsheet":
                value = (value - SPREADSHEET_1970) * DAY
            else:
                value = value * UNITS[self._unit]
            return np.rint(value).astype(np.int64)
        turned = np.isin(kind, (EITHER, POINTED)) if self._day_first is False else np.zeros(0, bool)
        if turned.any():
            value = value.copy()
            value[turned] = dates.swapped(value[turned])
        if self._zone is not None:
            local = _BASE[kind] == DATE
            value = np.where(local, _shift(value, self._zone), value)
        return np.rint(value).astype(np.int64)


@dataclass(kw_only=True)
class Timed:
    """What has a column of times.

    Args:
        time_unit: The unit of the times; ``auto`` tells dates, numbers since 1970, days of a
            spreadsheet and digits such as 20240131 by themselves.
        time_format: How times are written, such as ``%d %b %y %H:%M``, where that is not known.
        dayfirst: Whether 01/02/2024 is in February, where no day above 12 tells it.
        time_zone: The zone of times that name none, such as ``Europe/Berlin`` or ``+01:00``.
    """

    time_unit: TimeUnit = "auto"
    time_format: str | None = None
    dayfirst: bool | None = None
    time_zone: str | None = None

    def clock(self, unit: TimeUnit | None = None) -> Clock:
        """Return a clock as the options have it, with the unit that a format fixes."""
        return Clock(unit or self.time_unit, self.time_format, self.dayfirst, self.time_zone)


def _are_many(*counts: int) -> bool:
    return min(counts) * FEW > max(counts)


def is_time(column: pa.Array) -> bool:
    """Say whether most values of a column are dates, or numbers since 1970 of this century."""
    time = dates.read(column)
    some = time.kind != MISSING
    number = np.abs(time.value[time.kind == NUMBER])
    recent = ((number >= 946e6) & (number < 2.6e9)) | ((number >= 946e9) & (number < 2.6e12))
    likely = int((time.kind > NUMBER).sum() + recent.sum())
    return bool(some.any()) and likely > 0.9 * int(some.sum() + time.wrong.sum())


def shown(value: float, kind: int) -> object:
    """Return a time as a message tells it: a number, or a date, which its file has too."""
    if np.isnan(value):
        return None
    return int(value) if kind == NUMBER else str(np.datetime64(int(value), "ms"))


def _of_digits(number: NDArray[np.float64]) -> NDArray[Any]:
    """Return milliseconds since 1970 of 20240131 or 20240131093000, NaN of any other number."""
    few = number < 1e9
    time = np.where(few, number * 1e6, number)
    none = np.full(len(number), np.nan)
    if not ((time >= 19_700_101e6) & (time < 21_000_000e6) & (number % 1 == 0)).all():
        return none
    date, clock = np.divmod(time.astype(np.int64), 1_000_000)
    year, month, day = date // 10_000, date // 100 % 100, date % 100
    hour, minute, second = clock // 10_000, clock // 100 % 100, clock % 100
    good = (month >= 1) & (month <= 12) & (day >= 1) & (day <= 31)
    good &= (hour < 24) & (minute < 60) & (second < 60)
    begin = (12 * (year - 1970) + np.where(good, month, 1) - 1).astype("datetime64[M]")
    days = begin.astype("datetime64[D]").astype(np.int64) + day - 1
    return np.where(good, ((days * 24 + hour) * 60 + minute) * 60_000 + second * 1000, np.nan)


def _shift(value: NDArray[np.float64], zone: str) -> NDArray[np.float64]:
    """Return moments whose times of day are those of a zone."""
    stamps = pa.array(np.nan_to_num(value).astype("datetime64[ms]"))
    try:
        moved = pc.assume_timezone(stamps, zone, ambiguous="earliest", nonexistent="earliest")
    except pa.ArrowInvalid:
        raise ConfigError(
            f"the zone {zone!r} is not known (⟦time_zone⟧).",
            "Give its name, such as Europe/Berlin or UTC, or its distance, such as +01:00.",
            option="time_zone", value=zone,
        ) from None  # fmt: skip
    return np.asarray(moved.cast(pa.int64()).to_numpy(False), np.float64)
