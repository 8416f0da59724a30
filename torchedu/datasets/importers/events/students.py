"""A row a student, with how it ended: universities' tables, gradebooks, logs that were summed up.

Such a table has no dates. Marks are taken as handed in one after the other, a fortnight apart, in
the order of their columns; everything else is known from the first day on. What is no mark and no
name is told to the network and to the baselines: texts as they stand, numbers by the fifth of the
students in which they lie, since a network is told of students in words.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from torchedu.datasets.events import SUBMITTED, Courses, Enrolments, Events, Work
from torchedu.datasets.importers.answers.wide import Points, WideAnswers
from torchedu.datasets.importers.events.importer import EventImporter, History
from torchedu.datasets.importers.importer import KNOWN
from torchedu.datasets.importers.reading import people, questions, values
from torchedu.datasets.importers.reading.columns import ColumnMap, match_columns, plain
from torchedu.datasets.importers.reading.look import Look
from torchedu.datasets.importers.reading.marks import Marks
from torchedu.datasets.importers.reading.rows import BadRows, Piece, Reading, Sieve
from torchedu.datasets.importers.reading.spreadsheet import SUFFIX
from torchedu.datasets.importers.reading.tables import PARQUET, TEXT, Delimited
from torchedu.datasets.importers.reading.text import files, locate
from torchedu.errors import DataError
from torchedu.schema import GROUP, OUTCOME_COLUMNS

FORTNIGHT = 14
FIFTHS = (0.2, 0.4, 0.6, 0.8)
FEW = 8
"""Different numbers up to which each is a group of its own."""
MOST_NAMES = 50
"""Different texts above which a column names rows and groups nobody."""
THE_COURSE = "the course"
_WORDS = ("course total", "kurs gesamt", "kursgesamt", "total del curso", "total du cours")
_FINAL = ("final_grade", "final_score", "unposted_final_score", "current_score")


@dataclass(kw_only=True)
class StudentTable(Delimited, EventImporter):
    """Tables with a row a student.

    Args:
        groups: Headings of attributes by which the audit compares students, such as ``gender``;
            they are not told to the network.
        marks: Headings of marks, in the order in which they were given.
        full_mark: The highest mark that can be reached, by which marks are divided.
        pass_mark: Where the outcome is a number: from which on the student has passed.
    """

    name = "students"
    reads = "a table with a row a student, of which a column says how it ended"
    schema = OUTCOME_COLUMNS
    endings = (*TEXT, *PARQUET, SUFFIX)
    licence = "that of the data's owner"

    groups: Sequence[str] = ()
    marks: Sequence[str] = ()
    full_mark: float | None = None
    pass_mark: float | None = None

    def read(self, raw: str, bad: BadRows) -> Reading:
        """Begin to read the file, or those of a folder; see ``Importer.read``.

        Raises:
            DataError: A column is missing, a mark is none, or an outcome is a number and nothing
                says from which on it is good.
        """
        sources = files(locate(raw), self.endings)
        tables = [self.open(source) for source in sources]
        first = tables[0]
        matched = match_columns(
            first.headings, first.source.name, row=first.heading_row, schema=self.schema,
            columns=self.columns, groups=[*self.groups, *self.marks],
        )  # fmt: skip
        rest = [name for name in matched.ignored if name and not people.named(name)]
        notes: list[str] = []

        def pieces() -> Any:
            wanted = ColumnMap({**matched.taken, **{f"told.{name}": name for name in rest}}, ())
            kept: dict[str, list[Any]] = {name: [] for name in wanted.taken}
            marks, reader = list[NDArray[np.float64]](), Marks(full=self.full_mark)
            for table in tables:
                for piece in table.pieces(wanted, bad):
                    keep, shares = self._sieved(piece, bad, reader)
                    yield piece
                    marks.append(shares[keep])
                    for name in kept:
                        column = values.names(piece.batch.column(name))
                        kept[name] += column.filter(pa.array(keep)).to_pylist()
            size = len(kept["outcome"])
            features = {name: _told(kept[f"told.{name}"]) for name in rest}
            left = [name for name, column in features.items() if column is None]
            if left:
                notes.append(f"Not told, since they are alike or differ in all: {', '.join(left)}.")
            yield history(
                student=kept.get("student") or [f"student {i + 1}" for i in range(size)],
                course=kept.get("course") or [THE_COURSE] * size,
                presentation=kept.get("presentation") or ["only"] * size,
                outcome=passed(kept["outcome"], self.pass_mark, raw),
                groups={name: kept[GROUP + name] for name in self.groups}
                | {name: column for name, column in features.items() if column is not None},
                work=list(self.marks),
                share=np.concatenate(marks) if marks else np.zeros((0, len(self.marks))),
            )

        taken = {name: head for name, head in matched.taken.items()
                 if head not in self.marks}  # fmt: skip
        return Reading(pieces(), tuple(sources), taken | {"marks": ", ".join(self.marks)}
                       if self.marks else taken, notes=notes)  # fmt: skip

    def about(self, reading: Reading) -> dict[str, Any]:
        """Say besides which attributes are not told; see ``Importer.about``."""
        return {**super().about(reading), "not_told": list(self.groups)}

    @classmethod
    def knows(cls, look: Look) -> int:
        """Say whether one column says how it ended and none what happened."""
        return 0 if look.names & {"event", "item"} else cls.fits(look)

    def _sieved(
        self, piece: Piece, bad: BadRows, reader: Marks
    ) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
        """Return which rows are good, and the shares of their marks."""
        sieve, shares = Sieve(piece, bad), []
        if "student" in piece.batch.schema.names:
            nobody = values.names(piece.batch.column("student")).is_null().to_numpy(False)
            sieve.refuse("the student is missing", nobody)
        for name in self.marks:
            batch = piece.batch.rename_columns(
                ["correct" if n == GROUP + name else n for n in piece.batch.schema.names]
            )
            own = Sieve(piece._replace(batch=batch), bad)
            own.keep = sieve.keep
            read = reader.read(batch.column("correct"))
            reader.refuse(own, read)
            sieve.keep = own.keep
            shares.append(read.share)
        return sieve.keep, np.stack(shares, 1) if shares else np.zeros((len(piece.place), 0))


@dataclass(kw_only=True)
class Gradebook(Delimited, EventImporter):
    """Gradebooks of Moodle and Canvas, whose graded work is what was handed in.

    Args:
        outcome: The heading that says how it ended; the course's total where it is None.
        pass_mark: From which on the student has passed, on the scale of that column.
        points: What marks are divided by where neither a heading nor a row of points that can be
            reached tells it: nothing, or the ``highest`` of a piece of work.
    """

    name = "gradebook"
    reads = "a gradebook of Moodle or Canvas, whose total says how it ended"
    schema = OUTCOME_COLUMNS
    endings = (*TEXT, SUFFIX)
    licence = "that of the data's owner"

    outcome: str | None = None
    pass_mark: float | None = None
    points: Points = "told"

    @classmethod
    def knows(cls, look: Look) -> int:
        """Say whether work and a total are told as there; see ``Importer.knows``."""
        rules = (questions.typed, questions.gradebook)
        some = any(len(list(rule(look.headings, look.rows))) > 1 for rule in rules)
        return KNOWN * (some and total(look.headings) is not None)

    def read(self, raw: str, bad: BadRows) -> Reading:
        """Begin to read the file, or those of a folder; see ``Importer.read``.

        Raises:
            DataError: No column holds graded work, or says how it ended.
        """
        sources = files(locate(raw), self.endings)
        headings = self.open(sources[0]).headings
        ended_by = self.outcome or total(headings)
        if ended_by is None or ended_by not in headings:
            raise DataError(
                f"no column is called {ended_by!r} (⟦outcome⟧)." if ended_by else
                "no column holds the course's total.",
                f"Name the one that says how it ended with ⟦outcome⟧. There are: "
                f"{', '.join(headings[:30])}.",
                file=sources[0].name, option="outcome",
            )  # fmt: skip
        book = _Book(
            groups=[ended_by], points=self.points, delimiter=self.delimiter, encoding=self.encoding,
            columns=self.columns,
        )  # fmt: skip
        reading = book.of(sources, bad)

        def pieces() -> Any:
            cells: dict[tuple[str, str], float] = {}
            ended: dict[str, str | None] = {}
            work: dict[str, None] = {}
            marks = Marks()
            for piece in reading.pieces:
                sieve = Sieve(piece, bad)
                read = marks.read(piece.batch.column("correct"))
                marks.refuse(sieve, read)
                yield piece
                names, items, totals = (
                    piece.batch.column(name).to_pylist()
                    for name in ("student", "item", GROUP + ended_by)
                )
                for i in np.flatnonzero(sieve.keep).tolist():
                    cells[names[i], items[i]] = read.share[i]
                    ended[names[i]], work[items[i]] = totals[i], None
            share = np.array([[cells.get((who, of), np.nan) for of in work] for who in ended])
            size = len(ended)
            yield history(
                student=list(ended), course=[THE_COURSE] * size, presentation=["only"] * size,
                outcome=passed(list(ended.values()), self.pass_mark, raw), groups={},
                work=list(work), share=share.reshape(size, len(work)),
            )  # fmt: skip

        taken = {"student": reading.columns["student"], "outcome": ended_by}
        ignored = tuple(name for name in reading.ignored if name != ended_by)
        return Reading(pieces(), tuple(sources), taken, ignored, reading.notes)


class _Book(WideAnswers):
    """The work of a gradebook, that which was not handed in among it."""

    blank: ClassVar[bool] = True
    rules = (questions.typed, questions.gradebook)


def total(headings: Sequence[str]) -> str | None:
    """Return the heading of a course's total, in percent where there is one."""
    sums = [head for head in headings if head.strip().lower().startswith(_WORDS)]
    percent = [head for head in sums if "rozent" in head or "ercent" in head]
    known = {plain(head): head for head in headings}
    return next(iter([*percent, *sums, *(known[name] for name in _FINAL if name in known)]), None)


