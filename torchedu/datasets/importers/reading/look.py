"""A first look at raw files: what they begin with, before anybody said what they are."""

from itertools import islice
from pathlib import Path
from typing import NamedTuple

from torchedu.bounded import parse_json
from torchedu.datasets.importers.reading import magic, parquet, spreadsheet
from torchedu.datasets.importers.reading.columns import plain
from torchedu.datasets.importers.reading.csv import dividing, first_records
from torchedu.datasets.importers.reading.text import Source, is_folder, locate, tree
from torchedu.errors import TorcheduError

BYTES = 1 << 16
"""How much of a file is looked at."""
ROWS = 50
READABLE = (
    *(".csv", ".tsv", ".txt", ".json", ".jsonl", ".ndjson", ".xml", ".vtt", ".dat", ".rating"),
    *(".log", ".gz", ".train", ".dev", ".test", spreadsheet.SUFFIX, *parquet.SUFFIXES),
)
"""Endings of the files of a folder that are looked at, the first of them by name."""


class Look(NamedTuple):
    """What a file, or the first of a folder, begins with.

    Attributes:
        files: The file's name; or that of a folder and the paths of the files in it.
        text: Its first lines, whole; empty where it is no text.
        delimiter: What stands between the fields of a table of text.
        headings: Of a table, its headings; else the keys of its first object of JSON.
        rows: Of a table, its first rows.
        objects: Whether they are keys.
    """

    files: tuple[str, ...]
    text: str = ""
    delimiter: str = ""
    headings: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    objects: bool = False

    @property
    def names(self) -> frozenset[str]:
        """The headings as they are compared."""
        return frozenset(map(plain, self.headings))


def look_at(raw: str | Path) -> Look:
    """Look at raw files; what cannot be read is left out, for an import to tell.

    Args:
        raw: The file or folder; a path or a URI.
    """
    look = Look((Path(raw).name,))
    try:
        source = locate(str(raw))
        if not is_folder(source):
            return _opened(source, look._replace(files=(source.base,)))
        files = tree(source)
        inner = (file.path.removeprefix(source.path).strip("/") for file in files)
        look = look._replace(files=(Path(raw).name, *inner))
        some = [file for file in files if file.base.lower().endswith(READABLE)]
        return _opened(some[0], look) if some else look
    except (TorcheduError, OSError):
        return look


def _opened(source: Source, look: Look) -> Look:
    with source.open() as stream:
        data = bytes(stream.read(BYTES))
    if data.startswith(b"PAR1"):
        return look._replace(headings=tuple(parquet.Table(source).headings))
    if data.startswith(b"PK\x03\x04"):
        book = spreadsheet.Workbook(source)
        some = islice(book.rows(), book.heading_row, book.heading_row + ROWS)
        rows = tuple(tuple(cell or "" for cell in cells) for cells in some)
        return look._replace(headings=tuple(book.headings), rows=rows)
    if magic.no_text(data):
        return look
    text = _text(data)
    whole = text if len(data) < BYTES else text.rpartition("\n")[0]
    lines = [line for line in whole.splitlines() if line.strip()]
    look = look._replace(text=whole)
    if not lines:
        return look
    if lines[0].lstrip().startswith(("{", "[")):
        return _objects(source, look, lines[0])
    if lines[0].lstrip().startswith("<"):
        return look
    delimiter = dividing(whole, "\t" if ".tsv" in source.base else ",")
    table = islice(first_records(whole, delimiter), ROWS + 1)
    fields = [tuple(row) for _, row in table] or [()]
    headings = tuple(heading.strip() for heading in fields[0])
    return look._replace(delimiter=delimiter, headings=headings, rows=tuple(fields[1:]))


def _text(data: bytes) -> str:
    if data[:2] not in (b"\xff\xfe", b"\xfe\xff"):
        cut = data[: data.rfind(b"\n") + 1] or data  # within no letter
        for encoding in ("utf-8-sig", *magic.likely_encodings(cut)):
            try:
                return cut.decode(encoding)
            except UnicodeDecodeError:
                continue
        return data.decode("latin-1")
    return data[: len(data) // 2 * 2].decode("utf-16", "replace")


def _objects(source: Source, look: Look, line: str) -> Look:
    """Return the look at a file of JSON: the keys of its first object."""
    try:
        value = parse_json(line.encode())
    except ValueError:
        value = None
    if not isinstance(value, dict):  # no object a line, but one value in all
        try:
            value = parse_json(source.read())
        except ValueError:
            return look
    first = value[0] if isinstance(value, list) and value else value
    keys = tuple(map(str, first)) if isinstance(first, dict) else ()
    return look._replace(headings=keys, objects=True)
