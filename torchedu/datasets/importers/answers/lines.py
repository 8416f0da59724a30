"""Three or four lines a student, as the code of DKT, DKVMN and AKT reads them."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from torchedu.datasets.importers.answers.importer import AnswerImporter
from torchedu.datasets.importers.importer import KNOWN
from torchedu.datasets.importers.reading.look import Look
from torchedu.datasets.importers.reading.parts import part_of
from torchedu.datasets.importers.reading.rows import BadRows, Piece, Reading
from torchedu.datasets.importers.reading.text import Block, Source, blocks, files, locate
from torchedu.errors import DataError
from torchedu.schema import GROUP


class ThreeOrFourLines(AnswerImporter):
    """Lists of numbers, of which the last of each student are marks.

    The first line holds how many there are (of DKT and DKVMN), or a number and the student's name
    (of AKT); the second of four the problems, the last but one the skills.
    """

    name = "lines"
    reads = "three or four lines a student of DKT, DKVMN and AKT: number, (problems,) skills, marks"
    citation = "Zhang et al. (2017), DKVMN, WWW; Ghosh et al. (2020), AKT, KDD"
    licence = "that of the data"

    @classmethod
    def knows(cls, look: Look) -> int:
        """Say whether the first lines are such lists; see ``Importer.knows``."""
        return KNOWN if _period(look.text.splitlines()) else 0

    def read(self, raw: str, bad: BadRows) -> Reading:
        """Begin to read the file, or those of a folder; see ``Importer.read``.

        Of files whose names hold ``train``, ``valid`` or ``test`` the students have that part as
        the attribute ``part``; a folder's several folds are not read together.

        Raises:
            DataError: The lines are no such lists.
        """
        sources = files(locate(raw), (".csv", ".txt"))
        first = next(blocks(sources[0])).data.decode().splitlines()
        period = _period(first)
        if not period:
            raise DataError(
                "the lines are no three or four lists of numbers a student.",
                "Expected: how many, the problems (or not), the skills, the marks 0 or 1.",
                file=sources[0].name, row=1,
            )  # fmt: skip

        def pieces() -> Iterator[Piece]:
            for source in sources:
                yield from _pieces(source, period, bad)

        taken = {"student": "the first line", "item": "the second line", "correct": "the last line",
                 "skill": f"line {period - 1}", GROUP + "part": "the file's name"}  # fmt: skip
        return Reading(pieces(), tuple(sources), taken, separator="_")


def _period(lines: list[str]) -> int:
    """Return how many lines a student has, 0 where they are no such lists."""
    rows = [line.strip().strip(",").split(",") for line in lines if line.strip()]
    for period in (3, 4):
        whole = [rows[i : i + period] for i in range(0, len(rows) // period * period, period)]
        fits = all(
            len(own[0]) <= 2
            and len({len(row) for row in own[1:]}) == 1
            and set(own[-1]) <= {"0", "1"}
            and all(cell.strip().lstrip("-").isdigit() for row in own[:1] for cell in row)
            for own in whole[:50]
        )
        if whole and fits:
            return period
    return 0


def _pieces(source: Source, period: int, bad: BadRows) -> Iterator[Piece]:
    places, rest, line, student = bad.of(source), b"", 1, 0
    part = part_of(source.base)
    for block in [*blocks(source), Block(0, b"")]:
        data = rest + b"\n".join(text for text in block.data.splitlines() if text.strip())
        rest = b""
        lines = pa.array(data.splitlines(), pa.binary()).cast(pa.string())
        whole = len(lines) // period * period
        if block.data:
            rest = b"\n".join([*data.splitlines()[whole:], b""])
        elif len(lines) > whole:
            places.refuse("the lists of the last student are cut", [line + len(lines) - 1])
        if not whole:
            continue
        split = pc.split_pattern(pc.utf8_trim(lines[:whole], characters=", \t\r"), ",")
        length = pc.list_value_length(split).to_numpy(False).reshape(-1, period)
        rows = line + np.arange(whole).reshape(-1, period)
        good = (length[:, 1:] == length[:, -1:]).all(1)
        reason = "the lists of a student do not have as many values as there are marks"
        places.refuse(reason, rows[~good, -1])
        count, own = length[good, -1], np.flatnonzero(good)
        named = period == 4 and bool((length[good, 0] == 2).all())
        name = pc.list_element(split.take(pa.array(own * period)), int(named))
        ids = name if named else pa.array(student + own + 1).cast(pa.string())
        columns = {
            key: split.take(pa.array(own * period + at)).flatten()
            for key, at in (("item", 1), ("skill", period - 2), ("correct", period - 1))
        }
        columns["student"] = ids.take(pa.array(np.repeat(np.arange(len(own)), count)))
        columns[GROUP + "part"] = pa.array([part] * len(columns["item"]), pa.string())
        if part is not None and not named:  # each file counts its own students
            columns["student"] = pc.binary_join_element_wise(
                pa.scalar(part), columns["student"], " "
            )
        yield places.piece(pa.RecordBatch.from_pydict(columns), np.repeat(rows[good, -1], count))
        line, student = line + whole, student + whole // period
