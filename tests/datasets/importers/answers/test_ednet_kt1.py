from pathlib import Path

import numpy as np
import pytest

from tests.datasets.importers.fake import contents, skills, told, write_kt1
from torchedu.datasets.importers import import_data
from torchedu.datasets.importers.reading import text
from torchedu.errors import DataError

START = 1_565_096_190_868
HISTORIES = {
    "u10": [(START + 60_000, "q2", "a", 21_000), (START, "q1", "b", 38_000)],
    "u9": [(START, "q3", "a", 5_500), (START, "q1", "c", 0)],
}


def test_files_to_students(tmp_path: Path) -> None:
    raw = write_kt1(tmp_path / "raw", HISTORIES)
    store = import_data("ednet_kt1", raw, tmp_path / "out")
    assert told(store) == {"u9": [("q3", 1), ("q1", 0)], "u10": [("q1", 1), ("q2", 0)]}
    assert skills(store) == {
        "q1": ["1", "2", "179"],
        "q2": ["15"],
        "q3": ["(no skill named)", "q3"],
    }
    assert store.answer_column("time").tolist() == [START, START, START, START + 60_000]
    assert store.answer_column("response_time").tolist() == [5.5, 0, 38, 21]


def test_folder_of_the_students_itself(tmp_path: Path) -> None:
    raw = write_kt1(tmp_path / "raw", HISTORIES)
    import_data("ednet_kt1", raw, tmp_path / "1")
    import_data("ednet_kt1", raw / "KT1", tmp_path / "2")
    assert contents(tmp_path / "1") == contents(tmp_path / "2")


def test_joint_tags_are_one_skill(tmp_path: Path) -> None:
    raw = write_kt1(tmp_path / "raw", HISTORIES)
    store = import_data("ednet_kt1", raw, tmp_path / "out", {"skills": "joint"})
    assert skills(store)["q1"] == ["1;2;179"]


def test_rows_are_told_in_the_right_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    histories = {f"u{i}": [(START + k, "q1", "b", 9) for k in range(3)] for i in range(8)}
    histories["u5"][1] = (START, "q9", "b", 9)
    raw = write_kt1(tmp_path / "raw", histories)
    for size in (10, 200, 1 << 20):
        monkeypatch.setattr(text, "BLOCK_BYTES", size)
        with pytest.raises(DataError, match=r"KT1/u5\.csv, row 3: unknown skill.*'q9'"):
            import_data("ednet_kt1", raw, tmp_path / "out")
    store = import_data("ednet_kt1", raw, tmp_path / "out", {"on_bad_row": "drop"})
    assert np.diff(store.history_offsets).tolist() == [3, 3, 3, 3, 3, 2, 3, 3]


def test_answer_not_given(tmp_path: Path) -> None:
    raw = write_kt1(tmp_path / "raw", {**HISTORIES, "u3": [(START, "q1", "", 9)]})
    with pytest.raises(DataError, match=r"u3\.csv, row 2: correct is missing"):
        import_data("ednet_kt1", raw, tmp_path / "out")


def test_other_files_than_expected(tmp_path: Path) -> None:
    raw = write_kt1(tmp_path / "raw", HISTORIES)
    (raw / "KT1" / "u9.csv").write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match=r"u9\.csv, row 1: the headings are 'a,b'"):
        import_data("ednet_kt1", raw, tmp_path / "out")
    (raw / "KT1" / "u9.csv").write_bytes(
        b"timestamp,solving_id,question_id,user_answer,elapsed_time\n1,1,q\xff,b,2\n"
    )
    with pytest.raises(DataError, match=r"u9\.csv, row 2: the text is not utf-8"):
        import_data("ednet_kt1", raw, tmp_path / "out")
    (raw / "contents" / "questions.csv").unlink()
    with pytest.raises(DataError, match=r"no contents/questions\.csv"):
        import_data("ednet_kt1", raw, tmp_path / "out")
