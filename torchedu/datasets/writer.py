"""Stores written: atomically into a folder, or into memory."""

import errno
import json
import os
import shutil
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import IO, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from torchedu.datasets.memory import Column, Memory
from torchedu.datasets.store import FORMAT, MANIFEST, VERSION, VOCABULARY, seen
from torchedu.errors import ConfigError
from torchedu.files import named_too, scratch, to_disk, write_whole
from torchedu.schema import Vocabulary


class TableWriter:
    """Appends rows to one table of a store that is being written.

    Args:
        begin: Opens a new file of the table by its name.
        flat: The dtype of each flat column.
        ragged: For each family, the dtype of each of its columns.
    """

    def __init__(
        self,
        begin: Callable[[str], IO[bytes]],
        flat: Mapping[str, str],
        ragged: Mapping[str, Mapping[str, str]],
    ) -> None:
        self.rows = 0
        dtypes = dict(flat)
        for family, columns in ragged.items():
            dtypes |= {f"{family}.{name}": dtype for name, dtype in columns.items()}
        self._dtypes = {name: np.dtype(dtype).newbyteorder("<") for name, dtype in dtypes.items()}
        self._sizes = dict.fromkeys(dtypes, 0)
        self._ends = dict.fromkeys(ragged, 0)
        self._files: dict[str, IO[bytes]] = {name: begin(f"{name}.bin") for name in self._sizes}
        for family in ragged:
            self._files[family] = begin(f"{family}.offsets")
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

    def take(self, folder: Path, rows: int, sizes: Mapping[str, int]) -> None:
        """Take files that were written elsewhere on the same disk as all of the table.

        Args:
            folder: Where they are, under the names that they have in a store.
            rows: How many rows they hold.
            sizes: How many values of each column.
        """
        for name, file in self._files.items():
            place = Path(file.name)
            file.close()
            named_too(folder / place.name, place)
            self._files[name] = place.open("ab")
        self.rows, self._sizes = rows, dict(sizes)

    def close(self) -> dict[str, Any]:
        """Bring everything to disk and return the table's part of the manifest."""
        for file in self._files.values():
            file.flush()
            if not isinstance(file, Column):
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


def check_place(path: Path) -> None:
    """Refuse a place where no store can be made.

    Args:
        path: The folder that is to be made, or a store that is to be replaced.

    Raises:
        ConfigError: Something that is no store stands there, or it has no name of its own.
    """
    remedy = "Name a folder that does not exist yet; nothing was changed."
    is_folder = path.is_dir()
    other = any(path.iterdir()) if is_folder else path.exists() or path.is_symlink()
    if other and not (path / MANIFEST).is_file():
        raise ConfigError(f"{path} exists and is not a store.", remedy)
    if path.name in ("", ".."):  # a store is renamed to its place
        raise ConfigError(f"{path} is no name of a folder.", remedy)


class StoreWriter:
    """Writes a store: into a hidden folder beside it, renamed when all is on disk.

    Use it as a context; where the body raises, nothing is left behind and a store that stood at
    ``path`` stands as before.

    Args:
        path: The folder to make. A store that is already there is replaced at the end. Or a place
            in memory.

    Raises:
        ConfigError: Something that is no store stands at ``path``, or the folder cannot be written.
    """

    def __init__(self, path: str | Path | Memory) -> None:
        self._memory = path if isinstance(path, Memory) else None
        self.path = Path() if isinstance(path, Memory) else Path(path)
        self.vocabulary = Vocabulary()
        self.about: dict[str, Any] = {}
        self._tables: dict[str, TableWriter] = {}
        self._scratch = scratch(self.path)
        self._folder = Path()

    def __enter__(self) -> Self:
        """Make the hidden folder."""
        if self._memory is not None:
            return self
        check_place(self.path)
        self._folder = self._scratch.__enter__()
        return self

    def table(
        self,
        name: str,
        flat: Mapping[str, str] | None = None,
        ragged: Mapping[str, Mapping[str, str]] | None = None,
    ) -> TableWriter:
        """Begin a table; see ``TableWriter``."""
        if self._memory is None:
            (self._folder / name).mkdir()
        begin = partial(self._begin, name)
        self._tables[name] = TableWriter(begin, flat or {}, ragged or {})
        return self._tables[name]

    def _begin(self, table: str, file: str) -> IO[bytes]:
        if self._memory is not None:
            return self._memory.begin(f"{table}/{file}")
        return (self._folder / table / file).open("wb")

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
            if self._memory is None:
                self._scratch.__exit__(None, None, None)

    def _finish(self) -> None:
        tables = {name: table.close() for name, table in self._tables.items()}
        if self._memory is not None:
            self._memory.manifest = {"tables": tables, "about": self.about}
            self._memory.vocabulary = self.vocabulary
            return
        _write_json(self._folder / VOCABULARY, self.vocabulary.to_json())
        files = {
            file.relative_to(self._folder).as_posix(): seen(file)
            for file in filter(Path.is_file, sorted(self._folder.rglob("*")))
        }
        manifest = {
            "format": FORMAT,
            "version": VERSION,
            "tables": tables,
            "about": self.about,
            "files": files,
        }
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


def encode_texts(
    texts: Iterable[str],
) -> tuple[NDArray[np.int64], dict[str, NDArray[np.uint8]]]:
    """Return texts as the lengths and values of a ragged family with the one column ``utf8``."""
    pieces = [text.encode("utf-8") for text in texts]
    lengths = np.fromiter(map(len, pieces), np.int64, len(pieces))
    return lengths, {"utf8": np.frombuffer(b"".join(pieces), np.uint8)}


def _write_json(file: Path, value: object) -> None:
    write_whole(file, json.dumps(value, ensure_ascii=False, indent=1).encode())
