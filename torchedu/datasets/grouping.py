"""Interleaved rows of many students to whole students in order, in bounded memory.

Rows come in any order of students. They are spilled to one file a column, counted by student, and
scattered through memory maps to where their student's rows stand, unless all of a student's rows
came together; then blocks of whole students are read back. Memory holds one chunk of rows and one
count a student, never a whole column. What was spilled can be gone on with after whatever ended the
process: its checksums are told with how many rows it holds.
"""

import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from torchedu.datasets.answers import stretch_index
from torchedu.files import take_space

CHUNK_ROWS = 1 << 19
"""Rows held in memory at a time."""


class Students(NamedTuple):
    """Some students, whole, one after the other.

    Attributes:
        ids: The students' numbers as they were added; shape (students,).
        lengths: How many rows each has; shape (students,).
        columns: Their rows, each student's in the order added; shape (rows,) each.
    """

    ids: NDArray[np.int64]
    lengths: NDArray[np.int64]
    columns: dict[str, NDArray[Any]]


class Grouping:
    """Collects rows and gives them back by student.

    Args:
        folder: A folder for the spilled columns; up to twice the size of the rows. The caller
            removes it. What an earlier process has spilled there stays until ``go_on`` or ``add``.
        dtypes: The columns' types by name.
    """

    def __init__(self, folder: Path, dtypes: Mapping[str, str]) -> None:
        self.rows = 0
        self._folder = folder
        self._dtypes = {name: np.dtype(dtype) for name, dtype in dtypes.items()}
        self._spilled = {"student": np.dtype(np.int32), **self._dtypes}
        self._files: dict[str, IO[bytes]] = {}
        self._sums = dict.fromkeys(self._spilled, 0)
        self._counts = np.zeros(0, np.int64)
        self._ascending, self._last = True, -1
        self._scattered = False

    @property
    def counts(self) -> NDArray[np.int64]:
        """Number of rows of each student so far; shape (students,)."""
        return self._counts

    def add(self, student: NDArray[np.int32], columns: Mapping[str, NDArray[Any]]) -> None:
        """Add rows.

        Args:
            student: Each row's student, numbered from 0; shape (rows,).
            columns: Every column; shape (rows,) each.

        Raises:
            ValueError: A column has another length.
        """
        for name in self._dtypes:
            if columns[name].shape != student.shape:
                raise ValueError(f"{name}: {len(columns[name])} values for {len(student)} rows")
        if len(student) == 0:
            return
        self._open(0)
        for name, dtype in self._spilled.items():
            values = student if name == "student" else columns[name]
            data = np.ascontiguousarray(values, dtype).data
            self._files[name].write(data)
            self._sums[name] = zlib.crc32(data, self._sums[name])
        self._count(student)

    def noted(self) -> dict[str, Any]:
        """Bring what was added to the system, and tell what ``go_on`` needs; plain JSON."""
        self._flush()
        return {"rows": self.rows, "sums": self._sums, "scattered": self._scattered}

    def go_on(self, noted: Mapping[str, Any]) -> bool:
        """Take up the rows that an earlier process had added when ``noted`` was told.

        Args:
            noted: What it told.

        Returns:
            Whether they are all there; else nothing was taken up.
        """
        rows, sums = int(noted["rows"]), dict(noted["sums"])
        if sums.keys() != self._sums.keys() or not all(
            _checksum(self._place(name, noted["scattered"]), rows * dtype.itemsize) == sums[name]
            for name, dtype in self._spilled.items()
        ):
            return False
        self._sums, self._scattered = sums, bool(noted["scattered"])
        if not self._scattered:
            self._open(rows)
        students = self._map("student", rows)
        for start in range(0, rows, CHUNK_ROWS):
            self._count(np.array(students[start : start + CHUNK_ROWS]))
        return True

    def chunks(self, *names: str) -> Iterator[dict[str, NDArray[Any]]]:
        """Give back columns in the order added, a chunk of rows at a time, until ``gather``."""
        self._flush()
        spilled = {name: self._map(name, self.rows) for name in names}
        for start in range(0, self.rows, CHUNK_ROWS):
            yield {
                name: np.array(column[start : start + CHUNK_ROWS])
                for name, column in spilled.items()
            }

    def gather(self, order: NDArray[np.int64]) -> None:
        """Put each student's rows together, where they are not; rows cannot be added any more.

        Args:
            order: All students' numbers in the order wanted; shape (students,).
        """
        if self.rows and not self._ascending and not self._scattered:
            counts = self._counts[order]
            starts = np.empty(len(order), np.int64)
            starts[order] = np.cumsum(counts) - counts
            self._scatter(starts)

    def students(self, order: NDArray[np.int64]) -> Iterator[Students]:
        """Give back whole students, some at a time.

        Args:
            order: All students' numbers in the order wanted; that of ``gather``, where it was
                called before; shape (students,).

        Yields:
            Blocks of students of about ``CHUNK_ROWS`` rows, at least one student each.
        """
        self.gather(order)
        self._flush()
        counts = self._counts[order] if self.rows else np.zeros(len(order), np.int64)
        bounds = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        # Rows that were not scattered stand in the order of the students' numbers.
        begins = bounds[:-1] if self._scattered else (np.cumsum(self._counts) - self._counts)[order]
        grouped = {name: self._map(name, self.rows) for name in self._dtypes}
        first = 0
        while first < len(order):
            last = int(np.searchsorted(bounds, bounds[first] + CHUNK_ROWS, side="right")) - 1
            last = min(max(last, first + 1), len(order))
            rows = _stretches(begins[first:last], counts[first:last])
            columns = {name: np.array(column[rows]) for name, column in grouped.items()}
            yield Students(order[first:last], counts[first:last], columns)
            first = last

    def close(self) -> None:
        """Close the spilled files."""
        for file in self._files.values():
            file.close()

    def _count(self, student: NDArray[np.int32]) -> None:
        counts = np.bincount(student)
        if len(counts) > len(self._counts):
            self._counts = np.concatenate(
                [self._counts, np.zeros(max(len(counts), 2 * len(self._counts)), np.int64)]
            )
        self._counts[: len(counts)] += counts
        self._ascending = (
            self._ascending
            and int(student[0]) >= self._last
            and not bool((student[1:] < student[:-1]).any())
        )
        self._last = int(student[-1])
        self.rows += len(student)

    def _scatter(self, cursors: NDArray[np.int64]) -> None:
        """Write every row to its student's place; ``cursors`` says where each student begins."""
        self._flush()
        spilled = {name: self._map(name, self.rows) for name in self._spilled}
        target: dict[str, NDArray[Any]] = {}
        for name, dtype in self._spilled.items():
            with self._place(name, scattered=True).open("w+b") as file:
                take_space(file, self.rows * dtype.itemsize)
                target[name] = np.memmap(file, dtype, "r+", shape=(self.rows,))
        for start in range(0, self.rows, CHUNK_ROWS):
            part = slice(start, min(start + CHUNK_ROWS, self.rows))
            student = np.array(spilled["student"][part])
            order = np.argsort(student, kind="stable")
            ordered = student[order]
            begins = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
            lengths = np.diff(np.concatenate([begins, [len(ordered)]]))
            # The rank of each row among its student's rows of this chunk.
            rank = np.arange(len(ordered)) - np.repeat(begins, lengths)
            place = cursors[ordered] + rank
            for name, column in spilled.items():
                target[name][place] = column[part][order]
            cursors[ordered[begins]] += lengths
        self._sums = {name: _sum_of(target[name]) for name in target}
        self._scattered = True

    def forget_spilled(self) -> None:
        """Remove what was scattered where it stood before: the disk is needed for the store."""
        if self._scattered:
            self.close()
            for name in self._spilled:
                self._place(name, scattered=False).unlink(missing_ok=True)

    def _open(self, rows: int) -> None:
        """Begin to append to files that hold so many rows."""
        for name, dtype in self._spilled.items() if not self._files else ():
            self._files[name] = file = self._place(name, scattered=False).open("ab")
            file.truncate(rows * dtype.itemsize)

    def _flush(self) -> None:
        for file in self._files.values():
            if not file.closed:
                file.flush()

    def _place(self, name: str, scattered: bool) -> Path:
        return self._folder / f"{name}.{'grouped' if scattered else 'spill'}"

    def _map(self, name: str, rows: int) -> NDArray[Any]:
        if not rows:
            return np.zeros(0, self._spilled[name])
        return np.memmap(
            self._place(name, self._scattered), self._spilled[name], "r", shape=(rows,)
        )


def _stretches(begins: NDArray[np.int64], lengths: NDArray[np.int64]) -> slice | NDArray[np.int64]:
    """Return where the rows of students stand; one slice where they follow on each other."""
    if (begins[1:] == begins[:-1] + lengths[:-1]).all():
        return slice(int(begins[0]), int(begins[-1] + lengths[-1]))
    return stretch_index(begins, lengths)[0]


def _checksum(file: Path, size: int) -> int | None:
    """Return the checksum of a file's first bytes; None where it has fewer."""
    if not file.is_file() or file.stat().st_size < size:
        return None
    return _sum_of(np.memmap(file, np.uint8, "r", shape=(size,))) if size else 0


def _sum_of(values: NDArray[Any]) -> int:
    checksum, data = 0, values.view(np.uint8)
    for start in range(0, len(data), CHUNK_ROWS):
        checksum = zlib.crc32(data[start : start + CHUNK_ROWS].data, checksum)
    return checksum
