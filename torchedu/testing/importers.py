"""Does an importer keep its contract? For torchedu's own and for anyone's."""

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from torchedu.datasets import Store
from torchedu.datasets.importers.importer import Importer
from torchedu.datasets.importers.reading.rows import BadRows, Piece, Reading
from torchedu.datasets.importers.registry import imported
from torchedu.datasets.store import MANIFEST
from torchedu.errors import DataError, TorcheduError
from torchedu.testing.contract import keep, named

TEXTS = (".csv", ".tsv", ".txt", ".json", ".jsonl", ".xml")
"""Endings of raw files that are text, whose encoding and lines may differ."""


def check_importer(
    importer: type[Importer], raw: str | Path, options: Mapping[str, Any] | None = None
) -> None:
    """Check that an importer reads what the files say, or says which file it cannot read.

    A small file does, copies of which are read and damaged::

        from torchedu.testing import check_importer

        check_importer(MyImporter, "some.csv")

    Args:
        importer: The class of the format.
        raw: A file or folder of it that is sound.
        options: Options of the format to read it with.

    Raises:
        ContractError: The importer breaks a contract; ``contract`` names the first one broken and
            the message says how. The contracts are the functions in ``IMPORTER_CONTRACTS``.
    """
    with TemporaryDirectory(prefix="torchedu-") as folder:
        keep(ImporterSubject(importer, Path(raw), options or {}, Path(folder)), IMPORTER_CONTRACTS)


class Imported(NamedTuple):
    """A store that an importer made.

    Attributes:
        store: It.
        rows: How many rows were read; None where it reads no rows of tables.
        bad: What became of bad rows.
    """

    store: Any
    rows: int | None
    bad: BadRows


class ImporterSubject:
    """An importer under test, and files for it.

    Args:
        importer: As ``check_importer`` takes it.
        raw: As ``check_importer`` takes it.
        options: As ``check_importer`` takes them.
        folder: Where copies and stores go.
    """

    def __init__(
        self, importer: type[Importer], raw: Path, options: Mapping[str, Any], folder: Path
    ) -> None:
        self.importer = importer
        self.raw = raw
        self.options = dict(options)
        self._folder = folder
        self._count = 0

    def desk(self) -> Path:
        """Return a new folder with a copy of the raw files, under their own name."""
        self._count += 1
        desk = self._folder / str(self._count)
        desk.mkdir()
        copy = shutil.copytree if self.raw.is_dir() else shutil.copy
        copy(self.raw, desk / self.raw.name)
        return desk

    def texts(self, desk: Path) -> list[Path]:
        """Return the raw files of a desk that are text."""
        raw = desk / self.raw.name
        files = sorted(raw.rglob("*")) if raw.is_dir() else [raw]
        return [file for file in files if file.suffix.lower() in TEXTS]

    def imported(
        self,
        desk: Path,
        turned: Callable[[list[Any]], list[Any]] | None = None,
        **options: Any,
    ) -> Imported:
        """Read the raw files of a desk into the store ``out`` beside them.

        Args:
            desk: What ``desk`` returned.
            turned: Gives pieces in another order.
            **options: Further options.
        """
        importer = self.importer(**self.options, **options)
        read = importer.read
        counted: list[int | None] = []
        seen: list[BadRows] = []

        def watched(raw: str, bad: BadRows) -> Reading:
            reading = read(raw, bad)
            seen.append(bad)
            return reading._replace(pieces=pieces(reading))

        def pieces(reading: Reading) -> Iterator[Any]:
            for piece in reading.pieces if turned is None else turned(list(reading.pieces)):
                counted.append(len(piece.place) if isinstance(piece, Piece) else None)
                yield piece

        importer.read = watched  # type: ignore[method-assign]
        store = imported(importer, desk / self.raw.name, desk / "out")
        known = [rows for rows in counted if rows is not None]
        # Rows that no piece holds, such as sums of a table, are counted by who left them out.
        rows = max(seen[0].rows, sum(known))
        return Imported(store, rows if len(known) == len(counted) else None, seen[0])


