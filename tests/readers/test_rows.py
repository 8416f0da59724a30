from datetime import datetime

import numpy as np
import pyarrow as pa
import pytest

from tests.missing import KINDS
from torchedu.errors import DataError
from torchedu.readers.rows import columns_of, counts, is_missing, numbers, texts, times
from torchedu.schema import NO_TIME

ROWS = [{"student": "ann", "item": "a", "time": 5}, {"student": "bo", "item": "b", "other": 1}]
COLUMNS = {"student": ["ann", "bo"], "item": ["a", "b"], "time": [5, None]}


@pytest.mark.parametrize(
    "rows",
    [ROWS, iter(ROWS), COLUMNS, pa.table(COLUMNS), {n: np.array(c) for n, c in COLUMNS.items()}],
    ids=["dicts", "iterator", "lists", "table", "arrays"],
)
def test_rows_of_any_library_are_columns(rows: object) -> None:
    found = columns_of(rows, ("student", "item"), ("time", "attempt"))
    assert found == COLUMNS


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_library_calls_missing_is_none(kind: str) -> None:
    rows = KINDS[kind]({"item": ["a", "b"], "time": [5, None], "skill": [None, None]})
    assert columns_of(rows, ("item",), ("time", "skill")) == {"item": ["a", "b"], "time": [5, None]}
    with pytest.raises(DataError, match="row 1: the field 'time' is missing"):
        columns_of(rows, ("item", "time"))


@pytest.mark.parametrize("value", ["", b"", (), np.full(3, np.nan), np.zeros(0), 0, False, 0.0])
def test_what_is_empty_or_holds_nothing_known_is_a_value(value: object) -> None:
    (found,) = columns_of([{"audio": value}], ("audio",))["audio"]
    assert found is value
    assert not is_missing(value)


def test_times_of_numpy_are_dates_however_fine() -> None:
    for unit in ("ms", "us", "ns"):
        day = np.array(["2020-01-01", "NaT"], f"datetime64[{unit}]")
        read = columns_of({"time": day}, (), ("time",))["time"]
        assert read == [datetime(2020, 1, 1), None]


def test_no_rows_are_empty_columns() -> None:
    assert columns_of([], ("student",), ("time",)) == {"student": [], "time": []}


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"item": "a"}], "the rows have no field 'student'"),
        ([{"student": "ann"}, {"item": "b"}], "row 1: the field 'student' is missing"),
        ({"student": ["ann"], "item": []}, "the field 'item' has 0 values, another 1"),
        (["ann"], "row 0 is 'ann'"),
    ],
)
def test_what_is_missing_is_named(rows: object, message: str) -> None:
    with pytest.raises(DataError, match=message):
        columns_of(rows, ("student",), ("item",))


def test_values_that_cannot_be_are_named() -> None:
    positive = "It is above 0."
    assert numbers([1, None], "x", lambda x: x > 0, positive, unknown=-1).tolist() == [1, -1]
    with pytest.raises(DataError, match="row 1: the field 'x' is 0"):
        numbers([1, 0], "x", lambda x: x > 0, positive)
    with pytest.raises(DataError, match="row 0: the field 'x' is missing"):
        numbers([float("nan")], "x", lambda x: x > 0, positive)
    with pytest.raises(DataError, match="row 1: the field 'x' is 'one'"):
        numbers([None, "one"], "x", lambda x: x > 0, positive, unknown=-1)
    with pytest.raises(DataError, match=r"row 1: the field 'attempt' is 1\.5"):
        counts([1, 1.5], "attempt")
    assert times([None, 7]).tolist() == [NO_TIME, 7]
    with pytest.raises(DataError, match="row 0: the field 'time' is 'seven'"):
        times(["seven"])


@pytest.mark.parametrize("wrong", [5, {"text": "x"}, b"x", None, "  ", "a\ud800", float("nan")])
def test_what_is_no_text_is_refused_by_row_and_field(wrong: object) -> None:
    with pytest.raises(DataError, match="row 1: the field 'sentence' is"):
        texts(["  fine ", wrong], "sentence")
    assert texts([" fine ", None, float("nan"), ""], "question", required=False)[1:] == [""] * 3


@pytest.mark.parametrize("rows", [None, "text"])
def test_what_is_no_rows_is_refused(rows: object) -> None:
    with pytest.raises(DataError, match="the rows are"):
        columns_of(rows, ("text",))
