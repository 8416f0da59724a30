"""Text files in blocks of whole lines, from this machine or an object store, in any encoding."""

import codecs
import difflib
import io
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from pyarrow import fs

from torchedu.datasets.importers.reading import archive, magic
from torchedu.errors import ConfigError, DataError

BLOCK_BYTES = 8 << 20
"""How much of a file is read at a time."""
MOST_BYTES = 64 << 20
"""A longer stretch without the end of a line (or of a quoted field) is taken for an error."""
MOST_WHOLE = 256 << 20
"""A longer file, unpacked, is not read at once."""

EMPTY = ("the file is empty.", "Export it again; nothing was written.")


_TRIED = 4096
"""Bytes by which an encoding is told."""


class Block(NamedTuple):
    """Whole lines of a file.

    Attributes:
        line: The number of its first line, from 1.
        data: The lines in UTF-8.
    """

    line: int
    data: bytes


class Source(NamedTuple):
    """A file, on this machine or in an object store.

    Attributes:
        system: Arrow's file system.
        path: The path within it.
        name: The name as the user gave it, for messages.
    """

    system: fs.FileSystem
    path: str
    name: str

    @property
    def base(self) -> str:
        """The file's own name without its folders."""
        return self.path.rstrip("/").rsplit("/", 1)[-1]

    def size(self) -> int:
        """Return the number of bytes."""
        return int(self.system.get_file_info(self.path).size)

    def open(self) -> pa.NativeFile:
        """Open for reading from the beginning; what is packed by gzip and the like is unpacked."""
        try:
            packing = magic.packing(self.system, self.path)
            return self.system.open_input_stream(self.path, compression=packing)
        except OSError as error:
            raise _unreadable(self.name, error) from None

    @property
    def outer(self) -> "Source":
        """The file that it lies in: itself, or the archive."""
        held = self.system.handler if isinstance(self.system, fs.PyFileSystem) else None
        if not isinstance(held, archive.Archive):
            return self
        return Source(held.system, held.path, held.path)

    def fault(self, problem: str, remedy: str, row: int | None = None) -> DataError:
        """Return the error that says what is wrong with it."""
        return DataError(problem, remedy, file=self.name, row=row)

    @property
    def folder(self) -> "Source":
        """The folder that it lies in."""
        return Source(self.system, _parent(self.path), _parent(self.name))

    def sibling(self, base: str) -> "Source | None":
        """Return the file of another name in the same folder, or None where there is none."""
        return inside(self.folder, base)

    def read(self) -> bytes:
        """Return the whole file; for small ones such as lists of names.

        Raises:
            DataError: It is longer than ``MOST_WHOLE`` bytes.
        """
        data = bytearray()
        with self.open() as stream:
            while len(data) <= MOST_WHOLE:
                block = _read(stream, self)
                if not block:
                    return bytes(data)
                data += block
        raise self.fault(
            f"the file holds more than {MOST_WHOLE >> 20} MiB, and is read as a whole.",
            "Divide it, or give JSON lines where the format has them.",
        )


def locate(raw: str) -> Source:
    """Find a file or folder by its path or by a URI such as ``s3://bucket/answers.csv``.

    Raises:
        DataError: Nothing is there.
        ConfigError: Nothing is named, or the URI's kind is not known.
    """
    if not raw:
        raise ConfigError("the path of a file is empty.", "Name a file or a folder.")
    try:
        if "://" in raw:
            system, path = fs.FileSystem.from_uri(raw)
        else:
            system, path = fs.LocalFileSystem(), raw
        info = system.get_file_info(path)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise ConfigError(
            f"{raw} cannot be opened ({error}).",
            "Give a path, or a URI such as s3://bucket/answers.csv.",
        ) from None
    except OSError as error:
        raise _unreadable(raw, error) from None
    source = Source(system, path, raw)
    if info.type == fs.FileType.NotFound:
        raise DataError("no such file or folder.", _nearest(source), file=raw)
    return _unzipped(source) if info.type == fs.FileType.File else source


