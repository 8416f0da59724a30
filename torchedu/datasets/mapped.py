"""Numbers of millions of rows, in files that nobody sees: the system may take their memory back."""

from contextlib import suppress
from tempfile import TemporaryFile
from typing import TypeVar

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
