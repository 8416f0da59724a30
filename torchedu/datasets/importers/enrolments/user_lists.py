"""Enrolments as lists: a line a student, the student first, then the courses in order."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from torchedu.datasets.importers.enrolments.importer import EnrolmentImporter
from torchedu.datasets.importers.reading.rows import BadRows, Piece, Reading
from torchedu.datasets.importers.reading.text import Source, blocks, locate, one_of
from torchedu.errors import DataError
from torchedu.schema import GROUP, HELD_OUT

ID = "remap_id"
"""The column of ``user_list.txt`` that the other files call students by."""


def _pieces(
    source: Source, held: bool, bad: BadRows, people: pa.Table | None, attributes: list[str]
) -> Iterator[Piece]:
    places = bad.of(source)
    for block in blocks(source):
        lines = pa.array(block.data.splitlines()).cast(pa.string())
        row = block.line + np.arange(len(lines))
        words = pc.utf8_split_whitespace(pc.utf8_trim_whitespace(lines))
        length = pc.list_value_length(words).to_numpy(False)
        blank = pc.equal(pc.utf8_trim_whitespace(lines), "").to_numpy(False)
        short = (length < 2) & ~blank
        places.refuse("the line names a student and no course", row[short])
        keep = ~blank & ~short
        words, row, length = words.filter(pa.array(keep)), row[keep], length[keep]
        flat = words.flatten()
        begins = np.cumsum(length) - length
        first = np.zeros(len(flat), bool)
        first[begins] = True
        student = flat.take(pa.array(np.repeat(begins, length - 1)))
        columns = {"student": student, "item": flat.filter(pa.array(~first))}
        if held:
            columns[HELD_OUT] = pa.array(np.ones(len(student), bool))
        if people is not None:
            at = pc.index_in(student, people[ID].combine_chunks())
            columns |= {GROUP + name: people[name].combine_chunks().take(at) for name in attributes}
        yield places.piece(pa.RecordBatch.from_pydict(columns), np.repeat(row, length - 1))


def _people(source: Source) -> pa.Table:
    """Return the attributes of students by their number, as text."""
    lines = source.read().decode().split("\n")
    heading, rows = lines[0].split(), [line.split() for line in lines[1:] if line.strip()]
    if ID not in heading or any(len(row) != len(heading) for row in rows):
        raise source.fault(
            f"no column {ID}, or a line with another number of words than the headings.",
            "Correct the file, or move it away to do without student attributes.",
            1,
        )
    columns = dict(zip(heading, zip(*rows, strict=True), strict=True))
    few = {name: values for name, values in columns.items() if len(set(values)) < len(rows)}
    return pa.table({ID: pa.array(columns[ID]), **{k: pa.array(v) for k, v in few.items()}})


class UserLists(EnrolmentImporter):
    """Lists in the layout of LightGCN's and KGAT's data, as MOOCCubeX is published."""

    name = "user_lists"
    suffixes = ("train.txt",)
    reads = "train.txt (a student and their courses a line), test.txt, user_list.txt"
    citation = "Yu et al. (2021), MOOCCubeX, CIKM"
    licence = "GPL-3.0 (MOOCCubeX)"

    def read(self, raw: str, bad: BadRows) -> Reading:
        """Read ``train.txt`` and, where they stand beside it, ``test.txt`` and ``user_list.txt``.

        The courses of ``test.txt`` are taken as held out: they come last. The further columns of
        ``user_list.txt``, such as ``gender``, become student attributes.

        Args:
            raw: The folder, or the file of lists.
            bad: What becomes of bad rows.

        Returns:
            What is read, piece by piece.

        Raises:
            DataError: A file cannot be read as it stands.
        """
        source = one_of(locate(raw), ["train.txt"])
        if source is None:
            raise DataError("the folder holds no train.txt.", "Name the file.", file=raw)
        test, people = (source.sibling(name) for name in ("test.txt", "user_list.txt"))
        held = test if test is not None and test.base != source.base else None
        table = None if people is None else _people(people)
        attributes = [] if table is None else [name for name in table.column_names if name != ID]

        def pieces() -> Iterator[Piece]:
            for file in filter(None, (source, held)):
                yield from _pieces(file, file is held, bad, table, attributes)

        columns = {"student": "the line's first word", "item": "its other words"}
        columns |= {GROUP + name: name for name in attributes}
        return Reading(pieces(), tuple(filter(None, (source, held, people))), columns)
