"""What files are by the bytes that they begin with, whatever they are called."""

import codecs
import re

from pyarrow import fs

from torchedu.datasets.importers.reading import archive

PACKED = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bz2",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"\x04\x22\x4d\x18": "lz4",
}
"""How a file is packed, by its first bytes."""
PARQUET = b"PAR1"
_SCRIPTS = (
    ("shift_jis", "ぁ-ヿ一-鿿、。（）"), ("gb18030", "一-鿿、。，：（）"),
    ("euc_kr", "가-힣"), ("big5", "一-鿿、。，：（）"), ("cp1251", "А-яЁё"),
    ("cp1253", "Α-ώ"), ("cp1256", "؀-ۿ"), ("cp1255", "֐-׿"),
)  # fmt: skip
"""Encodings of other scripts, and the letters of each."""
_TABLE = "Save it as CSV or .xlsx."
_OTHERS = (
    (archive.MAGIC, "a ZIP archive or an Office document", "Unpack it, or save it as CSV."),
    (PARQUET, "a Parquet file", "Name its format: docs/data.md lists those that read Parquet."),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Office document, such as .xls", _TABLE),
    (b"%PDF", "a PDF document", "Export the table itself, as CSV or .xlsx."),
    (b"\x89PNG", "a picture (PNG)", "Export the table itself, as CSV or .xlsx."),
    (b"\xff\xd8\xff", "a picture (JPEG)", "Export the table itself, as CSV or .xlsx."),
    (b"GIF8", "a picture (GIF)", "Export the table itself, as CSV or .xlsx."),
    (b"SQLite format 3\0", "an SQLite database", "Export a table of it as CSV."),
    (b"{\\rtf", "a text with formats (RTF)", "Save it as plain text or CSV."),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "Unpack it, or pack it as ZIP."),
    (b"Rar!", "a RAR archive", "Unpack it, or pack it as ZIP."),
    (b"\xfd7zXZ", "a file packed as xz", "Unpack it, or pack it as gz."),
    (b"ARROW1", "an Arrow file", "Write it as Parquet."),
    (b"\x93NUMPY", "an array of numpy", "Write it as CSV or Parquet."),
    (b"<!doctype html", "a web page", "It may be that of a log-in: download the file again."),
    (b"<html", "a web page", "It may be that of a log-in: download the file again."),
)


def packing(system: fs.FileSystem, path: str) -> str | None:
    """Return how a file is packed, in Arrow's word; None where it is not."""
    head = first_bytes(system, path)
    return next((name for mark, name in PACKED.items() if head.startswith(mark)), None)


def first_bytes(system: fs.FileSystem, path: str) -> bytes:
    """Return the bytes that a file begins with, as it lies there."""
    with system.open_input_stream(path, compression=None) as stream:
        return bytes(stream.read(8))


def no_text(head: bytes) -> tuple[str, str] | None:
    """Return what a file is that is no text, and what to do; None where it may be text.

    Args:
        head: What it begins with, unpacked.
    """
    low = head[:64].lstrip().lower()
    for mark, noun, remedy in _OTHERS:
        if head.startswith(mark) or (mark.startswith(b"<") and low.startswith(mark)):
            return f"the file is {noun}, no text.", remedy
    if b"\0" in head[:4096] and head[:2] not in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        remedy = "If it is text of Windows, give ⟦encoding⟧ utf-16-le; else export it as CSV."
        return (
            "the file holds zero bytes, as UTF-16 without a mark does, and programs' data.",
            remedy,
        )
    return None


def likely_encodings(data: bytes) -> dict[str, str]:
    """Return which encodings a text may be of that is no UTF-8, and a word of it as each reads it.

    Western texts have single letters beyond ASCII, others have words of them; such are of the
    encodings by which these are of one script. Who knows the word knows which is right.

    Args:
        data: Some of it.
    """
    likely, runs = {}, re.findall(rb"[\x80-\xff]+", data)
    for name, script in _SCRIPTS if len(b"".join(runs)) > 1.5 * len(runs) else ():
        words = re.findall(r"[^\x00-\x7f]+", _decoded(data, name))
        own = re.findall(f"[{script}]", "".join(words))
        if words and len(own) > 0.9 * len("".join(words)):
            likely[name] = words[0][:20]
    western = re.findall(r"\w+", _decoded(data, "cp1252"))
    return likely or {"cp1252": next((w[:20] for w in western if not w.isascii()), "")}


def _decoded(data: bytes, name: str) -> str:
    for cut in range(4):  # the last letter may be cut
        try:
            return data[: len(data) - cut].decode(name)
        except UnicodeDecodeError:
            continue
    return ""