def said(store: Store) -> dict[str, bytes]:
    """Return what a store holds, file by file, without where it comes from."""
    return {
        file.relative_to(store.path).as_posix(): file.read_bytes()
        for file in sorted(store.path.rglob("*"))
        if file.is_file() and file.name != MANIFEST
    }


def differing(ours: Store, theirs: Store) -> str:
    """Return the names of files in which two stores differ."""
    left, right = said(ours), said(theirs)
    names = sorted(left.keys() | right.keys())
    return ", ".join(name for name in names if left.get(name) != right.get(name))


def declared(subject: ImporterSubject) -> str:
    """The class says what it reads, by which name, and into which kind of store."""
    kind: Any = subject.importer
    if not issubclass(kind, Importer):
        return f"{kind.__name__} is no subclass of Importer"
    if not (kind.name and kind.reads):
        return f"name is {kind.name!r} and reads {kind.reads!r}; a user is to know both"
    if not issubclass(kind.store, Store) or kind.store is Store:
        return f"store is {kind.store.__name__}, no kind of store of its own"
    if strange := [end for end in kind.suffixes if end != end.lower()]:
        return f"the endings {', '.join(strange)} are not lower-case, and would never fit"
    for option in kind.options():
        kind.default(option)
    return ""


def opens(subject: ImporterSubject) -> str:
    """A store comes out that is whole, opens as its kind, and tells where it comes from."""
    store = subject.imported(subject.desk()).store
    store.verify()
    if not store.summary:
        return "the store says nothing of what it holds"
    for what in (subject.importer.describe(store), store.about):
        if json.loads(json.dumps(what)) != what:
            return f"what is said of the store is no plain JSON: {what}"
    if store.about.get("importer") != subject.importer.name:
        return f"the store says it was made by {store.about.get('importer')!r}"
    return ""


def same_bytes(subject: ImporterSubject) -> str:
    """The same files give the same store, byte by byte, wherever and whenever they are read."""
    first, second = (subject.imported(subject.desk()).store for _ in range(2))
    if names := differing(first, second):
        return f"the same files give other stores: {names}"
    about, other = first.about, second.about
    changed = [name for name in about if about[name] != other.get(name)]
    return f"the same files give other stores: {', '.join(changed)}" if changed else ""


def raw_untouched(subject: ImporterSubject) -> str:
    """Raw files stay as they are, and nothing but the store is made."""
    desk = subject.desk()
    before = _contents(desk)
    subject.imported(desk)
    after = {name: text for name, text in _contents(desk).items() if not name.startswith("out/")}
    changed = sorted(n for n in before.keys() | after.keys() if before.get(n) != after.get(n))
    return f"it changes {', '.join(changed)}" if changed else ""


def _contents(folder: Path) -> dict[str, bytes]:
    return {
        file.relative_to(folder).as_posix(): file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file()
    }


def rows_counted(subject: ImporterSubject) -> str:
    """Every row that is read is kept, or counted among those that were dropped.

    Nothing is asked of what is not read in rows of tables.
    """
    for what, turned in (("sound rows", None), ("a row of nothing", _emptied)):
        made = subject.imported(subject.desk(), turned, on_bad_row="drop")
        dropped = sum(entry["rows"] for entry in made.bad.dropped.values())
        kept = set(made.store.counts.values())
        if made.rows is not None and made.rows - dropped not in kept:
            amounts = ", ".join(map(str, sorted(kept)))
            return f"of {made.rows}, {what} among them, {dropped} are counted, {amounts} kept"
    return ""


def _emptied(pieces: list[Any]) -> list[Any]:
    """Return pieces whose last row says nothing."""
    if not all(isinstance(piece, Piece) for piece in pieces):
        return pieces
    *others, (batch, place) = pieces
    index = pa.array([*range(len(place) - 1), None], pa.int64())
    return [*others, Piece(batch.take(index), place)]


