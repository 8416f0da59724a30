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


@pytest.mark.parametrize(
    ("form", "heads", "row"),
    [
        ("csv", "student,item,correct,Abgabe", "ann,q{i},1,{i}.02.2024"),
        ("enrolments", "student,course,Abgabe", "ann,c{i},170000000{i}"),
    ],
)
def test_a_column_of_times_under_another_heading_is_said(
    tmp_path: Path, form: str, heads: str, row: str
) -> None:
    rows = [row.format(i=i) for i in range(1, 9)]
    (tmp_path / "a.csv").write_text("\n".join([heads, *rows]) + "\n")
    notes = import_data(form, tmp_path / "a.csv", tmp_path / "a").about["notes"]
    assert any("'Abgabe' looks like times" in n and "⟦columns.time⟧ 'Abgabe'" in n for n in notes)
    assert any("the file's order" in note for note in notes)
    options = {"columns": {"time": "Abgabe"}}
    store = import_data(form, tmp_path / "a.csv", tmp_path / "a", options)
    assert store.about["columns"]["time"] == "Abgabe"
    assert not any("the file's order" in note for note in store.about["notes"])


@pytest.mark.parametrize(
    ("form", "heads", "row"),
    [
        ("csv", "student,item,correct,t,g", "ann,q{i},1,,"),
        ("enrolments", "student,course,t,g", "ann,c{i},,"),
    ],
)
def test_a_named_column_that_is_empty_is_said(
    tmp_path: Path, form: str, heads: str, row: str
) -> None:
    rows = [row.format(i=i) for i in range(1, 9)]
    (tmp_path / "a.csv").write_text("\n".join([heads, *rows]) + "\n")
    options = {"columns": {"time": "t"}, "groups": ["g"]}
    notes = import_data(form, tmp_path / "a.csv", tmp_path / "a", options).about["notes"]
    for heading, name in (("t", "time"), ("g", "group.g")):
        assert f"The column {heading!r}, named for {name}, is empty." in notes
    assert "The times are all missing or the same: the file's order counts." in notes
