import numpy as np
import pytest

from torchedu.leaks import copies as module
from torchedu.leaks.copies import Ids, Rows, copies


def rows(lists: list[list[int]]) -> Rows:
    offsets = np.concatenate([[0], np.cumsum([len(one) for one in lists])]).astype(np.int64)
    return Rows(offsets, np.array([x for one in lists for x in one], np.uint64))


def found(lists: list[list[int]]) -> set[tuple[int, int]]:
    whole = rows(lists)

    def read(begin: int, stop: int) -> Rows:
        return rows(lists[begin:stop])

    pairs = copies(whole.offsets, read)
    return set(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True))


def drawn(size: int = 200, length: int = 30, names: int = 500, seed: int = 0) -> list[list[int]]:
    values: list[list[int]] = (
        np.random.default_rng(seed).integers(names, size=(size, length)).tolist()
    )
    return values


def test_nothing_is_found_among_rows_of_their_own() -> None:
    assert found(drawn()) == set()
    assert found([]) == set()
    assert found([[], [1], []]) == set()


@pytest.mark.parametrize(
    "change",
    [
        lambda row: row,
        lambda row: row[:20],  # a prefix
        lambda row: row[10:],
        lambda row: [*row[:15], 9999, *row[16:]],  # one thing changed
        lambda row: [*row[:5], *row[7:]],  # less a piece
    ],
)
def test_a_copy_whole_or_near_is_found(change: Ids) -> None:
    every = drawn()
    every[150] = change(every[7])  # type: ignore[operator]
    assert found(every) == {(7, 150)}


def test_what_everyone_writes_is_no_copy() -> None:
    every = [[*range(40), *row[:6]] for row in drawn(names=40)]
    assert found(every) == set()


def test_short_rows_are_found_where_too_many_stand_twice() -> None:
    every = drawn(size=1000, length=5, names=300)
    assert found(every) == set()
    pairs = found([*every, *every[:150]])
    assert len(pairs) >= 140
    assert all(b - a == 1000 for a, b in pairs)


def test_rows_are_read_in_pieces_where_memory_is_short(monkeypatch: pytest.MonkeyPatch) -> None:
    every = drawn(size=400)
    every[390] = every[3]
    monkeypatch.setattr(module, "CHUNK", 3000)
    assert found(every) == {(3, 390)}


def test_a_mark_tells_rows_apart() -> None:
    one = rows(drawn() + drawn()[:1])
    marks = np.zeros(len(one.token), np.uint64)
    marks[-30:] = np.arange(30) % 2
    with_marks = one._replace(mark=marks)
    assert len(copies(one.offsets, lambda a, b: one).first) == 1
    assert len(copies(one.offsets, lambda a, b: with_marks).first) == 0
