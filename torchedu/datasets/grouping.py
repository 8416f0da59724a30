"""Interleaved rows of many students to whole students in order, in bounded memory.

Rows come in any order of students. They are spilled to one file a column, counted by student, and
scattered through memory maps to where their student's rows stand; then blocks of whole students
are read back. Memory holds one chunk of rows and one count a student, never a whole column.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

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
        folder: An empty folder for the spilled columns; about twice the size of the rows. The
            caller removes it.
        dtypes: The columns' types by name.
    """

    def __init__(self, folder: Path, dtypes: Mapping[str, str]) -> None:
        self.rows = 0
        self._folder = folder
        self._dtypes = {name: np.dtype(dtype) for name, dtype in dtypes.items()}
        self._files: dict[str, IO[bytes]] = {
            name: (folder / f"{name}.spill").open("wb") for name in ("student", *dtypes)
        }
        self._counts = np.zeros(0, np.int64)

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
        self._files["student"].write(np.ascontiguousarray(student, np.int32).data)
        for name, dtype in self._dtypes.items():
            self._files[name].write(np.ascontiguousarray(columns[name], dtype).data)
        counts = np.bincount(student)
        if len(counts) > len(self._counts):
            self._counts = np.concatenate(
                [self._counts, np.zeros(max(len(counts), 2 * len(self._counts)), np.int64)]
            )
        self._counts[: len(counts)] += counts
        self.rows += len(student)

    def chunks(self, *names: str) -> Iterator[dict[str, NDArray[Any]]]:
        """Give back columns in the order added, a chunk of rows at a time."""
        self._flush()
        spilled = {name: self._spill(name) for name in names}
        for start in range(0, self.rows, CHUNK_ROWS):
            yield {
                name: np.array(column[start : start + CHUNK_ROWS])
                for name, column in spilled.items()
            }

    def students(self, order: NDArray[np.int64]) -> Iterator[Students]:
        """Give back whole students, some at a time.

        Args:
            order: All students' numbers in the order wanted; shape (students,).

        Yields:
            Blocks of students of about ``CHUNK_ROWS`` rows, at least one student each.
        """
        counts = self._counts[order] if self.rows else np.zeros(len(order), np.int64)
        bounds = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        starts = np.empty(len(order), np.int64)
        starts[order] = bounds[:-1]
        grouped = self._scatter(starts)
        first = 0
        while first < len(order):
            last = int(np.searchsorted(bounds, bounds[first] + CHUNK_ROWS, side="right")) - 1
            last = min(max(last, first + 1), len(order))
            rows = slice(int(bounds[first]), int(bounds[last]))
            columns = {name: np.array(column[rows]) for name, column in grouped.items()}
            yield Students(order[first:last], counts[first:last], columns)
            first = last

    def close(self) -> None:
        """Close the spilled files."""
        for file in self._files.values():
            file.close()

    def _scatter(self, cursors: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
        """Write every row to its student's place; ``cursors`` says where each student begins."""
        self._flush()
        if not self.rows:
            return {name: np.zeros(0, dtype) for name, dtype in self._dtypes.items()}
        target: dict[str, NDArray[Any]] = {}
        for name, dtype in self._dtypes.items():
            with (self._folder / f"{name}.grouped").open("w+b") as file:
                take_space(file, self.rows * dtype.itemsize)
                target[name] = np.memmap(file, dtype, "r+", shape=(self.rows,))
        spilled = {name: self._spill(name) for name in self._dtypes}
        students = self._spill("student")
        for start in range(0, self.rows, CHUNK_ROWS):
            part = slice(start, min(start + CHUNK_ROWS, self.rows))
            student = np.array(students[part])
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
        for name in spilled:
            (self._folder / f"{name}.spill").unlink()  # the disk is needed for the store
        return target

    def _flush(self) -> None:
        for file in self._files.values():
            if not file.closed:
                file.flush()

    def _spill(self, name: str) -> NDArray[Any]:
        dtype = np.dtype(np.int32) if name == "student" else self._dtypes[name]
        if not self.rows:
            return np.zeros(0, dtype)
        return np.memmap(self._folder / f"{name}.spill", dtype, "r", shape=(self.rows,))
