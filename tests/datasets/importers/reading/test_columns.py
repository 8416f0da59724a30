import pytest

from torchedu.datasets.importers.reading.columns import match_columns
from torchedu.errors import ConfigError, DataError
from torchedu.schema import ANSWER_COLUMNS


def test_every_alias_is_found_in_any_case() -> None:
    base = {"student": "student", "item": "item", "correct": "correct"}
    for column in ANSWER_COLUMNS:
        for alias in column.aliases:
            headings = [h for name, h in base.items() if name != column.name]
            heading = alias.upper().replace("_", " ")
            found = match_columns([*headings, heading], "a.csv")
            assert found.taken[column.name] == heading
            assert found.ignored == ()


def test_own_name_comes_before_an_alias_and_the_map_before_both() -> None:
    headings = ["user_id", "student", "item", "correct", "score"]
    found = match_columns(headings, "a.csv")
    assert found.taken["student"] == "student"
    assert found.taken["correct"] == "correct"
    assert found.ignored == ("user_id", "score")
    assert (
        match_columns(headings, "a.csv", columns={"correct": "score"}).taken["correct"] == "score"
    )


def test_heading_taken_by_the_map_is_not_taken_again() -> None:
    found = match_columns(["user", "item", "score", "question"], "a.csv", columns={"skill": "item"})
    assert found.taken == {
        "skill": "item",
        "student": "user",
        "item": "question",
        "correct": "score",
    }


def test_heading_that_stands_twice() -> None:
    with pytest.raises(DataError, match=r"'item' .* stands twice"):
        match_columns(["student", "item", "correct", "item"], "a.csv")


def test_column_that_answers_do_not_have() -> None:
    with pytest.raises(ConfigError, match=r"Did you mean columns\.response_time"):
        match_columns(["a"], "a.csv", columns={"responsetime": "a"})
