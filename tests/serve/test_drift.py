"""Drift is seen where there is some, not where there is none, and not of a few."""

from typing import Any

import numpy as np
import pytest

from torchedu.schema import RESERVED, UNKNOWN
from torchedu.serve import drift
from torchedu.serve.drift import DRIFTS, STEADY, Watch
from torchedu.serve.follower import Follower, Foreseen

ITEMS = 50
SHARES = np.arange(1, ITEMS + 1) / np.arange(1, ITEMS + 1).sum()


def watch(learned: bool = True) -> Watch:
    follower = Follower("small", "a network")
    if learned:
        follower.learned = np.concatenate([np.zeros(RESERVED), 1e4 * SHARES])
    return Watch(follower)


def events(number: int, students: int, shares: Any = SHARES, **more: float) -> list[Foreseen]:
    """Draw events of students, as they are foreseen, or with a share of them on unknown items."""
    drawn = np.random.default_rng(0)
    seen = []
    for seq in range(number):
        chance = float(drawn.uniform(0.2, 0.9))
        came = float(drawn.random() < chance + more.get("gap", 0.0))
        strange = drawn.random() < more.get("unknown", 0.0)
        id = UNKNOWN if strange else RESERVED + int(drawn.choice(ITEMS, p=shares))
        said = float("nan") if strange else chance
        who = f"s{drawn.integers(students)}"
        seen.append(Foreseen(seq, who, said, came, not strange, seq < students, id))
    return seen


def test_what_is_as_it_was_is_steady() -> None:
    now = watch()
    now.add(events(6000, 200, unknown=0.01))
    summary = now.summary()
    assert (summary["events"], summary["students"]) == (6000, 200)
    verdicts = {name: summary[name].get("verdict") for name in ("unknown", "gap", "items")}
    assert verdicts == dict.fromkeys(verdicts, STEADY)
    low, high = summary["mark"]["interval"]
    assert low < summary["mark"]["value"] < high
    assert summary["new"]["value"] == pytest.approx(200 / 6000)


CASES: dict[str, dict[str, Any]] = {
    "unknown": {"unknown": 0.2}, "gap": {"gap": -0.15}, "items": {"shares": SHARES[::-1]},
}  # fmt: skip


@pytest.mark.parametrize("what", CASES)
def test_what_drifts_is_told_apart(what: str) -> None:
    now = watch()
    now.add(events(4000, 200, **CASES[what]))
    summary = now.summary()
    assert summary[what]["verdict"] == DRIFTS
    others = {"unknown", "gap", "items"} - {what}
    assert not any(summary[name]["verdict"] == DRIFTS for name in others)
    gauges = {(g.name, g.labels.get("what")): g.value for g in now.gauges("small")}
    assert gauges["drifts", what] == 1
    assert gauges["watched_events", None] == 4000


def test_of_a_few_nothing_is_judged() -> None:
    for number, students in ((100, 60), (1000, 10)):
        now = watch()
        now.add(events(number, students, shares=SHARES[::-1], gap=-0.15))
        summary = now.summary()
        for name in ("unknown", "gap", "items"):
            assert summary[name]["verdict"] == "too few to judge"
    assert watch().summary() == {"events": 0, "students": 0}
    alone = watch()
    alone.add(events(5, 1))
    assert alone.summary() == {"events": 5, "students": 1}


def test_a_mix_is_held_against_the_first_where_none_was_learned(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(drift, "FIRST", 1000)
    now = watch(learned=False)
    now.add(events(1500, 200))
    assert "items" not in now.summary()
    now.add(events(1500, 200))
    assert now.summary()["items"]["verdict"] == STEADY
    assert now.summary()["events"] == 2000
    now.add(events(3000, 200, shares=SHARES[::-1]))
    assert now.summary()["items"]["verdict"] == DRIFTS


def test_who_is_forgotten_counts_no_more() -> None:
    now = watch()
    now.add(events(500, 50))
    now.forget(["s1", "s2"])
    assert now.summary()["students"] == 48
