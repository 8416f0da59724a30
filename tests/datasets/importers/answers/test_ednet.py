from pathlib import Path

import pytest

from tests.datasets.importers.fake import skills, told, write_ednet
from torchedu.datasets.importers import import_data
from torchedu.datasets.importers.reading import text
from torchedu.errors import ConfigError, DataError

HISTORIES = [[(4, 1), (0, 0), (4, 0)], [(7, 1)], [(0, 1), (1, 1)]]


def test_lists_to_students(tmp_path: Path) -> None:
    raw = write_ednet(tmp_path / "raw", HISTORIES)
    store = import_data("ednet", raw, tmp_path / "out")
    assert told(store) == {
        str(i): [(f"q{item + 1}", mark) for item, mark in history]
        for i, history in enumerate(HISTORIES, 1)
    }
    assert skills(store) == {
        "q1": ["0", "10"],
        "q2": ["1", "11"],
        "q5": ["1", "10"],
        "q8": ["1", "11"],
    }
    assert store.about["licence"] == "CC BY-NC 4.0"


def test_joint_tags_are_one_skill(tmp_path: Path) -> None:
    raw = write_ednet(tmp_path / "raw", HISTORIES)
    store = import_data("ednet", raw / "data.txt", tmp_path / "out", {"skills": "joint"})
    assert skills(store) == {"q1": ["0;10"], "q2": ["1;11"], "q5": ["1;10"], "q8": ["1;11"]}


def test_without_dictionaries_numbers_are_the_names(tmp_path: Path) -> None:
    raw = write_ednet(tmp_path / "raw", HISTORIES)
    for file in raw.glob("*_dict.txt"):
        file.unlink()
    store = import_data("ednet", raw, tmp_path / "out", {"skills": "joint"})
    assert list(store.vocabulary["item"]) == ["0", "1", "4", "7"]
    with pytest.raises(DataError, match="Give skills joint"):
        import_data("ednet", raw, tmp_path / "out")


def test_students_across_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = write_ednet(tmp_path / "raw", HISTORIES * 7)
    whole = told(import_data("ednet", raw, tmp_path / "out"))
    monkeypatch.setattr(text, "BLOCK_BYTES", 7)
    assert told(import_data("ednet", raw, tmp_path / "bits")) == whole


def test_question_that_the_dictionaries_lack(tmp_path: Path) -> None:
    raw = write_ednet(tmp_path / "raw", HISTORIES)
    (raw / "data.txt").write_text("[2]\n[0, 0]\n[4, 99]\n[1, 1]\n")
    with pytest.raises(DataError, match=r"row 4: unknown skill.*\(99\)"):
        import_data("ednet", raw, tmp_path / "out")
    store = import_data("ednet", raw, tmp_path / "out", {"on_bad_row": "drop"})
    assert told(store) == {"1": [("q5", 1)]}


def test_lists_that_do_not_fit_each_other(tmp_path: Path) -> None:
    raw = write_ednet(tmp_path / "raw", HISTORIES)
    good = (raw / "data.txt").read_text()
    (raw / "data.txt").write_text("[2]\n[0, 0]\n[4, 1, 1]\n[1, 1]\n" + good)
    with pytest.raises(DataError, match="row 3: the list of questions does not have as many"):
        import_data("ednet", raw, tmp_path / "out")
    store = import_data("ednet", raw, tmp_path / "out", {"on_bad_row": "drop"})
    assert list(told(store)) == ["2", "3", "4"]


def test_other_bad_values(tmp_path: Path) -> None:
    raw = write_ednet(tmp_path / "raw", HISTORIES)
    with pytest.raises(ConfigError, match="Allowed: tags, joint"):
        import_data("ednet", raw, tmp_path / "out", {"skills": "none"})
    (raw / "pro_skill_dict.txt").write_text("{'q1': ")
    with pytest.raises(DataError, match="no dictionary"):
        import_data("ednet", raw, tmp_path / "out")
    (raw / "data.txt").unlink()
    with pytest.raises(DataError, match=r"no data\.txt"):
        import_data("ednet", raw, tmp_path / "out")
