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

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import IO, Any, ClassVar, Self, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from torchedu.bounded import parse_json
from torchedu.errors import ConfigError, DataError, allowed
from torchedu.files import scratch, to_disk, write_whole
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
        path: The store's folder.

    Attributes:
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

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        manifest = self.path / MANIFEST
        if not manifest.is_file():
            there = "a file" if self.path.is_file() else "a folder"
            raise self.fault(
                f"no store is here ({there if self.path.exists() else 'nothing'} found).",
                "Make one with: torchedu data import FORMAT RAW OUT",
            )
        try:
            self.manifest: dict[str, Any] = parse_json(manifest.read_text("utf-8"))
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

    def __reduce__(self) -> tuple[type["Store"], tuple[Path]]:
        """Cross to another process as a path: the maps are made there, not copied."""
        return type(self), (self.path,)

    @property
    def about(self) -> dict[str, Any]:
        """What the writer noted: the source, its licence, what was dropped and why."""
        return self.manifest["about"]

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """Names to ids."""
        return Vocabulary.from_json(parse_json((self.path / VOCABULARY).read_text("utf-8")))

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
        """Read every file and compare it with its checksum.

        Raises:
            DataError: A file is missing, cut or changed; it is named.
        """
        for name, known in self.manifest["files"].items():
            file = self.path / name
            if not file.is_file() or _seen(file) != known:
                raise _damaged("the file does not match its checksum.", file)

    def _table(self, table: str) -> dict[str, Any]:
        tables: dict[str, dict[str, Any]] = self.manifest["tables"]
        if table not in tables:
            raise self.fault(f"no table {table!r}.", allowed(table, tables))
        return tables[table]

    def _map(self, name: str, dtype: np.dtype[Any], size: int) -> NDArray[Any]:
        file = self.path / name
        if size == 0:  # an empty file cannot be mapped
            return np.empty(0, dtype)
        try:
            if file.stat().st_size != size * dtype.itemsize:
                raise ValueError
            return np.memmap(file, dtype, mode="r", shape=(size,))
        except (OSError, ValueError):
            raise _damaged("the file is missing or cut.", file) from None


def _damaged(problem: str, file: Path) -> DataError:
    return DataError(problem, "The store is damaged: import the raw file again.", file=file)


class TableWriter:
    """Appends rows to one table of a store that is being written.

    Args:
        folder: The table's folder.
        flat: The dtype of each flat column.
        ragged: For each family, the dtype of each of its columns.
    """

    def __init__(
        self, folder: Path, flat: Mapping[str, str], ragged: Mapping[str, Mapping[str, str]]
    ) -> None:
        folder.mkdir()
        self.rows = 0
        dtypes = dict(flat)
        for family, columns in ragged.items():
            dtypes |= {f"{family}.{name}": dtype for name, dtype in columns.items()}
        self._dtypes = {name: np.dtype(dtype).newbyteorder("<") for name, dtype in dtypes.items()}
        self._sizes = dict.fromkeys(dtypes, 0)
        self._ends = dict.fromkeys(ragged, 0)
        self._files: dict[str, IO[bytes]] = {
            name: (folder / f"{name}.bin").open("wb") for name in self._sizes
        }
        for family in ragged:
            self._files[family] = (folder / f"{family}.offsets").open("wb")
            self._files[family].write(np.zeros(1, "<i8").tobytes())

    def append(
        self,
        rows: int,
        flat: Mapping[str, ArrayLike],
        ragged: Mapping[str, tuple[ArrayLike, Mapping[str, ArrayLike]]],
    ) -> None:
        """Append rows.

        Args:
            rows: How many.
            flat: For each flat column, its values; shape (rows,).
            ragged: For each family, the lengths of its rows, shape (rows,), and for each of its
                columns the values of all rows one after the other; shape (sum of lengths,).
        """
        for name, values in flat.items():
            self._write(name, values, rows)
        for family, (lengths, columns) in ragged.items():
            ends = self._ends[family] + np.cumsum(np.asarray(lengths), dtype="<i8")
            if len(ends) != rows:
                raise ValueError(f"{family}: {len(ends)} lengths for {rows} rows")
            total = int(ends[-1]) - self._ends[family] if rows else 0
            self._files[family].write(ends.tobytes())
            for name, values in columns.items():
                self._write(f"{family}.{name}", values, total)
            self._ends[family] += total
        self.rows += rows

    def close(self) -> dict[str, Any]:
        """Bring everything to disk and return the table's part of the manifest."""
        for file in self._files.values():
            file.flush()
            os.fsync(file.fileno())
            file.close()
        columns = {
            name: {"dtype": dtype.str, "size": self._sizes[name]}
            for name, dtype in self._dtypes.items()
        }
        return {"rows": self.rows, "columns": columns}

    def abandon(self) -> None:
        """Close the files without keeping them."""
        for file in self._files.values():
            file.close()

    def _write(self, name: str, values: ArrayLike, size: int) -> None:
        array = np.ascontiguousarray(values, self._dtypes[name])
        if array.shape != (size,):
            raise ValueError(f"{name}: shape {array.shape} instead of ({size},)")
        self._files[name].write(array.data)
        self._sizes[name] += size