def any_order(subject: ImporterSubject) -> str:
    """In which order the files tell of different students changes nothing.

    Nothing is asked where what is read has no column ``student``.
    """

    def turned(pieces: list[Any]) -> list[Any]:
        columns = [isinstance(p, Piece) and "student" in p.batch.schema.names for p in pieces]
        if not all(columns):
            return pieces
        tables = [pa.Table.from_batches([piece.batch]) for piece in pieces]
        table = pa.concat_tables(tables, promote_options="permissive")
        place = np.concatenate([piece.place for piece in pieces])
        student = np.array(table.column("student").cast(pa.string()).to_pylist())
        _, number = np.unique(student, return_inverse=True)
        index = np.argsort(-number, kind="stable")
        (batch,) = table.take(pa.array(index)).combine_chunks().to_batches()
        return [Piece(batch, place[index])]

    usual = subject.imported(subject.desk()).store
    names = differing(usual, subject.imported(subject.desk(), turned).store)
    return f"the order of students in the files changes {names}" if names else ""


def encodings(subject: ImporterSubject) -> str:
    """A mark of the byte order and the ends of lines change nothing, or are told as an error.

    Bytes that are no text are told, where the format is not in an encoding of all bytes.
    """
    usual = subject.imported(subject.desk()).store
    changes: tuple[tuple[str, Callable[[bytes], bytes]], ...] = (
        ("a byte order mark", lambda text: b"\xef\xbb\xbf" + text),
        ("lines that end as on Windows", lambda text: text.replace(b"\n", b"\r\n")),
        ("no end of the last line", lambda text: text.rstrip(b"\n")),
    )
    for what, change in changes:
        desk = subject.desk()
        for file in subject.texts(desk):
            file.write_bytes(change(file.read_bytes().replace(b"\r\n", b"\n")))
        try:
            names = differing(usual, subject.imported(desk).store)
        except DataError:
            names = ""
        if names:
            return f"{what} in the files changes {names}"
    kind, desk = subject.importer, subject.desk()
    if "encoding" in kind.options() and kind.default("encoding") != "utf-8":
        return ""
    for file in subject.texts(desk)[:1]:
        file.write_bytes(file.read_bytes() + b"\xff\xfe\xff\n")
        return _told(subject, desk, "a file that ends in bytes of no text")
    return ""


def errors(subject: ImporterSubject) -> str:
    """What cannot be read is told by a DataError that names the file, and its row where it can."""
    damages: tuple[tuple[str, Callable[[bytes], bytes]], ...] = (
        ("an empty file", lambda text: b""),
        ("a file of an empty line", lambda text: b"\n"),
        ("a file of zero bytes", lambda text: b"\0" * 64),
    )
    for what, damage in damages:
        desk = subject.desk()
        for file in subject.texts(desk):
            file.write_bytes(damage(file.read_bytes()))
        if subject.texts(desk) and (breach := _told(subject, desk, what)):
            return breach
    return ""


def nothing_left(subject: ImporterSubject) -> str:
    """After an error nothing is left, and a store that stood in its place stands as before."""
    desk = subject.desk()
    kept = subject.imported(desk).store
    before = said(kept)

    def broken(pieces: list[Any]) -> list[Any]:
        raise DataError("the disk fails.", "Try again.", file=desk)

    for where in (desk, subject.desk()):
        names = {file.name for file in where.iterdir()}
        with suppress(DataError):
            subject.imported(where, broken)
        if more := {file.name for file in where.iterdir()} ^ names:
            return f"{', '.join(sorted(more))} is left or gone after an error"
    return "" if said(kept) == before else "the store that stood there has changed"


def _told(subject: ImporterSubject, desk: Path, what: str) -> str:
    """Return how an error that is due is not told."""
    try:
        subject.imported(desk)
    except DataError as error:
        return "" if error.file else f"{what} is told without the file's name: {error}"
    except TorcheduError as error:
        return f"{what} is told as {type(error).__name__}, not as DataError: {error}"
    return f"{what} is read as if it were sound"


IMPORTER_CONTRACTS = named(
    declared,
    opens,
    same_bytes,
    raw_untouched,
    rows_counted,
    any_order,
    encodings,
    errors,
    nothing_left,
)
"""What every importer keeps, in the order in which it is checked."""
