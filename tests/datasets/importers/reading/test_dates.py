import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from torchedu.datasets.importers import import_data
from torchedu.errors import ConfigError, DataError

FILES = {
    "answers": ("csv", "student,item,correct,time\n", "ann,q{i},1,{time}\n"),
    "enrolments": ("enrolments", "student,item,time\n", "ann,q{i},{time}\n"),
    "events": (
        "events",
        "student,course,event,work,value,time\n",
        "ann,c,submitted,w{i},,{time}\n",
    ),
}
EVERY = [*FILES, "xapi"]


def moments(folder: Path, kind: str, written: list[str], **options: object) -> tuple:
    """Return the times that a file of some kind of data holds, and what is said of them."""
    if kind == "xapi":
        return statements(folder, written, options)
    format, headings, row = FILES[kind]
    rows = [row.format(i=i, time=f'"{time}"') for i, time in enumerate(written)]
    if kind == "events":
        rows.append("ann,c,outcome,,Pass,\n")
    (folder / "a.csv").write_text(headings + "".join(rows))
    store = import_data(format, folder / "a.csv", folder / "out", options)
    return read(store, kind)


def statements(folder: Path, written: list[str], options: dict) -> tuple:
    course = {"contextActivities": {"grouping": [{"id": "c"}]}}
    said = [("submitted", f"w{i}", time) for i, time in enumerate(written)] + [("passed", "c", "")]
    rows = [
        {"actor": {"name": "ann"}, "verb": {"id": f"verbs/{verb}"}, "object": {"id": about},
         "timestamp": time, "context": course}
        for verb, about, time in said
    ]  # fmt: skip
    (folder / "a.json").write_text(json.dumps(rows))
    return read(import_data("xapi", folder / "a.json", folder / "out", options), "events")


def read(store: Any, kind: str) -> tuple:
    if kind == "events":
        days = np.sort(store.events.day) + store.courses.begins[0]
        return days.astype("datetime64[D]").astype(str).tolist(), store.about["notes"]
    time = store.answers().time if kind == "answers" else store.time
    return np.asarray(time).astype("datetime64[ms]").astype(str).tolist(), store.about["notes"]


WANTED = ["2024-02-01T09:03:00.000", "2024-02-03T21:03:04.000"]


@pytest.mark.parametrize("kind", EVERY)
@pytest.mark.parametrize(
    ("written", "options"),
    [
        (["01.02.2024 09:03", "3.2.2024 21:03:04"], {}),
        (["01/02/2024 09:03", "03/02/24 09:03:04 PM"], {"dayfirst": True}),
        (["2/1/2024 9:03 AM", "2/3/2024, 9:03:04 p.m."], {"dayfirst": False}),
        (["1 February 2024, 9:03 AM", "Saturday, 3 Feb 2024, 9:03:04 PM"], {}),
        (["Feb 1, 2024 9:03 AM", "February 3rd 2024 21:03:04"], {}),
        (["Donnerstag, 1. Februar 2024, 09:03", "3. Feb. 2024 21:03:04"], {}),
        (["1 de febrero de 2024, 09:03", "sábado, 3 de febrero de 2024, 21:03:04"], {}),
        (["jeudi 1er février 2024, 09:03", "3 févr. 2024 21:03:04"], {}),
        (["1 февраля 2024, 09:03", "суббота, 3 февраля 2024, 21:03:04"], {}),
        (["1. helmikuuta 2024 klo 9.03", "3. helmikuuta 2024 klo 21.03.04"], {}),
        (["2024. február 1. 9:03", "2024. február 3. 21:03:04"], {}),
        (["2024年2月1日 09:03", "2024年2月3日 21时03分04秒"], {}),
        (["2024. 2. 1. 오전 9:03", "2024. 2. 3. 오후 9:03:04"], {}),
        (["2024/02/01 9:03", "2024/02/03 21:03:04"], {}),
        (["2024-02-01 09:03:00,000", "2024-02-03 21:03:04,0"], {}),
        (["2024-02-01 09:03:00 UTC", "2024-02-03 21:03:04 GMT"], {}),
        (["Thu, 01 Feb 2024 10:03:00 +0100", "2024/02/03 10:03:04 PM GMT+1"], {}),
        (["2024-02-01 09:03:00Z", "2024-02-03 21:03:04"], {"time_zone": "UTC"}),
        (["2024-02-01 09:03:00Z", "3.2.2024 22:03:04"], {"time_zone": "Europe/Berlin"}),
        (["20240201 0903 00", "20240203 2103 04"], {"time_format": "%Y%m%d %H%M %S"}),
        (["20240201090300", "20240203210304"], {}),
        (["45323.377083333", "45325.877129630"], {}),
        (["45323,377083333", "45325,877129630"], {}),
        (["1706778180000", "1706994184000"], {}),
    ],
)
def test_local_times(tmp_path: Path, kind: str, written: list[str], options: dict) -> None:
    wanted = [w[:10] for w in WANTED] if kind in ("events", "xapi") else WANTED
    assert moments(tmp_path, kind, written, **options)[0] == wanted