class StoreWriter:
    """Writes a store: into a hidden folder beside it, renamed when all is on disk.

    Use it as a context; where the body raises, nothing is left behind and a store that stood at
    ``path`` stands as before.

    Args:
        path: The folder to make. A store that is already there is replaced at the end.

    Raises:
        ConfigError: Something that is no store stands at ``path``, or the folder cannot be written.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.vocabulary = Vocabulary()
        self.about: dict[str, Any] = {}
        self._tables: dict[str, TableWriter] = {}
        self._scratch = scratch(self.path)
        self._folder = Path()

    def __enter__(self) -> Self:
        """Make the hidden folder."""
        other = self.path.is_file() or (self.path.is_dir() and any(self.path.iterdir()))
        if other and not (self.path / MANIFEST).is_file():
            raise ConfigError(
                f"{self.path} exists and is not a store.",
                "Name a folder that does not exist yet; nothing was changed.",
            )
        self._folder = self._scratch.__enter__()
        return self

    def table(
        self,
        name: str,
        flat: Mapping[str, str] | None = None,
        ragged: Mapping[str, Mapping[str, str]] | None = None,
    ) -> TableWriter:
        """Begin a table; see ``TableWriter``."""
        self._tables[name] = TableWriter(self._folder / name, flat or {}, ragged or {})
        return self._tables[name]

    def flat(self, name: str, columns: Mapping[str, tuple[str, ArrayLike]]) -> None:
        """Write a whole table of flat columns: of each its dtype and its values; shape (rows,)."""
        table = self.table(name, {column: dtype for column, (dtype, _) in columns.items()})
        values = {column: np.asarray(given) for column, (_, given) in columns.items()}
        table.append(len(next(iter(values.values()))), values, {})

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        """Put the store in its place, or leave no trace of it."""
        try:
            if kind is None:
                self._finish()
        finally:
            for table in self._tables.values():
                table.abandon()
            self._scratch.__exit__(None, None, None)

    def _finish(self) -> None:
        tables = {name: table.close() for name, table in self._tables.items()}
        _write_json(self._folder / VOCABULARY, self.vocabulary.to_json())
        files = {
            file.relative_to(self._folder).as_posix(): _seen(file)
            for file in filter(Path.is_file, sorted(self._folder.rglob("*")))
        }
        manifest = {
            "format": FORMAT, "version": VERSION, "tables": tables, "about": self.about,
            "files": files,
        }  # fmt: skip
        _write_json(self._folder / MANIFEST, manifest)
        for folder in {file.parent for file in self._folder.rglob("*")}:
            to_disk(folder)
        old = self._folder.with_name(self._folder.name + ".old")
        while True:  # another process may put its store here between the two renames
            with suppress(FileNotFoundError):
                self.path.rename(old)
            try:
                self._folder.rename(self.path)
                break
            except OSError as error:
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                    raise
                shutil.rmtree(old, ignore_errors=True)
        to_disk(self.path.parent)
        shutil.rmtree(old, ignore_errors=True)


def encode_texts(texts: Iterable[str]) -> tuple[NDArray[np.int64], dict[str, NDArray[np.uint8]]]:
    """Return texts as the lengths and values of a ragged family with the one column ``utf8``."""
    pieces = [text.encode("utf-8") for text in texts]
    lengths = np.fromiter(map(len, pieces), np.int64, len(pieces))
    return lengths, {"utf8": np.frombuffer(b"".join(pieces), np.uint8)}


def _seen(file: Path) -> dict[str, Any]:
    """Return what tells a file from a damaged one."""
    with file.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return {"bytes": file.stat().st_size, "sha256": digest}


def _write_json(file: Path, value: object) -> None:
    write_whole(file, json.dumps(value, ensure_ascii=False, indent=1).encode())
