"""Predictions as tables on disk, written chunk by chunk."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from torchedu.files import whole
from torchedu.schema import Names


def names_array(names: Names) -> pa.StringArray:
    """Return the names of all ids, the reserved ones included."""
    return pa.array([names.name(i) for i in range(len(names))], pa.string())


def write_table(file: Path, chunks: Iterator[pa.Table]) -> None:
    """Write a table, whole or not at all.

    Args:
        file: Where it goes; ``.parquet`` or ``.csv``.
        chunks: Its rows, part by part.
    """
    write = {".parquet": pq.ParquetWriter, ".csv": pa_csv.CSVWriter}[file.suffix]
    with whole(file) as part, ExitStack() as stack:
        writer = None
        for chunk in chunks:
            if writer is None:
                writer = stack.enter_context(write(part, chunk.schema))
            writer.write_table(chunk)
        stack.close()  # the file is complete before it takes its name
