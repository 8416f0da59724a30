"""Numbers of millions of rows, in files that nobody sees: the system may take their memory back."""

from collections.abc import Iterable
from contextlib import suppress
from tempfile import TemporaryFile
from typing import IO, Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from torchedu.files import take_space

N = TypeVar("N", bound=np.generic)

LARGE = 16 << 20
"""Bytes from which numbers are put into a file."""


def mapped(numbers: NDArray[N]) -> NDArray[N]:
    """Return numbers, mapped from a file where they are many; it goes with them.

    What is mapped from a file is no memory of the process's own: forked loaders share it, and the
    system takes it back where memory is short. Where no file can be written they stay as they are.
    """
    if numbers.nbytes < LARGE or not numbers.flags.c_contiguous:
        return numbers
    with suppress(OSError), TemporaryFile() as file:
        file.write(numbers.data)
        file.flush()
        return np.memmap(file, numbers.dtype, "c", shape=numbers.shape)
    return numbers


def empty(size: int, dtype: type[N]) -> NDArray[N]:
    """Return numbers that are still to be written, mapped from a file where they are many."""
    if (needed := size * np.dtype(dtype).itemsize) >= LARGE:
        with suppress(OSError), TemporaryFile() as file:
            take_space(file, needed)
            return np.memmap(file, dtype, "r+", shape=(size,))
    return np.empty(size, dtype)


def gathered(parts: Iterable[tuple[NDArray[Any], ...]]) -> tuple[NDArray[Any], ...]:
    """Return columns that come part by part, each mapped from a file where it is long.

    Args:
        parts: Of each column the next numbers, of one type; at least one part.
    """
    columns: list[_Column[Any]] = []
    for part in parts:
        columns = columns or [_Column(numbers.dtype) for numbers in part]
        for column, numbers in zip(columns, part, strict=True):
            column.add(numbers)
    return tuple(column.numbers() for column in columns)


class _Column(Generic[N]):
    """Numbers that come part by part: in a file from where they are many, if the disk has room."""

    def __init__(self, dtype: np.dtype[N]) -> None:
        self._dtype = dtype
        self._parts: list[NDArray[N]] = []
        self._file: IO[bytes] | None = None
        self._written = 0
        self._waiting = 0
        self._full = False

    def add(self, numbers: NDArray[N]) -> None:
        """Take the next ones."""
        self._parts.append(np.ascontiguousarray(numbers))
        self._waiting += numbers.nbytes
        if self._waiting >= LARGE:
            self._write()

    def numbers(self) -> NDArray[N]:
        """Return all of them."""
        if self._file is None:
            return np.concatenate(self._parts)
        self._write()
        with self._file as file:
            if not self._written:
                return np.concatenate(self._parts)
            kept = np.memmap(file, self._dtype, "c", shape=(self._written // self._dtype.itemsize,))
        return np.concatenate([kept, *self._parts]) if self._parts else kept

    def _write(self) -> None:
        if self._full:
            return
        try:
            self._file = self._file or TemporaryFile()  # noqa: SIM115 - closed once it is mapped
            take_space(self._file, self._written + self._waiting)
            self._file.seek(self._written)
            for numbers in self._parts:
                self._file.write(numbers.data)
            self._file.flush()
        except OSError:
            self._full = True  # what is written stays there, the rest in memory
            return
        self._written += self._waiting
        self._parts, self._waiting = [], 0
