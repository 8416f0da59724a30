"""MovieLens in each of its layouts: ``u.data``, ``ratings.dat`` and ``ratings.csv``."""

from torchedu.datasets.importers.enrolments.importer import EnrolmentImporter
from torchedu.datasets.importers.reading.csv import records, without_lines
from torchedu.datasets.importers.reading.rows import BadRows, Reading
from torchedu.datasets.importers.reading.text import Block, blocks, locate, one_of
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
        source = one_of(locate(raw), LAYOUTS)
        if source is None:
            raise DataError(
                "the folder holds no ratings.", f"Expected: {', '.join(LAYOUTS)}.", file=raw
            )
        separator = LAYOUTS.get(source.base, ",")
        lines = blocks(source)
        if separator == "::":
            lines = (Block(line, data.replace(b"::", b"\t")) for line, data in lines)
        if source.base.endswith(".csv"):
            lines = (without_lines(block, 1) for block in lines)
        delimiter = "," if separator == "," else "\t"
        pieces = records(source, lines, len(FIELDS), FIELDS, delimiter, bad)
        columns = {name: f"field {i + 1}" for name, i in FIELDS.items()}
        return Reading(pieces, (source,), columns, unit="s")
