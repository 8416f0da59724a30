"""Files of sizes known beforehand, filled part by part: by several processes, and resumable.

The disk keeps room for all of them before the first part is made. Each part that stands in them is
noted with its checksums; who fills the same files again after whatever ended it compares those
parts with them, and makes the others.
"""

import errno
import json
import multiprocessing
import os
import shutil
import signal
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, suppress
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from torchedu.errors import ConfigError, DataError
from torchedu.files import alone, take_space, write_json
from torchedu.machine import forks

ASKED = "asked.json"
FILLED = "filled.jsonl"
_READ = 1 << 20

Piece = tuple[str, int, NDArray[Any]]
"""A file's name, where in it, in bytes, and what to write there; those of a part follow on each
other in every file."""


class Filling:
    """Files that are filled in parts, in a folder that stays until they are whole.

    Args:
        folder: Where. What stands there of the same is gone on with, all else is removed.
        sizes: Bytes of each file by its name.
        parts: How many parts there are.
        make: Makes a part by its number; crosses to other processes by pickling.
        asked: What the parts are made of, as plain JSON.
        processes: How many processes make parts; one makes them in this one.
    """

    def __init__(
        self,
        folder: Path,
        sizes: Mapping[str, int],
        parts: int,
        make: Callable[[int], Iterable[Piece]],
        asked: Mapping[str, Any],
        processes: int = 1,
    ) -> None:
        self._folder = folder
        self._sizes = dict(sizes)
        self._parts = parts
        self._make = make
        self._asked = {**asked, "sizes": self._sizes}
        self._processes = processes

    def fill(self) -> Iterator[int]:
        """Make all parts that do not stand in the files yet.

        Yields:
            How many parts stand in them: at first those that did so already, then after each.

        Raises:
            ConfigError: The disk has no room for the files.
            DataError: A process that made parts was ended.
        """
        with alone(self._folder):
            done = self._found()
            left = [part for part in range(self._parts) if part not in done]
            with (self._folder / FILLED).open("a") as noted, ExitStack() as stack:
                notes = self._made(stack, left)
                yield len(done)
                for number, note in enumerate(notes, len(done) + 1):
                    noted.write(json.dumps(note) + "\n")
                    noted.flush()
                    yield number

    def _found(self) -> set[int]:
        """Return the parts that stand in the files, which are made where there are none."""
        with suppress(OSError, ValueError):
            if json.loads((self._folder / ASKED).read_bytes()) == self._asked:
                self._take_space()
                return set(self._whole())
        for file in self._folder.iterdir():
            file.unlink()
        self._take_space()
        write_json(self._folder / ASKED, self._asked)
        return set()

    def _take_space(self) -> None:
        needed = sum(self._sizes.values())
        try:
            for name, size in self._sizes.items():
                with (self._folder / name).open("ab") as file:
                    take_space(file, size)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            shutil.rmtree(self._folder, ignore_errors=True)
            free = shutil.disk_usage(self._folder.parent).free
            raise ConfigError(
                f"{self._folder.parent} has no room for {needed / 1e9:,.2f} GB: its disk has "
                f"{free / 1e9:,.2f} left.",
                "Free some of it, or ask for less; nothing was written.",
            ) from None

    def _whole(self) -> Iterator[int]:
        """Yield the parts whose bytes have the checksums that were noted of them."""
        with ExitStack() as stack:
            files = {
                name: stack.enter_context((self._folder / name).open("rb")) for name in self._sizes
            }
            for line in (self._folder / FILLED).read_text("utf-8").splitlines():
                with suppress(ValueError, KeyError, TypeError):  # a last line that was cut
                    part, stretches = json.loads(line)
                    if all(
                        _checksum(files[name], *where) == checksum
                        for name, (*where, checksum) in stretches.items()
                    ):
                        yield part

    def _made(self, stack: ExitStack, left: list[int]) -> Iterator[Any]:
        """Begin to make parts, in this process or in others; return what is noted of each."""
        many = min(self._processes, len(left))
        if many < 2:
            return _notes(self._folder, self._sizes, self._make, left)
        # Forked, they need not import anything again.
        context: Any = multiprocessing.get_context("fork" if forks() else "spawn")
        ends = []
        for number in range(many):
            here, there = context.Pipe(duplex=False)
            child = context.Process(
                target=_work,
                args=(there, os.getpid(), self._folder, [*self._sizes], self._make,
                      left[number::many]),
                daemon=True,
            )  # fmt: skip
            child.start()
            stack.callback(child.join)
            stack.callback(child.terminate)
            there.close()  # so that the end of the process is the end of what it says
            ends.append(here)
        return self._heard(ends)

    def _heard(self, ends: list[Connection]) -> Iterator[Any]:
        """Yield what processes say of the parts that they make."""
        while ends:
            for end in wait(ends):
                assert isinstance(end, Connection)
                try:
                    said = end.recv()
                except EOFError:
                    raise DataError(
                        "a process that fills it was ended.",
                        "The same command goes on from there; fewer ⟦processes⟧ need less memory.",
                        file=self._folder,
                    ) from None
                if said is None:
                    ends.remove(end)
                elif isinstance(said, OSError):
                    raise said
                else:
                    yield said


def _notes(
    folder: Path, names: Iterable[str], make: Callable[[int], Iterable[Piece]], parts: Iterable[int]
) -> Iterator[Any]:
    """Write parts into the files; yield of each its number, its stretches and their checksums."""
    with ExitStack() as stack:
        files = {
            name: stack.enter_context((folder / name).open("r+b", buffering=0)) for name in names
        }
        for part in parts:
            stretches: dict[str, list[int]] = {}
            for name, begin, values in make(part):
                data = np.ascontiguousarray(values).reshape(-1).view(np.uint8).data
                files[name].seek(begin)
                sent = 0
                while sent < len(data):  # the system may take less than all at once
                    sent += files[name].write(data[sent:])
                begin, size, checksum = stretches.get(name, [begin, 0, 0])
                stretches[name] = [begin, size + len(data), zlib.crc32(data, checksum)]
            yield part, stretches


def _work(
    end: Connection,
    parent: int,
    folder: Path,
    names: list[str],
    make: Callable[[int], Iterable[Piece]],
    parts: list[int],
) -> None:
    """Make parts in a process of its own, as long as the one that asked for them is there."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the one that started it ends it
    try:
        for note in _notes(folder, names, make, parts):
            if os.getppid() != parent:
                return
            end.send(note)
        end.send(None)
    except BrokenPipeError:
        return
    except OSError as error:
        end.send(error)


def _checksum(file: Any, begin: int, size: int) -> int:
    """Return the checksum of a stretch of a file."""
    file.seek(begin)
    checksum = 0
    while size:
        data = file.read(min(size, _READ))
        if not data:
            return -1
        checksum, size = zlib.crc32(data, checksum), size - len(data)
    return checksum
