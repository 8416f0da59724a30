"""Points are shares of what could be had in their own row, and flags are none."""

from pathlib import Path

import pytest

from torchedu.datasets import AnswerStore
from torchedu.datasets.importers import import_data
from torchedu.errors import DataError


def marks(folder: Path, headings: str, rows: list[str], **options: object) -> list[float]:
    raw = folder / "a.csv"
    raw.write_text("\n".join([f"student,item,{headings}", *rows, ""]))
    store = import_data("csv", raw, folder / "out", options)
    assert isinstance(store, AnswerStore)
    return [round(float(mark), 4) for mark in store.correct]


@pytest.mark.parametrize(
    ("headings", "rows", "want"),
    [
        ("score,max_score", ["a,q,3,5", "a,r,1,1", "a,s,2.5,10"], [0.6, 1.0, 0.25]),
        ("Points,Out Of", ["a,q,0,2", "a,r,2,2"], [0.0, 1.0]),
        ("mark,points possible", ["a,q,12,10", "a,r,50%,10", "a,s,right,10"], [1.0, 0.5, 1.0]),
        ("score,max_score", ["a,q,1,", "a,r,0,NA", "a,s,1,4"], [1.0, 0.0, 0.25]),
        # Whether it was right is no part of four points.
        ("correct,max_score", ["a,q,1,4", "a,r,0,4"], [1.0, 0.0]),
        ("is_correct,score,max_score", ["a,q,1,3,4"], [0.75]),
    ],
)
def test_points_are_divided_by_what_could_be_had(
    tmp_path: Path, headings: str, rows: list[str], want: list[float]
) -> None:
    assert marks(tmp_path, headings, rows) == want


def test_a_column_that_the_user_names_divides_whatever_it_is_called(tmp_path: Path) -> None:
    named = {"correct": "got", "full_mark": "top"}
    assert marks(tmp_path, "got,top", ["a,q,3,4", "a,r,1,2"], columns=named) == [0.75, 0.5]


def test_marks_beyond_what_could_be_had_and_of_no_points_are_told(tmp_path: Path) -> None:
    for row in ("a,q,9,5", "a,q,0,0"):
        with pytest.raises(DataError, match=r"a\.csv, row 3"):
            marks(tmp_path, "score,max_score", ["a,p,1,2", row])