def passed(outcome: list[str | None], least: float | None, file: str) -> list[str | None]:
    """Return outcomes as words: numbers are Pass from the least on, and Fail below.

    Raises:
        DataError: They are numbers, and no least one is given.
    """
    outcome = [None if text is None or text.lower() in questions.NO_MARK else text
               for text in outcome]  # fmt: skip
    numbers = [None if text is None else questions.number(text.removesuffix("%").strip())
               for text in outcome]  # fmt: skip
    said = [number for number, text in zip(numbers, outcome, strict=True) if text is not None]
    if None in said or (least is None and set(said) <= {0.0, 1.0}):
        return outcome
    if least is None:
        low, high = (f"{edge([n for n in said if n is not None]):g}" for edge in (min, max))
        raise DataError(
            f"the outcome is a number, from {low} to {high}.",
            "Say from which on the student has passed, such as ⟦pass_mark⟧ 50.",
            file=file, option="pass_mark",
        )  # fmt: skip
    return [None if number is None else "Pass" if number >= least else "Fail" for number in numbers]


def _told(column: list[str | None]) -> list[str | None] | None:
    """Return what is told of each student, None where a column tells nothing."""
    there = [value for value in column if value]
    numbers = [questions.number(value) for value in there]
    different = len(set(there))
    if different < 2:
        return None
    if None in numbers or different <= FEW:
        return column if different <= min(MOST_NAMES, len(there) / 2) else None
    number = np.array([questions.number(value) if value else np.nan for value in column], float)
    edges = np.unique(np.nanquantile(number, FIFTHS))
    place = np.searchsorted(edges, number, side="left")
    names = [
        f"{part + 1} of {len(edges) + 1}: {number[place == part].min():g} to "
        f"{number[place == part].max():g}" if (place == part).any() else ""
        for part in range(len(edges) + 1)
    ]  # fmt: skip
    return [None if np.isnan(value) else names[part] for value, part in
            zip(number.tolist(), place.tolist(), strict=True)]  # fmt: skip


