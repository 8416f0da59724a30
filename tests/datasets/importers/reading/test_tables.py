from pathlib import Path

import pytest

from torchedu.datasets.importers import import_data
from torchedu.errors import DataError


@pytest.mark.parametrize("first", [True, False])
def test_a_column_that_a_file_of_a_folder_lacks_is_empty_there(tmp_path: Path, first: bool) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    names = ("a.csv", "b.csv") if first else ("b.csv", "a.csv")
    (raw / names[0]).write_text("student,item,correct,skill,room\nann,p,1,add,7\n")
    (raw / names[1]).write_text("student,item,correct\nbob,q,0\n")
    store = import_data("csv", raw, tmp_path / "out", {})
    assert store.num_answers == 2
    assert "add" in list(store.vocabulary["skill"])
    assert f"{names[1]} has no column for skill, which others have." in store.about["notes"]
    assert store.about["ignored_columns"] == ["room"]


def test_a_file_without_times_is_told_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("student,item,correct,time\nann,p,1,1\nann,q,1,2\n")
    (tmp_path / "b.csv").write_text("student,item,correct\nbob,q,0\n")
    with pytest.raises(DataError, match=r"b.csv, row 2: the time is missing"):
        import_data("csv", tmp_path, tmp_path / "out", {})
    for kind, headings in (("enrolments", "student,course"), ("texts", "text,score")):
        folder = tmp_path / kind
        folder.mkdir()
        (folder / "a.csv").write_text(f"{headings},group\nx,1,g\nx y,2,g\n")
        (folder / "b.csv").write_text(f"{headings}\nz,1\n")
        with pytest.raises(DataError, match=r"b.csv.*group"):
            import_data(kind, folder, tmp_path / "out", {"groups": ["group"]})
