"""Courses of a school's own: a log of events, UCI's school years, xAPI statements."""

import csv
import json
from pathlib import Path

import numpy as np
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest

from torchedu.cli import main
from torchedu.datamodules import CourseEvents
from torchedu.datasets.events import CLICKED, TRANSFERRED, EventStore
from torchedu.datasets.importers import import_data
from torchedu.errors import DataError

LOG = """student,course,presentation,event,day,work,type,value,gender
,maths,2023,due,20,essay,TMA,40,
,maths,2023,due,50,quiz,CMA,60,
,maths,2023,ends,90,,,,
ann,maths,2023,registered,-10,,,,F
ann,maths,2023,submitted,18,essay,,0.7,F
ann,maths,2023,clicked,19,,,5,F
ann,maths,2023,outcome,90,,,Pass,F
bob,maths,2023,registered,30,,,,M
bob,maths,2023,submitted,22,essay,,,M
student,course,presentation,event,day,work,type,value,gender
bob,maths,2023,left,60,,,,M
cyd,maths,2023,registered,-5,,,,F
cyd,maths,2023,outcome,,,,Fail,F
cyd,maths,2023,submitted,,quiz,,0.4,F
,maths,2023,submitted,4,quiz,,0.4,
ann,latin,2024,registered,0,,,,F
ann,latin,2024,transferred,-30,poem,,1,F
ann,latin,2024,outcome,80,,,Pass,F
"""


def test_a_log_becomes_courses_students_and_work(tmp_path: Path) -> None:
    raw = tmp_path / "log.csv"
    raw.write_text(LOG)
    store = import_data("events", raw, tmp_path / "csv.store")
    store.verify()
    assert store.courses.name == ["latin 2024", "maths 2023"]
    assert store.courses.length.tolist() == [80, 90]
    # A student in two courses is two enrolments.
    assert store.student_names(np.arange(4)) == ["ann", "ann", "bob", "cyd"]
    assert store.at_risk.tolist() == [0, 0, 1, 1]
    assert list(store.vocabulary["outcome"]) == ["Fail", "Pass", "Withdrawn"]
    work = {name: i for i, name in enumerate(store.work.name)}
    essay, quiz = work["maths 2023 essay"], work["maths 2023 quiz"]
    assert store.work.due[[essay, quiz]].tolist() == [20, 50]
    assert store.work.weight[[essay, quiz]].tolist() == [40, 60]
    assert [store.work.type[i] for i in (essay, quiz)] == ["TMA", "CMA"]
    assert store.column("end").tolist() == [np.inf, np.inf, 60, np.inf]
    assert store.events.value[store.events.kind == CLICKED].tolist() == [5]
    assert (store.events.kind == TRANSFERRED).sum() == 1
    assert len(store.events.day) == 4
    assert np.isnan(store.events.value[store.events.enrolment == 2]).all()  # no mark was given
    assert {reason: told["rows"] for reason, told in store.about["dropped"].items()} == {
        "heading lines in the middle of log.csv": 1,
        "events without a day": 1,
        "events of no student": 1,
    }
    notes = " ".join(store.about["notes"])
    assert "2 events lie before their student's registration" in notes
    names = store.vocabulary["group.gender"]
    assert [names.name(i) for i in store.group("gender").tolist()] == ["F", "F", "M", "F"]


def test_parquet_and_times_say_the_same_as_csv_and_days(tmp_path: Path) -> None:
    raw = tmp_path / "log.csv"
    raw.write_text(LOG)
    first = import_data("events", raw, tmp_path / "a.store")
    rows = [row for row in csv.DictReader(LOG.splitlines()) if row["event"] != "event"]
    dated = tmp_path / "dated.csv"
    with dated.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow([*rows[0], "time"])
        day = np.datetime64("2023-09-01")
        starts = [",maths,2023,starts,0,,,,", ",latin,2024,starts,0,,,,"]
        given = [dict(zip(rows[0], line.split(","), strict=True)) for line in starts]
        for row in (*rows, *given):
            time = str(day + int(row["day"])) + "T10:00:00" if row["day"] else ""
            writer.writerow([*row.values(), time])
    table = pa_csv.read_csv(
        dated, convert_options=pa_csv.ConvertOptions(strings_can_be_null=True)
    ).drop_columns("day")
    pq.write_table(table, tmp_path / "dated.parquet")
    second = import_data("events", tmp_path / "dated.parquet", tmp_path / "b.store")
    for name in ("enrolment", "kind", "day", "value"):
        assert np.array_equal(
            getattr(first.events, name), getattr(second.events, name), equal_nan=True
        )
    assert first.courses.length.tolist() == second.courses.length.tolist()
    assert first.column("begin").tolist() == second.column("begin").tolist()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("ann,maths,2023,submited,3,quiz,,0.5,F", "the event 'submited' is not known"),
        ("ann,maths,2023,submitted,soon,quiz,,0.5,F", "the day is no number .'soon'"),
        ("ann,maths,2023,submitted,3,quiz,,55,F", "value is outside 0..1 .'55'"),
        ("ann,maths,2023,submitted,3,quiz,,well,F", "value is no mark"),
    ],
)
def test_what_a_log_cannot_mean_is_told(tmp_path: Path, line: str, said: str) -> None:
    raw = tmp_path / "log.csv"
    raw.write_text(LOG + line + "\n")
    with pytest.raises(DataError, match=said):
        import_data("events", raw, tmp_path / "out.store")
    assert not (tmp_path / "out.store").exists()


