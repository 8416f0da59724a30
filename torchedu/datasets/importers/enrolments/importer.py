"""Students' enrolments: raw files to a store of their courses in order."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from torchedu.datasets.contents import describe_enrolments
from torchedu.datasets.enrolments import EnrolmentStore, write_enrolments
from torchedu.datasets.importers.importer import Importer
from torchedu.datasets.importers.reading import values
from torchedu.datasets.importers.reading.clock import Clock, Timed, shown
from torchedu.datasets.importers.reading.numbering import Groups, Numbering, inverse
from torchedu.datasets.importers.reading.rows import BadRows, Piece, Reading, Sieve
from torchedu.datasets.importers.reading.skills import Skills
from torchedu.errors import DataError
from torchedu.schema import GROUP, HELD_OUT, ITEM, RESERVED, SKILL, Names, Vocabulary

UNORDERED = "No column tells the time: courses stand in the file's order, which says what is last."


@dataclass(kw_only=True)
class EnrolmentImporter(Timed, Importer):
    """Students' enrolments.

    Students and courses are kept in natural order of their names, each student's courses in order
    of time (in the files' order where times are equal or absent), a published test course last. A
    course that a student has twice counts once, the first time. Published test courses that stand
    in the training rows too are refused.
    """

    store = EnrolmentStore
    describe = staticmethod(describe_enrolments)

    def write(self, reading: Reading, bad: BadRows, out: Path, about: dict[str, Any]) -> None:
        """Put all enrolments in order and write them; see ``Importer.write``."""
        groups = [name for name in reading.columns if GROUP in name]
        rows = _Rows(bad, self.clock(reading.unit), groups)
        for piece in reading.pieces:
            rows.take(piece)
        rows.write(out, about, reading.raw, list(reading.notes))


class _Rows:
    """Takes rows piece by piece, checks them, then writes the store."""

    def __init__(self, bad: BadRows, clock: Clock, groups: Sequence[str]) -> None:
        self.bad, self.clock = bad, clock
        self.number = 0
        self.ordered = False
        self.students, self.items, self.skills = Numbering(), Numbering(), Skills()
        self.groups = [Groups(name) for name in groups]
        self._kept: dict[str, list[NDArray[Any]]] = {}

    def take(self, piece: Piece) -> None:
        """Keep the good rows of a piece."""
        batch, sieve = piece.batch, Sieve(piece, self.bad)
        names = batch.schema.names
        student, item = (values.encoded(batch.column(name)) for name in ("student", "item"))
        sieve.refuse("the student is missing", student.missing, column="student")
        sieve.refuse(values.CUT[0], student.cut, column="student", remedy=values.CUT[1])
        sieve.refuse("the course is missing", item.missing, column="item")
        if "count" in names:
            count, strange = values.numbers(batch.column("count"))
            sieve.refuse("the count is no number", strange, column="count")
            sieve.refuse("the count is negative", count < 0, column="count")
        none = np.zeros(len(sieve.keep))
        kept: dict[str, NDArray[Any]] = {"place": piece.place, "time": none, "kind": none}
        if "time" in names:
            self.ordered = True
            time = self.clock.take(sieve, batch.column("time"))
            kept["time"], kept["kind"] = time.value, time.kind
        held = batch.column(HELD_OUT).to_numpy(False) if HELD_OUT in names else none.astype(bool)
        keep = pa.array(sieve.keep)
        kept = {name: column[sieve.keep] for name, column in kept.items()}
        kept["held"] = np.asarray(held, bool)[sieve.keep]
        kept["student"] = self.students.encode(student.kept(sieve.keep))
        kept["item"] = self.items.encode(item.kept(sieve.keep))
        if "time" in names:
            self.clock.see(kept["time"], kept["kind"])
        if "skill" in names:
            self.skills.take(kept["item"], batch.column("skill").filter(keep))
        for group in self.groups:
            group.take(kept["student"], batch.column(group.name).filter(keep))
        for name, column in kept.items():
            self._kept.setdefault(name, []).append(column)
        self.number += len(kept["student"])

    def write(self, out: Path, about: dict[str, Any], raw: str, notes: list[str]) -> EnrolmentStore:
        """Put the rows in order and write the store."""
        if not self.number:
            raise DataError("no enrolments are in it.", "Export it again.", file=raw)
        rows = {name: np.concatenate(column) for name, column in self._kept.items()}
        timed = self.clock.tells_order
        if timed:
            self.clock.decide(raw)
            off = self.clock.breaks(rows["time"], rows["kind"])
            if off.any():
                for kind in np.unique(rows["kind"][off]).tolist():
                    those = np.flatnonzero(off & (rows["kind"] == kind))
                    reason, remedy = self.clock.reason(kind)
                    value = shown(float(rows["time"][those[0]]), kind)
                    self.bad.add(reason, rows["place"][those], remedy, value)
                self.bad.refuse_most()
                rows = {name: column[~off] for name, column in rows.items()}
            rows["time"] = self.clock.milliseconds(rows["time"], rows["kind"])
        students, student_order = self.students.ordered()
        courses, course_order = self.items.ordered()
        student = inverse(student_order)[rows["student"]]
        item_ids = inverse(course_order) + RESERVED
        item = item_ids[rows["item"]]
        moment = rows["time"] if timed else np.zeros(len(item), np.int64)
        order = np.lexsort((np.arange(len(item)), moment, rows["held"], student))
        student, item, moment = student[order], item[order], moment[order]
        held, place = rows["held"][order], rows["place"][order]
        pair = student * np.int64(len(courses) + RESERVED) + item
        once = np.sort(np.unique(pair, return_index=True)[1])
        _refuse_planted(pair, held, students, courses, raw)
        again = np.ones(len(item), bool)
        again[once] = False
        drops = BadRows(self.bad.places, "drop")
        drops.add("the student has this course already", place[again], "")
        student, item, moment = student[once], item[once], moment[once]
        skills, item_skills = self.skills.finish(self.items, item_ids.astype(np.int32))
        notes += self.clock.notes if self.ordered else [UNORDERED]
        notes += self.skills.notes()
        kinds = {ITEM: Names(courses)} | ({SKILL: Names(skills)} if skills else {})
        groups = {}
        for group in self.groups:
            attribute_names, ids = group.finish(len(students))
            kinds[group.name] = attribute_names
            groups[group.name.removeprefix(GROUP)] = ids[student_order]
            notes += group.notes()
        lengths = np.bincount(student, minlength=len(students))
        if (lengths == 1).any():
            notes.append(
                f"{int((lengths == 1).sum()):,} students have one course: they are trained on, "
                "and none of theirs is held out."
            )
        some = np.flatnonzero(lengths)
        about |= {
            "dropped": {**self.bad.dropped, **drops.dropped},
            "notes": notes,
            "time_unit": self.clock.unit if timed else None,
            "held_out": bool(held.any()),
        }
        return write_enrolments(
            out,
            vocabulary=Vocabulary(kinds),
            names=[students[i] for i in some.tolist()],
            lengths=lengths[some],
            item=item,
            item_skills=item_skills if skills else None,
            time=moment if timed else None,
            groups={name: ids[some] for name, ids in groups.items()},
            about=about,
        )


def _refuse_planted(
    pair: NDArray[np.int64],
    held: NDArray[np.bool_],
    students: Sequence[str],
    courses: Sequence[str],
    raw: str,
) -> None:
    """Refuse published test courses that stand among the same student's training rows."""
    both = np.intersect1d(pair[held], pair[~held])
    if len(both):
        who, what = divmod(int(both[0]), len(courses) + RESERVED)
        raise DataError(
            f"{len(both):,} of {int(held.sum()):,} held-out enrolments stand in the training "
            f"rows too, such as student {students[who]!r} in {courses[what - RESERVED]!r} "
            "[held_out].",
            "Ask the data's source for a split whose parts share nothing.",
            file=raw,
        )
