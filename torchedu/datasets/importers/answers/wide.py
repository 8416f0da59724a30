"""Answers in tables with a row a student and a column a question, of schools and platforms."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from torchedu.datasets.importers.answers.tables import AnswerTables
from torchedu.datasets.importers.importer import KNOWN
from torchedu.datasets.importers.reading import people, questions, values
from torchedu.datasets.importers.reading.columns import ColumnMap
from torchedu.datasets.importers.reading.look import Look
from torchedu.datasets.importers.reading.questions import LAYOUTS, Question, Rule
from torchedu.datasets.importers.reading.rows import BadRows, Piece, Places, texts
from torchedu.datasets.importers.reading.spreadsheet import SUFFIX
from torchedu.datasets.importers.reading.tables import TEXT, Delimited, Table
from torchedu.datasets.importers.reading.text import Source
from torchedu.errors import DataError, allowed

ITEM, MARK = "(the question's column)", "(its mark)"
Points = Literal["told", "highest"]
NO_STUDENT = "rows of no student, such as sums and points that can be reached"
NO_ANSWER = "students without a mark in any question"


class _Wide:
    """A table with a row a student, read as one with a row an answer."""

    goes_on = False

    def __init__(self, table: Table, rules: Sequence[Rule], given: "WideAnswers") -> None:
        self.source, self.heading_row = table.source, table.heading_row
        self._table, self.notes = table, [*table.notes]
        self._heads = tuple(table.headings)
        table.headings[:] = _unlike(table.headings)
        self._names = table.headings
        rows = [tuple(row) for row in self._first()]
        self._questions = self._find(rules, given, rows)
        self._about = people.column(people.STUDENT, self._names)
        self.roles = self._roles(rows)
        self._full = self._points(given.points == "highest", rows)
        self._asks, self._unscaled = given.full_mark is None, 0
        self._blank = given.blank
        of_questions = {q.mark for q in self._questions} | {q.right for q in self._questions}
        rest = [name for i, name in enumerate(self._names) if i not in of_questions]
        self.headings = list(dict.fromkeys([*rest, *self.roles.values()]))

    def pieces(self, matched: ColumnMap, bad: BadRows) -> Iterator[Piece]:
        """Read the rows of students, an answer after the other."""
        kept = {n: h for n, h in matched.taken.items() if h not in (ITEM, MARK, self._joined)}
        empty = 0
        for batch, place in self._table.pieces(_all(self._names), bad):
            columns = [_texts(column) for column in batch.columns]
            who = _joined(columns, self._names) if self._joined else None
            label = np.stack([columns[i] for i in self._person], 1)
            ours = np.array([not _of_nobody(row) for row in label.tolist()], bool)
            _leave_out(bad, NO_STUDENT, place[~ours])
            columns, place = [column[ours] for column in columns], place[ours]
            marks = np.stack([self._marks(q, columns) for q in self._questions], 1)
            names = np.stack([_asked(q, columns) for q in self._questions], 1)
            said = (marks != "") | self._blank
            _leave_out(bad, NO_ANSWER, place[~said.any(1)])
            empty += int((marks == "").sum())
            row, _ = np.nonzero(said)
            table = {name: columns[self._names.index(head)][row] for name, head in kept.items()}
            if who is not None and matched.taken.get("student") == self._joined:
                table["student"] = who[ours][row]
            table |= {"item": names[said], "correct": marks[said]}
            if len(row):
                batch = texts({n: [v or None for v in column] for n, column in table.items()})
                yield Piece(batch, place[row])
        if empty > self._unscaled:
            none = empty - self._unscaled
            self.notes.append(f"{none:,} cells hold no mark: these questions were not answered.")
        if self._unscaled:
            self.notes.append(
                f"{self._unscaled:,} marks are left out: no points can be had in their questions."
            )

    @property
    def _joined(self) -> str:
        """The heading of names that stand in two columns, where nothing else names students."""
        return self.roles["student"] if self.roles.get("student") not in self._names else ""

    def _first(self) -> Iterator[Sequence[str]]:
        """Return the first rows of the table as texts."""
        some = next(self._table.pieces(_all(self._names), BadRows(Places(), "drop")), None)
        if some is not None:
            yield from zip(*(_texts(column).tolist() for column in some.batch.columns), strict=True)

    def _find(
        self, rules: Sequence[Rule], given: "WideAnswers", rows: questions.Rows
    ) -> list[Question]:
        for name in given.questions:
            if name not in self._names:
                raise DataError(
                    f"no column is called {name!r} (⟦questions⟧).", allowed(name, self._names),
                    file=self.source.name, row=self.heading_row, option="questions",
                )  # fmt: skip
        if given.questions:
            return [Question(name, self._names.index(name)) for name in given.questions]
        taken = {*given.groups, *(given.columns or {}).values()}
        for rule in (*rules, questions.plainly):
            asked = [q for q in rule(self._heads, rows) if self._names[q.mark] not in taken]
            if asked and rule is questions.responses and any(q.right is None for q in asked):
                raise DataError(
                    "the responses stand without the right answers, so that nothing tells marks.",
                    "Export the quiz again with right answers ticked, or its grades report.",
                    file=self.source.name, row=self.heading_row,
                )  # fmt: skip
            if asked:
                names = _unlike([q.name for q in asked])
                return [q._replace(name=n) for q, n in zip(asked, names, strict=True)]
        raise DataError(
            "no column holds marks of a question.",
            "Name those that do with ⟦questions⟧, separated by commas. There are: "
            f"{', '.join(self._names[:30])}.",
            file=self.source.name, row=self.heading_row, option="questions",
        )  # fmt: skip

    def _roles(self, rows: questions.Rows) -> dict[str, str]:
        """Return which columns hold the student, the time and the attempt."""
        lists = {"time": people.TIME, "attempt": people.ATTEMPT}
        places = {name: people.column(names, self._names) for name, names in lists.items()}
        roles = {name: self._names[i] for name, i in places.items() if i is not None}
        spots = [people.column([name], self._names) for name in people.STUDENT]
        there = [i for i in spots if i is not None]
        halves = [people.column(names, self._names) for names in (people.FIRST, people.LAST)]
        self._halves = [i for i in halves if i is not None]
        self._person = sorted({*there, *self._halves}) or [0]
        of_people = [row for row in rows if not _of_nobody([row[i] for i in self._person])]
        whole = [i for i in there if all(row[i].strip() for row in of_people)]
        if whole:
            roles["student"] = self._names[whole[0]]
        elif len(self._halves) > 1:
            roles["student"] = " + ".join(self._names[i] for i in self._halves)
        elif (own := self._apart(of_people, roles)) is not None:
            roles["student"] = self._names[own]  # a heading that nobody knows, in any language
            self.notes.append(f"Students are taken from the column {self._names[own]!r}.")
        return {**roles, "item": ITEM, "correct": MARK}

    def _apart(self, rows: questions.Rows, roles: dict[str, str]) -> int | None:
        """Return the first column that differs in all rows, else that of a half name or the first.

        Many students have one first name: it must not make them one.
        """
        marks = {i for q in self._questions for i in (q.mark, q.right) if i is not None}
        rest = [i for i, name in enumerate(self._names) if i not in marks and name not in
                roles.values()]  # fmt: skip
        cells = {i: [row[i].strip() for row in rows] for i in rest}
        unlike = [i for i in rest if all(cells[i]) and len(set(cells[i])) == len(rows) > 1]
        return next(iter([*unlike, *self._halves, *(i for i in rest if i == 0)]), None)

    def _points(self, highest: bool, rows: questions.Rows) -> list[float | None]:
        """Return what can be reached in each question, as the file tells or as was reached."""
        row = next((row for row in rows if _is_possible(row, self._person)), None)
        full = [
            q.full if q.full is not None or row is None else questions.number(row[q.mark])
            for q in self._questions
        ]
        if not highest:
            return full
        best = [np.nan] * len(full)
        for batch, _ in self._table.pieces(_all(self._names), BadRows(Places(), "drop")):
            for i, question in enumerate(self._questions):
                cells = map(questions.number, _texts(batch.column(question.mark)).tolist())
                best[i] = max([best[i], *(c for c in cells if c is not None)], key=_least_nan)
        self.notes.append("Marks were divided by the highest that was reached in each question.")
        both = zip(full, best, strict=True)
        return [top if top is not None else None if np.isnan(b) else b for top, b in both]

    def _marks(self, question: Question, columns: list[NDArray[np.object_]]) -> NDArray[np.object_]:
        """Return the marks of a question as texts, empty where there is none.

        In percent where the table tells what can be reached.
        """
        cells = [str(cell).strip() for cell in columns[question.mark]]
        cells = ["" if cell.lower() in questions.NO_MARK else cell for cell in cells]
        if question.right is not None:
            right = [str(cell).strip().casefold() for cell in columns[question.right]]
            both = zip(cells, right, strict=True)
            return np.array([c and str(int(c.casefold() == r)) for c, r in both], object)
        full = self._full[self._questions.index(question)]
        return np.array([self._share(cell, full, question) for cell in cells], object)

    def _share(self, cell: str, full: float | None, question: Question) -> str:
        got, slash, most = cell.partition("/")
        if got.endswith("%") and (percent := questions.number(got[:-1])) is not None:
            return f"{percent!r}%"
        points, top = questions.number(got), questions.number(most) if slash else full
        if points is None or not cell:
            return cell
        if top is not None:
            if top > 0:
                return f"{100 * points / top!r}%"
            self._unscaled += 1
            return ""
        if points > 1 and self._asks:
            raise DataError(
                f"a mark of {question.name!r} is {cell}, and nothing tells how many points can be "
                "reached.",
                "Add a row of them (Points Possible) below the headings, or give ⟦points⟧ highest, "
                "or ⟦full_mark⟧ where it is one for all. If it is no question, name those that are "
                "with ⟦questions⟧.",
                file=self.source.name, option="points",
            )  # fmt: skip
        return repr(points)


def _all(names: Sequence[str]) -> ColumnMap:
    return ColumnMap({name: name for name in names}, ())


def _texts(column: pa.Array) -> NDArray[np.object_]:
    return np.array([value or "" for value in column.cast(pa.string()).to_pylist()], object)


def _asked(question: Question, columns: list[NDArray[np.object_]]) -> NDArray[np.object_]:
    if question.named is None:
        return np.full(len(columns[0]), question.name, object)
    return np.array([name or question.name for name in columns[question.named]], object)


def _joined(columns: list[NDArray[np.object_]], names: Sequence[str]) -> NDArray[np.object_]:
    halves = [people.column(part, names) for part in (people.FIRST, people.LAST)]
    both = zip(*(columns[i] for i in halves if i is not None), strict=True)
    return np.array([" ".join(filter(None, map(str.strip, pair))) for pair in both], object)


def _leave_out(bad: BadRows, reason: str, place: NDArray[np.int64]) -> None:
    """Count rows of students of which no row of an answer tells."""
    bad.rows += len(place)
    bad.leave_out(reason, place)


def _of_nobody(cells: Sequence[str]) -> bool:
    """Say whether a row is no student's: nobody is named, or a sum of all."""
    stripped = [cell.strip() for cell in cells]
    said = [cell.lower() for cell in stripped if cell and cell not in values.NO_NAME]
    return not said or any(word in (*people.NOBODY, *people.SUMMARIES) for word in said)


