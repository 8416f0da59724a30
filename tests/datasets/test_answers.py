from itertools import pairwise
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from torchedu.datasets.answers import (
    NO_SKILL,
    AnswerStore,
    AnswerWriter,
    item_skill_lists,
    ragged_index,
)
from torchedu.schema import Names, Vocabulary


def write(path: Path) -> AnswerStore:
    names = {"item": Names(["q1", "q2"]), "skill": Names(["k"]), "group.school": Names(["x", "y"])}
    skills = item_skill_lists(4, [2, 2], [2, 2])
    with AnswerWriter(path, Vocabulary(names), skills, columns=["time"]) as writer:
        writer.append(
            ["ann", "bob"],
            [2, 1],
            {"item": [2, 3, 3], "correct": [1, 0, 1], "time": [5, 6, 7]},
            {"school": [3, 1]},
        )
        writer.append(["cem"], [1], {"item": [2], "correct": [0], "time": [8]}, {"school": [2]})
        writer.about["note"] = "at the end"
    return AnswerStore(path)


def test_whole_students_in_order(tmp_path: Path) -> None:
    store = write(tmp_path / "s")
    store.verify()
    assert (store.num_students, store.num_answers) == (3, 4)
    assert store.student_names([2, 0]) == ["cem", "ann"]
    assert store.history_offsets.tolist() == [0, 2, 3, 4]
    assert store.group("school").tolist() == [3, 1, 2]
    assert store.has("time")
    assert not store.has("attempt")
    assert store.skill_offsets.tolist() == [0, 0, 0, 1, 3]  # q2 has none: its own, and the shared
    assert store.about["note"] == "at the end"
    assert store.correct.dtype == np.uint8


def test_answers_of_some_students(tmp_path: Path) -> None:
    store = write(tmp_path / "s")
    whole, some = store.answers(), store.answers(np.array([2, 0]))
    assert whole.item.tolist() == [2, 3, 3, 2]
    assert some.offsets.tolist() == [0, 1, 3]
    assert some.item.tolist() == [2, 2, 3]
    assert some.correct.tolist() == [0, 1, 0]
    assert some.correct.dtype == np.float32
    assert some.time is not None
    assert some.time.tolist() == [8, 5, 6]
    assert (some.num_items, some.num_skills) == (4, 5)


def test_an_item_without_a_skill_is_a_skill_of_its_own(tmp_path: Path) -> None:
    names = {"item": Names(["a", "b", "c", "item b"]), "skill": Names(["b", "a;b"])}
    with AnswerWriter(tmp_path / "s", Vocabulary(names), item_skill_lists(6, [2], [3])) as writer:
        writer.append(["ann"], [1], {"item": [2], "correct": [1]})
    store = AnswerStore(tmp_path / "s")
    skills = store.vocabulary["skill"]
    own = [
        [skills.name(id) for id in store.skill[begin:end].tolist()]
        for begin, end in pairwise(store.skill_offsets.tolist()[2:])
    ]
    # "b" is the name of a skill already, and "item b" of an item.
    assert own == [["a;b"], [NO_SKILL, "item b"], [NO_SKILL, "c"], [NO_SKILL, "item item b"]]
    assert list(skills)[:2] == ["b", "a;b"]
    assert store.about["items_without_skill"] == 3
    assert "3 items have no skill" in store.about["notes"][0]


@given(st.lists(st.integers(0, 5), min_size=1, max_size=8), st.data())
def test_ragged_index(lengths: list[int], data: st.DataObject) -> None:
    rows = data.draw(st.lists(st.integers(0, len(lengths) - 1), max_size=9))
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    index, bounds = ragged_index(offsets, np.array(rows, np.int64))
    pieces = [index[a:b].tolist() for a, b in pairwise(bounds)]
    assert pieces == [list(range(offsets[row], offsets[row + 1])) for row in rows]


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(2, 6))))
def test_item_skill_lists(pairs: list[tuple[int, int]]) -> None:
    lengths, skills = item_skill_lists(6, [item for item, _ in pairs], [k for _, k in pairs])
    split = np.split(skills, np.cumsum(lengths)[:-1])
    assert [part.tolist() for part in split] == [
        sorted({skill for item, skill in pairs if item == i}) for i in range(6)
    ]
