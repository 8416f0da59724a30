"""Students' answers in a store: what the columns of the ragged-column store mean here."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from torchedu.datasets.memory import Memory
from torchedu.datasets.store import Store, kept
from torchedu.datasets.writer import StoreWriter, encode_texts
from torchedu.mapped import mapped
from torchedu.schema import GROUP, ITEM, RESERVED, SKILL, Vocabulary

OPTIONAL_COLUMNS = {
    "time": "int64",
    "response_time": "float32",
    "attempt": "int32",
    "truth": "float32",
}
"""Columns of an answer beside item and correct: milliseconds, seconds, a count from 1, and, of
simulated students only, the probability of a right answer that their hidden state gave."""

NO_SKILL = "(no skill named)"
"""The skill that all items share for which the data names none."""


class Answers(NamedTuple):
    """The histories of some students as plain arrays, for baselines and the exact filter.

    Attributes:
        offsets: Where each history begins; shape (students + 1,).
        item: Item ids; shape (answers,).
        correct: 0 or 1, or a share of the marks; shape (answers,), float32.
        skill_offsets: Where each item's skills begin, by item id; shape (items + 1,).
        skill: Skill ids of all items, one item after the other.
        num_items: Size of the item vocabulary, reserved ids included.
        num_skills: Size of the skill vocabulary, reserved ids included.
        time: When, in milliseconds; shape (answers,), or None where the data has none.
    """

    offsets: NDArray[np.int64]
    item: NDArray[np.int32]
    correct: NDArray[np.float32]
    skill_offsets: NDArray[np.int64]
    skill: NDArray[np.int32]
    num_items: int
    num_skills: int
    time: NDArray[np.int64] | None = None


class Questions(NamedTuple):
    """Questions that students are still to answer.

    Attributes:
        student: Row of the student; shape (questions,).
        item: Item id.
        after: How many of the student's answers stand before it.
    """

    student: NDArray[np.int64]
    item: NDArray[np.int64]
    after: NDArray[np.int64]


class AnswerStore(Store):
    """A store of students' answers, a row a student, each history in the order it happened.

    Args:
        path: The store's folder.

    Raises:
        DataError: The folder is no store, or one of something else.
    """

    holds, made_by, mark = "answers", "csv", ("students", "answer.item")

    num_students = kept(Store.num_rows, "students")
    """Number of students."""
    history_offsets = kept(Store.offsets, "students", "answer")
    """Where each student's history begins; shape (students + 1,)."""
    item = kept(Store.values, "students", "answer.item")
    """Item ids; shape (answers,)."""
    correct = kept(Store.values, "students", "answer.correct")
    """Marks, uint8 where all are 0 or 1, else float32 in 0..1; shape (answers,)."""
    skill_offsets = kept(Store.offsets, "items", "skill")
    """Where each item's skills begin, by item id; shape (items + 1,)."""
    skill = kept(Store.values, "items", "skill.skill")
    """Skill ids of all items, one item after the other."""

    @property
    def item_texts(self) -> list[str] | None:
        """What each item asks, by item id, empty where nobody told; None where no item has one."""
        if "text.utf8" not in self.columns("items"):
            return None
        return self.texts("items", "text", np.arange(len(self.vocabulary[ITEM])))

    @property
    def questions(self) -> "Questions":
        """The questions that the data asks beside the answers; none where it asks nothing."""
        if "question.item" not in self.columns("students"):
            none = np.zeros(0, np.int64)
            return Questions(none, none, none)
        asked = np.diff(self.offsets("students", "question"))
        item, after = (self.values("students", f"question.{name}") for name in ("item", "after"))
        student = np.repeat(np.arange(self.num_students), asked)
        return Questions(student, np.asarray(item, np.int64), np.asarray(after, np.int64))

    @property
    def num_answers(self) -> int:
        """Number of answers of all students."""
        return len(self.item)

    @property
    def counts(self) -> dict[str, int]:
        """How many students, answers, items and skills it holds."""
        return {
            "students": self.num_students, "answers": self.num_answers,
            "items": len(self.vocabulary[ITEM]) - RESERVED, "skills": self.num_named_skills,
        }  # fmt: skip

    @property
    def items_without_skill(self) -> int:
        """Number of items for which the data names no skill; see ``own_skills``."""
        return int(self.about.get("items_without_skill", 0))

    @property
    def num_named_skills(self) -> int:
        """Number of skills that the data names: items' own ones and the shared one are not."""
        without = self.items_without_skill
        return len(self.vocabulary[SKILL]) - RESERVED - (without + 1 if without else 0)

    def has(self, column: str) -> bool:
        """Say whether the answers have an optional column."""
        return f"answer.{column}" in self.columns("students")

    def answer_column(self, column: str) -> NDArray[Any]:
        """Return an optional column of the answers; shape (answers,)."""
        return self.values("students", f"answer.{column}")

    def student_names(self, rows: ArrayLike) -> list[str]:
        """Return the names of some students."""
        return self.texts("students", "name", rows)

    def known_as(self, rows: NDArray[np.int64]) -> list[str]:
        """Return the names of some students."""
        return self.student_names(rows)

    def answers(
        self, students: NDArray[np.int64] | None = None, stop: NDArray[np.int64] | None = None
    ) -> Answers:
        """Return the histories of some students, or of all.

        Args:
            students: Their rows; all where it is None.
            stop: How many answers of each to take, from the first; all where it is None.

        Returns:
            Plain arrays, copied from the store.
        """
        if students is None:
            students = np.arange(self.num_students)
        starts = self.history_offsets[students]
        lengths = self.history_offsets[students + 1] - starts if stop is None else stop
        index, offsets = stretch_index(starts, lengths)
        return Answers(
            offsets, mapped(self.item[index]), mapped(self.correct[index].astype(np.float32)),
            np.asarray(self.skill_offsets), np.asarray(self.skill),
            len(self.vocabulary[ITEM]), len(self.vocabulary[SKILL]),
            mapped(self.answer_column("time")[index]) if self.has("time") else None,
        )  # fmt: skip


