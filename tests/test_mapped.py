"""Numbers in files that nobody sees."""

from collections.abc import Callable
from pathlib import Path
from typing import IO

import numpy as np
import pytest

from torchedu import mapped
from torchedu.mapped import empty, gathered


def test_many_numbers_stay_what_they_are_and_few_where_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, grown: Callable[[Callable[[], object]], int]
) -> None:
    monkeypatch.setattr(mapped, "LARGE", 1000)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    few, many = np.arange(100, dtype=np.int32), np.arange(100_000)
    assert mapped.mapped(few) is few
    held = mapped.mapped(many)
    assert isinstance(held, np.memmap)
    assert (held == many).all()
    assert not list(tmp_path.iterdir())
    written = empty(100_000, np.int64)
    written[:] = many
    assert (written == many).all()
    assert grown(lambda: empty(10_000_000, np.int64)) < 1 << 20


def test_without_a_disk_they_are_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mapped, "LARGE", 1000)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(mapped, "TemporaryFile", full)
    many = np.arange(1000)
    assert mapped.mapped(many) is many
    assert empty(1000, np.int64).shape == (1000,)


@pytest.mark.parametrize("room", [None, 0, 3])
def test_columns_that_come_in_parts_are_whole_however_much_room_the_disk_has(
    monkeypatch: pytest.MonkeyPatch, room: int | None
) -> None:
    monkeypatch.setattr(mapped, "LARGE", 1000)
    taken, calls = mapped.take_space, iter(range(1000))

    def short(file: IO[bytes], size: int) -> None:
        if room is not None and next(calls) >= room:
            raise OSError(28, "No space left on device")
        taken(file, size)

    monkeypatch.setattr(mapped, "take_space", short)
    parts = [np.arange(begin, begin + 70) for begin in range(0, 1400, 70)]
    wide, narrow = gathered((part, part[:1].astype(np.int16)) for part in parts)
    assert (wide == np.arange(1400)).all()
    assert (narrow == np.arange(0, 1400, 70)).all()
    assert (wide.dtype, narrow.dtype) == (np.int64, np.int16)
    assert isinstance(wide, np.memmap) == (room is None)
