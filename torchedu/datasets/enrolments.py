"""Students' enrolments in a store: which courses each took, in order."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from torchedu.datasets.answers import stretch_index
from torchedu.datasets.memory import Memory
from torchedu.datasets.store import Store, kept
from torchedu.datasets.writer import StoreWriter, encode_texts
from torchedu.schema import GROUP, ITEM, RESERVED, SKILL, Vocabulary


class Enrolled(NamedTuple):
    """The courses of some students as plain arrays, for baselines.

    Attributes:
        offsets: Where each student's courses begin; shape (students + 1,).
        item: Course ids, in order of enrolment; shape (enrolments,).
        num_items: Size of the vocabulary of courses, reserved ids included.
    """

    offsets: NDArray[np.int64]
    item: NDArray[np.int32]
    num_items: int

    def hide(self, score: NDArray[np.float32]) -> NDArray[np.float32]:
        """Take the courses that students have taken, and the reserved ids, out of the running.

        Args:
            score: A student's scores of all courses, changed in place; shape (students, num_items).

        Returns:
            ``score``, with minus infinity there.
        """
        score[np.repeat(np.arange(len(score)), np.diff(self.offsets)), self.item] = -np.inf
        score[:, :RESERVED] = -np.inf
        return score


class EnrolmentStore(Store):
    """A store of enrolments, a row a student, each student's courses in order of enrolment.

    Args:
        path: The store's folder.

    Raises:
        DataError: The folder is no store, or one of something else.
    """

    holds, made_by, mark = "enrolments", "enrolments", ("students", "enrolment.item")

    num_students = kept(Store.num_rows, "students")
    """Number of students."""
    history_offsets = kept(Store.offsets, "students", "enrolment")
    """Where each student's courses begin; shape (students + 1,)."""
    item = kept(Store.values, "students", "enrolment.item")
    """Course ids; shape (enrolments,)."""

    @property
    def num_enrolments(self) -> int:
        """Number of enrolments of all students."""
        return len(self.item)

    @property
    def counts(self) -> dict[str, int]:
        """How many students, enrolments and courses it holds."""
        courses = len(self.vocabulary[ITEM]) - RESERVED
        return {
            "students": self.num_students, "enrolments": self.num_enrolments, "courses": courses
        }  # fmt: skip

    @property
    def time(self) -> NDArray[np.int64] | None:
        """When each enrolment was made, in milliseconds; None where the data does not say."""
        if "enrolment.time" not in self.columns("students"):
            return None
        return self.values("students", "enrolment.time")

    @property
    def item_skills(self) -> tuple[NDArray[np.int64], NDArray[np.int32]] | None:
        """Where each course's skills begin, and their ids; None where the data has none.

        Shapes (courses + 1,) and (skills of all courses,), by course id from 0.
        """
        if not len(self.vocabulary[SKILL]) > RESERVED:
            return None
        return self.offsets("items", "skill"), self.values("items", "skill.skill")

    def student_names(self, rows: ArrayLike) -> list[str]:
        """Return the names of some students."""
        return self.texts("students", "name", rows)

    def known_as(self, rows: NDArray[np.int64]) -> list[str]:
        """Return the names of some students."""
        return self.student_names(rows)

    def enrolled(self, students: NDArray[np.int64], stop: NDArray[np.int64]) -> Enrolled:
        """Return the first courses of some students.

        Args:
            students: Their rows; shape (students,).
            stop: How many courses of each to take.

        Returns:
            Plain arrays, copied from the store.
        """
        index, offsets = stretch_index(self.history_offsets[students], stop)
        return Enrolled(offsets, self.item[index], len(self.vocabulary[ITEM]))


def write_enrolments(
    path: str | Path | Memory,
    vocabulary: Vocabulary,
    names: Sequence[str],
    lengths: ArrayLike,
    item: ArrayLike,
    *,
    item_skills: tuple[ArrayLike, ArrayLike] | None = None,
    time: ArrayLike | None = None,
    groups: Mapping[str, ArrayLike] | None = None,
    about: Mapping[str, Any] | None = None,
) -> EnrolmentStore:
    """Write a store of enrolments.

    Args:
        path: The store to make or replace.
        vocabulary: Names of courses, of groups and of what courses teach.
        names: The students' names.
        lengths: How many courses each has taken; shape (students,).
        item: Course ids, one student after the other, in order; shape (enrolments,).
        item_skills: Lengths and values of each course's skill ids, for every course id from 0.
        time: When, in milliseconds; shape (enrolments,).
        groups: For each attribute, the students' group ids; shape (students,).
        about: Where the data came from and what was dropped; plain JSON.

    Returns:
        The store.
    """
    columns = {"item": "int32"} | ({} if time is None else {"time": "int64"})
    values = {"item": item} | ({} if time is None else {"time": time})
    flat = {GROUP + name: "int32" for name in vocabulary.groups}
    with StoreWriter(path) as writer:
        writer.vocabulary, writer.about = vocabulary, dict(about or {})
        students = writer.table("students", flat, {"name": {"utf8": "uint8"}, "enrolment": columns})
        students.append(
            len(names),
            {GROUP + name: (groups or {})[name] for name in vocabulary.groups},
            {"name": encode_texts(names), "enrolment": (lengths, values)},
        )
        if item_skills is not None:
            items = writer.table("items", ragged={"skill": {"skill": "int32"}})
            lengths, skills = map(np.asarray, item_skills)
            items.append(len(lengths), {}, {"skill": (lengths, {"skill": skills})})
    return EnrolmentStore(path)