class AnswerWriter(StoreWriter):
    """Writes a store of answers, whole students at a time; use it as a context.

    An item without a skill is written with two: one of its own, and one that all such items share;
    see ``own_skills``. Networks follow students by skill, and would learn nothing from its marks.

    Args:
        path: The store to make or replace.
        vocabulary: Names of items, skills and groups.
        item_skills: Lengths and values of each item's skill ids, for every item id from 0; shape
            (items,) and (sum of lengths,). An item without a skill has length 0.
        fractional: Whether marks other than 0 and 1 occur.
        columns: The optional columns that every answer has.
        about: Where the data came from and what was dropped; plain JSON.
        questions: Whether questions are kept beside the answers.
        item_texts: What each item asks, by item id from 0, empty where nobody told; None where no
            item has a text.
    """

    def __init__(
        self,
        path: str | Path | Memory,
        vocabulary: Vocabulary,
        item_skills: tuple[ArrayLike, ArrayLike],
        *,
        fractional: bool = False,
        columns: Sequence[str] = (),
        about: Mapping[str, Any] | None = None,
        questions: bool = False,
        item_texts: Sequence[str] | None = None,
    ) -> None:
        super().__init__(path)
        self._asks, self._texts = questions, item_texts
        self.vocabulary, self._item_skills, self._without = own_skills(vocabulary, item_skills)
        self.about = dict(about or {})
        marks = {"item": "int32", "correct": "float32" if fractional else "uint8"}
        self._dtypes = marks | {name: OPTIONAL_COLUMNS[name] for name in columns}
        self._groups = [GROUP + name for name in vocabulary.groups]

    def __enter__(self) -> Self:
        """Begin the store."""
        super().__enter__()
        ragged = {"name": {"utf8": "uint8"}, "answer": self._dtypes}
        if self._asks:
            ragged["question"] = {"item": "int32", "after": "int32"}
        self._students = self.table("students", dict.fromkeys(self._groups, "int32"), ragged)
        lengths, values = self._item_skills
        of_items: dict[str, Any] = {"skill": (lengths, {"skill": values})}
        families = {"skill": {"skill": "int32"}}
        if self._texts is not None:
            of_items["text"], families["text"] = encode_texts(self._texts), {"utf8": "uint8"}
        self.table("items", ragged=families).append(len(lengths), {}, of_items)
        return self

    def append(
        self,
        names: Sequence[str],
        lengths: ArrayLike,
        answers: Mapping[str, ArrayLike],
        groups: Mapping[str, ArrayLike] | None = None,
        questions: tuple[ArrayLike, Mapping[str, ArrayLike]] | None = None,
    ) -> None:
        """Append whole students.

        Args:
            names: The students' names.
            lengths: How many answers each has; shape (students,).
            answers: ``item``, ``correct`` and the optional columns; shape (sum of lengths,).
            groups: For each attribute, the students' group ids; shape (students,).
            questions: How many each is asked, and ``item`` and ``after``, as ``Questions`` has
                them; where questions are kept.
        """
        flat = {name: (groups or {})[name.removeprefix(GROUP)] for name in self._groups}
        ragged = {"name": encode_texts(names), "answer": (lengths, answers)}
        if self._asks:
            ragged["question"] = questions or ([0] * len(names), {"item": [], "after": []})
        self._students.append(len(names), flat, ragged)

    def take(self, folder: Path, students: int, letters: int, answers: int) -> None:
        """Take the files of all students, which were written elsewhere on the same disk.

        Args:
            folder: Where they are, under the names that they have in a store.
            students: How many students they hold.
            letters: How many bytes their names have together.
            answers: How many answers they gave.
        """
        sizes = dict.fromkeys(self._groups, students) | {"name.utf8": letters}
        of_answers = {f"answer.{name}": answers for name in self._dtypes}
        self._students.take(folder, students, sizes | of_answers)

    def _finish(self) -> None:
        if self._without:
            notes = [*self.about.get("notes", ()), _without_skill(self._without)]
            self.about |= {"items_without_skill": self._without, "notes": notes}
        super()._finish()


