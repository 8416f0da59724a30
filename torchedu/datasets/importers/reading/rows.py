"""Rows as they are read, where each stands, and what becomes of a bad one."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from torchedu.datasets.importers.reading.text import Source
from torchedu.datasets.importers.reading.values import TimeUnit
from torchedu.errors import DataError

OnBadRow = Literal["error", "drop"]
_ROW_BITS = 40  # rows of one file fit in 40 bits, files in the 23 bits above


class Piece(NamedTuple):
    """Some rows that an importer read.

    Attributes:
        batch: The rows, in columns named as in ``schema.ANSWER_COLUMNS``, groups as
            ``group.<attribute>``, all of any Arrow type that can be read as what they are.
        place: Where each row stands, from ``Places.code``; shape (rows,).
    """

    batch: pa.RecordBatch
    place: NDArray[np.int64]


class Reading(NamedTuple):
    """What an importer's ``read`` returns.

    Attributes:
        pieces: The rows, piece by piece, read when they are asked for; each a ``Piece`` or what
            else the kind of data is told in.
        sources: The files they come from.
        columns: The heading or field taken for each column of the schema.
        ignored: Headings that are not used.
        notes: What a user should know about how the files were taken, in whole sentences; whole
            once all pieces are read.
        unit: The unit of numeric times, where the format fixes it.
        response_time_unit: The unit of response times, where the format fixes it.
        decimal: What stands before the decimals of marks, where the format or the file tells it.
        separator: What stands between the skills of a text, where the format fixes it; "" where a
            text is always one skill.
        raw: What the user named, for errors about the whole.
        goes_on: Whether the pieces begin after ``Places.begin``, where that is set before the first
            of them is asked for.
        unfilled: Columns that the user named and in which no value has stood yet.
    """

    pieces: Iterator[Any]
    sources: tuple[Source, ...]
    columns: dict[str, str]
    ignored: tuple[str, ...] = ()
    notes: Sequence[str] = ()
    unit: TimeUnit | None = None
    response_time_unit: Literal["s", "ms"] | None = None
    decimal: Literal[".", ","] = "."
    separator: str | None = None
    raw: str = ""
    goes_on: bool = False
    unfilled: set[str] = set()  # noqa: RUF012 (nobody adds to it)


CORRECT = "Correct the row, or give ⟦on_bad_row⟧ drop."
COMPLETE = "Complete the line, or give ⟦on_bad_row⟧ drop."
"""What a user can do about a bad row, and about one that is cut."""


def texts(columns: Mapping[str, Sequence[str | None]]) -> pa.RecordBatch:
    """Return rows whose columns are all texts."""
    arrays = {name: pa.array(column, pa.string()) for name, column in columns.items()}
    return pa.RecordBatch.from_pydict(arrays)


class Places:
    """Numbers for the places of rows, so that a row can be named long after it was read.

    Attributes:
        files: The names of the files so far.
        begin: The last row that is not to be read again, as ``code`` has it; 0 for none.
    """

    END = 1 << 62
    """Behind all rows of all files."""

    def __init__(self) -> None:
        self.files: list[str] = []
        self.begin = 0

    def file(self, name: str) -> int:
        """Take up a file and return its number."""
        self.files.append(name)
        return len(self.files) - 1

    def code(self, file: int | NDArray[np.int64], rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return a number for each row of a file (one for all, or one a row); rows count from 1."""
        return (np.asarray(file, np.int64) << _ROW_BITS) + rows.astype(np.int64)

    def name(self, place: int) -> tuple[str, int]:
        """Return the file and row of a place."""
        return self.files[place >> _ROW_BITS], place & ((1 << _ROW_BITS) - 1)


