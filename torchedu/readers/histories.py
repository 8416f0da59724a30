"""Whole histories in the ids of a network's vocabulary, and what came before each answer."""

import numpy as np
from numpy.typing import NDArray

from torchedu.datasets import AnswerStore
from torchedu.datasets.answers import Answers, ragged_index
from torchedu.datasets.splits import Part
from torchedu.datasets.store import row_blocks
from torchedu.schema import ITEM, RESERVED, SKILL, Vocabulary

TOGETHER = 1_000_000
"""Answers whose numbers of the past are found at once."""


class Past:
    """Finds what came before answers, as ``AnswerBatch`` carries it.

    Args:
        store: The answers.
        vocabulary: The names that the network knows.
    """

    def __init__(self, store: AnswerStore, vocabulary: Vocabulary) -> None:
        # Its filters are slow to import, and a network in use needs them not.
        from torchedu.datasets.past import columns

        self._store = store
        self._item_id, self._starts, self._skill = translated(store, vocabulary)
        self._num_skills = len(vocabulary[SKILL])
        self._skills = max(1, int(np.diff(self._starts).max(initial=0)))
        self._few, self.columns = columns(0), columns(self._skills)

    @property
    def bytes(self) -> int:
        """What those of all answers take in memory."""
        return 2 * self.columns * self._store.num_answers

    def of(
        self, students: NDArray[np.int64], stop: NDArray[np.int64] | None = None
    ) -> NDArray[np.float16]:
        """Return what came before each answer of some histories.

        Args:
            students: Their rows.
            stop: How many answers of each, from the first; all where it is None.

        Returns:
            One history after the other; shape (answers, F).
        """
        from torchedu.datasets.past import past

        answers = self._store.answers(students, stop)._replace(
            skill_offsets=self._starts, skill=self._skill.astype(np.int32),
            num_skills=self._num_skills,
        )  # fmt: skip
        before, few = past(answers), self._few
        rows = np.zeros((len(answers.item), self.columns), np.float16)
        rows[:, :few] = np.concatenate([before.in_all, before.on_item], axis=1)
        # Items that the network lacks share an id: none is known to be met again.
        rows[self._item_id[answers.item] < RESERVED, before.in_all.shape[1] : few] = 0
        on_skill = rows[:, few:].reshape(len(rows), self._skills, -1)
        index, _ = ragged_index(self._starts, answers.item.astype(np.int64))
        count = np.diff(self._starts)[answers.item]
        place = np.arange(len(index)) - np.repeat(np.cumsum(count) - count, count)
        on_skill[before.row, place[self._skill[index] >= RESERVED]] = before.on_skill
        rows[:, few:] = on_skill.reshape(len(rows), -1)
        return rows

    def of_all(self) -> NDArray[np.float16]:
        """Return what came before each answer of the store; shape (answers, F)."""
        table = np.zeros((self._store.num_answers, self.columns), np.float16)
        bounds = self._store.history_offsets
        for some in row_blocks(bounds, TOGETHER):
            table[bounds[some.start] : bounds[some.stop]] = self.of(
                np.arange(some.start, some.stop)
            )
        return table


def answers_in(store: AnswerStore, vocabulary: Vocabulary, part: Part) -> Answers:
    """Return a part's histories in the ids of a vocabulary that has all of the store's names."""
    item_id, starts, skill = translated(store, vocabulary)
    lengths = np.zeros(len(vocabulary[ITEM]), np.int64)
    lengths[item_id] = np.diff(starts)
    offsets = np.append(0, np.cumsum(lengths))
    own = np.repeat(np.arange(len(item_id)), np.diff(starts))
    lists = np.empty(len(skill), np.int32)
    place = np.arange(len(skill)) - starts[own]
    lists[offsets[item_id[own]] + place] = skill
    answers = store.answers(part.student, part.stop)
    return answers._replace(
        item=item_id[answers.item].astype(np.int32),
        skill_offsets=offsets,
        skill=lists,
        num_items=len(vocabulary[ITEM]),
        num_skills=len(vocabulary[SKILL]),
    )


def translated(
    store: AnswerStore, known: Vocabulary
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return the id of each of the store's items, and where its skills begin, and their ids."""
    own = store.vocabulary
    item_id = np.array(own[ITEM].translation(known[ITEM]), np.int64)
    skill_id = np.array(own[SKILL].translation(known[SKILL]), np.int64)
    skill, item = skill_id[store.skill], np.arange(len(store.skill_offsets) - 1)
    owner = np.repeat(item, np.diff(store.skill_offsets))
    # Two skills that the network lacks are one to it: each name counts an answer's mark once.
    kept = np.sort(np.unique(owner * len(known[SKILL]) + skill, return_index=True)[1])
    starts = np.searchsorted(owner[kept], np.append(item, len(item)))
    return item_id, starts, skill[kept]
