"""Moodle's log of a course: who opened what and when, with outcomes from a table beside it.

A log says nothing of how a course ended. That stands in the gradebook, or in any table with a row a
student, which is named beside it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from torchedu.datasets.importers.events.importer import EventImporter
from torchedu.datasets.importers.events.log import OWNERS, histories
from torchedu.datasets.importers.events.students import THE_COURSE, passed, total
from torchedu.datasets.importers.reading import people, values
from torchedu.datasets.importers.reading.clock import Timed
from torchedu.datasets.importers.reading.columns import ColumnMap, match_columns
from torchedu.datasets.importers.reading.rows import BadRows, Piece, Places, Reading, Sieve, texts
from torchedu.datasets.importers.reading.tables import FILES, Delimited
from torchedu.datasets.importers.reading.text import Source, files, locate
from torchedu.errors import DataError
from torchedu.schema import OUTCOME_COLUMNS, Column

LOG_COLUMNS = (
    Column("student", True, "a name", ("user_full_name", "vollständiger_name", "name", "user")),
    Column("time", True, "when it was", ("zeit", "date", "datum")),
    Column("event", False, "what happened", ("event_name", "ereignisname")),
)
"""What is read of the log, in English and German."""
NOBODY = ("", "-", "system")


@dataclass(kw_only=True)
class MoodleLog(Delimited, Timed, EventImporter):
    """A log of a Moodle course, each row of which counts as a click.

    Args:
        outcomes: A table with a row a student that says how the course ended for each, such as the
            gradebook; students are known by their full names.
        outcome: Its heading of the outcome, where it is not a course's total or a common one.
        pass_mark: Where the outcome is a number: from which on the student has passed.
    """

    name = "moodle_log"
    reads = "a Moodle course's log, with a table of outcomes beside it"
    told_by = (
        "time user_full_name event_context component event_name",
        "zeit vollständiger_name ereigniskontext komponente ereignisname",
    )
    schema = LOG_COLUMNS
    endings = FILES
    licence = OWNERS

    outcomes: str | None = None
    outcome: str | None = None
    pass_mark: float | None = None

    def of(self, sources: Sequence[Source], bad: BadRows) -> Reading:
        """Begin to read files; see ``Headed.of``.

        Raises:
            DataError: No table says how the course ended, or none of its students is in the log.
        """
        reading = super().of(sources, bad)
        if self.outcomes is None:
            raise DataError(
                "a log does not say how its course ended.",
                "Name a table with a row a student that does, such as the gradebook's export, with "
                "⟦outcomes⟧ FILE.",
                file=reading.sources[0].name, option="outcomes",
            )  # fmt: skip
        ended, notes = self._ended(self.outcomes), list(reading.notes)

        def pieces() -> Iterator[Piece]:
            seen: set[str] = set()
            for piece in reading.pieces:
                sieve = Sieve(piece, bad)
                who = pc.fill_null(values.names(piece.batch.column("student")), "")
                nobody = pc.is_in(pc.utf8_lower(who), pa.array(NOBODY)).to_numpy(False)
                sieve.leave_out("rows of no user", nobody)
                keep = pa.array(sieve.keep)
                seen.update(pc.unique(who.filter(keep)).to_pylist())
                size = int(sieve.keep.sum())
                columns = {
                    "student": who.filter(keep),
                    "time": piece.batch.column("time").filter(keep),
                    "course": pa.array([THE_COURSE] * size),
                    "event": pa.array(["clicked"] * size),
                }
                yield Piece(pa.RecordBatch.from_pydict(columns), piece.place[sieve.keep])
            known = [name for name in ended if name in seen]
            if not known:
                raise DataError(
                    f"none of its {len(ended):,} students is among the {len(seen):,} of the log, "
                    f"such as {min(seen, default='nobody')!r}.",
                    "Give a table with their full names, or their first and last names.",
                    file=self.outcomes,
                )
            if len(known) < len(seen):
                notes.append(f"{len(seen) - len(known):,} of {len(seen):,} have no outcome.")
            last: dict[str, list[str | None]] = {
                "student": [*known],
                "value": [ended[name] for name in known],
                "course": [THE_COURSE] * len(known),
                "event": ["outcome"] * len(known),
                "time": [None] * len(known),
            }
            place = bad.of(locate(str(self.outcomes)))
            yield place.piece(texts(last), np.arange(1, len(known) + 1))

        return reading._replace(
            pieces=histories(pieces(), bad, self.clock(reading.unit)), notes=notes,
            columns={**reading.columns, "outcome": self.outcomes},
        )  # fmt: skip

    def _ended(self, file: str) -> dict[str, str | None]:
        """Return how it ended for each student, by the full name."""
        (source, *_) = files(locate(file), FILES)
        table = self.open(source)
        heads = table.headings
        sum_ = self.outcome or total(heads)
        taken = match_columns(
            heads, source.name, row=table.heading_row, schema=OUTCOME_COLUMNS,
            columns=None if sum_ is None else {"outcome": sum_},
        ).taken  # fmt: skip
        halves = [people.column(names, heads) for names in (people.FIRST, people.LAST)]
        full = people.column(("user_full_name", "full_name", "vollständiger_name", "name"), heads)
        spots = [full] if full is not None else halves
        wanted = {f"name {i}": heads[at] for i, at in enumerate(spots) if at is not None}
        wanted = wanted or {"name 0": taken.get("student", heads[0])}
        outcomes: dict[str, str | None] = {}
        columns = ColumnMap({"outcome": taken["outcome"], **wanted}, ())
        for batch, _ in table.pieces(columns, BadRows(Places())):
            parts = [values.names(batch.column(name)).to_pylist() for name in wanted]
            names = [" ".join(filter(None, both)) for both in zip(*parts, strict=True)]
            outcomes |= dict(
                zip(names, values.names(batch.column("outcome")).to_pylist(), strict=True)
            )
        ended = passed(list(outcomes.values()), self.pass_mark, file)
        return {who: end for who, end in zip(outcomes, ended, strict=True) if end is not None}