def history(
    *,
    student: Sequence[str],
    course: Sequence[str | None],
    presentation: Sequence[str | None],
    outcome: Sequence[str | None],
    groups: Mapping[str, Sequence[str | None]],
    work: Sequence[str],
    share: NDArray[np.float64],
) -> History:
    """Return students' marks and outcomes as what happened in courses.

    Args:
        student: The students.
        course: The course of each.
        presentation: The year or term of each.
        outcome: How it ended, None where that is not known.
        groups: Attributes of students.
        work: Names of the work of every course, in order.
        share: The marks, 0 to 1, NaN where there is none; shape (students, work).
    """
    pairs = [(m or THE_COURSE, p or "only") for m, p in zip(course, presentation, strict=True)]
    known = sorted(set(pairs))
    place = {pair: i for i, pair in enumerate(known)}
    of = np.array([place[pair] for pair in pairs], np.int64)
    length = float(FORTNIGHT * (len(work) + 1))
    several = len({term for _, term in known}) > 1
    names = [f"{module} {term}" if several else module for module, term in known]
    courses = Courses(names, [m for m, _ in known], [p for _, p in known],
                      np.full(len(known), length), np.full(len(known), np.nan))  # fmt: skip
    due = FORTNIGHT * np.arange(1, len(work) + 1, dtype=np.float64)
    pieces = Work(
        [f"{name} {piece}" for name in names for piece in work],
        np.repeat(np.arange(len(known)), len(work)),
        ["work"] * (len(known) * len(work)), np.tile(due, len(known)),
        np.ones(len(known) * len(work)),
    )  # fmt: skip
    enrolment, piece = np.nonzero(~np.isnan(share))
    events = Events(enrolment, np.full(len(enrolment), SUBMITTED), due[piece],
                    of[enrolment] * len(work) + piece, share[enrolment, piece])  # fmt: skip
    size = len(student)
    enrolments = Enrolments(student, of, outcome, np.zeros(size), np.full(size, np.inf), groups)
    return History(courses, pieces, enrolments, events, (), {})
