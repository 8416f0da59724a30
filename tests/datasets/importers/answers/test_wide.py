"""Tables with a row a student and a column a question: what is told, and what is asked for."""

from pathlib import Path

import pytest

from tests.datasets.importers.layouts import table, told
from torchedu.datasets.answers import AnswerStore
from torchedu.datasets.importers import guess_format, import_data
from torchedu.datasets.importers.answers.wide import NO_ANSWER, NO_STUDENT
from torchedu.errors import DataError


def written(tmp_path: Path, head: str, *rows: str) -> Path:
    return table(tmp_path / "class.csv", head.split(","), [row.split(",") for row in rows])


def test_marks_without_a_scale_are_asked_for_and_both_remedies_work(tmp_path: Path) -> None:
    file = written(tmp_path, "name,q1,q2", "a,2,4", "b,1,0", "c,0,2")
    with pytest.raises(DataError, match="a mark of 'q1' is 2") as caught:
        import_data("wide", file, tmp_path / "s")
    for option in ("points", "full_mark"):
        assert f"⟦{option}⟧" in caught.value.remedy
    store = import_data("wide", file, tmp_path / "s", {"points": "highest"})
    assert told(store)[:3] == [("a", "q1", 1), ("a", "q2", 1), ("b", "q1", 0.5)]
    assert "divided by the highest" in store.about["notes"][0]
    store = import_data("wide", file, tmp_path / "s", {"full_mark": 4})
    assert told(store)[:3] == [("a", "q1", 0.5), ("a", "q2", 1), ("b", "q1", 0.25)]


def test_questions_are_named_where_columns_do_not_tell(tmp_path: Path) -> None:
    file = written(tmp_path, "name,comment,gender,q1,q2", "a,good,f,1,0", "b,bad,m,0,1")
    assert guess_format(file, AnswerStore) == "wide"
    store = import_data("wide", file, tmp_path / "s", {"groups": ["gender"]})
    assert list(store.vocabulary["item"]) == ["q1", "q2"]
    assert store.vocabulary.groups == ("gender",)
    store = import_data("wide", file, tmp_path / "s", {"questions": ["q2"]})
    assert told(store) == [("a", "q2", 0), ("b", "q2", 1)]
    with pytest.raises(DataError, match="no column is called 'q3'") as caught:
        import_data("wide", file, tmp_path / "s", {"questions": ["q3"]})
    assert "Did you mean q1?" in caught.value.remedy or "q2" in caught.value.remedy
    file = written(tmp_path, "name,comment", "a,good", "b,bad")
    with pytest.raises(DataError, match="no column holds marks"):
        import_data("wide", file, tmp_path / "s")


def test_words_and_percent_are_marks_and_empty_cells_are_counted(tmp_path: Path) -> None:
    file = written(tmp_path, "name,q1,q2,q3", "a,right,50 %,", "b,wrong,100%,1", "Average,,,1")
    store = import_data("wide", file, tmp_path / "s")
    assert told(store) == [
        ("a", "q1", 1), ("a", "q2", 0.5), ("b", "q1", 0), ("b", "q2", 1), ("b", "q3", 1),
    ]  # fmt: skip
    notes = " ".join(store.about["notes"])
    assert "1 cells hold no mark" in notes
    assert {reason: left["rows"] for reason, left in store.about["dropped"].items()} == {
        NO_STUDENT: 1
    }


def test_students_without_a_mark_and_without_a_name_are_counted(tmp_path: Path) -> None:
    file = written(tmp_path, "name,q1,q2", "a,1,0", "b,,", "nan,1,1", ",1,0", "c,0,-")
    store = import_data("wide", file, tmp_path / "s")
    assert told(store) == [("a", "q1", 1), ("a", "q2", 0), ("c", "q1", 0)]
    assert {reason: left["first"] for reason, left in store.about["dropped"].items()} == {
        NO_STUDENT: ["class.csv, row 4", "class.csv, row 5"], NO_ANSWER: ["class.csv, row 3"],
    }  # fmt: skip


def test_marks_of_work_of_no_points_are_left_out_and_told(tmp_path: Path) -> None:
    rows = ["Points Possible,2,0", "a,1,3", "b,2,", "c,,1"]
    store = import_data("wide", written(tmp_path, "name,q1,q2", *rows), tmp_path / "s")
    assert told(store) == [("a", "q1", 0.5), ("b", "q1", 1)]
    notes = " ".join(store.about["notes"])
    assert "2 cells hold no mark" in notes
    assert "2 marks are left out: no points can be had in their questions" in notes
    assert store.about["dropped"][NO_ANSWER]["first"] == ["class.csv, row 5"]


def test_responses_without_right_answers_are_refused(tmp_path: Path) -> None:
    file = written(tmp_path, "Last name,First name,Response 1,Response 2", "A,B,x,y", "C,D,x,z")
    with pytest.raises(DataError, match="without the right answers") as caught:
        import_data("moodle", file, tmp_path / "s")
    assert "grades report" in caught.value.remedy


def test_students_of_two_columns_and_questions_of_one_name_stay_apart(tmp_path: Path) -> None:
    head = "First name,Last name,Q. 1 /1.00,Q. 1 /1.00"
    file = written(tmp_path, head, "Ann,Lee,1,0", "Ann,Li,0,1")
    store = import_data("moodle", file, tmp_path / "s")
    assert store.student_names([0, 1]) == ["Ann Lee", "Ann Li"]
    assert told(store)[0][1] != told(store)[1][1]


def test_the_first_column_names_students_whatever_it_is_called(tmp_path: Path) -> None:
    file = written(tmp_path, "なまえ,問1,問2,合計点", "山田,1,0,1", "佐藤,0,1,1", "佐藤,1,1,1")
    assert guess_format(file, AnswerStore) == "wide"
    store = import_data("wide", file, tmp_path / "s", {"questions": ["問1", "問2"]})
    assert store.student_names([0, 1]) == ["佐藤", "山田"]
    assert "the column 'なまえ'" in store.about["notes"][0]


def test_students_of_one_first_name_stay_apart_under_headings_that_nobody_knows(
    tmp_path: Path,
) -> None:
    head = "Vezetéknév,Vorname,Q. 1 /1.00,Q. 2 /1.00"
    file = written(tmp_path, head, "Kis,Anna,1,0", "Nagy,Anna,0,1", "Tóth,Béla,1,1")
    store = import_data("moodle", file, tmp_path / "s")
    assert store.student_names([0, 1, 2]) == ["Kis", "Nagy", "Tóth"]
    head = "Nom de famille,Prénom,Q. 1 /1.00,Q. 2 /1.00"
    file = written(tmp_path, head, "Dupont,Luc,1,0", "Durand,Luc,0,1")
    store = import_data("moodle", file, tmp_path / "s")
    assert store.student_names([0, 1]) == ["Luc Dupont", "Luc Durand"]
