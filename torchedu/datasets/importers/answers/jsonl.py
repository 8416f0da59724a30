"""Answers from JSON lines, an object an answer, with skills as text or as lists."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.json as arrow_json
from numpy.typing import NDArray

from torchedu.bounded import DEPTH, opening, parse_json
from torchedu.datasets.importers.answers.tables import AnswerTables
from torchedu.datasets.importers.reading.columns import ColumnMap
from torchedu.datasets.importers.reading.objects import array, is_array
from torchedu.datasets.importers.reading.rows import BadRows, FileRows, Piece, Places
from torchedu.datasets.importers.reading.tables import Table
from torchedu.datasets.importers.reading.text import Block, Source, blocks


class _Lines:
    """A file of JSON lines, whose keys are its headings."""

    goes_on = True

    def __init__(self, source: Source, encoding: str) -> None:
        self.source, self._encoding = source, encoding
        self.headings, self.heading_row, self.notes = _keys(source, encoding), None, ()

    def pieces(self, matched: ColumnMap, bad: BadRows) -> Iterator[Piece]:
        places = bad.of(self.source)
        for block in _lines(self.source, self._encoding) if places.read < Places.END else ():
            if block.line > places.read:
                yield _piece(block, matched, places)


def _lines(source: Source, encoding: str) -> Iterator[Block]:
    """Yield the objects of a file, one a line; those of an array count from 1."""
    if is_array(source, encoding):
        lines = (json.dumps(value).encode() for value in array(source, encoding))
        yield Block(1, b"\n".join([*lines, b""]))
    else:
        yield from blocks(source, encoding)


def _keys(source: Source, encoding: str) -> list[str]:
    """Return the keys of the objects in the first block, in the order met."""
    first = next(_lines(source, encoding))
    table = _fast(first)
    if table is not None:
        return list(table.schema.names)
    objects = (_object(line) for line in first.data.splitlines())
    keys = list(dict.fromkeys(key for value in objects if value for key in value))
    if not keys:
        raise source.fault("the lines hold no JSON objects.", "One object a line is expected.", 1)
    return keys


def _piece(block: Block, matched: ColumnMap, places: FileRows) -> Piece:
    lines = block.data.splitlines()
    rows = block.line + np.flatnonzero([bool(line.strip()) for line in lines])
    table = _fast(block)
    if table is not None and table.num_rows == len(rows):
        kinds = {name: table.schema.field(name).type for name in table.schema.names}
        arrays = [
            table.column(key).combine_chunks() if key in kinds else pa.nulls(len(rows))
            for key in matched.taken.values()
        ]
        batch = pa.RecordBatch.from_arrays(arrays, names=list(matched.taken))
        return places.piece(batch, rows)
    return _one_by_one([lines[i] for i in (rows - block.line).tolist()], rows, matched, places)


def _one_by_one(
    lines: Sequence[bytes], rows: NDArray[np.int64], matched: ColumnMap, places: FileRows
) -> Piece:
    """Read a block that Arrow cannot: one with a broken line, or with types that change."""
    objects = [_object(line) for line in lines]
    broken = np.array([value is None for value in objects], bool)
    shown = lines[int(broken.argmax())].decode() if broken.any() else None
    places.refuse("the line is no JSON object, or is cut", rows[broken], value=shown)
    good = [value for value in objects if value is not None]
    rows = rows[~broken]
    keep = np.ones(len(good), bool)
    arrays = []
    for name, key in matched.taken.items():
        column = [value.get(key) for value in good]
        if name == "skill":
            arrays.append(_lists(column))
            continue
        nested = np.array([isinstance(value, (list, dict)) for value in column], bool) & keep
        places.refuse(
            f"the {name} is a list or an object, not one value",
            rows[nested],
            "Correct the line, or give ⟦on_bad_row⟧ drop.",
            column[int(nested.argmax())] if nested.any() else None,
        )
        keep &= ~nested
        arrays.append(pa.array([_text(value) for value in column], pa.string()))
    batch = pa.RecordBatch.from_arrays(arrays, names=list(matched.taken))
    return places.piece(batch.filter(pa.array(keep)), rows[keep])


def _fast(block: Block) -> pa.Table | None:
    """Read a block with Arrow; None where a line is broken, or deep, or a key's type changes."""
    if max(map(opening, block.data.splitlines())) > DEPTH:
        return None  # Arrow nests as deep as the line, until the stack ends
    table = _arrow(block, None)
    if table is None:
        return None
    # Arrow takes "2024-01-31" for a date; a name must stay as written, and a time keep its zone.
    dates = [field.name for field in table.schema if pa.types.is_temporal(field.type)]
    return _arrow(block, pa.schema([(name, pa.string()) for name in dates])) if dates else table


def _arrow(block: Block, schema: pa.Schema | None) -> pa.Table | None:
    try:
        return arrow_json.read_json(
            pa.BufferReader(block.data),
            read_options=arrow_json.ReadOptions(
                use_threads=False, block_size=max(len(block.data), 1 << 16)
            ),
            parse_options=arrow_json.ParseOptions(explicit_schema=schema),
        )
    except pa.ArrowInvalid:
        return None


def _object(line: bytes) -> dict[str, Any] | None:
    try:
        value = parse_json(line)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _lists(values: list[Any]) -> pa.Array:
    """Return skills as text, or as lists of text where there is a list."""
    if not any(isinstance(value, list) for value in values):
        return pa.array([_text(value) for value in values], pa.string())
    lists = [
        value if isinstance(value, list) else [] if value is None else [value] for value in values
    ]
    return pa.array([[_text(skill) for skill in value] for value in lists], pa.list_(pa.string()))


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return json.dumps(value)


@dataclass(kw_only=True)
class JSONLines(AnswerTables):
    """A file of JSON lines, or all those of a folder; keys are headings.

    Args:
        encoding: The text's encoding.
    """

    name = "jsonl"
    reads = "one or more files of JSON lines, an object an answer"
    suffixes = endings = (".jsonl", ".ndjson", ".jsonl.gz", ".ndjson.gz")

    of_objects = True
    encoding: str = "utf-8"

    def open(self, source: Source) -> Table:
        """Open a file.

        Raises:
            DataError: Its first lines are no JSON objects.
        """
        return _Lines(source, self.encoding)
