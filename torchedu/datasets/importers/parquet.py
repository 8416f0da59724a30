"""Answers from Parquet files, a row an answer, with skills as text or as lists."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.parquet as arrow_parquet

from torchedu.datasets.importers.columns import ColumnMap, match_columns
from torchedu.datasets.importers.importer import Importer, Reading
from torchedu.datasets.importers.rows import BadRows, Piece
from torchedu.datasets.importers.text import Source, files, locate
from torchedu.errors import DataError

BATCH_ROWS = 1 << 16


def read(
    raw: str,
    bad: BadRows,
    *,
    columns: Mapping[str, str] | None = None,
    groups: Sequence[str] = (),
    answer_id: str | None = None,
) -> Reading:
    """Read a Parquet file, or all those of a folder; rows are counted from 1.

    Args:
        raw: The file or folder; also a URI such as ``s3://bucket/answers``.
        bad: What becomes of bad rows.
        columns: Headings by the schema's names, where they are not the common ones.
        groups: Headings of student attributes.
        answer_id: Heading of the answer's id, where an answer fills a row for each of its skills.

    Returns:
        What is read, piece by piece.

    Raises:
        DataError: The file is no Parquet, or a column is missing.
    """
    sources = files(locate(raw), (".parquet", ".pq"))
    maps = []
    for source in sources:
        with open_file(source) as table:
            headings = table.schema_arrow.names
        maps.append(
            match_columns(
                headings, source.name, columns=columns, groups=groups, answer_id=answer_id
            )
        )

    def rows() -> Iterator[Piece]:
        for source, found in zip(sources, maps, strict=True):
            yield from pieces(source, found, bad)

    return Reading(rows(), tuple(sources), maps[0].taken, maps[0].ignored)


def pieces(source: Source, found: ColumnMap, bad: BadRows) -> Iterator[Piece]:
    """Read the wanted columns of a file, batch by batch."""
    number, row = bad.places.file(source.name), 1
    headings = list(dict.fromkeys(found.taken.values()))
    with open_file(source) as table:
        try:
            for batch in table.iter_batches(BATCH_ROWS, columns=headings, use_threads=False):
                named = pa.RecordBatch.from_arrays(
                    [batch.column(heading) for heading in found.taken.values()],
                    names=list(found.taken),
                )
                rows = row + np.arange(batch.num_rows, dtype=np.int64)
                row += batch.num_rows
                yield Piece(named, bad.places.code(number, rows))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
            raise DataError(
                f"the Parquet file cannot be read on ({error}).",
                "It is cut or damaged: write it again.",
                file=source.name,
                row=row,
            ) from None
    if row == 1:
        raise DataError(
            "the file is empty.", "Export it again; nothing was written.", file=source.name
        )


def open_file(source: Source) -> arrow_parquet.ParquetFile:
    """Open a Parquet file.

    Raises:
        DataError: It is none.
    """
    try:
        return arrow_parquet.ParquetFile(source.system.open_input_file(source.path))
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(
            f"the file is no Parquet file ({error}).",
            "It is cut, or of another format: torchedu data import --help lists them.",
            file=source.name,
        ) from None


IMPORTER = Importer(
    name="parquet",
    reads="one or more Parquet files, a row an answer",
    suffixes=(".parquet", ".pq"),
    read=read,
)
