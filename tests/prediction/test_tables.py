import csv
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from torchedu.datamodules import Interactions
from torchedu.permissions import allowing
from torchedu.prediction.tables import resolved, write_table


def test_columns_are_called_by_the_users_own_names(class_store: Path) -> None:
    data = Interactions(str(class_store))
    ids = np.array([3, 0, 3])
    students = data.store.student_names([0, 3])
    assert resolved(data, "student", ids).to_pylist() == [students[1], students[0], students[1]]
    item = data.store.vocabulary["item"]
    assert resolved(data, "item", ids).to_pylist() == [item.name(3), item.name(0), item.name(3)]
    assert resolved(data, "position", ids) is ids
    share = ids / 3
    assert resolved(data, "item", share) is share  # no ids


def test_a_table_is_written_chunk_by_chunk_into_a_folder_made_for_it(tmp_path: Path) -> None:
    file = tmp_path / "new" / "table.csv"
    write_table(file, iter([pa.table({"a": [1]}), pa.table({"a": [2]})]))
    assert pa_csv.read_csv(file).to_pydict() == {"a": [1, 2]}


FORMULAS = ["=1+1", "+1", "-1", "@x", "\t=1", "\r=1", "'=1", "\uff1d1"]


def test_no_spreadsheet_computes_what_a_student_wrote(tmp_path: Path) -> None:
    told = pa.table({"=name": [*FORMULAS, "Ann", "'tis", "", None], "score": [-1.0] * 12})
    write_table(tmp_path / "a.csv", told)
    with (tmp_path / "a.csv").open(newline="", encoding="utf-8") as stream:
        heading, *rows = csv.reader(stream)
    assert heading == ["'=name", "score"]
    names = [*(f"'{one}" for one in FORMULAS), "Ann", "'tis", "", ""]
    assert rows == [[name, "-1"] for name in names]  # numbers are none
    with allowing(plain_csv=True):
        write_table(tmp_path / "b.csv", told)
    assert (tmp_path / "b.csv").read_text("utf-8").startswith('"=name"')
    write_table(tmp_path / "a.parquet", told)
    assert pq.read_table(tmp_path / "a.parquet").equals(told)
