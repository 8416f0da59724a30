import bz2
import gzip
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from torchedu.datamodules.stored import stored
from torchedu.datasets import AnswerStore
from torchedu.datasets.importers import import_data
from torchedu.errors import DataError

TABLES = {
    "csv": "student,item,correct\nann,q1,1\nbob,q2,0\n",
    "enrolments": "student,course\nann,c1\nann,c2\nbob,c1\nbob,c2\n",
    "events": "student,course,event,day,value\nann,c,registered,0,\nann,c,outcome,9,Pass\n",
    "texts": "id,text,score\na,good text,1\nb,bad text,2\n",
    "transcripts": "lesson,speaker,sentence\nl,T,Why?\nl,S,So.\n",
}
CHATS = {"messages": [{"role": "user", "content": "2 + 2?"}, {"role": "assistant", "content": "4"}]}
EVERY = {**TABLES, "chats": json.dumps(CHATS) + "\n"}


def zipped(text: bytes, name: str = "data/a.csv") -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, text)
        archive.writestr("__MACOSX/data/._a.csv", "x")
    return file.getvalue()


def workbook(text: bytes) -> bytes:
    openpyxl = pytest.importorskip("openpyxl")
    book, file = openpyxl.Workbook(), io.BytesIO()
    for line in text.decode().splitlines():
        book.active.append([int(cell) if cell.isdigit() else cell for cell in line.split(",")])
    book.save(file)
    return file.getvalue()


def parquet(text: bytes) -> bytes:
    heads, *rows = [line.split(",") for line in text.decode().splitlines()]
    file = io.BytesIO()
    pq.write_table(pa.table(dict(zip(heads, zip(*rows, strict=True), strict=True))), file)
    return file.getvalue()


@pytest.mark.parametrize("kind", EVERY)
@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, zipped])
@pytest.mark.parametrize("under", ["own", "text"])
def test_every_kind_is_read_packed_whatever_it_is_called(
    tmp_path: Path, kind: str, pack: Callable[[bytes], bytes], under: str
) -> None:
    ending = "jsonl" if kind == "chats" else "csv"
    (tmp_path / f"a.{ending}").write_text(EVERY[kind])
    plain = import_data(kind, tmp_path / f"a.{ending}", tmp_path / "plain")
    name = f"b.{ending}" if under == "text" else "b.zip" if pack is zipped else f"b.{ending}.gz"
    data = EVERY[kind].encode()
    (tmp_path / name).write_bytes(zipped(data, f"d/a.{ending}") if pack is zipped else pack(data))
    store = import_data(kind, tmp_path / name, tmp_path / "packed")
    assert store.manifest["files"] == plain.manifest["files"]
    assert [source["file"] for source in store.about["source"]] == [name]


@pytest.mark.parametrize("kind", TABLES)
@pytest.mark.parametrize("form", [workbook, parquet])
@pytest.mark.parametrize("name", ["b.csv", "b.xlsx", "b.zip"])
def test_every_table_is_read_as_what_it_is(
    tmp_path: Path, kind: str, form: Callable[[bytes], bytes], name: str
) -> None:
    (tmp_path / "a.csv").write_text(TABLES[kind])
    plain = import_data(kind, tmp_path / "a.csv", tmp_path / "plain")
    data = form(TABLES[kind].encode())
    (tmp_path / name).write_bytes(zipped(data) if name == "b.zip" else data)
    store = import_data(kind, tmp_path / name, tmp_path / "other")
    assert store.manifest["files"] == plain.manifest["files"]


def test_an_archive_of_several_files_is_a_folder(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("x/one.csv", TABLES["csv"])
        archive.writestr("x/two.csv", TABLES["csv"].replace("ann", "cyd"))
        archive.writestr("x/readme.md", "hello")
    store = import_data("csv", tmp_path / "a.zip", tmp_path / "out")
    assert sorted(store.student_names(range(3))) == ["ann", "bob", "cyd"]
    (first,) = store.about["source"]
    assert first["file"] == "a.zip"


def test_a_row_of_an_archive_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(zipped(b"student,item,correct\nann,q,x\n"))
    with pytest.raises(DataError, match=r"a.zip/data/a.csv, row 2: correct is no mark"):
        import_data("csv", tmp_path / "a.zip", tmp_path / "out")


def test_an_archive_is_imported_once(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(zipped(TABLES["csv"].encode()))
    ask = (AnswerStore, str(tmp_path / "a.zip"), None, {}, ())
    made = (stored(*ask).path / "manifest.json").stat().st_ino
    assert (stored(*ask).path / "manifest.json").stat().st_ino == made


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"%PDF-1.7\n%\xe2\xe3", "a PDF document"),
        (b"\x89PNG\r\n\x1a\n\0\0", "a picture"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\0", "an old Office document"),
        (b"SQLite format 3\0\x10", "an SQLite database"),
        (b"\n <!DOCTYPE html><html>", "a web page"),
        ("student,item\n".encode("utf-16-le"), "UTF-16 without a mark"),
        ("student,item\n".encode("utf-16"), "UTF-16"),
        (b'{"student": "a"}\n', "the file holds JSON"),
        (b"PK\x03\x04 no more", "no Excel workbook"),
        (b"\x1f\x8b\x08 no more", "cannot be read"),
        (zipped(zipped(b"a,b\n")), "a ZIP archive"),
    ],
)
@pytest.mark.parametrize("kind", TABLES)
def test_what_is_no_text_is_named(tmp_path: Path, kind: str, data: bytes, said: str) -> None:
    (tmp_path / "a.csv").write_bytes(data)
    with pytest.raises(DataError) as caught:
        import_data(kind, tmp_path / "a.csv", tmp_path / "out")
    assert said in str(caught.value)
    assert len(str(caught.value).splitlines()) == 2
