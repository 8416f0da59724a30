import gzip
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from torchedu.datasets.formulas import guarded, unguarded
from torchedu.datasets.importers import import_data
from torchedu.datasets.importers.reading import text
from torchedu.prediction.tables import write_table

FORMULAS = ["=1+1", "+1", "-x", "@a", "\t=1", "'=1", "''-2", "\uff1d1"]
texts = st.none() | st.text(st.sampled_from("'=-a\t\n"), max_size=4)


@given(st.lists(texts, max_size=6), texts)
def test_a_guard_is_taken_off_whatever_a_text_holds(column: list[str | None], name: str) -> None:
    told = pa.table({f"a{name}": pa.array(column, pa.string()), "score": [-1.0] * len(column)})
    assert unguarded(guarded(told)).equals(told)
    table = guarded(told)
    for kept in (table.column(0).to_pylist(), table.column_names):
        assert not any(text and text[0] in "=-\t\n" for text in kept)


def test_texts_that_begin_with_apostrophes_of_their_own_keep_them() -> None:
    mixed = pa.table({"name": ["'=1", "=1"], "other": ["'tis", "''"]})
    assert unguarded(mixed).equals(mixed)
    assert unguarded(pa.table({"name": ["'=1", "x"]})).to_pydict() == {"name": ["=1", "x"]}


def test_importers_read_our_own_tables_as_they_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text, "BLOCK_BYTES", 64)  # the guarded ones come late in the file
    students = [*(f"s{i:02}" for i in range(20)), *FORMULAS]
    table = {
        "student": students,
        "item": ["-1", *["q"] * (len(students) - 1)],
        "correct": [1] * len(students),
        "=room": ["@1"] * len(students),
        "time": [float(-i) for i in range(len(students))],
    }
    write_table(tmp_path / "a.csv", pa.table(table))
    (tmp_path / "b.csv.gz").write_bytes(gzip.compress((tmp_path / "a.csv").read_bytes()))
    for name in ("a.csv", "b.csv.gz"):
        store = import_data("csv", tmp_path / name, tmp_path / name[0], {"groups": ["=room"]})
        store.verify()
        assert sorted(store.student_names(range(len(students)))) == sorted(
            name.strip() for name in students
        )
        assert sorted(store.vocabulary["item"]) == ["-1", "q"]
        assert list(store.vocabulary["group.=room"]) == ["@1"]


def test_importers_leave_apostrophes_of_others_alone(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("student,item,correct\n'=x,'tis,1\n=x,-1,0\n")
    store = import_data("csv", tmp_path / "a.csv", tmp_path / "out", {})
    assert sorted(store.student_names([0, 1])) == ["'=x", "=x"]
    assert sorted(store.vocabulary["item"]) == ["'tis", "-1"]
