"""CSV files with headings, block by block, in which each record knows its line."""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as arrow_csv
from numpy.typing import NDArray

from torchedu.datasets.formulas import (
    guarded_columns,
    may_be_guarded,
    unguarded_texts,
    without_guard,
)
from torchedu.datasets.importers.reading.columns import ColumnMap
from torchedu.datasets.importers.reading.quotes import LONE, without_lone_quotes
from torchedu.datasets.importers.reading.rows import COMPLETE, BadRows, Piece, Places
from torchedu.datasets.importers.reading.text import Block, Source, blocks, num_lines
from torchedu.errors import ConfigError, DataError

DELIMITERS = {",": "','", ";": "';'", "\t": "$'\\t'", "|": "'|'"}
"""Delimiters that are tried where none is given, as a shell writes them."""
_ROWS, _LOOKED_AT = 20, 60
"""Rows by which the delimiter is told, and among which the headings are looked for."""
MOST = 0.5
"""The share of them that has the fields of the headings where a delimiter divides them."""
_FIRST = 1 << 16
"""Bytes in which these and the headings are looked for."""
_SEPARATOR = re.compile(r'"?sep=(.)"?[ \t]*$', re.MULTILINE | re.IGNORECASE)
"""What Excel writes above the headings."""
_DIVIDING_COMMA = re.compile(r"(?<!\d),|,(?!\d)")
"""A comma that stands before no decimals."""


class Table:
    """A CSV file whose first line holds the headings."""

    goes_on = True

    def __init__(self, source: Source, delimiter: str | None, encoding: str) -> None:
        self.source = source
        self.encoding = encoding
        first = next(blocks(source, encoding, quoted=True))
        text = first.data[:_FIRST].decode(errors="ignore")
        if text.lstrip()[:1] in ("{", "[") and '"' in text[:4096]:
            raise source.fault(
                "the file holds JSON, no table.",
                "Name a format of JSON, such as jsonl for answers or chats for conversations.",
                first.line,
            )
        usual = "\t" if ".tsv" in source.base else ","
        self.delimiter = _given(delimiter) or dividing(text, usual)
        row, headings = next(first_records(text, self.delimiter), (1, []))
        self.headings = [heading.strip() for heading in unguarded_texts(headings)]
        self._written = tuple(self.headings)  # who reads the table may tell equal ones apart
        self._apostrophes = False  # a guard is one; most files have none, which is seen at once
        self.heading_row = first.line + row - 1
        shown = DELIMITERS.get(self.delimiter, repr(self.delimiter))
        note = f"{source.base}: fields are divided by {shown}."
        self.notes = [] if delimiter or self.delimiter == usual else [note]
        if above := titles(text, self.headings, self.heading_row - first.line):
            self.notes.append(f"{source.base}: {above}")
        if len(headings) == 1:
            self._refuse_delimiter(headings[0])

    def _refuse_delimiter(self, line: str) -> None:
        best = max(DELIMITERS, key=line.count)
        if line.count(best) >= 1:
            raise self.source.fault(
                f"only one column is found with the delimiter {self.delimiter!r}.",
                f"With {best!r} there are {line.count(best) + 1}: give "
                f"⟦delimiter⟧ {DELIMITERS[best]}.",
                self.heading_row,
            )

    def pieces(self, matched: ColumnMap, bad: BadRows) -> Iterator[Piece]:
        """Read the wanted columns, block by block, as they were before torchedu guarded them."""
        fields = len(self.headings)
        wanted = {name: self.headings.index(heading) for name, heading in matched.taken.items()}
        cut = (
            f"the line does not have the {fields} fields of the headings",
            "Complete the line, quote fields that hold the delimiter, or give ⟦on_bad_row⟧ drop.",
        )
        read = records(self.source, self._lines(), fields, wanted, self.delimiter, bad, cut)
        return self._without_headings(self._unguarded(read, wanted), wanted, bad)

    def _unguarded(self, pieces: Iterator[Piece], wanted: Mapping[str, int]) -> Iterator[Piece]:
        guarded: set[str] | None = None
        for piece in pieces:
            if guarded is None and self._apostrophes and may_be_guarded(piece.batch):
                guarded = self._guarded(wanted)
            yield piece._replace(batch=without_guard(piece.batch, guarded or set()))

    def _lines(self) -> Iterator[Block]:
        for block in blocks(self.source, self.encoding, quoted=True):
            self._apostrophes = self._apostrophes or b"'" in block.data
            yield without_lines(block, self.heading_row)

    def _guarded(self, wanted: Mapping[str, int]) -> set[str]:
        """Read the file once more, and return the columns that are guarded from end to end."""
        fields, name = len(self.headings), self.source.name
        whole = (without_lone_quotes(block, fields, self.delimiter)[0] for block in self._lines())
        return guarded_columns(
            parse(block, fields, wanted, self.delimiter, name).batch for block in whole
        )

    def _without_headings(
        self, pieces: Iterator[Piece], wanted: Mapping[str, int], bad: BadRows
    ) -> Iterator[Piece]:
        """Leave out headings in the middle, which files have that were put one after the other."""
        for batch, place in pieces:
            again: NDArray[np.bool_] | None = None
            for name, index in wanted.items():
                heading = self._written[index]
                same = pc.fill_null(pc.equal(batch.column(name), heading), False)
                again = same.to_numpy(False) & (True if again is None else again)
                if not again.any():
                    break
            if again is None or not again.any():
                yield Piece(batch, place)
                continue
            bad.leave_out(f"heading lines in the middle of {self.source.base}", place[again])
            bad.rows += int(again.sum())
            yield Piece(batch.filter(pa.array(~again)), place[~again])

    def whole(self, columns: Mapping[str, str]) -> dict[str, list[str | None]]:
        """Read some columns at once, by the headings that hold them; of a table that is small."""
        batches = [p.batch for p in self.pieces(ColumnMap({**columns}, ()), BadRows(Places()))]
        return {
            name: [value for batch in batches for value in batch.column(name).to_pylist()]
            for name in columns
        }


