"""The unit of a column of times, decided when all is seen, and the rows that break it."""

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from torchedu.datasets.importers.reading.values import DATE, MISSING, NUMBER, ZONED
from torchedu.errors import DataError

TimeUnit = Literal["auto", "s", "ms", "us", "ns", "date"]
UNITS = {"s": 1e3, "ms": 1.0, "us": 1e-3, "ns": 1e-6}
"""Milliseconds in one of each unit."""
_WORDS = {"s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}
_KINDS = ("missing", "numbers", "dates without a zone", "dates with a zone")
_DAY = 86_400_000

# As times since 1970, seconds from 1979 to 2286 and the finer units from there on do not overlap;
# between them lie values that are no plausible date in any unit.
_EDGES = np.array([3e8, 1e10, 3e11, 1e13, 3e14, 1e16, 3e17])
_CLASSES = ("small", "s", "gap", "ms", "gap", "us", "gap", "ns")
_YEAR_2286 = 1e13  # in milliseconds


class Clock:
    """Sees every time once, then says what one is in milliseconds.

    Args:
        unit: ``auto``, ``date``, or one of ``UNITS``.
    """

    def __init__(self, unit: TimeUnit = "auto") -> None:
        self.given = unit
        self._kinds = np.zeros(4, np.int64)
        self._classes = np.zeros(len(_CLASSES), np.int64)
        self._least, self._most = np.inf, -np.inf
        self._whole_days = True
        self._factor = 1.0
        self._kind = MISSING
        self._low, self._high = -np.inf, np.inf

    def see(self, value: NDArray[np.float64], kind: NDArray[np.uint8]) -> None:
        """Take up some times as ``values.times`` gives them."""
        self._kinds += np.bincount(kind, minlength=4)
        number = np.abs(value[kind == NUMBER])
        self._classes += np.bincount(
            np.searchsorted(_EDGES, number, side="right"), minlength=len(_CLASSES)
        )
        some = value[kind != MISSING]
        if len(some):
            self._least = min(self._least, float(some.min()))
            self._most = max(self._most, float(some.max()))
            dates = value[(kind == DATE) | (kind == ZONED)]
            self._whole_days = self._whole_days and not (dates % _DAY).any()

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
        if self._kind == NUMBER:
            return next(_WORDS[unit] for unit, factor in UNITS.items() if factor == self._factor)
        return _KINDS[self._kind]

    def decide(self, file: str) -> None:
        """Choose kind and unit, by what most of the times are.

        Raises:
            DataError: The numbers may be seconds or milliseconds, and only the user can know.
        """
        if self.given != "auto":
            self._kind = NUMBER if self.given in UNITS else int(self._kinds[DATE:].argmax()) + DATE
            self._factor = UNITS.get(self.given, 1.0)
            self._low, self._high = -_YEAR_2286 / self._factor, _YEAR_2286 / self._factor
            return
        self._kind = int(self._kinds[NUMBER:].argmax()) + NUMBER
        if self._kind != NUMBER:
            return
        count = {
            name: int(sum(n for n, c in zip(self._classes, _CLASSES, strict=True) if c == name))
            for name in _CLASSES
        }
        if count["ms"] or count["us"] or count["ns"]:
            unit = max(UNITS, key=lambda name: count[name])
            index = _CLASSES.index(unit)
            self._low = float(_EDGES[index - 1])
            self._high = float(_EDGES[index]) if index < len(_EDGES) else np.inf
        elif count["gap"] or (count["s"] and count["small"]):
            if not count["gap"]:
                raise DataError(
                    f"the times from {self._least:g} to {self._most:g} may be seconds or "
                    "milliseconds.",
                    "Say which with ⟦time_unit⟧ s or ⟦time_unit⟧ ms.",
                    file=file,
                    option="time_unit",
                )
            unit = "ms"
        else:
            unit = "s"
        self._factor = UNITS[unit]

    def breaks(self, value: NDArray[np.float64], kind: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """Return where a time is missing, or of another kind or unit than the others."""
        number = np.abs(value)
        off = (kind == NUMBER) & ~((number >= self._low) & (number < self._high))
        return np.asarray((kind != self._kind) | off)

    def reason(self, kind: int) -> tuple[str, str]:
        """Return why a time breaks the clock, and what to do; for rows that ``breaks`` finds."""
        if kind == MISSING:
            return "the time is missing", "Fill it in, or give ⟦on_bad_row⟧ drop."
        return (
            f"mixed time units: most times are {self.unit}, this one is not",
            "Write all times alike, or give ⟦on_bad_row⟧ drop.",
        )

    def milliseconds(self, value: NDArray[np.float64]) -> NDArray[Any]:
        """Return times as whole milliseconds."""
        return np.rint(value * self._factor).astype(np.int64)
