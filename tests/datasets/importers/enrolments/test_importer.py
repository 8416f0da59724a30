from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from torchedu.datasets.enrolments import EnrolmentStore
from torchedu.datasets.importers import import_data
from torchedu.errors import ConfigError, DataError
from torchedu.schema import GROUP, ITEM


def courses(store: EnrolmentStore, student: str) -> list[str]:
    names = store.student_names(range(store.num_students))
    begin, end = store.history_offsets[names.index(student) :][:2]
    return [store.vocabulary[ITEM].name(id) for id in store.item[begin:end]]


def test_lists_bring_the_held_out_course_last_and_attributes(
    enrolment_folder: Path, tmp_path: Path
) -> None:
    store = import_data("user_lists", enrolment_folder, tmp_path / "x.store")
    first = (enrolment_folder / "train.txt").read_text().split("\n")[0].split()
    held = (enrolment_folder / "test.txt").read_text().split("\n")[0].split()
    assert courses(store, first[0]) == [*first[1:], held[1]]
    assert store.vocabulary.groups == ("gender",)
    assert list(store.vocabulary[GROUP + "gender"]) == ["0", "1", "2"]
    assert store.about["held_out"]
    assert str(tmp_path) not in str(store.about)


def test_ncf_files_are_read(tmp_path: Path) -> None:
    (tmp_path / "x.train.rating").write_text("0\t5\t4\t20\n0\t6\t4\t10\n1\t5\t3\t30\n1\t8\t3\t1\n")
    (tmp_path / "x.test.rating").write_text("0\t7\t5\t5\n1\t6\t5\t5\n")
    (tmp_path / "x.test.negative").write_text("(0,7)\t1\t2\n(1,6)\t2\t3\n")
    store = import_data("ncf", tmp_path, tmp_path / "x.store", {"time_unit": "s"})
    assert courses(store, "0") == ["6", "5", "7"]  # by time, the held-out course last all the same
    (tmp_path / "x.test.negative").write_text("(0,7)\t7\t2\n")
    again = import_data("ncf", tmp_path, tmp_path / "y.store", {"time_unit": "s"})
    assert "1 of 1 lines of x.test.negative name another pair" in again.about["notes"][1]
    assert courses(again, "0") == ["6", "5", "7"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("u.data", "1\t10\t3\t881250949\n1\t11\t3\t881250900\n"),
        ("ratings.dat", "1::10::3::881250949\n1::11::3::881250900\n"),
        ("ratings.csv", "userId,movieId,rating,timestamp\n1,10,3,881250949\n1,11,3,881250900\n"),
    ],
)
def test_each_layout_of_movielens_is_read(name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    store = import_data("movielens", tmp_path, tmp_path / "x.store")
    assert courses(store, "1") == ["11", "10"]


def test_csv_and_parquet_give_the_same_store(tmp_path: Path) -> None:
    rows = {
        "user_id": ["b", "a", "a"],
        "course": ["x", "y", "x"],
        "date": [3, 2, 1],
        "year": [1] * 3,
    }
    table = pa.table(rows)
    pq.write_table(table, tmp_path / "e.parquet")
    lines = ["user_id,course,date,year"] + [
        ",".join(str(rows[name][i]) for name in rows) for i in range(3)
    ]
    (tmp_path / "e.csv").write_text("\n".join(lines))
    stores = [
        import_data(
            "enrolments",
            tmp_path / name,
            tmp_path / f"{name}.store",
            {"groups": ["year"], "time_unit": "s"},
        )
        for name in ("e.csv", "e.parquet")
    ]
    for store in stores:
        assert courses(store, "a") == ["x", "y"]
        assert "one course" in store.about["notes"][0]
    assert stores[0].vocabulary == stores[1].vocabulary


def test_a_course_taken_twice_counts_once_and_is_named(tmp_path: Path) -> None:
    (tmp_path / "e.csv").write_text("student,course\na,x\na,y\na,x\n")
    store = import_data("enrolments", tmp_path / "e.csv", tmp_path / "x.store")
    (dropped,) = store.about["dropped"].values()
    assert courses(store, "a") == ["x", "y"]
    assert dropped["rows"] == 1
    assert dropped["first"][0].endswith("row 4")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("student,course,count\na,x,-1\n", "row 2.*count is negative"),
        ("student,course,count\na,x,few\n", "count is no number"),
        ("student,course\na,\n", "course is missing"),
        ("student,grade\na,1\n", "no column holds the item"),
        ("student,course\n", "no enrolments are in it|file is empty"),
        (
            "student,course,time\na,x,1\na,z,2\na,y,soon\n",
            r"row 4: the time cannot be read \('soon'\)",
        ),
        ("student,course,time\na,x,15.13.2023\na,y,01.09.2023\n", r"row 2: .* \('15.13.2023'\)"),
    ],
)
def test_bad_rows_are_told_by_place(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "e.csv").write_text(text)
    with pytest.raises(DataError, match=said):
        import_data("enrolments", tmp_path / "e.csv", tmp_path / "x.store", {"time_unit": "s"})
    assert not (tmp_path / "x.store").exists()


def test_bad_rows_can_be_dropped(tmp_path: Path) -> None:
    (tmp_path / "e.csv").write_text("student,course,count\na,x,-1\na,y,2\n")
    store = import_data(
        "enrolments", tmp_path / "e.csv", tmp_path / "x.store", {"on_bad_row": "drop"}
    )
    assert courses(store, "a") == ["y"]


def test_a_test_course_among_the_training_rows_is_refused(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text("a x y z\nb x y\n")
    (tmp_path / "test.txt").write_text("a y\nb z\n")
    with pytest.raises(DataError, match=r"1 of 2 held-out .*\[held_out\]"):
        import_data("user_lists", tmp_path, tmp_path / "x.store")


def test_an_option_that_a_format_lacks_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="has no option delimiter"):
        import_data("ncf", tmp_path, tmp_path / "x.store", {"delimiter": ";"})
    with pytest.raises(ConfigError, match="is not known"):
        import_data("xml", tmp_path, tmp_path / "x.store")