def test_events_that_are_not_known_can_be_dropped(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text(LOG)
    whole = import_data("events", tmp_path / "log.csv", tmp_path / "whole")
    (tmp_path / "log.csv").write_text(LOG + "ann,maths,2023,submited,3,quiz,,0.5,F\n")
    some = import_data("events", tmp_path / "log.csv", tmp_path / "some", {"on_bad_row": "drop"})
    assert some.about["dropped"].keys() - whole.about["dropped"].keys() == {
        "the event 'submited' is not known"
    }
    assert some.manifest["files"] == whole.manifest["files"]


def test_a_log_without_events_or_outcomes_is_told(tmp_path: Path) -> None:
    raw = tmp_path / "log.csv"
    raw.write_text("student,course,day\nann,maths,1\n")
    with pytest.raises(DataError, match="no column holds the event"):
        import_data("events", raw, tmp_path / "out.store")
    raw.write_text("student,course,event,day\nann,maths,registered,1\n")
    with pytest.raises(DataError, match="no enrolment with an outcome"):
        import_data("events", raw, tmp_path / "out.store")


def write_uci(file: Path) -> Path:
    """Write a file as the data set has it: semicolons, texts in quotes."""
    random = np.random.default_rng(0)
    lines = ["school;sex;age;address;famsize;absences;G1;G2;G3"]
    for i in range(20):
        marks = [f'"{g}"' for g in random.integers(4, 18, 2)]
        sex, school = "FM"[i % 2], ("GP", "MS")[i % 3 == 0]
        lines.append(
            f'"{school}";"{sex}";{15 + i % 4};"U";"GT3";{i};{marks[0]};{marks[1]};{5 + i % 10}'
        )
    file.write_text("\n".join(lines) + "\n")
    return file


def test_ucis_school_years_are_read_and_divided_at_random(tmp_path: Path) -> None:
    raw = write_uci(tmp_path / "student-mat.csv")
    assert main(["data", "import", "uci_student", str(raw), str(tmp_path / "uci.store")]) == 0
    store = EventStore(tmp_path / "uci.store")
    assert store.courses.name == ["GP", "MS"]
    assert store.num_enrolments == 20
    assert len(store.events.day) == 40
    assert store.at_risk.sum() == 10  # G3 below 10
    assert set(store.work.due.tolist()) == {60, 120}
    assert list(store.vocabulary["group.gender"]) == ["F", "M"]
    assert "no dates" in store.about["notes"][0]
    parts = CourseEvents(str(tmp_path / "uci.store")).parts
    assert sorted(np.concatenate(list(parts.values())).tolist()) == list(range(20))
    raw.write_text(raw.read_text().replace("G3", "G4"))
    with pytest.raises(DataError, match="no column is called 'G3'"):
        import_data("uci_student", raw, tmp_path / "out.store")


def statement(who: str, verb: str, about: str, day: int, **more: object) -> dict:
    course = {"contextActivities": {"grouping": [{"id": "http://school/maths"}]}}
    return {
        "actor": {"account": {"homePage": "http://school", "name": who}},
        "verb": {"id": f"http://adlnet.gov/expapi/verbs/{verb}"},
        "object": {"id": f"http://school/{about}"},
        "timestamp": f"2024-10-{day:02d}T08:00:00.5Z",
        "context": course,
        **more,
    }


def test_xapi_statements_are_read(tmp_path: Path) -> None:
    half = {"result": {"score": {"raw": 15, "min": 0, "max": 30}}}
    statements = [
        statement("ann", "registered", "maths", 1),
        statement("ann", "experienced", "maths/page", 3),
        statement("ann", "answered", "maths/quiz", 5, **half),
        statement("ann", "passed", "maths", 28),
        statement("bob", "registered", "maths", 2),
        statement("bob", "scored", "maths/quiz", 6, id="wrong", result={"score": {"scaled": 0.9}}),
        statement("bob", "voided", "x", 7) | {"object": {"id": "wrong"}},
        statement("bob", "unregistered", "maths", 9),
        statement("bob", "liked", "maths/page", 4),
    ]
    raw = tmp_path / "statements.jsonl"
    raw.write_text("\n".join(json.dumps(one) for one in statements) + "\n\n")
    store = import_data("xapi", raw, tmp_path / "xapi.store")
    assert store.student_names(np.arange(2)) == ["ann", "bob"]
    assert store.at_risk.tolist() == [0, 1]
    # The course begins with what was done first.
    assert store.column("begin").tolist() == [-2, -1]
    assert store.column("end").tolist() == [np.inf, 6]
    assert store.events.day.tolist() == [0, 2]
    assert store.events.value.tolist() == [1, 0.5]
    assert sum(told["rows"] for told in store.about["dropped"].values()) == 3
    raw.write_text('{"actor": {"name": "ann"}, "verb": {}}\n')
    with pytest.raises(DataError, match="no xAPI statement"):
        import_data("xapi", raw, tmp_path / "out.store")


def test_xapi_is_read_as_an_array_and_as_an_lrs_answers(tmp_path: Path) -> None:
    said = [statement("ann", "registered", "maths", 1), statement("ann", "passed", "maths", 28)]
    texts = {
        "lines.json": "\n".join(map(json.dumps, said)),
        "array.json": json.dumps(said),
        "array.jsonl": json.dumps(said, indent=1),
        "answer.json": json.dumps({"statements": said, "more": ""}, indent=2),
        "answers.jsonl": json.dumps({"statements": said, "more": "/next"}),
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
        store = import_data("xapi", tmp_path / name, tmp_path / "out")
        assert (store.num_enrolments, store.at_risk.tolist()) == (1, [0])


def test_ucis_file_is_read_with_commas_and_its_headings_twice(tmp_path: Path) -> None:
    raw = write_uci(tmp_path / "student-mat.csv")
    whole = import_data("uci_student", raw, tmp_path / "whole")
    lines = raw.read_text().replace(";", ",").splitlines()
    raw.write_text("\n".join([*lines[:8], lines[0], *lines[8:]]) + "\n")
    store = import_data("uci_student", raw, tmp_path / "twice")
    assert store.num_enrolments == whole.num_enrolments == 20
    (told,) = store.about["dropped"].values()
    assert told["rows"] == 1
    raw.write_text(raw.read_text() + '"GP","F",15,"U","GT3",1,"x",3,4\n')
    with pytest.raises(DataError, match="row 23: G1 is no mark from 0 to 20"):
        import_data("uci_student", raw, tmp_path / "out")


def test_marks_of_a_log_are_points_percent_or_words(tmp_path: Path) -> None:
    raw = tmp_path / "log.csv"
    raw.write_text(LOG.replace("essay,,0.7", "essay,,7").replace("quiz,,0.4", "quiz,,4"))
    store = import_data("events", raw, tmp_path / "a", {"full_mark": 10})
    assert np.isclose(store.events.value, 0.7).sum() == 1
    raw.write_text(LOG.replace("essay,,0.7", "essay,,70 %"))
    store = import_data("events", raw, tmp_path / "a")
    assert np.isclose(store.events.value, 0.7).sum() == 1


def test_a_log_is_read_under_other_headings(tmp_path: Path) -> None:
    raw = tmp_path / "log.csv"
    raw.write_text(LOG.replace("course", "Kurs").replace(",", ";"))
    assert import_data("events", raw, tmp_path / "a").about["columns"]["course"] == "Kurs"
    raw.write_text(LOG.replace("course", "kurz").replace(",", ";"))
    with pytest.raises(DataError, match="no column holds the course"):
        import_data("events", raw, tmp_path / "a")
    store = import_data("events", raw, tmp_path / "a", {"columns": {"course": "kurz"}})
    assert store.num_enrolments == 4
    assert any("fields are divided by ';'" in note for note in store.about["notes"])


def test_an_outcome_that_another_replaces_is_counted(tmp_path: Path) -> None:
    raw = tmp_path / "log.csv"
    raw.write_text(LOG + "ann,maths,2023,outcome,91,,,Fail,F\n")
    store = import_data("events", raw, tmp_path / "a")
    assert store.at_risk.tolist() == [0, 1, 1, 1]
    told = store.about["dropped"]["an outcome that a later row of the student's replaces"]
    assert told["first"] == [f"{raw.name}, row 8"]
