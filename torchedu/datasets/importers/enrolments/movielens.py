"""MovieLens in each of its layouts: ``u.data``, ``ratings.dat`` and ``ratings.csv``."""

from collections.abc import Iterator

from torchedu.datasets.importers.enrolments.importer import EnrolmentImporter
from torchedu.datasets.importers.reading.csv import parse
from torchedu.datasets.importers.reading.rows import BadRows, Piece, Reading
from torchedu.datasets.importers.reading.text import Block, blocks, inside, is_folder, locate
from torchedu.errors import DataError

LAYOUTS = {"u.data": "\t", "ratings.dat": "::", "ratings.csv": ","}
"""Files by the releases 100K, 1M and 10M, and 20M and later, with what separates their fields."""
FIELDS = {"student": 0, "item": 1, "count": 2, "time": 3}


class MovieLens(EnrolmentImporter):
    """A release of MovieLens, in any of its layouts."""

    name = "movielens"
    reads = "a MovieLens release: u.data, ratings.dat or ratings.csv"
    suffixes = ("u.data", "ratings.dat")
    citation = "Harper and Konstan (2015), The MovieLens Datasets, ACM TiiS 5(4)"
    licence = "for research, by the terms of GroupLens"

    def read(self, raw: str, bad: BadRows) -> Reading:
        """Read user, item, rating and time; every rating is an enrolment, whatever its stars.

        Args:
            raw: The release's folder, or one of the files ``LAYOUTS`` names.
            bad: What becomes of bad rows.

        Returns:
            What is read, piece by piece.

        Raises:
            DataError: No such file is there.
        """
        source = locate(raw)
        if is_folder(source):
            there = [one for name in LAYOUTS if (one := inside(source, name)) is not None]
            if not there:
                raise DataError(
                    "the folder holds no ratings.", f"Expected: {', '.join(LAYOUTS)}.", file=raw
                )
            source = there[0]
        separator = LAYOUTS.get(source.base, ",")

        def pieces() -> Iterator[Piece]:
            number = bad.places.file(source.name)
            for block in blocks(source):
                if separator == "::":
                    block = Block(block.line, block.data.replace(b"::", b"\t"))
                skip = block.line == 1 and source.base.endswith(".csv")
                if skip:
                    block = Block(2, block.data.partition(b"\n")[2])
                delimiter = "," if separator == "," else "\t"
                table = parse(block, 4, FIELDS, delimiter, source.name)
                bad.add(
                    "the line does not have 4 fields",
                    bad.places.code(number, table.cut),
                    "Complete the line, or give ⟦on_bad_row⟧ drop.",
                    table.first_cut,
                )
                yield Piece(table.batch, bad.places.code(number, table.rows))

        columns = {name: f"field {i + 1}" for name, i in FIELDS.items()}
        return Reading(pieces(), (source,), columns, unit="s")