def _is_possible(row: Sequence[str], person: Sequence[int]) -> bool:
    return any(row[i].strip().lower() in people.NOBODY for i in person)


def _least_nan(value: float) -> float:
    return -np.inf if np.isnan(value) else value


def _unlike(names: Sequence[str]) -> list[str]:
    """Return names of which none stands twice."""
    seen: dict[str, int] = {}
    unlike = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        unlike.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return unlike


@dataclass(kw_only=True)
class WideAnswers(Delimited, AnswerTables):
    """Tables with a row a student and a column a question.

    Attributes:
        blank: Whether cells without a mark are rows too.
        rules: How questions are told from headings, before any column that holds marks alone.

    Args:
        questions: Headings of the questions' columns, where they cannot be told.
        points: What marks are divided by where neither a heading nor a row of points that can be
            reached tells it: nothing, which marks above 1 end, or the ``highest`` of a question.
    """

    name = "wide"
    reads = "tables with a row a student and a column a question, of schools and platforms"
    endings = (*TEXT, SUFFIX)
    blank: ClassVar[bool] = False
    rules: ClassVar[tuple[Rule, ...]] = tuple(rule for own in LAYOUTS.values() for rule in own)

    questions: Sequence[str] = ()
    points: Points = "told"

    def open(self, source: Source) -> Table:
        """Open a file as one of answers."""
        return _Wide(super().open(source), self.rules, self)

    @classmethod
    def knows(cls, look: Look) -> int:
        """Say how surely its questions can be told; see ``Importer.knows``."""
        headings = look.headings
        if look.objects or not look.rows:
            return 0
        for rule in cls.rules:
            if asked := list(rule(headings, look.rows)):
                return KNOWN + min(len(asked), 20) - len(cls.rules)
        person = people.column((*people.STUDENT, *people.FIRST), headings) or 0
        marked = [question.mark for question in questions.plainly(headings, look.rows)]
        who = [row[person] for row in look.rows if len(row) > person and row[person]]
        return int(person not in marked and len(marked) > 1 and 2 * len(set(who)) >= len(who))


class MoodleAnswers(WideAnswers):
    """Quizzes and gradebooks of Moodle."""

    name = "moodle"
    reads = "a quiz' grades or responses (with right answers), or the gradebook, of Moodle"
    rules = LAYOUTS["moodle"]


class CanvasAnswers(WideAnswers):
    """Quizzes and gradebooks of Canvas."""

    name = "canvas"
    reads = "a quiz' student analysis (classic or new), or the gradebook, of Canvas"
    rules = LAYOUTS["canvas"]


class FormsAnswers(WideAnswers):
    """Quizzes of Google Forms and Microsoft Forms."""

    name = "forms"
    reads = "a quiz of Google Forms or Microsoft Forms, with its scores"
    rules = LAYOUTS["forms"]
