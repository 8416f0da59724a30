import json
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from torchedu.datasets.store import Store
from torchedu.datasets.writer import StoreWriter, encode_texts
from torchedu.errors import ConfigError, DataError
from torchedu.schema import Names, Vocabulary

texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=5)
table = st.lists(
    st.tuples(st.integers(-(2**31), 2**31 - 1), texts, st.lists(st.floats(width=32), max_size=4)),
    max_size=6,
)


def write(path: Path, rows: list[tuple[int, str, list[float]]], cuts: int = 1) -> None:
    with StoreWriter(path) as writer:
        writer.vocabulary = Vocabulary({"word": Names(["ä", "b"])})
        writer.about["source"] = "a test"
        to = writer.table(
            "things",
            {"number": "int32"},
            {"name": {"utf8": "uint8"}, "values": {"x": "float32", "half": "float64"}},
        )
        for part in np.array_split(np.arange(len(rows)), cuts):
            some = [rows[i] for i in part]
            flat = np.concatenate([np.zeros(0), *(np.array(xs) for *_, xs in some)])
            to.append(
                len(some),
                {"number": [number for number, *_ in some]},
                {
                    "name": encode_texts(text for _, text, _ in some),
                    "values": ([len(xs) for *_, xs in some], {"x": flat, "half": flat / 2}),
                },
            )


@settings(max_examples=40)
@given(table, st.integers(1, 4))
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[int, str, list[float]]], cuts: int
) -> None:
    path = tmp_path_factory.mktemp("store") / "s"
    write(path, rows, cuts)
    store = Store(path)
    store.verify()
    assert store.num_rows("things") == len(rows)
    assert store.values("things", "number").tolist() == [number for number, *_ in rows]
    assert store.texts("things", "name", range(len(rows))) == [text for _, text, _ in rows]
    bounds = store.offsets("things", "values")
    for i, (_, _, xs) in enumerate(rows):
        got = store.values("things", "values.x")[bounds[i] : bounds[i + 1]]
        np.testing.assert_array_equal(got, np.array(xs, np.float32))
    assert store.vocabulary["word"].id("ä") == 2
    assert store.about == {"source": "a test"}
    assert [file.name for file in path.parent.iterdir()] == ["s"]


def test_columns_are_mapped_and_not_read(tmp_path: Path) -> None:
    write(tmp_path / "s", [(1, "a", [1.0])])
    values = Store(tmp_path / "s").values("things", "number")
    assert isinstance(values, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        values[0] = 5


def test_same_rows_give_the_same_bytes(tmp_path: Path) -> None:
    rows = [(1, "a", [1.0, 2.0]), (2, "b", []), (3, "c", [3.0])]
    write(tmp_path / "1", rows, 1)
    write(tmp_path / "2", rows, 3)
    for file in (tmp_path / "1").rglob("*"):
        if file.is_file():
            assert (
                file.read_bytes()
                == (tmp_path / "2" / file.relative_to(tmp_path / "1")).read_bytes()
            )


def test_an_error_leaves_nothing_and_an_older_store_as_it_was(tmp_path: Path) -> None:
    write(tmp_path / "s", [(1, "a", [])])
    for path in (tmp_path / "s", tmp_path / "new"):
        with pytest.raises(ValueError, match="shape"), StoreWriter(path) as writer:
            writer.table("things", {"number": "int32"}).append(1, {"number": [7, 8]}, {})
    assert [file.name for file in tmp_path.iterdir()] == ["s"]
    assert Store(tmp_path / "s").values("things", "number").tolist() == [1]


def test_a_store_is_replaced_whole(tmp_path: Path) -> None:
    write(tmp_path / "s", [(1, "a", [])])
    open_before = Store(tmp_path / "s")
    number = open_before.values("things", "number")
    write(tmp_path / "s", [(2, "b", [1.0]), (3, "c", [])])
    assert Store(tmp_path / "s").values("things", "number").tolist() == [2, 3]
    assert number.tolist() == [1]  # who had the old one open goes on reading it
    assert [file.name for file in tmp_path.iterdir()] == ["s"]


def test_places_that_are_no_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.txt").write_text("years")
    with pytest.raises(ConfigError, match="is not a store"), StoreWriter(tmp_path / "thesis"):
        pass
    (tmp_path / "file").write_text("x")
    (tmp_path / "link").symlink_to("gone")
    os.mkfifo(tmp_path / "pipe")
    for other in ("file", "link", "pipe"):
        with pytest.raises(ConfigError, match="is not a store"), StoreWriter(tmp_path / other):
            pass
    (tmp_path / "empty" / "below").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "empty" / "below")
    for unnamed in (".", ""):
        with pytest.raises(ConfigError, match="no name of a folder"), StoreWriter(unnamed):
            pass
    with pytest.raises(ConfigError, match="is not a store"), StoreWriter("/"):
        pass
    with (
        pytest.raises(ConfigError, match="cannot be written"),
        StoreWriter(tmp_path / "file" / "s"),
    ):
        pass
    for name, found in (("thesis", "a folder"), ("file", "a file"), ("none", "nothing")):
        with pytest.raises(DataError, match=f"{found} found"):
            Store(tmp_path / name)


