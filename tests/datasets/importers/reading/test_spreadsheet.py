"""Workbooks: what is read, and what a hostile one cannot do."""

import zipfile
from pathlib import Path

import openpyxl
import pytest

from tests.datasets.lesson_files import lesson, write_workbook
from torchedu.cli import main
from torchedu.datasets.importers.reading import spreadsheet
from torchedu.datasets.importers.reading.columns import ColumnMap
from torchedu.datasets.importers.reading.rows import BadRows, Places
from torchedu.datasets.importers.reading.spreadsheet import Workbook
from torchedu.datasets.importers.reading.text import locate
from torchedu.errors import DataError

SHEET = "xl/worksheets/sheet1.xml"


@pytest.fixture
def book(tmp_path: Path) -> Path:
    return write_workbook(tmp_path / "x.xlsx", lesson(0))


def with_part(book: Path, name: str, content: bytes) -> Path:
    """Put another content in place of a part of a workbook."""
    with zipfile.ZipFile(book) as packed:
        parts = {one: packed.read(one) for one in packed.namelist()}
    with zipfile.ZipFile(book, "w", zipfile.ZIP_DEFLATED) as packed:
        for one, text in (parts | {name: content}).items():
            packed.writestr(one, text)
    return book


def test_headings_rows_and_empty_lines(tmp_path: Path) -> None:
    rows = [(1, None, 2.5), (None, None, None), ("x", "y", "z")]
    sheet = Workbook(locate(str(write_workbook(tmp_path / "x.xlsx", rows, ("a", " b ", "c")))))
    assert (sheet.headings, sheet.heading_row) == (["a", "b", "c"], 1)
    places = Places()
    (piece,) = sheet.pieces(ColumnMap({"first": "a", "last": "c"}, ()), BadRows(places))
    assert piece.batch.to_pydict() == {"first": ["1", "x"], "last": ["2.5", "z"]}
    assert [places.name(one)[1] for one in piece.place.tolist()] == [2, 4]


def test_what_unpacks_to_too_much_is_refused_before_it_is_unpacked(
    book: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bomb = with_part(book, "xl/media/image.bin", bytes(spreadsheet.MOST_UNPACKED))
    assert bomb.stat().st_size < 1 << 20
    assert main(["data", "import", "transcripts", str(bomb), str(tmp_path / "s")]) == 2
    problem, remedy = capsys.readouterr().err.strip().splitlines()
    assert "it unpacks to 128 MiB, more than 128" in problem
    assert "save the sheet as CSV" in remedy
    assert not (tmp_path / "s").exists()


def test_entities_are_refused(book: Path) -> None:
    lol = '<!ENTITY l0 "lol">' + "".join(
        f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 9)
    )
    sheet = f"<!DOCTYPE x [{lol}]><worksheet><sheetData>&l8;</sheetData></worksheet>"
    with pytest.raises(DataError, match="its XML declares entities, as bombs do"):
        Workbook(locate(str(with_part(book, SHEET, sheet.encode()))))


def test_more_rows_than_a_lesson_can_have_are_refused(
    book: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sheet = Workbook(locate(str(book)))
    monkeypatch.setattr(spreadsheet, "MOST_ROWS", 5)
    found = ColumnMap({"sentence": "Sentence"}, ())
    with pytest.raises(DataError, match="it has more than 5 rows"):
        list(sheet.pieces(found, BadRows(Places())))
    monkeypatch.setattr(spreadsheet, "MOST_CELLS", 3 * len(sheet.headings))
    with pytest.raises(DataError, match="it has more than 3 rows"):
        list(sheet.pieces(found, BadRows(Places())))


def saved(file: Path, *sheets: list[tuple[object, ...]]) -> Path:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for number, rows in enumerate(sheets):
        sheet = book.create_sheet(f"sheet {number}")
        for row in rows:
            sheet.append(row)
    book.save(file)
    return file


def test_the_first_sheet_with_rows_under_headings_is_read_and_said(tmp_path: Path) -> None:
    answers = [("student", "item"), ("a", "q"), ("b", "q")]
    sheet = Workbook(locate(str(saved(tmp_path / "x.xlsx", [("Exported by a school",)], answers))))
    assert (sheet.headings, sheet.heading_row) == (["student", "item"], 1)
    assert sheet.notes == ["x.xlsx has the sheets sheet 0, sheet 1: 'sheet 1' is read."]
    titled = [("Class 7b",), (), *answers, answers[0], ("c", "q")]
    sheet = Workbook(locate(str(saved(tmp_path / "y.xlsx", titled))))
    assert (sheet.headings, sheet.heading_row, sheet.notes) == (["student", "item"], 3, [])
    bad = BadRows(Places())
    (piece,) = sheet.pieces(ColumnMap({"student": "student"}, ()), bad)
    assert piece.batch.to_pydict() == {"student": ["a", "b", "c"]}
    assert [told["rows"] for told in bad.dropped.values()] == [1]


def test_no_column_of_a_wide_sheet_is_lost(tmp_path: Path) -> None:
    rows = [tuple(f"q{i}" for i in range(300)), tuple(range(300))]
    sheet = Workbook(locate(str(saved(tmp_path / "x.xlsx", rows))))
    assert len(sheet.headings) == 300
    (piece,) = sheet.pieces(ColumnMap({"last": "q299"}, ()), BadRows(Places()))
    assert piece.batch.to_pydict() == {"last": ["299"]}


@pytest.mark.parametrize("content", [b"", b"no ZIP at all", b"PK\x03\x04 cut"])
def test_what_is_no_workbook_is_said(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.xlsx").write_bytes(content)
    with pytest.raises(DataError, match="it is no Excel workbook"):
        Workbook(locate(str(tmp_path / "x.xlsx")))


def test_a_damaged_or_empty_sheet_is_said(book: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="it is damaged"):
        Workbook(locate(str(with_part(book, SHEET, b"<worksheet><sheetData><row"))))
    with pytest.raises(DataError, match="first sheet is empty"):
        Workbook(locate(str(write_workbook(tmp_path / "y.xlsx", [], ()))))