@pytest.mark.parametrize("kind", EVERY)
def test_a_number_above_12_tells_the_order_which_is_said(tmp_path: Path, kind: str) -> None:
    for written, order in (("31/01/2024 12:30 AM", "day"), ("1/31/2024 12:30 AM", "month")):
        told, notes = moments(tmp_path, kind, ["01/01/2024 9:30", written])
        assert [time[:10] for time in told] == ["2024-01-01", "2024-01-31"]
        assert any(f"the {order} first" in note for note in notes)


def test_the_whole_column_decides_however_long_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torchedu.datasets.importers.reading.text.BLOCK_BYTES", 64)
    for kind in FILES:
        written = [f"0{1 + i % 9}/02/2024" for i in range(60)]
        told, _ = moments(tmp_path, kind, [*written, "25/02/2024"])
        assert {time[:7] for time in told} == {"2024-02"}
        told, _ = moments(tmp_path, kind, [*written, "02/25/2024"])
        assert told[-1][:10] == "2024-09-02"


@pytest.mark.parametrize("kind", EVERY)
def test_dates_that_contradict_one_another_are_refused(tmp_path: Path, kind: str) -> None:
    written = ["31/01/2024", "01/02/2024", "30/01/2024", "01/29/2024"]
    with pytest.raises(DataError, match="the month stands first, while other times") as caught:
        moments(tmp_path, kind, written)
    assert caught.value.row == (4 if kind == "xapi" else 5)
    told, _ = moments(tmp_path, kind, written, on_bad_row="drop")
    assert [time[:10] for time in told] == ["2024-01-30", "2024-01-31", "2024-02-01"]


@pytest.mark.parametrize("kind", EVERY)
def test_the_order_of_dates_with_points_is_said(tmp_path: Path, kind: str) -> None:
    written = ["01.02.2024", "02.03.2024"]
    told, notes = moments(tmp_path, kind, written)
    assert told[1][:10] == "2024-03-02"
    assert any("with points were read with the day first" in note for note in notes)
    told, _ = moments(tmp_path, kind, written, dayfirst=False)
    assert told[1][:10] == "2024-02-03"


@pytest.mark.parametrize("kind", EVERY)
@pytest.mark.parametrize("action", ["error", "drop"])
def test_what_may_be_day_or_month_is_refused(tmp_path: Path, kind: str, action: str) -> None:
    for written in (["01/02/2024", "03/04/2024"], ["01/02/2024", "01/31/2024", "31/01/2024"]):
        with pytest.raises(DataError, match="may have the day or the month first") as caught:
            moments(tmp_path, kind, written, on_bad_row=action)
        assert "01/02/2024" in caught.value.problem
        assert "dayfirst true or dayfirst false" in str(caught.value)


@pytest.mark.parametrize("kind", EVERY)
def test_zones_on_some_rows_alone_are_asked_for(tmp_path: Path, kind: str) -> None:
    written = ["2024-01-01 09:00", "2024-01-02 09:00", "2024-01-03 09:00+01:00"]
    with pytest.raises(DataError, match=r"2024-01-03T08:00:00.*\).\n.*time_zone UTC"):
        moments(tmp_path, kind, written)
    told, _ = moments(tmp_path, kind, written, time_zone="Europe/Berlin")
    assert [time[:10] for time in told] == ["2024-01-01", "2024-01-02", "2024-01-03"]
    with pytest.raises(ConfigError, match="'Berlin' is not known"):
        moments(tmp_path, kind, written, time_zone="Berlin")


@pytest.mark.parametrize("kind", EVERY)
def test_whole_days_of_a_spreadsheet_are_asked_for(tmp_path: Path, kind: str) -> None:
    written = ["45323", "45325"]
    with pytest.raises(DataError, match="seconds or days of a spreadsheet"):
        moments(tmp_path, kind, written)
    told, _ = moments(tmp_path, kind, written, time_unit="spreadsheet")
    assert [time[:10] for time in told] == ["2024-02-01", "2024-02-03"]


@pytest.mark.parametrize(
    ("written", "options"),
    [
        ("31.02.2024", {}),
        ("13/13/2024", {"dayfirst": True}),
        ("01.01.2024 25:00", {}),
        ("01.01.2024 13:00 PM", {"dayfirst": True}),
        ("1 Foo 2024", {}),
        ("24-01-31", {}),
        ("2024-01-01 09:00 CET", {}),
        ("2024-01-01", {"time_format": "%d.%m.%Y"}),
    ],
)
def test_no_such_moment(tmp_path: Path, written: str, options: dict) -> None:
    for kind in FILES:
        with pytest.raises(DataError, match="row 3: the time cannot be read") as caught:
            moments(tmp_path, kind, ["02.01.2024", written], **options)
        assert "time_format" in caught.value.remedy