@dataclass
class BadRows:
    """Takes bad rows: the first one ends the import, or each is dropped, counted and named.

    Args:
        places: Where rows stand.
        action: ``error`` or ``drop``.
        rows: How many rows were read, bad ones among them.
    """

    places: Places
    action: OnBadRow = "error"
    kept: ClassVar[tuple[str, ...]] = ("rows", "_dropped", "_lost")

    rows: int = 0
    _dropped: dict[str, dict[str, Any]] = field(default_factory=dict)
    _lost: Counter[str] = field(default_factory=Counter)  # bad ones among the dropped
    _named: int = 3  # rows named for each reason

    def add(
        self,
        reason: str,
        place: NDArray[np.int64],
        remedy: str,
        value: object = None,
        *,
        always: bool = False,
    ) -> None:
        """Raise for the first of these rows, or count them.

        Args:
            reason: What is wrong, without values, such as ``correct is outside 0..1``.
            place: Where the bad rows stand, in the order read; shape (bad rows,). May be empty.
            remedy: What the user can do.
            value: The value found in the first of them.
            always: Raise even where bad rows are dropped: no row alone is at fault.

        Raises:
            DataError: There is a bad row, and the user did not ask to drop such rows.
        """
        if len(place) == 0:
            return
        if self.action == "error" or always:
            file, row = self.places.name(int(place[0]))
            shown = "" if value is None else f" ({_short(value)})"
            raise DataError(f"{reason}{shown}.", remedy, file=file, row=row)
        self.leave_out(reason, place)
        self._lost[reason] += len(place)

    def leave_out(self, reason: str, place: NDArray[np.int64]) -> None:
        """Count rows that are left out whatever the user asked: nothing is lost with them.

        Args:
            reason: What they are.
            place: Where they stand, in the order read; shape (rows,). May be empty.
        """
        if not len(place):
            return
        entry = self._dropped.setdefault(reason, {"rows": 0, "first": []})
        entry["rows"] += len(place)
        room = self._named - len(entry["first"])
        named = map(self.places.name, place[:room].tolist())
        entry["first"] += [f"{Path(file).name}, row {row}" for file, row in named]

    def add_unread(
        self, reason: str, place: NDArray[np.int64], remedy: str, value: object = None
    ) -> None:
        """Raise for the first of these rows, which no piece holds, or count them; see ``add``."""
        self.rows += len(place)
        self.add(reason, place, remedy, value)

    def refuse_most(self) -> None:
        """Refuse to drop more than half of the rows.

        Raises:
            DataError: More of the rows read so far were dropped than kept.
        """
        lost = self._lost.total()
        if lost > self.rows / 2:
            ((reason, most),) = self._lost.most_common(1)
            first = self._dropped[reason]["first"][0]
            raise DataError(
                f"{lost:,} of {self.rows:,} rows would be dropped, {most:,} of them since {reason} "
                f"(first: {first}).",
                "So many are no bad rows: leave ⟦on_bad_row⟧ out, and what can be done is said.",
            )

    def of(self, source: Source) -> "FileRows":
        """Take up a file, and return what tells where its rows stand."""
        return FileRows(self, self.places.file(source.name))

    @property
    def dropped(self) -> dict[str, dict[str, Any]]:
        """For each reason, how many rows were dropped and where the first of them stand."""
        return dict(sorted(self._dropped.items()))


class FileRows(NamedTuple):
    """The rows of one file.

    Attributes:
        bad: What becomes of bad ones.
        number: The file's, from ``Places.file``.
    """

    bad: BadRows
    number: int

    @property
    def read(self) -> int:
        """How many of its first rows are not to be read again; see ``Places.begin``."""
        file, row = divmod(self.bad.places.begin, 1 << _ROW_BITS)
        return row if file == self.number else (self.bad.places.END if self.number < file else 0)

    def places(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return a number for each row, counted from 1; see ``Places.code``."""
        return self.bad.places.code(self.number, rows)

    def piece(self, batch: pa.RecordBatch, rows: NDArray[np.int64]) -> Piece:
        """Return some of them with where each stands."""
        return Piece(batch, self.places(rows))

    def refuse(
        self,
        reason: str,
        rows: NDArray[np.int64] | list[int],
        remedy: str = COMPLETE,
        value: object = None,
    ) -> None:
        """Raise for the first of these rows, or count them; see ``BadRows.add_unread``."""
        self.bad.add_unread(reason, self.places(np.asarray(rows, np.int64)), remedy, value)

    def leave_out(self, reason: str, rows: NDArray[np.int64] | list[int]) -> None:
        """Count rows that no piece holds and that are left out; see ``BadRows.leave_out``."""
        self.bad.rows += len(rows)
        self.bad.leave_out(reason, self.places(np.asarray(rows, np.int64)))


class Sieve:
    """The rows of a piece that are still good; each bad row is refused once, by its first fault.

    Args:
        piece: The rows.
        bad: What becomes of bad rows.

    Attributes:
        keep: Which rows are good so far; shape (rows,).
    """

    def __init__(self, piece: Piece, bad: BadRows) -> None:
        self.piece = piece
        self.keep = np.ones(len(piece.place), bool)
        self._bad = bad

    def refuse(
        self,
        reason: str,
        wrong: NDArray[np.bool_],
        *,
        column: str | None = None,
        value: object = None,
        remedy: str = CORRECT,
        always: bool = False,
    ) -> None:
        """Refuse rows.

        Args:
            reason: What is wrong with them.
            wrong: Which rows; shape (rows,).
            column: The column whose first bad value is shown.
            value: The value to show instead.
            remedy: What the user can do.
            always: Raise even where bad rows are dropped.
        """
        wrong = wrong & self.keep
        if wrong.any():
            if column is not None:
                value = self.piece.batch.column(column)[int(wrong.argmax())].as_py()
            self._bad.add(reason, self.piece.place[wrong], remedy, value, always=always)
            self.keep &= ~wrong

    def leave_out(self, reason: str, rows: NDArray[np.bool_]) -> None:
        """Leave out rows, which are counted; see ``BadRows.leave_out``."""
        rows = rows & self.keep
        self._bad.leave_out(reason, self.piece.place[rows])
        self.keep &= ~rows

    def shown(self, row: int, column: str) -> tuple[Any, str, int]:
        """Return what a column holds in a row of the piece, and the file and row it stands in."""
        value = self.piece.batch.column(column)[row].as_py()
        return value, *self._bad.places.name(int(self.piece.place[row]))


def _short(value: object, most: int = 60) -> str:
    text = repr(value)
    return text if len(text) <= most else text[:most] + "..."
