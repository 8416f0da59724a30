"""Response times: their unit, which nothing but their size tells, and such as cannot be."""

from typing import Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from torchedu.datasets.importers.reading import values
from torchedu.datasets.importers.reading.rows import Sieve
from torchedu.errors import DataError

DurationUnit = Literal["auto", "s", "ms"]
SECONDS = {"auto": 1.0, "s": 1.0, "ms": 1e-3}
"""Seconds in one unit of a response time."""
MOST = 2**31
"""Units that no answer takes."""
LONG = 9
"""Of so many doublings of a second, some nine minutes, no median of seconds is taken for one."""


class Durations:
    """Reads the response times of a file.

    Args:
        unit: Their unit; ``auto`` is seconds, unless half of them are over nine minutes then.
    """

    kept = ("_doublings", "_unknown")

    def __init__(self, unit: DurationUnit = "auto") -> None:
        self._unit = unit
        self._doublings = np.zeros(64, np.int64)
        self._unknown = 0

    def take(self, sieve: Sieve, column: pa.Array) -> NDArray[np.float64]:
        """Return seconds, NaN where they are unknown; refuse what is no number."""
        number, wrong = values.numbers(column)
        sieve.refuse("the response_time is not a number", wrong, column="response_time")
        # Clocks that were set back give negative times: the answer stands, its time not.
        known = (number >= 0) & (number < MOST)
        self._unknown += int((~known & ~np.isnan(number)).sum())
        power = np.frexp(number[known])[1]
        self._doublings += np.bincount(np.clip(power, 0, 63), minlength=64)
        return np.where(known, number * SECONDS[self._unit], np.nan)

    @property
    def any(self) -> bool:
        """Whether some are known."""
        return bool(self._doublings.any())

    def check(self, file: str) -> None:
        """Refuse to guess the unit of what is long for seconds.

        Raises:
            DataError: Half of the times would be over nine minutes.
        """
        if self._unit == "auto" and self.any and self._median > LONG:
            raise DataError(
                f"half of the response times are over {2 ** (self._median - 1):,}, which may be "
                "milliseconds or seconds.",
                "Say which with ⟦response_time_unit⟧ ms or ⟦response_time_unit⟧ s.",
                file=file, option="response_time_unit",
            )  # fmt: skip

    @property
    def _median(self) -> int:
        seen = np.cumsum(self._doublings)
        return int(np.searchsorted(seen, seen[-1] / 2))

    def notes(self) -> list[str]:
        """Say which unit they have, and how many are unknown."""
        words = {"ms": "milliseconds"}.get(self._unit, "seconds")
        notes = [f"Response times were read as {words}."] if self.any else []
        if self._unknown:
            notes.append(
                f"{self._unknown:,} response times are negative or beyond all measure: they are "
                "unknown."
            )
        return notes
