"""Students followed by an engine: what they are told, and what bad input leaves as it was."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.missing import KINDS
from torchedu.companions import Companions
from torchedu.domains import Tracing
from torchedu.engine import TracingEngine, open_engine
from torchedu.errors import CheckpointError, ConfigError, DataError
from torchedu.models import ItemDKT
from torchedu.schema import ITEM, SKILL, Names, Vocabulary

NAMES = Vocabulary({ITEM: Names(f"i{n}" for n in range(6)), SKILL: Names(["adding", "area"])})


def engine_of(names: Vocabulary = NAMES, dim: int = 8) -> TracingEngine:
    """Return an engine of six items of two skills."""
    skills = np.zeros((len(names[ITEM]), 2), np.int64)
    skills[2:, 0], skills[5:, 1] = 2, 3
    domain = Tracing(lambda *sizes: ItemDKT(*sizes, dim=dim), len(names[ITEM]), len(names[SKILL]))
    domain.take(Companions(names, item_skills=skills))
    return TracingEngine(domain)


def rows_of(engine: TracingEngine, number: int = 40) -> list[dict[str, Any]]:
    """Return answers of five students, several of each."""
    drawn = np.random.default_rng(0)
    return [
        {"student": f"s{drawn.integers(5)}", "item": f"i{drawn.integers(6)}", "time": 1000 * n,
         "correct": int(drawn.integers(2))}
        for n in range(number)
    ]  # fmt: skip


def test_many_answers_at_once_come_to_the_same_as_one_by_one() -> None:
    engine, other = engine_of(), engine_of()
    other.domain.load_state_dict(engine.domain.state_dict())
    other = TracingEngine(other.domain)
    rows = rows_of(engine)
    engine.answer_many(rows)
    for row in rows:
        other.answer(**row)
    asked = [{"student": f"s{i}", "item": "i3"} for i in range(6)]
    assert engine.predict_many(asked) == pytest.approx(other.predict_many(asked), abs=1e-6)
    assert set(engine.students) == {f"s{i}" for i in range(5)}
    table = {name: [row[name] for row in rows] for name in rows[0]}
    third = TracingEngine(engine.domain)
    third.answer_many([])
    assert not list(third.students)
    third.answer_many(table)
    assert third.predict_many(asked) == engine.predict_many(asked)


def test_what_comes_next_is_nearest_to_the_target() -> None:
    engine = engine_of()
    engine.answer("bo", "i0", 1)
    chances = dict(zip(NAMES[ITEM], engine.predict("ann", list(NAMES[ITEM])), strict=True))
    best = engine.next("ann", target=0.5, count=3)
    assert [item.chance for item in best] == pytest.approx([chances[item.item] for item in best])
    order = sorted(chances, key=lambda item: abs(chances[item] - 0.5))
    assert [item.item for item in best] == order[:3]
    assert [item.item for item in engine.next("ann", items=["i1"])] == ["i1"]
    with pytest.raises(ConfigError, match="target is 2"):
        engine.next("ann", target=2)


def test_what_was_just_practised_comes_last_of_what_is_as_near() -> None:
    engine = engine_of()
    with torch.no_grad():
        for weight in engine.domain.parameters():
            weight.zero_()  # one chance for all
    engine = TracingEngine(engine.domain)
    assert engine.next("ann")[0].item == "i0"
    engine.answer_many([{"student": "ann", "item": f"i{n}", "correct": 1} for n in (0, 2, 1)])
    order = [item.item for item in engine.next("ann", count=6)]
    assert order == ["i3", "i4", "i5", "i0", "i2", "i1"]  # area was never practised
    other = TracingEngine(engine.domain)
    other.put("ann", engine.state("ann"))
    assert other.next("ann", count=6) == engine.next("ann", count=6)


def test_what_requires_what_is_not_mastered_is_not_suggested() -> None:
    engine = engine_of()
    needs = {"area": ["adding"]}
    open_now = engine.next("ann", count=6, requires=needs, mastered=0.99)
    assert {item.item for item in open_now} == {"i0", "i1", "i2"}
    assert len(engine.next("ann", count=6, requires=needs, mastered=0.0)) == 6
    assert engine.next("ann", items=["i5"], requires=needs, mastered=1.0) == []
    with pytest.raises(DataError, match="the skill 'adn' is not known"):
        engine.next("ann", requires={"area": ["adn"]})
    with pytest.raises(DataError, match="row 1: the item 'i9' is not known"):
        engine.next("ann", items=["i0", "i9"])


def test_mastery_is_told_by_skill_and_of_new_students_too() -> None:
    engine = engine_of()
    new = engine.mastery("nobody")
    engine.answer("ann", "i0", 1)
    assert list(new) == ["adding", "area"]
    assert engine.mastery("ann") != new
    assert engine.mastery("nobody") == new
    assert "nobody" not in set(engine.students)


def test_an_item_that_nobody_knows_is_judged_by_the_skills_that_are_named() -> None:
    engine = engine_of()
    known = engine.predict("ann", "new", skill="area")
    assert known == engine.predict("ann", ["new"], skill=[["area"]])[0]
    assert known != engine.predict("ann", "new", skill=["adding", "area"])
    engine.answer("ann", "new", 0.5, skill="area", time=datetime.now(UTC))


BAD = {
    "an item": ({"item": "i9"}, "row 1: the item 'i9' is not known.*\n.*Did you mean"),
    "a skill": ({"item": "i9", "skill": "arae"}, "row 1: the skill 'arae' is not known.*\n.*area"),
    "a mark": ({"correct": 1.5}, "row 1: the field 'correct' is 1.5"),
    "no number": ({"correct": "yes"}, "row 1: the field 'correct' is 'yes'"),
    "NaN": ({"correct": float("nan")}, "row 1: the field 'correct' is missing"),
    "no item": ({"item": None}, "row 1: the field 'item' is missing"),
    "a time": ({"time": "today"}, "row 1: the field 'time' is 'today'"),
    "time backwards": ({"time": 5}, "row 1: the field 'time' is 5, and 'bo' has answered at 9"),
}


@pytest.mark.parametrize("wrong", BAD)
def test_bad_input_names_field_and_row_and_changes_nothing(wrong: str) -> None:
    engine, (field, message) = engine_of(), BAD[wrong]
    engine.answer_many(
        [{"student": s, "item": "i0", "correct": 1, "time": 9} for s in ("ann", "bo")]
    )
    before = [engine.state(student) for student in ("ann", "bo")]
    rows = [{"student": s, "item": "i1", "correct": 1, "time": 10} for s in ("ann", "bo")]
    with pytest.raises(DataError, match=message) as caught:
        engine.answer_many([rows[0], rows[1] | field])
    assert caught.value.row == 1
    assert caught.value.to_json()["option"] in (*field, "time")
    assert [engine.state(student) for student in ("ann", "bo")] == before


def test_a_time_that_runs_back_within_rows_is_told_by_its_row() -> None:
    engine = engine_of()
    rows = [{"student": "ann", "item": "i0", "correct": 1, "time": t} for t in (3, 4, 2)]
    with pytest.raises(
        DataError, match="row 2: the field 'time' is 2, and 'ann' has answered at 4"
    ):
        engine.answer_many(rows)
    assert list(engine.students) == []


def test_a_state_goes_to_another_process_and_back(tmp_path: Path) -> None:
    engine = engine_of()
    engine.answer_many(rows_of(engine))
    other = TracingEngine(engine.domain)
    other.put("s1", engine.state("s1"))
    assert other.predict("s1", "i2") == engine.predict("s1", "i2")
    engine.save(tmp_path / "states")
    third = TracingEngine(engine.domain)
    third.load(tmp_path / "states")
    assert set(third.students) == set(engine.students)
    assert all(third.state(one) == engine.state(one) for one in engine.students)
    third.forget("s1")
    assert third.predict("s1", "i2") == engine.predict("nobody", "i2")
    with pytest.raises(DataError, match="'time' is 0"):
        third.answer("s2", "i1", 1, time=0)


def test_a_state_of_another_network_or_version_is_refused(tmp_path: Path) -> None:
    engine, other = engine_of(), engine_of(dim=12)
    engine.answer("ann", "i0", 1)
    other.answer("ann", "i0", 0)
    kept, before = engine.state("ann"), other.state("ann")
    with pytest.raises(CheckpointError, match="is of another network"):
        other.put("ann", kept)
    with pytest.raises(CheckpointError, match="is of version 7"):
        engine.put("ann", kept[:4] + b"\x07\x00" + kept[6:])
    with pytest.raises(CheckpointError, match="is cut"):
        engine.put("ann", kept[:-1])
    for place in range(30, len(kept), 97):
        damaged = bytearray(kept)
        damaged[place] ^= 1
        with pytest.raises(CheckpointError, match="is not what was kept"):
            engine.put("ann", bytes(damaged))
    with pytest.raises(CheckpointError, match="none of torchedu"):
        engine.put("ann", b"what?")
    engine.save(tmp_path / "states")
    with pytest.raises(CheckpointError, match="is of another network"):
        other.load(tmp_path / "states")
    (tmp_path / "other").write_bytes(b"nothing")
    with pytest.raises(CheckpointError, match="holds no states"):
        other.load(tmp_path / "other")
    assert (other.state("ann"), engine.state("ann")) == (before, kept)


def test_renamed_items_make_another_network() -> None:
    names = Vocabulary({ITEM: Names(f"j{n}" for n in range(6)), SKILL: NAMES[SKILL]})
    engine, other = engine_of(), engine_of(names)
    other.domain.load_state_dict(engine.domain.state_dict())
    assert TracingEngine(other.domain).digest != engine.digest


def test_threads_lose_no_answer() -> None:
    engine, number = engine_of(), 24

    def answer(student: str) -> None:
        for n in range(number):
            engine.answer(student, f"i{n % 6}", n % 2, time=n)

    students = [f"s{i}" for i in range(24)]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(answer, students))
        list(threads.map(answer_after(engine), ["ann"] * 40))
    alone = TracingEngine(engine.domain)
    for n in range(number):
        alone.answer("s", f"i{n % 6}", n % 2, time=n)
    for student in students:
        assert engine.predict(student, "i3") == pytest.approx(alone.predict("s", "i3"), abs=1e-6)
    for _ in range(40):
        alone.answer("ann", "i1", 1)
    assert engine.predict("ann", "i3") == pytest.approx(alone.predict("ann", "i3"), abs=1e-6)


def answer_after(engine: TracingEngine) -> Any:
    return lambda student: engine.answer(student, "i1", 1)


def test_a_run_opens_by_itself_with_its_items_skills(trained_run: Path) -> None:
    engine = open_engine(trained_run)
    item, *_ = engine.companions.vocabulary[ITEM]
    engine.answer("ann", item, 1)
    assert 0 < engine.predict("ann", item) < 1
    assert engine.verbs == (
        "answer", "answer_many", "forget", "load", "mastery", "mastery_many", "next",
        "predict", "predict_many", "put", "save", "state",
    )  # fmt: skip
    with pytest.raises(ConfigError, match=r"Tracing has no 'grade'\.\nIt has answer, "):
        engine.grade("a text")
    assert not hasattr(engine, "tag")


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_library_calls_missing_is_missing(kind: str) -> None:
    answers = {
        "student": ["ann", "bo", "ann"], "item": ["i0", "i3", "new"], "correct": [1.0, 0.5, 0.0],
        "skill": [None, None, "area"], "item_text": [None] * 3, "time": [None, 1000, 2000],
        "response_time": [None, 2.5, None], "attempt": [2, None, None],
    }  # fmt: skip
    asked = {name: answers[name] for name in ("student", "item", "skill", "time", "attempt")}
    engine = engine_of()
    plain = TracingEngine(engine.domain)
    plain.answer_many(answers)
    engine.answer_many(KINDS[kind](answers))
    assert engine.predict_many(KINDS[kind](asked)) == plain.predict_many(asked)
    with pytest.raises(DataError, match="row 1: the field 'student' is missing"):
        engine.predict_many(KINDS[kind]({"student": ["ann", None], "item": ["i0", "i1"]}))
