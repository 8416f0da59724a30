"""Parquet files, batch by batch."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.parquet as arrow_parquet

from torchedu.datasets.importers.reading.columns import ColumnMap
from torchedu.datasets.importers.reading.rows import BadRows, Piece, Places
from torchedu.datasets.importers.reading.text import EMPTY, Source

SUFFIXES = (".parquet", ".pq")
BATCH_ROWS = 1 << 16


class Table:
    """A Parquet file, whose columns have their names as headings."""

    goes_on = True

    def __init__(self, source: Source) -> None:
        self.source = source
        self.heading_row, self.notes = None, ()
        with _open(source) as file:
            self.headings: list[str] = file.schema_arrow.names

    def pieces(self, matched: ColumnMap, bad: BadRows) -> Iterator[Piece]:
        """Read the wanted columns, batch by batch; rows are counted from 1."""
        places, row = bad.of(self.source), 1
        if places.read >= Places.END:
            return
        headings = list(dict.fromkeys(matched.taken.values()))
        with _open(self.source) as table:
            sizes = [table.metadata.row_group(i).num_rows for i in range(table.num_row_groups)]
            ends = np.cumsum(sizes)
            whole = int(np.searchsorted(ends, places.read, side="right"))
            row += int(ends[whole - 1]) if whole else 0
            try:
                for batch in table.iter_batches(
                    BATCH_ROWS, range(whole, len(sizes)), headings, use_threads=False
                ):
                    rows = row + np.arange(batch.num_rows, dtype=np.int64)
                    row += batch.num_rows
                    if row <= places.read + 1:
                        continue
                    named = pa.RecordBatch.from_arrays(
                        [_plain(batch.column(heading)) for heading in matched.taken.values()],
                        names=list(matched.taken),
                    )
                    old = max(0, places.read + 1 - int(rows[0]))
                    yield places.piece(named.slice(old), rows[old:])
            except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
                problem = f"the Parquet file cannot be read on ({error})."
                remedy = "It is cut or damaged: write it again."
                raise self.source.fault(problem, remedy, row) from None
        if row == 1:
            raise self.source.fault(*EMPTY)


def _plain(column: pa.Array) -> pa.Array:
    """Return texts as most of Arrow's functions take them; polars keeps them as views."""
    return column.cast(pa.string()) if pa.types.is_string_view(column.type) else column


def _open(source: Source) -> arrow_parquet.ParquetFile:
    """Open a Parquet file.

    Raises:
        DataError: It is none.
    """
    try:
        return arrow_parquet.ParquetFile(source.system.open_input_file(source.path))
    except (pa.ArrowInvalid, OSError) as error:
        raise source.fault(
            f"the file is no Parquet file ({error}).",
            "It is cut, or of another format: docs/data.md lists them.",
        ) from None
