"""Predictions as tables on disk, in the user's own names, written chunk by chunk."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from torchedu.datamodules.base import DataModule
from torchedu.datasets import Store
from torchedu.datasets.formulas import guarded
from torchedu.files import whole
from torchedu.permissions import held
from torchedu.prediction.stream import Columns
from torchedu.run_folder import RunFolder
from torchedu.schema import Names

CHUNK = 250_000
"""Rows whose names are in memory at once while a file is written."""


def blocks(columns: Columns, rows: int = CHUNK) -> Iterator[Columns]:
    """Yield columns some rows at a time; once without rows where there are none."""
    for first in range(0, max([1, *map(len, columns.values())]), rows):
        yield {name: column[first : first + rows] for name, column in columns.items()}


def first_of_each(columns: Columns, key: str) -> Columns:
    """Return each row once, of columns in the order of one: a rank without work repeats a batch."""
    once = np.diff(columns[key], prepend=-1) > 0
    return {name: column[once] for name, column in columns.items()}


def names_array(names: Names) -> pa.StringArray:
    """Return the names of all ids, the reserved ones included."""
    return pa.array([names.name(i) for i in range(len(names))], pa.string())


def resolved(data: DataModule, name: str, ids: NDArray[Any]) -> pa.Array | NDArray[Any]:
    """Return a column of predictions in the user's own names.

    A column that is called as a kind of names is resolved by the vocabulary in use, one that is
    called as a row of a table of the store (``student``: a row of ``students``) by their names.

    Args:
        data: The data.
        name: The column's name.
        ids: Its values; shape (rows,).

    Returns:
        The names; the values as they are where nothing is called so.
    """
    if ids.dtype.kind not in "iu":
        return ids
    if name in data.vocabulary.kinds:
        return names_array(data.vocabulary[name]).take(pa.array(ids))
    table = data.store.manifest["tables"].get(f"{name}s", {"columns": ()})
    return row_names(data.store, f"{name}s", ids) if "name.utf8" in table["columns"] else ids


def row_names(store: Store, table: str, rows: NDArray[Any], column: str = "name") -> pa.Array:
    """Return what rows of a store are called, each name read once.

    Args:
        store: The store.
        table: The table, such as ``students``.
        rows: Which rows; shape (rows,).
        column: The column of names.
    """
    once, inverse = np.unique(rows, return_inverse=True)
    return pa.array(store.texts(table, column, once), pa.string()).take(pa.array(inverse))


def write_table(file: Path, table: pa.Table | Iterable[pa.Table]) -> None:
    """Write a table, whole or not at all.

    Args:
        file: Where it goes, in a folder that need not exist; ``.parquet`` or ``.csv``.
        table: Its rows, whole or part by part. In CSV, a text that a spreadsheet would compute
            begins with an apostrophe (see ``formulas.py``), unless ``permissions`` say otherwise.
    """
    guards = file.suffix == ".csv" and not held().plain_csv
    write = {".parquet": pq.ParquetWriter, ".csv": pa_csv.CSVWriter}[file.suffix]
    file.parent.mkdir(parents=True, exist_ok=True)
    with whole(file) as part, ExitStack() as stack:
        writer = None
        for chunk in [table] if isinstance(table, pa.Table) else table:
            chunk = guarded(chunk) if guards else chunk
            if writer is None:
                writer = stack.enter_context(write(part, chunk.schema))
            writer.write_table(chunk)
        RunFolder(file.parent).tell_of_people()
        stack.close()  # the file is complete before it takes its name