def records(
    source: Source,
    lines: Iterable[Block],
    fields: int,
    wanted: Mapping[str, int],
    delimiter: str,
    bad: BadRows,
    cut: tuple[str, str] | None = None,
) -> Iterator[Piece]:
    """Read the wanted columns of blocks of CSV lines without headings.

    Args:
        source: Their file.
        lines: The blocks.
        fields: How many fields each line has.
        wanted: The index of each wanted column by the name it shall have.
        delimiter: What stands between fields.
        bad: What becomes of lines with another number of fields.
        cut: What is said of these, and what to do.
    """
    rows, cut = bad.of(source), cut or (f"the line does not have {fields} fields", COMPLETE)
    if rows.read >= Places.END:
        return
    for block in lines:
        if block.line <= rows.read:
            continue
        block, lone, first = without_lone_quotes(block, fields, delimiter)
        rows.refuse(LONE[0], lone, LONE[1], first)
        table = parse(block, fields, wanted, delimiter, source.name)
        rows.refuse(cut[0], table.cut, cut[1], table.first_cut)
        if table.batch.num_rows:
            yield rows.piece(table.batch, table.rows)


def _given(given: str | None) -> str | None:
    if not given:
        return None
    delimiter = "\t" if given == "\\t" else given
    if len(delimiter) != 1 or not delimiter.isascii() or delimiter in '"\r\n':
        raise ConfigError(
            f"⟦delimiter⟧ {given!r} is not one plain character.",
            f"Common ones, as a shell takes them: {' '.join(DELIMITERS.values())}.",
        )
    return delimiter


def dividing(text: str, usual: str) -> str:
    """Return the delimiter that gives most of the first rows as many fields as the headings.

    Args:
        text: The file's first lines.
        usual: The delimiter that the file's name tells, which is tried first.
    """
    if said := _SEPARATOR.match(text):
        return said[1]
    tried = [usual, *(mark for mark in DELIMITERS if mark != usual)]
    every = {mark: [fields for _, fields in islice(_records(text, mark), _LOOKED_AT)]
             for mark in tried}  # fmt: skip
    begin = {mark: begin_of(every[mark]) for mark in tried}
    rows = {mark: every[mark][begin[mark] : begin[mark] + _ROWS] for mark in tried}
    widths = {mark: [len(fields) for fields in rows[mark][:-1] or rows[mark]] for mark in tried}
    parting = [mark for mark in tried if widths[mark] and widths[mark][0] > 1]
    alike = {mark: widths[mark].count(widths[mark][0]) / len(widths[mark]) for mark in parting}
    # Commas may divide all rows alike and yet stand before decimals; headings are no titles where
    # another delimiter divides them.
    decimal = not _DIVIDING_COMMA.search(text)
    order = {
        mark: (not begin[mark], mark != "," or not decimal, alike[mark], widths[mark])
        for mark in parting
        if alike[mark] > MOST
    }
    if order:
        return max(order, key=order.__getitem__)
    if usual in parting or not parting:
        return usual
    return max(parting, key=lambda mark: widths[mark][0])


