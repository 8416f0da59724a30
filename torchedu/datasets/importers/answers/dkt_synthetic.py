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
            number, width = bad.places.file(source.name), 0
            for block in blocks(source):
                lines = pa.array(block.data.splitlines()).cast(pa.string())
                row = block.line + np.arange(len(lines))
                marks = pc.split_pattern(pc.utf8_trim_whitespace(lines), ",")
                width = width or len(marks[0])
                whole = pc.list_value_length(marks).to_numpy() == width
                bad.add(
                    f"the line does not have the {width} marks of the first",
                    bad.places.code(number, row[~whole]),
                    "Complete the line, or give ⟦on_bad_row⟧ drop.",
                )
                row, values = row[whole], marks.filter(pa.array(whole)).flatten()
                batch = pa.RecordBatch.from_arrays(
                    [
                        pa.array(np.repeat(row, width)),
                        pa.array(np.tile(np.arange(1, width + 1), len(row))),
                        values,
                    ],
                    ["student", "item", "correct"],
                )
                yield Piece(batch, bad.places.code(number, np.repeat(row, width)))

        columns = {
            "student": "the line's number",
            "item": "the mark's place",
            "correct": "the mark",
        }
        return Reading(pieces(), (source,), columns)
