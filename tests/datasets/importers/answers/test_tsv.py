from pathlib import Path

import numpy as np
import pytest

from tests.datasets.importers.fake import skills, told, write_tsv
from torchedu.datasets.importers import import_data
from torchedu.errors import ConfigError, DataError

ROWS = [(2, 0, 50, 1, 7), (10, 3, 9, 0, 8), (2, 3, 40, 1, 8)]


def test_column_of_skills(tmp_path: Path) -> None:
    store = import_data("tsv", write_tsv(tmp_path / "raw", ROWS), tmp_path / "out")
    assert told(store) == {"2": [("3", 1), ("0", 1)], "10": [("3", 0)]}
    assert skills(store) == {"0": ["7"], "3": ["8"]}
    assert store.answer_column("time").tolist() == [40_000, 50_000, 9_000]


def test_q_matrix(tmp_path: Path) -> None:
    raw = write_tsv(tmp_path / "raw", ROWS)
    store = import_data("tsv", raw, tmp_path / "out", {"skills": "q_mat"})
    assert skills(store) == {"0": ["0"], "3": ["0", "2"]}
    assert {one["file"] for one in store.about["source"]} == {"preprocessed_data.csv", "q_mat.npz"}


def test_stored_zeros_are_no_skills(tmp_path: Path) -> None:
    raw = write_tsv(tmp_path / "raw", ROWS)
    with np.load(raw / "q_mat.npz") as file:
        parts = dict(file)
    parts["data"][3] = 0
    np.savez(raw / "q_mat.npz", **parts)
    store = import_data("tsv", raw, tmp_path / "out", {"skills": "q_mat"})
    assert skills(store) == {"0": ["0"], "3": ["2"]}


def test_which_table(tmp_path: Path) -> None:
    raw = write_tsv(tmp_path / "raw", ROWS)
    (raw / "preprocessed_data.csv").rename(raw / "preprocessed_data_test.csv")
    assert import_data("tsv", raw, tmp_path / "out").num_answers == 3
    (raw / "other.csv").write_text("")
    with pytest.raises(DataError, match=r"Name one: other\.csv, preprocessed_data_test\.csv"):
        import_data("tsv", raw, tmp_path / "out")


def test_q_matrix_that_cannot_be_read(tmp_path: Path) -> None:
    raw = write_tsv(tmp_path / "raw", ROWS)
    (raw / "q_mat.npz").write_bytes(b"PK")
    with pytest.raises(DataError, match="q-matrix cannot be read"):
        import_data("tsv", raw, tmp_path / "out", {"skills": "q_mat"})
    (raw / "q_mat.npz").unlink()
    with pytest.raises(DataError, match="Give skills column"):
        import_data("tsv", raw, tmp_path / "out", {"skills": "q_mat"})
    with pytest.raises(ConfigError, match="Allowed: column, q_mat"):
        import_data("tsv", raw, tmp_path / "out", {"skills": "tags"})
