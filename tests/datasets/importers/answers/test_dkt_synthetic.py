from pathlib import Path

import pytest

from tests.datasets.importers.fake import told
from torchedu.datasets.importers import import_data
from torchedu.errors import DataError


def test_lines_to_students(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("1,0,1\n0,0,1\n")
    store = import_data("dkt_synthetic", tmp_path / "a.csv", tmp_path / "out")
    assert told(store) == {
        "1": [("1", 1), ("2", 0), ("3", 1)],
        "2": [("1", 0), ("2", 0), ("3", 1)],
    }


def test_bad_lines(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("1,0,1\n0,0\n1,2,1\n1,1,1\n")
    with pytest.raises(DataError, match="row 2: the line does not have the 3 marks"):
        import_data("dkt_synthetic", tmp_path / "a.csv", tmp_path / "out")
    store = import_data(
        "dkt_synthetic",
        tmp_path / "a.csv",
        tmp_path / "out",
        {"on_bad_row": "drop", "full_mark": 1},
    )
    assert told(store)["3"] == [("1", 1), ("3", 1)]
    assert list(told(store)) == ["1", "3", "4"]


def test_real_file(real_data: Path, tmp_path: Path) -> None:
    raw = real_data / "kt" / "synthetic_dkt" / "naive_c5_q50_s4000_v0.csv"
    store = import_data("dkt_synthetic", raw, tmp_path / "out")
    assert (store.num_students, store.num_answers) == (4000, 200_000)
    assert len(store.vocabulary["item"]) == 52
