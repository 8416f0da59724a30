"""Numbers in files that nobody sees."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from torchedu.datasets import mapped
from torchedu.datasets.mapped import empty


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
