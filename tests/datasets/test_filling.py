"""Files that are filled in parts: gone on with, made again where damaged, refused without room."""

import errno
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from torchedu.datasets import filling
from torchedu.datasets.filling import FILLED, Filling, Piece
from torchedu.errors import ConfigError, DataError

PARTS, SIZE = 5, 100
SIZES = {"a.bin": 8 * PARTS * SIZE, "b.bin": PARTS * SIZE}


class Numbers:
    """Makes parts of two files; ends in an error before one of them."""

    def __init__(self, ends: int = PARTS, by: int | None = None) -> None:
        self.ends, self.by, self.made = ends, by, list[int]()

    def __call__(self, part: int) -> Iterator[Piece]:
        """Make a part, the first file in two pieces."""
        if part == self.ends:
            if self.by is None:
                raise KeyboardInterrupt
            raise OSError(self.by, "as asked")
        self.made.append(part)
        numbers = np.arange(part * SIZE, (part + 1) * SIZE)
        yield "a.bin", 8 * part * SIZE, numbers[:30]
        yield "a.bin", 8 * (part * SIZE + 30), numbers[30:]
        yield "b.bin", part * SIZE, numbers.astype(np.uint8)


def right(folder: Path) -> bool:
    a = np.fromfile(folder / "a.bin", np.int64)
    b = np.fromfile(folder / "b.bin", np.uint8)
    return bool((a == np.arange(PARTS * SIZE)).all() and (b == a % 256).all())


def of(folder: Path, make: Numbers, seed: int = 0, processes: int = 1) -> Filling:
    return Filling(folder, SIZES, PARTS, make, {"seed": seed}, processes)


def test_what_was_ended_goes_on_where_it_was(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        list(of(tmp_path / "f", Numbers(3)).fill())
    assert list(of(tmp_path / "f", again := Numbers()).fill()) == [3, 4, 5]
    assert again.made == [3, 4]
    assert right(tmp_path / "f")


def test_a_part_that_is_damaged_is_made_again(tmp_path: Path) -> None:
    list(of(tmp_path / "f", Numbers()).fill())
    with (tmp_path / "f" / "a.bin").open("r+b") as file:
        file.seek(8 * SIZE + 5)
        file.write(b"\x07")
    (tmp_path / "f" / "b.bin").write_bytes((tmp_path / "f" / "b.bin").read_bytes()[: 3 * SIZE + 1])
    with (tmp_path / "f" / FILLED).open("a") as noted:
        noted.write('[4, {"a.b')  # a note that was cut
    list(of(tmp_path / "f", again := Numbers()).fill())
    assert again.made == [1, 3, 4]
    assert right(tmp_path / "f")


def test_of_anything_else_all_is_made(tmp_path: Path) -> None:
    list(of(tmp_path / "f", Numbers()).fill())
    list(of(tmp_path / "f", again := Numbers(), seed=1).fill())
    assert again.made == list(range(PARTS))
    (tmp_path / "f" / "asked.json").write_text("[")
    list(of(tmp_path / "f", again := Numbers(), seed=1).fill())
    assert again.made == list(range(PARTS))
    assert right(tmp_path / "f")


def test_a_disk_without_room_is_told_before_anything_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(filling, "take_space", full)
    with pytest.raises(ConfigError, match=r"no room for 0\.00 GB: its disk has .* left\.\nFree"):
        list(of(tmp_path / "f", make := Numbers()).fill())
    assert make.made == []
    assert not any(tmp_path.iterdir())


def test_several_processes_make_the_same_and_say_what_ended_them(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="as asked"):
        list(of(tmp_path / "f", Numbers(2, errno.EIO), processes=2).fill())
    done = [json.loads(line)[0] for line in (tmp_path / "f" / FILLED).read_text().splitlines()]
    assert 2 not in done
    counts = list(of(tmp_path / "f", Numbers(), processes=2).fill())
    assert counts == list(range(len(done), PARTS + 1))
    assert right(tmp_path / "f")


class Ended(Numbers):
    """Ends its whole process before a part."""

    def __call__(self, part: int) -> Iterator[Piece]:
        """Make a part, or end."""
        if part == self.ends:
            raise SystemExit(1)
        yield from super().__call__(part)


def test_a_process_that_was_ended_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="was ended"):
        list(of(tmp_path / "f", Ended(1), processes=2).fill())