def first_records(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the first records of a text with the line each ends in, from the headings on.

    Above them may stand Excel's ``sep=;``, comments (lines that begin with # and are no headings
    themselves), and titles: records of one field above such that have several alike.
    """
    records = list(islice(_records(text, delimiter), _LOOKED_AT))
    yield from records[begin_of([fields for _, fields in records]) :]


def titles(text: str, headings: Sequence[str], lines: int) -> str:
    """Say which lines above the headings are taken for titles; empty where there are none."""
    above = [line for line in text.splitlines()[:lines] if line.strip(' ,;\t|"')]
    plain = [line for line in above if not line.startswith("#") and not _SEPARATOR.match(line)]
    return (
        f"{len(plain)} lines above the headings are titles, such as {plain[0]!r}."
        if (plain and len(headings) > 1)
        else ""
    )


def begin_of(rows: Sequence[Sequence[str | None]]) -> int:
    """Return which of the first rows of a table holds its headings: the first below titles."""
    filled = [sum(bool(cell and cell.strip()) for cell in row) for row in rows]
    begin = next((i for i, number in enumerate(filled) if number > 1), 0)
    alike = [number > 1 for number in filled[begin:]]
    return begin if sum(alike) > max(1, MOST * len(alike)) else 0


def _records(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    comment: tuple[int, list[str]] | None = None
    begun = False
    for fields in reader:
        if not fields:
            continue
        if not begun:
            if fields[0].lower().startswith("sep=") and not any(fields[1:]):
                continue
            if fields[0].startswith("#"):
                comment = reader.line_num, fields
                continue
            begun = True
            if comment is not None and len(comment[1]) == len(fields) > 1:
                yield comment
        yield reader.line_num, fields


class Parsed(NamedTuple):
    """What a block of CSV lines holds.

    Attributes:
        batch: The wanted columns as text, null where a field is empty.
        rows: The row of each record; shape (records,).
        cut: The rows whose number of fields is wrong; shape (bad rows,).
        first_cut: The first of them, as it stands.
    """

    batch: pa.RecordBatch
    rows: NDArray[np.int64]
    cut: NDArray[np.int64]
    first_cut: str | None


def parse(
    block: Block, fields: int, wanted: Mapping[str, int], delimiter: str, file: str
) -> Parsed:
    """Read the wanted columns of a block of CSV lines without headings.

    Args:
        block: Whole records.
        fields: How many fields each has.
        wanted: The index of each wanted column by the name it shall have.
        delimiter: What stands between fields.
        file: Its name, for messages.

    Returns:
        The columns as text, and which rows they stand in.

    Raises:
        DataError: Arrow cannot read the block at all.
    """
    names = [str(index) for index in range(fields)]
    schema = pa.schema([(name, pa.string()) for name in wanted])
    cut: list[tuple[int, str]] = []

    def skip(row: arrow_csv.InvalidRow) -> str:
        cut.append((row.number, row.text))
        return "skip"

    if not block.data or block.data.isspace():
        none = np.zeros(0, np.int64)
        return Parsed(pa.RecordBatch.from_pylist([], schema=schema), none, none, None)
    try:
        table = arrow_csv.read_csv(
            pa.py_buffer(block.data),
            read_options=arrow_csv.ReadOptions(
                column_names=names, use_threads=False, block_size=max(len(block.data), 1 << 16)
            ),
            parse_options=arrow_csv.ParseOptions(
                delimiter=delimiter, newlines_in_values=True, invalid_row_handler=skip
            ),
            convert_options=arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()),
                include_columns=[str(index) for index in wanted.values()],
                strings_can_be_null=True,
                null_values=[""],
            ),
        )
    except pa.ArrowInvalid as error:
        raise DataError(
            f"the text is no CSV ({error}).", "Export the file again.", file=file, row=block.line
        ) from None
    records = table.num_rows + len(cut)
    lines = _record_lines(block, records, delimiter)
    is_cut = np.zeros(records, bool)
    is_cut[[number - 1 for number, _ in cut]] = True
    whole = table.rename_columns(list(wanted)).combine_chunks().to_batches()
    batch = whole[0] if whole else pa.RecordBatch.from_pylist([], schema=schema)
    return Parsed(batch, lines[~is_cut], lines[is_cut], cut[0][1] if cut else None)


def _record_lines(block: Block, records: int, delimiter: str) -> NDArray[np.int64]:
    """Return the line each record begins in; blank lines hold none, quoted fields may span some."""
    if num_lines(block.data) == records:
        return block.line + np.arange(records, dtype=np.int64)
    reader = csv.reader(io.StringIO(block.data.decode(), newline=""), delimiter=delimiter)
    lines, before = [], 0
    for fields in reader:
        if fields:
            lines.append(block.line + before)
        before = reader.line_num
    # Where the two parsers disagree on a quote, the nearest line is told.
    lines += [lines[-1] if lines else block.line] * (records - len(lines))
    return np.array(lines[:records], np.int64)


def without_lines(block: Block, last: int) -> Block:
    """Return the block without the lines up to the line ``last``, where it has such."""
    if block.line > last:
        return block
    data = block.data
    for _ in range(last - block.line + 1):
        data = data.partition(b"\n")[2]
    return Block(last + 1, data)
