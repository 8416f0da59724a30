"""From windows of histories to padded batches, and from names to single questions and answers."""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from torchedu.batch import UNKNOWN_VALUES, AnswerBatch, Answered, Asked
from torchedu.datasets import AnswerStore
from torchedu.datasets.answers import NO_SKILL
from torchedu.datasets.order import Windows
from torchedu.features.item_words import ItemWords
from torchedu.readers.histories import Past, translated
from torchedu.readers.rows import Columns, counts, marks, numbers, refuse, refuse_name, times
from torchedu.schema import ITEM, SKILL, UNKNOWN, Vocabulary


class Moved(NamedTuple):
    """How far students have moved the weights of the items that they answered; others have not.

    Attributes:
        student: Their rows in the store, ascending; shape (students,).
        begin: Where the answers of each begin in ``value``; shape (students,).
        value: Of each of their answers; shape (answers,), float32.
    """

    student: NDArray[np.signedinteger]
    begin: NDArray[np.int64]
    value: NDArray[np.float32]

    def of(
        self, student: NDArray[np.int64], start: NDArray[np.int64], seen_BL: NDArray[np.bool_]
    ) -> Tensor:
        """Return it for stretches of histories, 0 in padded slots.

        Args:
            student: Whose each is; shape (B,).
            start: Where in the history it begins; shape (B,).
            seen_BL: Which slots are filled.
        """
        if not len(self.value):
            return torch.zeros(seen_BL.shape)
        place = np.searchsorted(self.student, student).clip(max=len(self.student) - 1)
        known_B1 = (self.student[place] == student)[:, None]
        place_BL = (self.begin[place] + start)[:, None] + np.arange(seen_BL.shape[1])
        return torch.from_numpy(self.value.take(place_BL, mode="clip") * (seen_BL & known_B1))


class AnswerBatches:
    """Builds batches of answers whose ids are those of a given vocabulary.

    Args:
        store: The answers.
        windows: The stretches of histories that batches are made of.
        vocabulary: The names that the network knows; the store's own where it is None. Names that
            it lacks become the unknown id.
        reads: What answers carry beside item, skills and mark; see ``KTModel``. Where the store has
            no such column, nothing is known of it.
        past: What came before each answer of the store, or what finds it for a batch; None where
            batches carry none.
        moved: How far students have moved the weights of items; None where batches do not say it.
        judged: How easy each of the store's items is by its words, as ``AnswerBatch`` has it; shape
            (items,). None where batches do not say it.
    """

    def __init__(
        self,
        store: AnswerStore,
        windows: Windows,
        vocabulary: Vocabulary | None = None,
        reads: tuple[str, ...] = (),
        past: NDArray[np.float16] | Past | None = None,
        moved: Moved | None = None,
        judged: NDArray[np.float32] | None = None,
    ) -> None:
        self.store = store
        self.windows = windows
        self.reads = reads
        self.past = past
        self.moved = moved
        self.judged = judged
        self._item_id, *skills = translated(store, vocabulary or store.vocabulary)
        self._item_skill_NS = pad_lists(*skills)

    def __call__(self, index: NDArray[np.int64], scored: bool = True) -> AnswerBatch:
        """Build one batch.

        Args:
            index: Which windows; shape (B,).
            scored: Whether its answers count; without, the batch only keeps a rank in step.

        Returns:
            The batch, on the CPU.

        Raises:
            DataError: A file of the store was cut meanwhile.
        """
        self.store.check()
        student, start, first, stop = self.windows.take(index)
        length = stop - start
        step_L = np.arange(length.max())
        seen_BL = step_L < length[:, None]
        place_BL = (self.store.history_offsets[student] + start)[:, None] + step_L
        # Padded slots take what follows the window, which then becomes zero: no second gather.
        item_BL = self.store.item.take(place_BL, mode="clip")
        item_BL *= seen_BL
        correct_BL = self.store.correct.take(place_BL, mode="clip")
        scored_BL = seen_BL & (step_L >= (first - start)[:, None]) & scored
        return AnswerBatch(
            torch.from_numpy(self._item_id.take(item_BL)),
            torch.from_numpy(self._item_skill_NS.take(item_BL, axis=0)),
            torch.from_numpy(np.multiply(correct_BL, seen_BL, dtype=np.float32)),
            torch.from_numpy(scored_BL),
            torch.from_numpy(np.asarray(student)),
            torch.from_numpy(np.asarray(start)),
            torch.full((len(index),), float(max(1, scored_BL.sum()))),
            **{f"{column}_BL": self._read(column, place_BL, seen_BL) for column in self.reads},
            past_BLF=self._before(student, start, stop, seen_BL),
            judged_BL=None if self.judged is None else torch.from_numpy(self.judged[item_BL]),
            moved_BL=None if self.moved is None else self.moved.of(student, start, seen_BL),
        )

    def _before(
        self,
        student: NDArray[np.int64],
        start: NDArray[np.int64],
        stop: NDArray[np.int64],
        seen_BL: NDArray[np.bool_],
    ) -> Tensor | None:
        """Return what came before each answer, 0 in padded slots; None where nobody asks."""
        if self.past is None:
            return None
        if isinstance(self.past, Past):
            table, begin = self.past.of(student, stop), np.cumsum(stop) - stop
        else:
            table, begin = self.past, self.store.history_offsets[student]
        place_BL = (begin + start)[:, None] + np.arange(seen_BL.shape[1])
        taken = table.take(place_BL, axis=0, mode="clip")
        taken *= seen_BL[..., None]
        return torch.from_numpy(taken)

    def _read(self, column: str, place_BL: NDArray[np.int64], seen_BL: NDArray[np.bool_]) -> Tensor:
        """Return a column of answers, and where nothing is known of it what stands for that."""
        dtype, unknown = UNKNOWN_VALUES[column]
        if not self.store.has(column):
            return torch.full(seen_BL.shape, unknown, dtype=dtype)
        known_BL = torch.from_numpy(self.store.answer_column(column).take(place_BL, mode="clip"))
        return known_BL.to(dtype).masked_fill_(torch.from_numpy(~seen_BL), unknown)


