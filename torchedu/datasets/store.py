"""The memory-mapped ragged-column store: one file a column, opened in O(1), written atomically.

A store is a folder of tables. A column of a table is flat (one value a row) or ragged (any number
of values a row); ragged columns that share their lengths form a family with one file of offsets.
Nothing here knows what the columns mean: answers, tokens and embeddings are kept alike.

Layout::

    class.store/
      manifest.json             format, tables, counts, checksums, where the data came from
      vocabulary.json           names by kind
      students/group.class.bin  a flat column, little-endian
      students/answer.offsets   int64, one more than there are rows
      students/answer.item.bin  a ragged column of the family "answer"
"""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from torchedu.bounded import parse_json
from torchedu.datasets.memory import Memory
from torchedu.errors import DataError, allowed
from torchedu.schema import GROUP, Vocabulary

T = TypeVar("T")

FORMAT = "torchedu-store"
VERSION = 1
MANIFEST = "manifest.json"
VOCABULARY = "vocabulary.json"


def kept(read: Callable[..., T], *names: str) -> "cached_property[T]":
    """Return an attribute of stores: what a method of theirs reads under fixed names."""
    return cached_property(lambda store: read(store, *names))


class Store:
    """A data set on disk, opened without reading it.

    Args:
        path: The store's folder, or a place in memory that a writer has filled.

    Attributes:
        manifest: Tables and columns, and what the writer noted.
        holds: What a store of this kind holds, in words; nothing where any store will do.
        made_by: A format that ``torchedu data import`` makes one of.
        mark: A table and a column of it that no other kind of store has.

    Raises:
        DataError: The folder is no store, is of a newer version or of another kind, or a file is
            missing or cut.
    """

    holds: ClassVar[str] = ""
    made_by: ClassVar[str] = ""
    mark: ClassVar[tuple[str, str]] = ("", "")
    manifest: dict[str, Any]

    def __init__(self, path: str | Path | Memory) -> None:
        self._memory = path if isinstance(path, Memory) else None
        self._mapped: dict[Path, tuple[int, int]] = {}  # inode and size
        if isinstance(path, Memory):
            self.path, self.manifest, self.vocabulary = Path(), path.manifest, path.vocabulary
            return
        self.path = Path(path)
        manifest = self.path / MANIFEST
        if not manifest.is_file():
            there = "a file" if self.path.is_file() else "a folder"
            raise self.fault(
                f"no store is here ({there if self.path.exists() else 'nothing'} found).",
                "Make one with: torchedu data import FORMAT RAW OUT",
            )
        try:
            self.manifest = parse_json(manifest.read_text("utf-8"))
            form, version = self.manifest["format"], self.manifest["version"]
        except (ValueError, KeyError, TypeError) as error:
            problem = f"the manifest cannot be read ({type(error).__name__})."
            raise _damaged(problem, manifest) from None
        if form != FORMAT or version > VERSION:
            raise DataError(
                f"format {form!r} version {version!r} is not known here.",
                f"This release reads {FORMAT} up to version {VERSION}: upgrade torchedu.",
                file=manifest,
            )
        if self.holds and not self.is_kind(type(self)):
            raise self.fault(
                f"the store holds no {self.holds}.",
                f"Import them with: torchedu data import {self.made_by} RAW OUT",
            )

    def fault(self, problem: str, remedy: str) -> DataError:
        """Return the error that says what is wrong with it."""
        return DataError(problem, remedy, file=self.path)

    def is_kind(self, kind: type["Store"]) -> bool:
        """Say whether the store holds what a kind of store does."""
        table, column = kind.mark
        return column in self.manifest["tables"].get(table, {}).get("columns", {})

    @property
    def counts(self) -> dict[str, int]:
        """How much it holds, by what that is, such as students."""
        return {}

    @property
    def parts(self) -> dict[str, int]:
        """How much of it the data's source gives to each part, where it does."""
        return {}

    @property
    def summary(self) -> str:
        """How much it holds, in one line."""
        return ", ".join(f"{number:,} {name}" for name, number in self.counts.items())

    def __reduce__(self) -> tuple[type["Store"], tuple[Path | Memory]]:
        """Cross to another process as a path: the maps are made there, not copied."""
        return type(self), (self._memory or self.path,)

    @property
    def about(self) -> dict[str, Any]:
        """What the writer noted: the source, its licence, what was dropped and why."""
        return self.manifest["about"]

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """Names to ids."""
        file = self.path / VOCABULARY
        try:
            return Vocabulary.from_json(parse_json(file.read_text("utf-8")))
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            problem = f"the names cannot be read ({type(error).__name__})."
            raise _damaged(problem, file) from None

    def num_rows(self, table: str) -> int:
        """Return the number of rows of a table."""
        return int(self._table(table)["rows"])

    def columns(self, table: str) -> tuple[str, ...]:
        """Return the names of a table's columns, ragged ones as ``family.column``."""
        return tuple(self._table(table)["columns"])

    def offsets(self, table: str, family: str) -> NDArray[np.int64]:
        """Return where each row's values begin in a family; shape (rows + 1,)."""
        return self._map(f"{table}/{family}.offsets", np.dtype("<i8"), self.num_rows(table) + 1)

    def values(self, table: str, column: str) -> NDArray[Any]:
        """Return a whole column, memory-mapped and read-only.

        Args:
            table: The table's name.
            column: A flat column, or a ragged one as ``family.column``.

        Returns:
            Shape (rows,) for a flat column, (values,) for a ragged one.
        """
        columns = self._table(table)["columns"]
        if column not in columns:
            raise self.fault(f"no column {column!r} in table {table!r}.", allowed(column, columns))
        spec = columns[column]
        return self._map(f"{table}/{column}.bin", np.dtype(spec["dtype"]), int(spec["size"]))

    def group(self, attribute: str) -> NDArray[np.int32]:
        """Return the group by an attribute of each row of the table that ``mark`` names.

        Args:
            attribute: Such as ``gender``.

        Returns:
            Ids of kind ``group.<attribute>``; shape (rows,).
        """
        return self.values(self.mark[0], GROUP + attribute)

    def texts(self, table: str, column: str, rows: ArrayLike) -> list[str]:
        """Return the texts of some rows of a column written by ``encode_texts``."""
        bounds, row = self.offsets(table, column), np.asarray(rows, np.int64)
        data = self.values(table, f"{column}.utf8").data
        places = zip(bounds[row].tolist(), bounds[row + 1].tolist(), strict=True)
        return [str(data[begin:stop], "utf-8") for begin, stop in places]

    def known_as(self, rows: NDArray[np.int64]) -> list[str]:
        """Return by what names rows that parts are made of are recognised in any data."""
        return []

    def verify(self) -> None:
        """Read every file and compare it with its checksum, once a process while it stays the same.

        A gigabyte takes about a second of a processor. What was made in memory has no files.

        Raises:
            DataError: A file is missing, cut or changed; it is named.
        """
        if self._memory is not None:
            return
        files = self.manifest.get("files")
        if not isinstance(files, dict):
            raise _damaged("it does not say which files there are.", self.path / MANIFEST)
        for name, known in files.items():
            file = self.path / name
            if not file.is_file():
                raise _damaged("the file is missing or cut.", file)
            now = file.stat()
            if known != _seen_once(file, now.st_ino, now.st_size, now.st_mtime_ns):
                raise _damaged("the file does not match its checksum.", file)

    def check(self) -> None:
        """Refuse to read on in files that were cut since they were opened; cheap.

        Whoever reads what is no longer there of a mapped file is ended by the system, and reads
        zeros before that. A file that was removed or replaced stays readable as it was.

        Raises:
            DataError: One was cut; it is named.
        """
        for file, (inode, size) in self._mapped.items():
            with suppress(OSError):
                now = file.stat()
                if now.st_ino == inode and now.st_size < size:
                    raise DataError(
                        "the file was cut while it was read.",
                        "Put it back or import the raw file again; training then goes on from the "
                        "run's last checkpoint.",
                        file=file,
                    )

    def _table(self, table: str) -> dict[str, Any]:
        tables: dict[str, dict[str, Any]] = self.manifest["tables"]
        if table not in tables:
            raise self.fault(f"no table {table!r}.", allowed(table, tables))
        return tables[table]

    def _map(self, name: str, dtype: np.dtype[Any], size: int) -> NDArray[Any]:
        if self._memory is not None:
            return np.frombuffer(self._memory.columns[name], dtype)
        file = self.path / name
        if size == 0:  # an empty file cannot be mapped
            return np.empty(0, dtype)
        try:
            now = file.stat()
            if now.st_size != size * dtype.itemsize:
                raise ValueError
            self._mapped[file] = now.st_ino, now.st_size
            return np.memmap(file, dtype, mode="r", shape=(size,))
        except (OSError, ValueError):
            raise _damaged("the file is missing or cut.", file) from None


