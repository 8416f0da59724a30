"""Draws by name: as one formula has them, whatever is in memory at once; places without sorting."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from torchedu import mapped
from torchedu.datasets import AnswerStore, AnswerWriter, draws
from torchedu.datasets.draws import at_places, name_keys, random_places
from torchedu.schema import ITEM, Names, Vocabulary


def test_the_letters_of_names_are_in_memory_a_block_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, grown: Callable[..., int]
) -> None:
    vocabulary = Vocabulary({ITEM: Names(["q"])})
    with AnswerWriter(tmp_path / "a.store", vocabulary, ([0, 0, 0], [])) as writer:
        names = [f"{i:036d}" for i in range(30_000)]
        writer.append(names, [1] * 30_000, {"item": [2] * 30_000, "correct": [1] * 30_000})
    store = AnswerStore(tmp_path / "a.store")
    whole = random_places(store, 3)
    monkeypatch.setattr(draws, "CHUNK", 1000)
    assert (random_places(store, 3) == whole).all()
    # A number a student; the letters alone would be 288 bytes each.
    assert grown(lambda: name_keys(store, 3)) < 8 * 30_000 + (1 << 20)
    monkeypatch.setattr(mapped, "LARGE", 1000)
    assert (random_places(store, 3) == whole).all()
    assert grown(lambda: name_keys(store, 3)) < 1 << 20


def test_names_of_any_length_and_letters_are_drawn_as_one_formula_has_it(tmp_path: Path) -> None:
    names = ["", "é" * 9, "x" * 255, "x" * 256, "x" * 257, "long " * 100, *map(str, range(50))]
    num = len(names)
    with AnswerWriter(tmp_path / "a.store", Vocabulary(), ([0, 0], [])) as writer:
        writer.append(names, [0] * num, {"item": [], "correct": []})
    whole = 2**64 - 1

    def mixed(x: int) -> int:
        x = (x + 0x9E3779B97F4A7C15) & whole
        x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & whole
        x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & whole
        return x ^ (x >> 31)

    def hashed(name: str) -> int:
        letters = enumerate(name.encode())
        return mixed(sum(mixed((c + 1) ^ mixed(i + 7)) for i, c in letters) & whole)

    hashes = [hashed(name) for name in names]
    wanted = [sorted(hashes).index(each) for each in hashes]
    assert random_places(AnswerStore(tmp_path / "a.store"), 7).tolist() == wanted


@pytest.mark.parametrize("kind", [np.int64, np.uint64])
def test_what_stands_at_a_place_is_what_sorting_would_put_there(
    kind: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(draws, "CHUNK", 50)
    limits = np.iinfo(kind)
    draw = np.random.default_rng(0)
    for low, high in ((limits.min, limits.max), (5, 9), (7, 7), (0, 10**12)):
        numbers = draw.integers(low, high, 333, dtype=kind, endpoint=True)
        ordered = np.sort(numbers)
        places = [0, 1, 166, 331, 332]
        assert at_places(numbers, places) == ordered[places].tolist()
