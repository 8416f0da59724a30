"""The leave-one-out files of Neural Collaborative Filtering: train, test and test negatives."""

import io
from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from torchedu.datasets.importers.enrolments.importer import EnrolmentImporter
from torchedu.datasets.importers.reading.csv import records
from torchedu.datasets.importers.reading.rows import BadRows, Piece, Reading
from torchedu.datasets.importers.reading.text import Source, blocks, locate, only
from torchedu.schema import HELD_OUT

FIELDS = {"student": 0, "item": 1, "count": 2, "time": 3}


def _strange(test: Source, negative: Source) -> tuple[int, int]:
    """Count the lines of negatives, and those of other pairs or with the pair's own course."""
    pairs = [line.split("\t")[:2] for line in io.StringIO(test.read().decode()) if line.strip()]
    known = {(user, item) for user, item in pairs}
    rows = strange = 0
    for line in io.StringIO(negative.read().decode()):
        if not line.strip():
            continue
        pair, *others = line.split("\t")
        user, _, item = pair.strip().strip("()").partition(",")
        rows += 1
        strange += (user, item) not in known or item in {other.strip() for other in others}
    return rows, strange


class NeuralCF(EnrolmentImporter):
    """The leave-one-out files of Neural Collaborative Filtering."""

    name = "ncf"
    reads = "NAME.train.rating and NAME.test.rating of Neural Collaborative Filtering"
    suffixes = (".train.rating",)
    citation = "He et al. (2017), Neural Collaborative Filtering, WWW"

    def read(self, raw: str, bad: BadRows) -> Reading:
        """Read ``NAME.train.rating`` with ``NAME.test.rating`` beside it.

        Each line holds user, item, rating and time, separated by tabs. The pairs of the test file
        are taken as held out. ``NAME.test.negative`` is not used to rank by, since courses are
        ranked among all others here; lines that do not fit the test file are counted.

        Args:
            raw: The folder, or the file ``NAME.train.rating``.
            bad: What becomes of bad rows.

        Returns:
            What is read, piece by piece.

        Raises:
            DataError: A file is missing.
        """
        source = only(locate(raw), (".train.rating",), "data sets")
        stem = source.base.removesuffix(".train.rating")
        test = source.sibling(f"{stem}.test.rating")
        if test is None or test.base == source.base:
            raise source.fault(f"no {stem}.test.rating is beside it.", "Name NAME.train.rating.")
        negative = source.sibling(f"{stem}.test.negative")
        notes: tuple[str, ...] = ()
        if negative is not None:
            rows, strange = _strange(test, negative)
            notes = (
                "The sampled negatives are not used: every course is ranked among all others.",
            )
            if strange:
                odd = f"{strange:,} of {rows:,} lines of {negative.base} name another pair than "
                odd += f"{test.base}, or have the test course among its own negatives."
                notes += (odd,)

        def pieces() -> Iterator[Piece]:
            for file in (source, test):
                for batch, place in records(file, blocks(file), len(FIELDS), FIELDS, "\t", bad):
                    held = pa.array(np.full(len(place), file is test))
                    yield Piece(batch.append_column(HELD_OUT, held), place)

        sources = tuple(filter(None, (source, test, negative)))
        columns = {name: f"field {i + 1}" for name, i in FIELDS.items()}
        return Reading(pieces(), sources, columns, notes=notes)