def pad_lists(offsets: NDArray[np.int64], values: NDArray[Any]) -> NDArray[np.int64]:
    """Return ragged rows as a rectangle, filled up with zero.

    Args:
        offsets: Where each row begins; shape (rows + 1,).
        values: The values of all rows; shape (offsets[-1],).

    Returns:
        Shape (rows, longest row), at least one column.
    """
    lengths = np.diff(offsets)
    padded = np.zeros((len(lengths), max(1, int(lengths.max(initial=0)))), np.int64)
    padded[np.arange(padded.shape[1]) < lengths[:, None]] = values
    return padded


class AnswerRows:
    """Turns rows of answers, as people have them, into what networks of knowledge tracing read.

    A row has an ``item`` and, where it tells an answer, ``correct``; where they are known ``skill``
    (a name or several), ``time``, ``response_time`` and ``attempt``. An item that the network knows
    has the skills that it was trained with, unless the row names others; one that it does not know
    is judged by the skills that the row names, and by its ``item_text`` where the network judges
    texts.

    Args:
        vocabulary: The names that the network knows.
        item_skills: The skills of each of its items, filled up with 0; shape (items, S).
        reads: What it reads of an answer beside item, skills and mark; see ``KTModel``.
        words: Judges items that it does not know by their words; None where it judges none.
    """

    FIELDS = ("skill", "item_text", "time", "response_time", "attempt")

    def __init__(
        self,
        vocabulary: Vocabulary,
        item_skills: NDArray[np.int64] | None,
        reads: Sequence[str] = (),
        words: ItemWords | None = None,
    ) -> None:
        self.words = words
        self.items, self.skills, self.reads = vocabulary[ITEM], vocabulary[SKILL], tuple(reads)
        none = np.zeros((len(self.items), 0), np.int64)
        self.skill_NS = none if item_skills is None else item_skills
        if not self.skill_NS.shape[1]:
            self.skill_NS = np.zeros((len(self.items), 1), np.int64)

    def asked(self, columns: Columns) -> Asked:
        """Return questions.

        Args:
            columns: Their columns; see ``readers.rows.columns_of``.

        Raises:
            DataError: An item, or all skills of an item that is not known, are not known; or a
                value cannot be.
        """
        item, skill_BS = self._items(columns)
        return Asked(
            torch.from_numpy(item), torch.from_numpy(skill_BS),
            self._read(columns, "time", times), self._read(columns, "attempt", self._attempts),
            self._judged(columns, item),
        )  # fmt: skip

    def answered(self, columns: Columns) -> Answered:
        """Return answers; see ``asked``."""
        item, skill_BS = self._items(columns)
        return Answered(
            torch.from_numpy(item), torch.from_numpy(skill_BS),
            torch.from_numpy(marks(columns["correct"])), self._read(columns, "time", times),
            self._read(columns, "response_time", self._seconds),
            self._read(columns, "attempt", self._attempts), self._judged(columns, item),
        )  # fmt: skip

    def batch(self, columns: Columns) -> AnswerBatch:
        """Return whole histories, those of each ``student`` in the order of their rows.

        Students stand in the order in which they first occur, all of their answers count.
        """
        number: dict[Any, int] = {}
        student = np.array([number.setdefault(s, len(number)) for s in columns["student"]])
        order = np.argsort(student, kind="stable")
        length = np.bincount(student)
        seen_BL = torch.from_numpy(np.arange(length.max(initial=1)) < length[:, None])
        answers = self.answered(columns)

        def padded(column: Tensor, fill: float = 0) -> Tensor:
            table = column.new_full((*seen_BL.shape, *column.shape[1:]), fill)
            table[seen_BL] = column[torch.from_numpy(order)]
            return table

        columns_read = answers._asdict()
        more = {
            f"{name}_BL": padded(columns_read[f"{name}_B"], UNKNOWN_VALUES[name][1])
            for name in self.reads
        }
        if answers.judged_B is not None:
            more["judged_BL"] = padded(answers.judged_B)
        rows = torch.arange(len(length))
        return AnswerBatch(
            padded(answers.item_B), padded(answers.skill_BS), padded(answers.correct_B), seen_BL,
            rows, torch.zeros_like(rows), torch.full((len(rows),), float(max(1, len(student)))),
            **more,
        )  # fmt: skip

    def _items(self, columns: Columns) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the ids of items, and of the skills of each."""
        item = np.array(self.items.ids(map(str, columns["item"])), np.int64)
        skill_BS, named = self.skill_NS[item], columns.get("skill")
        if named is None:
            named = [None] * len(item)
        if any(item_skills is not None for item_skills in named):
            ids_by_row = [self._named(item_skills) for item_skills in named]
            width = max(skill_BS.shape[1], *(len(ids) for ids in ids_by_row))
            wide = np.zeros((len(item), width), np.int64)
            wide[:, : skill_BS.shape[1]] = skill_BS
            for row, (item_skills, ids) in enumerate(zip(named, ids_by_row, strict=True)):
                if item_skills is not None:
                    wide[row] = 0
                    wide[row, : len(ids)] = ids
            skill_BS = wide
        lost = (item == UNKNOWN) & (skill_BS <= UNKNOWN).all(1)
        if self.words is not None and lost.any():
            texts = columns.get("item_text", [None] * len(item))
            worded = np.array([bool(text) for text in texts])
            skill_BS[lost & worded, 0] = self.skills.id(NO_SKILL)
            lost &= ~worded
        if lost.any():
            row = int(lost.argmax())
            skills = named[row]
            if skills is None:
                refuse_name(row, "item", columns["item"][row], self.items)
            first = skills if isinstance(skills, str) else next(iter(skills), None)
            refuse_name(row, "skill", first, self.skills)
        return item, skill_BS

    def _judged(self, columns: Columns, item: NDArray[np.int64]) -> Tensor | None:
        """Return how easy items that the network does not know are by their words, 0 of others."""
        texts = columns.get("item_text")
        if self.words is None or texts is None:
            return None
        unknown = (item == UNKNOWN).tolist()
        for row, text in enumerate(texts):
            if text is not None and not isinstance(text, str):
                refuse(row, "item_text", text, "It is what the item asks, in words.")
        mine = [text if there else None for text, there in zip(texts, unknown, strict=True)]
        return torch.from_numpy(self.words(mine))

    def _named(self, names: Any) -> list[int]:
        """Return the ids of skills, each once: two that the network lacks are one to it."""
        if names is None:
            return []
        return sorted(set(self.skills.ids([names] if isinstance(names, str) else names)))

    def _read(self, columns: Columns, name: str, of: Callable[[list[Any]], Any]) -> Tensor | None:
        if name not in self.reads:
            return None
        dtype, unknown = UNKNOWN_VALUES[name]
        if name not in columns:
            return torch.full((len(columns["item"]),), unknown, dtype=dtype)
        return torch.from_numpy(of(columns[name]))

    @staticmethod
    def _seconds(column: list[Any]) -> NDArray[np.float32]:
        remedy = "It is a number of seconds from 0."
        return numbers(column, "response_time", lambda x: x >= 0, remedy, unknown=math.nan)

    @staticmethod
    def _attempts(column: list[Any]) -> NDArray[np.int64]:
        return counts(column, "attempt")
