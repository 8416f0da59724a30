import json
from collections import Counter

import numpy as np
import pytest

from torchedu.datasets.importers.reading import kept
from torchedu.datasets.importers.reading.kept import Keeps


class Inner:
    kept = ("numbers",)

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}


class Outer:
    kept = ("inner", "groups", "counts", "seen", "pairs", "lost", "first", "notes", "any")

    def __init__(self, option: int) -> None:
        self.option = option
        self.inner = Inner()
        self.groups = {"a": Inner()}
        self.counts = np.zeros(2, np.int64)
        self.seen: list[set[str]] = [set(), set()]
        self.pairs: set[tuple[int, int]] = set()
        self.lost: Counter[str] = Counter()
        self.first: tuple[str, int] | None = None
        self.notes: list[str] = []
        self.any = False


def learnt() -> Outer:
    outer = Outer(1)
    outer.inner.numbers = {"Zoë": 0, "b": 1}
    outer.groups["a"].numbers = {"x": 0}
    outer.counts += 3
    outer.seen[1].add("yes")
    outer.pairs |= {(2, 1), (0, 5)}
    outer.lost["cut"] += 4
    outer.first = ("a", 3)
    outer.notes.append("said")
    outer.any = True
    return outer


def test_what_was_learnt_is_taken_up_and_options_are_not() -> None:
    said = json.loads(json.dumps(kept.noted(learnt())))
    other = Outer(2)
    assert kept.restored(other, said) is other
    assert other.option == 2
    assert json.loads(json.dumps(kept.noted(other))) == said
    assert other.lost.most_common(1) == [("cut", 4)]
    assert (other.pairs, other.first) == ({(2, 1), (0, 5)}, ("a", 3))
    assert other.counts.dtype == np.int64
    assert isinstance(other.groups["a"], Keeps)


def test_what_another_version_noted_is_no_state() -> None:
    said = kept.noted(learnt())
    del said["lost"]
    with pytest.raises(KeyError):
        kept.restored(Outer(1), said)