def ragged_index(
    offsets: NDArray[np.int64], rows: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the index of all values of some rows, and the offsets of those rows among them.

    Args:
        offsets: Where each row begins; shape (all rows + 1,).
        rows: The rows wanted, in the order wanted; shape (rows,).

    Returns:
        The index, shape (values of those rows,), and offsets, shape (rows + 1,).
    """
    rows = np.asarray(rows)
    starts = np.asarray(offsets[rows])
    return stretch_index(starts, np.asarray(offsets[rows + 1]) - starts)


def stretch_index(
    starts: NDArray[np.int64], lengths: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the index of stretches of values laid one after the other, and where each begins.

    Args:
        starts: Where each stretch begins among all values; shape (stretches,).
        lengths: How long it is; shape (stretches,).

    Returns:
        The index, shape (sum of lengths,), and offsets, shape (stretches + 1,).
    """
    bounds = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return np.repeat(np.asarray(starts) - bounds[:-1], lengths) + np.arange(bounds[-1]), bounds


def item_skill_lists(num_items: int, items: ArrayLike, skills: ArrayLike) -> tuple[Any, Any]:
    """Return each item's skills, sorted and without repeats, from pairs of ids in any order.

    Args:
        num_items: Size of the item vocabulary, reserved ids included.
        items: Item ids; shape (pairs,).
        skills: Skill ids; shape (pairs,).

    Returns:
        Lengths by item id, shape (num_items,), and the skill ids one item after the other.
    """
    pairs = np.unique(np.stack([np.asarray(items, np.int64), np.asarray(skills, np.int64)]), axis=1)
    return np.bincount(pairs[0], minlength=num_items), pairs[1].astype(np.int32)


def own_skills(
    vocabulary: Vocabulary, item_skills: tuple[ArrayLike, ArrayLike]
) -> tuple[Vocabulary, tuple[NDArray[np.int64], NDArray[np.int32]], int]:
    """Give items without a skill one of their own, and one that all of them share.

    Its own skill bears the item's name (``item NAME`` where that is a skill already). What is known
    of items that few have answered comes from the shared one, ``NO_SKILL``.

    Args:
        vocabulary: Names of items and skills.
        item_skills: Lengths and values of each item's skill ids, for every item id from 0.

    Returns:
        The vocabulary with the new skills at the end, so that no id has moved; lengths and values
        with them; and how many items had none.
    """
    lengths, values = np.asarray(item_skills[0], np.int64), np.asarray(item_skills[1], np.int32)
    without = RESERVED + np.flatnonzero(lengths[RESERVED:] == 0)
    if not len(without):
        return vocabulary, (lengths, values), 0
    skills = vocabulary[SKILL]
    taken, new = {*skills, NO_SKILL}, []
    for id in without.tolist():
        name = vocabulary[ITEM].name(id)
        while name in taken:
            name = f"item {name}"
        taken.add(name)
        new.append(name)
    grown = skills.grown([NO_SKILL, *new])
    kinds = {kind: vocabulary[kind] for kind in vocabulary.kinds} | {SKILL: grown}
    owner = np.repeat(np.arange(len(lengths)), lengths)
    shared = np.full(len(without), grown.id(NO_SKILL))
    items = np.concatenate([owner, without, without])
    lists = item_skill_lists(len(lengths), items, np.concatenate([values, shared, grown.ids(new)]))
    return Vocabulary(kinds), lists, len(without)


def _without_skill(number: int) -> str:
    have = "item has" if number == 1 else "items have"
    return (
        f"{number} {have} no skill: each is followed as a skill of its own, and all of them "
        f"together as {NO_SKILL!r}."
    )
