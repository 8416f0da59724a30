from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from torchedu.datasets.importers.reading import values


@pytest.mark.parametrize(
    ("column", "want"),
    [
        (pa.array([" a ", "", None, "7"]), ["a", None, None, "7"]),
        (pa.array([3, None]), ["3", None]),
        (pa.array([3.0, float("nan"), 2.5]), ["3", None, "2.5"]),
        (pa.array([1e3, 2.0, None]), ["1000", "2", None]),
        (pa.array([1e30, 2.0, float("inf")]), ["1e+30", "2", None]),
        (pa.array(["x", "y", "x"]).dictionary_encode(), ["x", "y", "x"]),
        (pa.array([True, False]), ["true", "false"]),
        (pa.nulls(2), [None, None]),
        (pa.chunked_array([["a"], ["b"]]), ["a", "b"]),
        (pa.array(["a"], pa.large_string()), ["a"]),
        (pa.array(["a"], pa.string_view()), ["a"]),
    ],
)
def test_names(column: pa.Array, want: list[str | None]) -> None:
    assert values.names(column).to_pylist() == want


@pytest.mark.parametrize(
    ("column", "want", "wrong"),
    [
        (pa.array(["1", " 0.5", "1e-1", "-2", "+.5"]), [1, 0.5, 0.1, -2, 0.5], []),
        (pa.array(["", "NA", "nan", None, "NULL"]), [np.nan] * 5, []),
        (pa.array(["true", "False", "x", "0x1", "1_0"]), [1, 0, np.nan, np.nan, np.nan], [2, 3, 4]),
        (pa.array(["inf", "1"]), [np.nan, 1], [0]),
        (pa.array([np.inf, np.nan, 1.5]), [np.nan, np.nan, 1.5], [0]),
        (pa.array([True, None]), [1, np.nan], []),
        (pa.array([7, None], pa.int8()), [7, np.nan], []),
    ],
)
def test_numbers(column: pa.Array, want: list[float], wrong: list[int]) -> None:
    found, refused = values.numbers(column)
    np.testing.assert_allclose(found, want)
    assert np.flatnonzero(refused).tolist() == wrong


def test_numbers_that_a_spreadsheet_has_cut_are_known() -> None:
    names = pa.array(["1.23457E+11", "7", None, "1,5E12", "E+11", "1.2E+1111"])
    assert values.encoded(names).cut.tolist() == [True, False, False, True, False, False]
    assert not values.encoded(pa.array([None, "a"])).cut.any()


def test_skills_of_lists_and_texts() -> None:
    def texts(column: pa.Array) -> list[str | None]:
        encoded = values.encoded_skills(column)
        return [encoded.names[i] if i >= 0 else None for i in encoded.code.tolist()]

    lists = pa.array([["a;b", " c "], [], None, ["", None, "d"], [""]])
    mark = values.JOINT
    assert texts(lists) == [
        f"{mark}a;b{mark}c",
        None,
        None,
        f"{mark}d",
        None,
    ]
    assert texts(pa.array(["a;b", None])) == ["a;b", None]
    assert texts(pa.array([[1], [2, 3]])[1:]) == [f"{mark}2{mark}3"]


def stamps(*texts: Any) -> values.Times:
    return values.times(pa.array(list(texts), pa.string()))


def test_times_as_text() -> None:
    found = stamps(
        "1970-01-01", "1970-01-01 00:00:01.5", "1970-01-01T01:00:00+01:00", "12", "", "x"
    )
    np.testing.assert_array_equal(found.value, [0, 1500, 0, 12, np.nan, np.nan])
    assert found.kind.tolist()[:5] == [values.DATE, values.DATE, values.ZONED, values.NUMBER, 0]
    assert found.wrong.tolist() == [False] * 5 + [True]


def test_times_that_look_like_dates_but_are_none() -> None:
    good = ["2024-02-29"] * 20
    bad = ["2023-02-29", "2024-01-01 24:61", "2024-1-1", "2024-01-01 10:00 pm"]
    found = stamps(*good, *bad, *good)
    assert np.flatnonzero(found.wrong).tolist() == [20, 21, 22, 23]
    assert np.isfinite(found.value[:20]).all()


def test_times_of_typed_columns() -> None:
    naive = pa.array([0, None, 1_500_000_000], pa.timestamp("ns"))
    np.testing.assert_array_equal(values.times(naive).value, [0, np.nan, 1500])
    zoned = values.times(pa.array([0], pa.timestamp("s", "Europe/Berlin")))
    assert zoned.kind.tolist() == [values.ZONED]
    assert values.times(pa.array([1], pa.date32())).value.tolist() == [86_400_000]