def _unzipped(source: Source) -> Source:
    """Return what a ZIP archive holds, as a folder, or as the file that it holds alone."""
    try:
        if not magic.first_bytes(source.system, source.path).startswith(archive.MAGIC):
            return source
        zipped = archive.Archive(source.system, source.path)
    except OSError as error:
        if not source.base.endswith(".zip"):
            return source  # which is told as what it is not
        raise _unreadable(source.name, error) from None
    if zipped.is_workbook:
        return source
    if not zipped.sizes:
        raise source.fault("the ZIP archive holds no files.", "Export it again.")
    name = f"{source.name}/{zipped.root}".rstrip("/")
    return Source(fs.PyFileSystem(zipped), zipped.root, name)


def files(source: Source, suffixes: Sequence[str]) -> list[Source]:
    """Return the file itself, or of a folder the files with one of the suffixes, by name.

    Where the folder itself holds none, those of the folders in it are taken.

    Raises:
        DataError: The folder holds no such file.
    """
    if source.system.get_file_info(source.path).type == fs.FileType.File:
        return [source]
    names = sorted(name for name in _names(source) if name.endswith(tuple(suffixes)))
    there = [file for name in names if (file := inside(source, name)) is not None]
    there = there or [file for file in tree(source) if file.base.endswith(tuple(suffixes))]
    if not there:
        raise source.fault(
            f"the folder holds no file ending in {', '.join(suffixes)}.",
            "Name the file itself, or a folder that holds such files.",
        )
    return there


def one_of(place: Source, names: Iterable[str]) -> Source | None:
    """Return the file itself, or of a folder the first of these that is there; else None."""
    if not is_folder(place):
        return place
    return next((file for name in names if (file := inside(place, name)) is not None), None)


def only(place: Source, suffixes: Sequence[str], noun: str) -> Source:
    """Return the file itself, or of a folder the one with one of the suffixes.

    Raises:
        DataError: There is none, or several, which are told as several ``noun``.
    """
    first, *others = files(place, suffixes)
    if others:
        names = ", ".join(file.base for file in (first, *others))
        raise place.fault(f"the folder holds several {noun}.", f"Name one: {names}.")
    return first


def inside(folder: Source, base: str) -> Source | None:
    """Return a file of a folder, or None where it is not there."""
    path = f"{folder.path.rstrip('/')}/{base}" if folder.path else base
    name = f"{folder.name.rstrip('/')}/{base}" if folder.name else base
    kind = folder.system.get_file_info(path).type
    return Source(folder.system, path, name) if kind == fs.FileType.File else None


def tree(folder: Source) -> list[Source]:
    """Return all files of a folder and of those in it, by path."""
    inner = (path.removeprefix(folder.path).strip("/") for path in _held(folder, deep=True))
    inner_files = (inside(folder, path.removeprefix("./")) for path in sorted(inner))
    return [file for file in inner_files if file is not None]


def is_folder(source: Source) -> bool:
    """Say whether it is a folder."""
    return bool(source.system.get_file_info(source.path).type == fs.FileType.Directory)


def blocks(source: Source, encoding: str = "utf-8", *, quoted: bool = False) -> Iterator[Block]:
    """Read a text file in blocks of whole lines, in bounded memory.

    Args:
        source: The file.
        encoding: Its encoding, by any name that Python knows.
        quoted: Whether a line end inside double quotes belongs to the field.

    Yields:
        The blocks in order; together they are the file, each ending with a line feed, whatever
        the file's own line ends are.

    Raises:
        DataError: The file is empty, is not in this encoding, or a line or quote has no end.
        ConfigError: The encoding is not known.
    """
    try:
        decode = codecs.getincrementaldecoder("utf-8-sig" if _is_utf8(encoding) else encoding)()
    except LookupError:
        raise ConfigError(
            f"⟦encoding⟧ {encoding!r} is not known.", "Common ones: utf-8, cp1252, latin-1, utf-16."
        ) from None
    # Old Macintosh and Windows line ends become the one that all that follows counts by.
    decoder = io.IncrementalNewlineDecoder(decode, translate=True)
    plain = _is_utf8(encoding)
    line, rest, empty = 1, b"", True
    with source.open() as stream:
        while True:
            data = _read(stream, source)
            if plain and line == 1 and not rest and (other := magic.no_text(data)):
                raise source.fault(*other)
            if plain and data.isascii() and b"\r" not in data and decoder.getstate() == (b"", 0):
                rest += data  # as it is
            else:
                try:
                    text = decoder.decode(data, final=not data)
                except UnicodeError as error:
                    raise _wrong_encoding(source, encoding, line, rest, data, error) from None
                rest += text.encode("utf-8")
            if data:
                end = _end(rest, quoted)
            else:
                rest += b"" if rest.endswith(b"\n") or not rest else b"\n"
                end = len(rest)
            if end:
                block, rest = rest[:end], rest[end:]
                if not block.isspace():
                    empty = False
                    yield Block(line, block)
                line += num_lines(block)
            elif len(rest) > MOST_BYTES:
                what = "quoted field" if quoted and b"\n" in rest else "line"
                raise source.fault(
                    f"a {what} does not end within {MOST_BYTES >> 20} MiB.",
                    "Close the quote, or export the file again.",
                    line,
                )
            if not data:
                break
    if empty:
        raise source.fault(*EMPTY)