def test_damage_is_named(tmp_path: Path) -> None:
    write(tmp_path / "s", [(1, "a", [1.0]), (2, "b", [])])
    file = tmp_path / "s" / "things" / "number.bin"
    good = file.read_bytes()
    file.write_bytes(good[:-1])
    with pytest.raises(DataError, match=r"number\.bin: the file is missing or cut"):
        Store(tmp_path / "s").values("things", "number")
    file.write_bytes(bytes([good[0] ^ 1]) + good[1:])
    with pytest.raises(DataError, match=r"number\.bin: the file does not match its checksum"):
        Store(tmp_path / "s").verify()
    file.unlink()
    with pytest.raises(DataError, match="missing or cut"):
        Store(tmp_path / "s").values("things", "number")
    manifest = tmp_path / "s" / "manifest.json"
    known = json.loads(manifest.read_text())
    manifest.write_text(json.dumps({**known, "version": 99}))
    with pytest.raises(DataError, match="version 99"):
        Store(tmp_path / "s")
    manifest.write_text("{")
    with pytest.raises(DataError, match="manifest cannot be read"):
        Store(tmp_path / "s")


def test_a_file_that_is_cut_while_it_is_read_is_named(tmp_path: Path) -> None:
    write(tmp_path / "s", [(1, "a", [1.0]), (2, "b", [])])
    store = Store(tmp_path / "s")
    numbers = store.values("things", "number")
    file = tmp_path / "s" / "things" / "number.bin"
    write(tmp_path / "other", [(1, "a", [1.0])])
    store.check()
    (tmp_path / "other" / "things" / "number.bin").replace(file)  # another one takes its place
    store.check()
    assert numbers.tolist() == [1, 2]
    other = Store(tmp_path / "other")
    assert len(other.values("things", "name.utf8"))
    os.truncate(tmp_path / "other" / "things" / "name.utf8.bin", 0)
    with pytest.raises(DataError, match=r"name\.utf8\.bin: the file was cut while it was read"):
        other.check()


def test_names_that_are_not_there(tmp_path: Path) -> None:
    write(tmp_path / "s", [(1, "a", [])])
    store = Store(tmp_path / "s")
    with pytest.raises(DataError, match="Did you mean number"):
        store.values("things", "numbr")
    with pytest.raises(DataError, match="Did you mean things"):
        store.num_rows("thing")


def test_lengths_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="number"), StoreWriter(tmp_path / "s") as writer:
        writer.table("things", {"number": "int32"}).append(2, {"number": [7]}, {})
    with pytest.raises(ValueError, match="values"), StoreWriter(tmp_path / "s") as writer:
        writer.table("things", {}, {"values": {"x": "float32"}}).append(
            1, {}, {"values": ([2], {"x": [1.0]})}
        )
    assert list(tmp_path.iterdir()) == []
