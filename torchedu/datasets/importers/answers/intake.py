"""From an importer's rows to a store: checks, names to ids, whole students in order."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from torchedu.datasets.answers import AnswerWriter
from torchedu.datasets.grouping import Grouping, Students
from torchedu.datasets.importers.reading import kept, values
from torchedu.datasets.importers.reading.clock import Clock, shown
from torchedu.datasets.importers.reading.columns import ANSWER_ID
from torchedu.datasets.importers.reading.durations import Durations
from torchedu.datasets.importers.reading.item_texts import ItemTexts
from torchedu.datasets.importers.reading.marks import Marks, of_full
from torchedu.datasets.importers.reading.numbering import Groups, Numbering, hashes, inverse
from torchedu.datasets.importers.reading.repeats import Repeats
from torchedu.datasets.importers.reading.rows import BadRows, Piece, Reading, Sieve
from torchedu.datasets.importers.reading.skills import Skills
from torchedu.errors import DataError
from torchedu.schema import GROUP, ITEM, RESERVED, SKILL, Names, Vocabulary

UNMARKED = (
    "Correct the row, or give ⟦on_bad_row⟧ drop; where it is a question that is still to be "
    "answered, ⟦unmarked⟧ ask."
)
"""What a user can do about a row without a mark."""
Columns = dict[str, NDArray[Any]]
SPILLED = {"item": "int32", "correct": "float32", "place": "int64"}


class Intake:
    """Takes rows piece by piece, checks them, then writes the store.

    Args:
        reading: What the importer gives.
        bad: What becomes of bad rows.
        marks: Reads the marks.
        clock: Reads the times.
        folder: A folder for spilled columns.
        durations: Reads the response times.
        skills: Names and checks skills.
        item_texts: Collects what items ask.
        merge_skill_rows: Whether rows that differ in nothing but the skill are one answer.
        asks: Whether rows without a mark are questions, and not bad.
    """

    kept = (
        "bad", "marks", "clock", "students", "items", "skills", "item_texts", "durations",
        "fractional", "attempted", "_uncounted", "_groups",
    )  # fmt: skip

    def __init__(
        self,
        reading: Reading,
        bad: BadRows,
        folder: Path,
        *,
        marks: Marks,
        clock: Clock,
        durations: Durations,
        skills: Skills,
        item_texts: ItemTexts,
        merge_skill_rows: bool,
        asks: bool = False,
    ) -> None:
        self.reading = reading
        self.bad = bad
        self.marks, self.clock = marks, clock
        self.students, self.items = Numbering(), Numbering()
        self.skills, self.item_texts = skills, item_texts
        self.fractional = False
        self.attempted = False
        self.merged = 0
        self.durations = durations
        self._uncounted = 0
        self._merge = merge_skill_rows
        self._asks, self._asked = asks, 0
        taken = reading.columns
        self._has = {name for name in taken if not name.startswith(GROUP)}
        self._groups = {name: Groups(name) for name in taken if name.startswith(GROUP)}
        optional = {
            "time": {"time": "float64", "kind": "uint8"},
            "response_time": {"response_time": "float32"},
            "attempt": {"attempt": "int32"},
            "order": {"order": "float64"},
            "skill": {"skill": "int32"},
            ANSWER_ID: {"answer_id": "uint64"},
        }
        dtypes = dict(SPILLED)
        for name in self._has:
            dtypes.update(optional.get(name, {}))
        self._rows = Grouping(folder, dtypes)

    def take(self, piece: Piece) -> int:
        """Check some rows, keep the good ones, and return how many those are."""
        batch = piece.batch
        sieve = Sieve(piece, self.bad)
        for index, field in enumerate(batch.schema):
            if pa.types.is_nested(field.type) and field.name != "skill":
                there = batch.column(index).is_valid().to_numpy(False)
                reason = f"the {field.name} is a list or an object, not one value"
                sieve.refuse(reason, there, column=field.name)
                batch = batch.set_column(index, field.name, pa.nulls(len(there), pa.string()))
        student, item = (values.encoded(batch.column(name)) for name in ("student", "item"))
        table: dict[str, NDArray[Any]] = {"place": piece.place}
        correct = batch.column("correct")
        if "full_mark" in batch.schema.names:
            correct = of_full(correct, batch.column("full_mark"))
        table["correct"] = self._marks(sieve, student, item, correct)
        if "time" in self._has:
            time = self.clock.take(sieve, batch.column("time"))
            table["time"], table["kind"] = time.value, time.kind
        if "response_time" in self._has:
            table["response_time"] = self.durations.take(sieve, batch.column("response_time"))
        if "attempt" in self._has:
            number, wrong = values.numbers(batch.column("attempt"))
            sieve.refuse("the attempt is not a number", wrong, column="attempt")
            counted = (number >= 0) & (number < 2**31) & (number % 1 == 0)
            self._uncounted += int((~counted & ~np.isnan(number) & sieve.keep).sum())
            table["attempt"] = np.where(counted, number, 0)
        if "order" in self._has:
            table["order"], wrong = values.numbers(batch.column("order"))
            sieve.refuse("the order is not a number", wrong, column="order")
        if ANSWER_ID in self._has:
            ids = values.names(batch.column(ANSWER_ID))
            sieve.refuse("the answer id is missing", ids.is_null().to_numpy(False))
            table["answer_id"] = hashes(ids)
        self.skills.check(sieve, item)

        keep, mask = sieve.keep, pa.array(sieve.keep)
        if not keep.all():
            table = {name: array[keep] for name, array in table.items()}
        # Names are numbered last, so that a dropped row leaves no name behind.
        table["item"] = self.items.encode(item.kept(keep))
        who = self.students.encode(student.kept(keep))
        if "skill" in self._has:
            table["skill"] = self.skills.take(table["item"], batch.column("skill").filter(mask))
        if "item_text" in self._has:
            self.item_texts.take(table["item"], batch.column("item_text").filter(mask))
        for name, group in self._groups.items():
            group.take(who, batch.column(name).filter(mask))
        if "time" in table:
            self.clock.see(table["time"], table["kind"])
        if "attempt" in table:
            self.attempted |= bool(table["attempt"].any())
        if not self.fractional:
            self.fractional = bool((table["correct"] > np.floor(table["correct"])).any())
        self._rows.add(who, table)
        return len(who)

    def noted(self) -> dict[str, Any]:
        """Tell what ``go_on`` needs; plain JSON."""
        return {"known": kept.noted(self), "rows": self._rows.noted()}

    def go_on(self, noted: Mapping[str, Any]) -> bool:
        """Take up all that another process had taken, with the same folder and options.

        Args:
            noted: What its ``noted`` told.

        Returns:
            Whether the spilled columns are as they were; else nothing was taken up.
        """
        there = self._rows.go_on(noted["rows"])
        if there:
            kept.restored(self, noted["known"])
        return there

    def gather(self) -> None:
        """Judge what only all rows together show, and put those of each student together.

        Raises:
            DataError: There are no answers, or rows break what only the whole file could show.
        """
        file = self.bad.places.files[0]
        if not self._rows.rows:
            raise DataError("the file holds no answers.", "Export it again.", file=file)
        self.durations.check(file)
        if self.clock.tells_order:
            self.clock.decide(file)
            self._check_times()
            self.bad.refuse_most()
        self._rows.gather(self.students.ordered()[1])

    def write(self, out: Path, about: dict[str, Any]) -> None:
        """Write the store of all rows taken, once they were gathered.

        Raises:
            DataError: Rows tell an answer again.
        """
        self._rows.forget_spilled()
        item_names, item_order = self.items.ordered()
        item_ids = (RESERVED + inverse(item_order)).astype(np.int32)
        texts = self.item_texts.finish(item_names, item_order)
        skill_names, item_skills = self.skills.finish(self.items, item_ids)
        kinds = {ITEM: Names(item_names), SKILL: Names(skill_names)}
        group_ids: dict[str, NDArray[np.int32]] = {}
        for name, group in self._groups.items():
            kinds[name], group_ids[name] = group.finish(len(self.students.numbers))
        optional = [("time", self.clock.tells_order), ("response_time", self.durations.any)]
        columns = [name for name, there in [*optional, ("attempt", self.attempted)] if there]
        student_names, order = self.students.ordered()
        repeats = Repeats(
            self.bad, self.clock, self._rows.rows, by_id=ANSWER_ID in self._has,
            by_skill="skill" in self._has, merge=self._merge,
        )  # fmt: skip
        writer = AnswerWriter(
            out, Vocabulary(kinds), item_skills, fractional=self.fractional, columns=columns,
            questions=self._asks, item_texts=None if texts is None else [""] * RESERVED + texts,
        )  # fmt: skip
        with writer:
            done = 0
            for block in self._rows.students(order):
                names = student_names[done : done + len(block.ids)]
                done += len(block.ids)
                lengths, table, (asked, questions) = self._answers(block, repeats)
                some = (lengths > 0) | (asked > 0)
                for rows in (table, questions):
                    rows["item"] = item_ids[rows["item"]]
                writer.append(
                    [name for name, there in zip(names, some.tolist(), strict=True) if there],
                    lengths[some],
                    {name: table[name] for name in ("item", "correct", *columns)},
                    {name[len(GROUP) :]: ids[block.ids[some]] for name, ids in group_ids.items()},
                    (asked[some], questions),
                )
            repeats.finish()
            self.merged = repeats.merged
            writer.about.update(about | self._about())

    def close(self) -> None:
        """Close the spilled files."""
        self._rows.close()

    def _marks(
        self, sieve: Sieve, student: values.Encoded, item: values.Encoded, correct: pa.Array
    ) -> NDArray[np.float64]:
        """Return the marks, and refuse the rows that do not tell who answered what and how."""
        read = self.marks.read(correct)
        missing = np.isnan(read.share) & ~read.wrong
        sieve.refuse("the student is missing", student.missing, column="student")
        sieve.refuse(values.CUT[0], student.cut, column="student", remedy=values.CUT[1])
        sieve.refuse("the student has no answer", item.missing & missing, column="student")
        sieve.refuse("the item is missing", item.missing, column="item")
        if not self._asks:
            sieve.refuse("correct is missing", missing, remedy=UNMARKED)
        self.marks.refuse(sieve, read)
        return read.share

    def _check_times(self) -> None:
        """Refuse the rows whose time only the whole column shows to be of another unit."""
        for chunk in self._rows.chunks("time", "kind", "place"):
            breaks = self.clock.breaks(chunk["time"], chunk["kind"])
            for kind in np.unique(chunk["kind"][breaks]).tolist():
                rows = np.flatnonzero(breaks & (chunk["kind"] == kind))
                reason, remedy = self.clock.reason(kind)
                value = shown(float(chunk["time"][rows[0]]), kind)
                self.bad.add(reason, chunk["place"][rows], remedy, value)

    def _answers(
        self, block: Students, repeats: Repeats
    ) -> tuple[NDArray[np.int64], Columns, tuple[NDArray[np.int64], Columns]]:
        """Return a block of whole students in order of time, without repeats; and their questions.

        Of both how many each student has, and their columns; ``after`` of a question is how many of
        the student's answers stand before it.
        """
        table = block.columns
        row = np.repeat(np.arange(len(block.ids)), block.lengths)
        if self.clock.tells_order:
            keep = ~self.clock.breaks(table["time"], table["kind"])
            if not keep.all():
                row, table = _taken(keep, row, table)
            table["time"] = self.clock.milliseconds(table["time"], table.pop("kind"))
        names = ["order"] * ("order" in table) + ["time"] * self.clock.tells_order
        if names:  # stable: the file's order decides ties
            keys = [table[name] for name in names]
            if len(keys) > 1 or ((keys[0][1:] < keys[0][:-1]) & (row[1:] == row[:-1])).any():
                row, table = _taken(np.lexsort((*keys, row)), row, table)
        marked = ~np.isnan(table["correct"]) if self._asks else np.ones(len(row), bool)
        answers = (row, table) if marked.all() else _taken(marked, row, table)
        keep = marked.copy()
        keep[marked] = repeats.first(*answers)
        before, asked_of, item = np.cumsum(keep) - keep, row[~marked], table["item"][~marked]
        if not keep.all():
            row, table = _taken(keep, row, table)
        lengths, asked = (np.bincount(x, minlength=len(block.ids)) for x in (row, asked_of))
        self._asked += len(item)
        after = before[~marked] - (np.cumsum(lengths) - lengths)[asked_of]
        return lengths, table, (asked, {"item": item, "after": after})

    def _about(self) -> dict[str, Any]:
        notes = list(self.reading.notes)
        if "time" in self._has:
            notes += self.clock.notes
        elif "order" not in self._has:
            notes.append("No column tells the time: answers stand in the file's order.")
        notes += [*self.durations.notes(), *self.marks.notes(), *self.skills.notes()]
        notes += self.item_texts.notes()
        if self._uncounted:
            notes.append(f"{self._uncounted:,} attempts are no count from 1: they are unknown.")
        for group in self._groups.values():
            notes += group.notes()
        if self._asked:
            notes.append(f"Rows without a mark: {self._asked:,}, which are questions alone.")
        if self.merged:
            notes.append(f"{self.merged} rows told an answer again for another skill: merged.")
        return {
            "columns": dict(sorted(self.reading.columns.items())),
            "ignored_columns": list(self.reading.ignored),
            "time_unit": self.clock.unit if self.clock.tells_order else None,
            "dropped": self.bad.dropped,
            "merged": self.merged,
            "notes": notes,
        }


def _taken(
    some: NDArray[Any], row: NDArray[np.int64], table: dict[str, NDArray[Any]]
) -> tuple[NDArray[np.int64], dict[str, NDArray[Any]]]:
    return row[some], {name: array[some] for name, array in table.items()}