def is_store(path: str | Path) -> bool:
    """Say whether a folder is a store.

    Raises:
        DataError: It was one, but its manifest is gone.
    """
    manifest = Path(path) / MANIFEST
    if manifest.is_file():
        return True
    if manifest.with_name(VOCABULARY).is_file():
        raise _damaged("the file is missing.", manifest)
    return False


def row_blocks(offsets: NDArray[np.int64], values: int) -> Iterator[slice]:
    """Cut the rows of a ragged family into blocks that fit into memory.

    Args:
        offsets: Where each row begins; shape (rows + 1,).
        values: Values of a block at most; a row of more is a block of its own.

    Yields:
        Rows, one block after the other.
    """
    first, size = 0, len(offsets) - 1
    while first < size:
        after = int(np.searchsorted(offsets, offsets[first] + values, "right")) - 1
        after = min(max(after, first + 1), first + values, size)
        yield slice(first, after)
        first = after


def _damaged(problem: str, file: Path) -> DataError:
    return DataError(problem, "The store is damaged: import the raw file again.", file=file)


def seen(file: Path) -> dict[str, Any]:
    """Return what tells a file from a damaged one."""
    with file.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return {"bytes": file.stat().st_size, "sha256": digest}


@lru_cache(maxsize=1024)
def _seen_once(file: Path, *_state: int) -> dict[str, Any]:
    return seen(file)
