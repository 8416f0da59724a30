"""The synthetic students of the DKT paper: a line a student, a column a question, 0 or 1."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from torchedu.datasets.importers.answers.importer import AnswerImporter
from torchedu.datasets.importers.reading.rows import BadRows, Piece, Reading
from torchedu.datasets.importers.reading.text import blocks, locate


class DKTSynthetic(AnswerImporter):
    """The synthetic students of the DKT paper."""

    name = "dkt_synthetic"
    reads = "the DKT paper's synthetic students: a line of 0 and 1 a student"
    citation = "Piech et al. (2015), Deep Knowledge Tracing, NeurIPS"
    licence = "no people; published with the paper's code"

    def read(self, raw: str, bad: BadRows) -> Reading:
        """Read marks separated by commas; students and questions are named by their place, from 1.

        Args:
            raw: The file.
            bad: What becomes of bad rows.

        Returns:
            What is read, piece by piece; without skills, since the hidden concepts are not told.

        Raises:
            DataError: A line has another number of marks than the first.
        """
        source = locate(raw)

        def pieces() -> Iterator[Piece]:
            places, width = bad.of(source), 0
            for block in blocks(source):
                lines = pa.array(block.data.splitlines()).cast(pa.string())
                row = block.line + np.arange(len(lines))
                marks = pc.split_pattern(pc.utf8_trim_whitespace(lines), ",")
                width = width or len(marks[0])
                whole = pc.list_value_length(marks).to_numpy() == width
                places.refuse(f"the line does not have the {width} marks of the first", row[~whole])
                row, values = row[whole], marks.filter(pa.array(whole)).flatten()
                student = np.repeat(row, width)
                item = np.tile(np.arange(1, width + 1), len(row))
                columns = {"student": student, "item": item, "correct": values}
                yield places.piece(pa.RecordBatch.from_pydict(columns), student)

        taken = {"student": "the line's number", "item": "the mark's place", "correct": "the mark"}
        return Reading(pieces(), (source,), taken)
