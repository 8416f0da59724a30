"""Tables with a row a student and how it ended, gradebooks, and logs with outcomes beside them."""

from pathlib import Path

import numpy as np
import pytest

from tests.datasets.importers.layouts import canvas_gradebook, moodle_log, table
from torchedu.datamodules import CourseEvents
from torchedu.datasets.importers import import_data
from torchedu.errors import DataError

HEADINGS = ("id", "gender", "age", "exam", "note to self", "constant", "Target")


@pytest.fixture
def students(tmp_path: Path) -> Path:
    """Give a table of a university's students."""
    rows = [
        (f"s{i}", "mf"[i % 2], 18 + i % 17, f"{i % 21}", f"text {i}", "x",
         "Dropout" if i % 21 < 8 else "Graduate")
        for i in range(84)
    ]  # fmt: skip
    return table(tmp_path / "students.csv", HEADINGS, rows)


def test_what_is_no_mark_and_no_name_is_told_in_words(students: Path, tmp_path: Path) -> None:
    options = {"columns": {"student": "id"}, "groups": ["gender"], "marks": ["exam"],
               "full_mark": 20}  # fmt: skip
    store = import_data("students", students, tmp_path / "s", options)
    assert store.counts == {"enrolments": 84, "courses": 1, "pieces of work": 1, "events": 84}
    assert store.student_names([0, 1]) == ["s0", "s1"]
    assert store.events.value[:3].tolist() == pytest.approx([0, 0.05, 0.1])
    ages = list(store.vocabulary["group.age"])
    assert len(ages) == 5
    assert ages[0].startswith("1 of 5: 18 to 2")
    assert store.vocabulary.groups == ("gender", "age")
    assert "note to self, constant" in store.about["notes"][0]
    assert store.about["not_told"] == ["gender"]
    assert store.at_risk.mean() == pytest.approx(32 / 84)
    data = CourseEvents(str(tmp_path / "s"))
    assert data.attributes == ["age"]
    assert CourseEvents(str(tmp_path / "s"), attributes=[]).attributes == []
    assert data.num_attributes == 2 + 5


def test_a_table_is_read_as_one_where_the_file_is_named_alone(students: Path) -> None:
    data = CourseEvents(str(students))
    assert data.store.counts["enrolments"] == 84
    assert data.attributes == ["gender", "age", "exam"]


def test_an_outcome_in_numbers_needs_a_pass_mark_and_words_none(tmp_path: Path) -> None:
    rows = [(f"s{i}", 10 * i) for i in range(10)]
    file = table(tmp_path / "a.csv", ("student", "grade"), rows)
    with pytest.raises(DataError, match="the outcome is a number, from 0 to 90") as caught:
        import_data("students", file, tmp_path / "s")
    assert "⟦pass_mark⟧ 50" in caught.value.remedy
    store = import_data("students", file, tmp_path / "s", {"pass_mark": 50})
    assert store.at_risk.tolist() == [1] * 5 + [0] * 5
    rows = [(f"s{i}", i % 2) for i in range(10)]
    file = table(tmp_path / "b.csv", ("student", "dropout"), rows)
    with pytest.raises(DataError, match="it is not known whether '0', '1'"):
        import_data("students", file, tmp_path / "s")
    store = import_data("students", file, tmp_path / "s", {"at_risk": ["1"]})
    assert store.at_risk.tolist() == [0, 1] * 5


def test_a_bad_mark_is_told_and_dropped_with_its_row(students: Path, tmp_path: Path) -> None:
    lines = students.read_text().splitlines()
    lines[3] = lines[3].replace(",2,", ",many,")
    students.write_text("\n".join(lines))
    options = {"columns": {"student": "id"}, "marks": ["exam"], "full_mark": 20}
    with pytest.raises(DataError, match=r"row 4: .*no mark"):
        import_data("students", students, tmp_path / "s", options)
    store = import_data("students", students, tmp_path / "s", {**options, "on_bad_row": "drop"})
    assert store.num_enrolments == 83
    (dropped,) = store.about["dropped"].values()
    assert dropped["rows"] == 1


def test_who_handed_nothing_in_stays_in_a_gradebook(tmp_path: Path) -> None:
    file = canvas_gradebook(tmp_path, "en")
    text = file.read_text().replace("1.00,2.00,1.00,50,60.00", ",,,50,60.00")
    file.write_text(text)
    store = import_data("gradebook", file, tmp_path / "s", {"pass_mark": 45})
    assert store.num_enrolments == 4
    assert np.bincount(store.events.enrolment, minlength=4).min() == 0
    with pytest.raises(DataError, match="no column is called 'Finale'") as caught:
        import_data("gradebook", file, tmp_path / "s", {"outcome": "Finale"})
    assert "Final Score" in caught.value.remedy


def test_a_log_whose_students_are_others_than_the_outcomes_is_refused(tmp_path: Path) -> None:
    log = moodle_log(tmp_path, "en")
    others = table(tmp_path / "others.csv", ("name", "result"), [("Nobody", "Pass")])
    with pytest.raises(DataError, match="none of its 1 students is among the 4 of the log"):
        import_data("moodle_log", log, tmp_path / "s", {"outcomes": str(others)})
    some = table(tmp_path / "some.csv", ("name", "result"),
                 [("Anna Adler", "Pass"), ("Ben Berg", "Fail")])  # fmt: skip
    store = import_data("moodle_log", log, tmp_path / "s", {"outcomes": str(some)})
    assert "2 of 4 have no outcome." in store.about["notes"]
