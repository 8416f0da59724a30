from pathlib import Path

import numpy as np
import pytest

from torchedu.datasets.importers import import_data
from torchedu.errors import DataError

FILES = {
    "answers": ("csv", "student,item,correct,time\n", "ann,q{i},1,{time}\n"),
    "enrolments": ("enrolments", "student,item,time\n", "ann,q{i},{time}\n"),
}


def times(folder: Path, kind: str, written: list[str], **options: object) -> tuple:
    format, headings, row = FILES[kind]
    rows = [row.format(i=i, time=f'"{time}"') for i, time in enumerate(written)]
    (folder / "a.csv").write_text(headings + "".join(rows))
    store = import_data(format, folder / "a.csv", folder / "out", options)
    time = store.answers().time if kind == "answers" else store.time
    return np.asarray(time).astype("datetime64[ms]").astype(str).tolist(), store.about["notes"]


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize(
    ("written", "options"),
    [
        (["01.02.2024 09:03", "3.2.2024 21:03:04"], {}),
        (["01/02/2024 09:03", "03/02/2024 09:03:04 PM"], {"dayfirst": True}),
        (["02/01/2024 9:03 AM", "2/3/2024, 9:03:04 p.m."], {"dayfirst": False}),
        (["1 February 2024, 9:03 AM", "Saturday, 3 Feb 2024, 9:03:04 PM"], {}),
        (["2024-02-01 09:03:00 UTC", "2024-02-03 21:03:04 GMT"], {}),
        (["20240201 0903 00", "20240203 2103 04"], {"time_format": "%Y%m%d %H%M %S"}),
    ],
)
def test_local_times(tmp_path: Path, kind: str, written: list[str], options: dict) -> None:
    want = ["2024-02-01T09:03:00.000", "2024-02-03T21:03:04.000"]
    assert times(tmp_path, kind, written, **options)[0] == want


@pytest.mark.parametrize("kind", FILES)
def test_a_day_above_12_tells_the_order_which_is_said(tmp_path: Path, kind: str) -> None:
    for written, order in (("31/01/2024 12:30 AM", "day"), ("1/31/2024 12:30 AM", "month")):
        read, notes = times(tmp_path, kind, ["01/01/2024 9:30", written])
        assert read == ["2024-01-01T09:30:00.000", "2024-01-31T00:30:00.000"]
        assert any(f"the {order} first" in note for note in notes)


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("action", ["error", "drop"])
def test_what_may_be_day_or_month_is_refused(tmp_path: Path, kind: str, action: str) -> None:
    for written in (["01/02/2024", "03/04/2024"], ["01/31/2024", "31/01/2024"]):
        with pytest.raises(DataError, match="may have the day or the month first") as caught:
            times(tmp_path, kind, written, on_bad_row=action)
        assert "dayfirst true or dayfirst false" in str(caught.value)


@pytest.mark.parametrize(
    ("written", "options"),
    [
        ("31.02.2024", {}),
        ("01.13.2024", {}),
        ("13/13/2024", {"dayfirst": True}),
        ("01.01.2024 25:00", {}),
        ("01.01.2024 13:00 PM", {"dayfirst": True}),
        ("1 Foo 2024", {}),
        ("2024-01-01", {"time_format": "%d.%m.%Y"}),
    ],
)
def test_no_such_moment(tmp_path: Path, written: str, options: dict) -> None:
    with pytest.raises(DataError, match="row 3: the time cannot be read") as caught:
        times(tmp_path, "answers", ["02.01.2024", written], **options)
    assert "time_format" in caught.value.remedy


def test_a_time_of_another_kind_is_told_as_a_date(tmp_path: Path) -> None:
    written = ["2024-01-01 09:00", "2024-01-02 09:00", "2024-01-03 09:00+01:00"]
    with pytest.raises(DataError, match=r"2024-01-03T08:00:00"):
        times(tmp_path, "answers", written)