def num_lines(data: bytes) -> int:
    """Return how many lines end in some bytes."""
    # Faster than bytes.count, which stops at each.
    return int(np.count_nonzero(np.frombuffer(data, np.uint8) == ord("\n")))


def _read(stream: pa.NativeFile, source: Source) -> bytes:
    try:
        return bytes(stream.read(BLOCK_BYTES))
    except (OSError, pa.ArrowInvalid) as error:
        raise _unreadable(source.name, error) from None


def _end(data: bytes, quoted: bool) -> int:
    """Return where the last whole line ends, outside quotes; 0 where none does."""
    end = data.rfind(b"\n") + 1
    if not quoted or data.count(b'"', 0, end) % 2 == 0:
        return end
    # The last quote before ⟦end⟧ opens a field that goes on: the line it stands in is not whole.
    return data.rfind(b"\n", 0, data.rfind(b'"', 0, end)) + 1


def _is_utf8(encoding: str) -> bool:
    return encoding.lower().replace("_", "-") in ("utf-8", "utf8", "utf-8-sig")


def _wrong_encoding(
    source: Source, encoding: str, line: int, rest: bytes, data: bytes, error: UnicodeError
) -> DataError:
    at = error.start if isinstance(error, UnicodeDecodeError) else 0
    seen = error.object if isinstance(error, UnicodeDecodeError) else data
    row = line + rest.count(b"\n") + seen.count(b"\n", 0, at)
    if line == 1 and not rest and seen[:2] in (b"\xff\xfe", b"\xfe\xff"):
        remedy = "The file begins as UTF-16 does: give ⟦encoding⟧ utf-16."
    else:
        begin = max(seen.rfind(b"\n", 0, at) + 1, 0)
        likely = magic.likely_encodings(seen[begin : begin + _TRIED])
        words = ", ".join(f"{word} by {name}" for name, word in likely.items() if word)
        remedy = f"Give its encoding, such as ⟦encoding⟧ {next(iter(likely))}, or save it as UTF-8."
        remedy += f" A word of it is {words}." if words else ""
    place = f"byte {seen[at]:#04x}" if at < len(seen) else "the end of the file"
    return source.fault(f"the text is not {encoding} ({place} cannot be read).", remedy, row)


def _unreadable(name: str, error: Exception) -> DataError:
    reason = str(error).split("Detail:")[-1]
    return DataError(
        f"the file cannot be read ({reason}).", "Check the path and your access to it.", file=name
    )


def _parent(path: str) -> str:
    return path.rpartition("/")[0]


def _names(folder: Source) -> list[str]:
    try:
        return [path.rpartition("/")[2] for path in _held(folder)]
    except OSError:
        return []


def _held(folder: Source, *, deep: bool = False) -> list[str]:
    """Return the paths of all that a folder holds; ``deep``, of the files in it and below it.

    Raises:
        DataError: A name is no text.
    """
    infos = folder.system.get_file_info(fs.FileSelector(folder.path or ".", recursive=deep))
    try:
        return [info.path for info in infos if info.is_file or not deep]
    except UnicodeDecodeError as error:
        name = error.object.rpartition(b"/")[2].decode(errors="replace")
        raise folder.fault(
            f"the folder holds a file whose name is no UTF-8 ({name!r}).",
            "Rename it (convmv does many).",
        ) from None


def _nearest(source: Source) -> str:
    folder = Source(source.system, _parent(source.path), _parent(source.name))
    near: list[str] = []
    with suppress(DataError):  # a name beside it that is no text
        near = difflib.get_close_matches(source.base, _names(folder), n=1, cutoff=0.5)
    return f"Did you mean {near[0]}?" if near else "Check the path."
