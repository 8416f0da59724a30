import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torchedu.schema import ANSWER_COLUMNS, PADDING, UNKNOWN, Names, Vocabulary

names = st.lists(st.text(max_size=4), unique=True, max_size=8)


@given(names)
def test_ids_and_names_are_each_others_inverse(given_: list[str]) -> None:
    found = Names(given_)
    assert len(found) == len(given_) + 2
    assert [found.name(found.id(name)) for name in given_] == given_
    assert found.ids(given_) == list(range(2, len(found)))
    assert list(found) == given_


def test_names_that_are_not_there() -> None:
    found = Names(["a"])
    assert found.id("b") == UNKNOWN
    assert found.ids(["b", "a"]) == [UNKNOWN, 2]
    assert "b" not in found
    assert [found.name(i) for i in (0, 1, 2)] == ["<padding>", "<unknown>", "a"]
    with pytest.raises(ValueError, match="twice"):
        Names(["a", "a"])


@given(names, names)
def test_growing_moves_no_id(old: list[str], new: list[str]) -> None:
    grown = Names(old).grown(new)
    assert grown.ids(old) == Names(old).ids(old)
    assert set(grown) == {*old, *new}
    assert len(grown) == len({*old, *new}) + 2


@given(names, names)
def test_translation(old: list[str], new: list[str]) -> None:
    table = Names(old).translation(Names(new))
    assert table[:2] == [PADDING, UNKNOWN]
    for name in old:
        there = table[Names(old).id(name)]
        assert there == UNKNOWN if name not in new else Names(new).name(there) == name


@given(st.dictionaries(st.sampled_from(["item", "skill", "group.age"]), names))
def test_vocabulary_through_json(kinds: dict[str, list[str]]) -> None:
    found = Vocabulary({kind: Names(some) for kind, some in kinds.items()})
    again = Vocabulary.from_json(json.loads(json.dumps(found.to_json())))
    assert again == found
    assert again.kinds == tuple(kinds)
    assert again.groups == (("age",) if "group.age" in kinds else ())
    assert len(found["none"]) == 2
    assert found.grown(found) == found


def test_no_heading_stands_for_two_columns() -> None:
    headings = [name for column in ANSWER_COLUMNS for name in (column.name, *column.aliases)]
    assert len(headings) == len(set(headings))
