"""Students followed answer by answer: what they get right, what they master, what comes next."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from torchedu.batch import Answered, Question
from torchedu.datasets.prerequisites import Prerequisites
from torchedu.domains import Tracing
from torchedu.engine.engine import Engine
from torchedu.engine.mastery import TOGETHER, mastery
from torchedu.engine.next_items import NextItems, latest, nothing_practised
from torchedu.engine.states import States
from torchedu.errors import DataError
from torchedu.features.item_words import ItemWords
from torchedu.models.kt_model import State
from torchedu.readers.answers import AnswerRows
from torchedu.readers.rows import Columns, Rows, columns_of, refuse_name, times
from torchedu.schema import ITEM, NO_TIME, SKILL

ANSWER = ("student", "item", "correct")
QUESTION = ("student", "item")
AT_ONCE = 4096
"""Students whose states are in memory twice at a time."""
ALONE = 2**16
"""Bytes of a state from which on students are stepped one by one, where steps are to be alike."""


class Suggestion(NamedTuple):
    """An item, and the chance of a right answer to it."""

    item: str
    chance: float


class TracingEngine(Engine[Tracing], serves=Tracing):
    """Follows students by their own names.

    Attributes:
        alike: Whether what is known of a student comes out the same to the last bit whoever else
            answers at the same time; an answer alone costs up to twice as much then.
    """

    alike = False

    def __init__(self, domain: Tracing) -> None:
        super().__init__(domain)
        known = self.companions
        self._net = domain.net
        self._rows = AnswerRows(
            known.vocabulary, known.item_skills, self._net.reads, ItemWords.of(known.reading)
        )
        # What the network keeps of a student, and the items of the latest answers.
        initial = (*self._net.initial_state(1), nothing_practised(1))
        self._states = States(initial, self.digest, type(self._net).__name__)

    @property
    def judges_words(self) -> bool:
        """Whether it judges items that it does not know by what they ask."""
        return self._rows.words is not None

    @property
    def students(self) -> Iterator[str]:
        """The names of the students who are known."""
        return iter(self._states)

    # One student

    def answer(
        self,
        student: str,
        item: str,
        correct: float,
        *,
        skill: str | Sequence[str] | None = None,
        item_text: str | None = None,
        time: Any = None,
        response_time: float | None = None,
        attempt: int | None = None,
    ) -> None:
        """Take in an answer.

        Args:
            student: Whose; one who is new begins with it.
            item: The item.
            correct: The mark, 0..1.
            skill: The item's skills, where the network does not know it.
            item_text: What the item asks, in words, likewise.
            time: When: milliseconds since 1970, or a ``datetime``.
            response_time: Seconds taken.
            attempt: Which attempt at the item it is, from 1.

        Raises:
            DataError: A value cannot be, nobody knows the item, or time runs backwards. The student
                is then as before.
        """
        given = {
            "student": student, "item": item, "correct": correct, "skill": skill,
            "item_text": item_text, "time": time, "response_time": response_time,
            "attempt": attempt,
        }  # fmt: skip
        self.answer_many({k: [v] for k, v in given.items() if k in ANSWER or v is not None})

    def predict(
        self,
        student: str,
        items: str | Sequence[str],
        *,
        skill: Any = None,
        item_text: Any = None,
        time: Any = None,
        attempt: int | None = None,
    ) -> Any:
        """Say how likely a student is to answer items right, each as the next one.

        Args:
            student: The student; of one who is new nothing is known.
            items: One item, or several.
            skill: Of one item its skills, of several the skills of each, where they are not known.
            item_text: What it asks, in words, or what each asks, likewise.
            time: When it is put: milliseconds since 1970, or a ``datetime``.
            attempt: Which attempt it would be.

        Returns:
            A chance; a list of them for several items.

        Raises:
            DataError: Nobody knows an item, or a value cannot be.
        """
        several = [items] if isinstance(items, str) else list(items)
        skills, texts = ([x] if isinstance(items, str) else x for x in (skill, item_text))
        columns: Columns = {"student": [student] * len(several), "item": several}
        columns |= {"skill": list(skills)} if skill is not None else {}
        columns |= {"item_text": list(texts)} if item_text is not None else {}
        more = {"time": time, "attempt": attempt}
        columns |= {k: [v] * len(several) for k, v in more.items() if v is not None}
        chances = self.predict_many(columns)
        return chances[0] if isinstance(items, str) else chances

    def mastery(self, student: str) -> dict[str, float]:
        """Return a student's mastery of each skill; see ``engine.mastery.DEFINITION``."""
        return self.mastery_many([student])[0]

    @torch.inference_mode()
    def next(
        self,
        student: str,
        *,
        target: float = 0.7,
        items: Sequence[str] | None = None,
        count: int = 1,
        time: Any = None,
        requires: Mapping[str, Sequence[str]] | None = None,
        mastered: float = 0.8,
    ) -> list[Suggestion]:
        """Suggest what a student should do next, by ``engine.next_items.RULE``.

        Args:
            student: The student.
            target: The chance of a right answer that is wanted, 0..1.
            items: What to choose among; all items of the network where it is None.
            count: How many.
            time: When; see ``predict``.
            requires: The skills that a skill requires. An item stays closed until all that its
                skills require is mastered.
            mastered: The mastery from which on a skill opens those that require it.

        Returns:
            The first to do first; fewer than ``count`` where no more are open.

        Raises:
            ConfigError: ``target`` or ``mastered`` is no chance, or the count is below 1.
            DataError: Nobody knows an item or a skill.
        """
        rule = NextItems(target, count, self._prerequisites(requires or {}), mastered)
        known = self.companions.vocabulary[ITEM]
        among = [str(item) for item in (known if items is None else items)]
        for row, item in enumerate(among):
            if item not in known:
                refuse_name(row, "item", item, known)
        columns: Columns = {"item": among}
        columns |= {"time": [time] * len(among)} if time is not None else {}
        asked = self._rows.asked(columns)
        (*state, recent_BR), _ = self._states.get([str(student)])
        skill_NS = torch.from_numpy(self._rows.skill_NS)
        (best,) = rule.chosen(self._net, tuple(state), asked, skill_NS, recent_BR)
        return [Suggestion(among[place], chance) for place, chance in best]

    def _prerequisites(self, requires: Mapping[str, Sequence[str]]) -> Prerequisites | None:
        """Return what skills require, by id.

        Raises:
            DataError: Nobody knows a skill.
        """
        skills = self.companions.vocabulary[SKILL]
        pairs = [(skill, needed) for skill, all_of in requires.items() for needed in all_of]
        for row, name in enumerate(name for pair in pairs for name in pair):
            if name not in skills:
                refuse_name(row // 2, "skill", name, skills)
        ids = np.array([[skills.id(name) for name in pair] for pair in pairs], np.int64)
        return Prerequisites(ids, len(skills)) if pairs else None

    # Many students

    @torch.inference_mode()
    def answer_many(self, rows: Rows) -> None:
        """Take in answers of any students, all or none of them.

        Args:
            rows: Dicts or a table with ``student``, ``item`` and ``correct``, and where they are
                known ``skill``, ``time``, ``response_time`` and ``attempt``; see ``answer``. Those
                of one student count in their order.

        Raises:
            DataError: See ``answer``; it names the row, from 0.
        """
        columns = columns_of(rows, ANSWER, AnswerRows.FIELDS)
        answers = self._rows.answered(columns)
        names = [str(name) for name in columns["student"]]
        if not names:
            return
        time = torch.from_numpy(times(columns["time"])) if "time" in columns else None
        students = list(dict.fromkeys(names))
        with self._states.holding(students):
            state, before = self._states.get(students)
            if len(students) == len(names):
                state = self._after(state, answers)
                last = before if time is None else self._later(before, time, names)
            else:
                state, last = self._in_turn(state, before, names, answers, time)
            self._states.set(students, state, last)

    def _in_turn(
        self, state: State, last: Tensor, names: list[str], answers: Answered, time: Tensor | None
    ) -> tuple[State, Tensor]:
        """Take in the answers of students who have several, one of each at a time."""
        place = {name: i for i, name in enumerate(dict.fromkeys(names))}
        turn, turns = dict.fromkeys(place, 0), list[list[int]]()
        for i, name in enumerate(names):
            if turn[name] == len(turns):
                turns.append([])
            turns[turn[name]].append(i)
            turn[name] += 1
        for some in turns:
            at = torch.tensor(some)
            row = torch.tensor([place[names[i]] for i in some])
            after = self._after(tuple(x[row] for x in state), _some(answers, at))
            state = tuple(x.index_copy(0, row, y) for x, y in zip(state, after, strict=True))
            if time is not None:
                now = self._later(last[row], time[at], [names[i] for i in some], some)
                last = last.index_copy(0, row, now)
        return state, last

    def _after(self, state: State, answers: Answered) -> State:
        """Return what is kept after one answer of each student."""
        *known, recent_BR = state
        stepped = self._stepped(tuple(known), answers)
        return (*stepped, latest(recent_BR, answers.item_B))

    def _stepped(self, state: State, answers: Answered) -> State:
        """Return what the network knows after one answer of each student; see ``alike``."""
        size, step = len(answers.item_B), self._net.step
        if not self.alike:
            return step(state, answers)
        rows = torch.arange(size)
        if self._net.state_bytes > ALONE:
            alone = [step(tuple(x[i] for x in state), _some(answers, i)) for i in rows.split(1)]
            return tuple(torch.cat(parts) for parts in zip(*alone, strict=True))
        filled = torch.arange(size + -size % TOGETHER).clamp(max=size - 1)
        return tuple(x[rows] for x in step(tuple(x[filled] for x in state), _some(answers, filled)))

    @staticmethod
    def _later(
        before: Tensor, time: Tensor, names: list[str], rows: Sequence[int] | None = None
    ) -> Tensor:
        """Return the later of two times of each; none that is known may run backwards."""
        wrong = (time < before) & (time != NO_TIME)
        if wrong.any():
            i = int(wrong.int().argmax())
            row = i if rows is None else rows[i]
            raise DataError(
                f"row {row}: the field 'time' is {int(time[i])}, and {names[i]!r} has answered at "
                f"{int(before[i])} already.",
                "Give answers in the order of their times, or leave the time out.",
                row=row,
                option="time",
                value=int(time[i]),
            )
        return torch.maximum(before, time)

    @torch.inference_mode()
    def predict_many(self, rows: Rows) -> list[float]:
        """Say how likely any students are to answer items right.

        Args:
            rows: Dicts or a table with ``student`` and ``item``, and where they are known
                ``skill``, ``time`` and ``attempt``; see ``predict``.

        Returns:
            A chance for each row.

        Raises:
            DataError: See ``predict``; it names the row, from 0.
        """
        columns = columns_of(rows, QUESTION, AnswerRows.FIELDS)
        asked, names = self._rows.asked(columns), [str(name) for name in columns["student"]]
        chances: list[float] = []
        for first in range(0, len(names), AT_ONCE):
            some = slice(first, first + AT_ONCE)
            (*state, _), _ = self._states.get(names[some])
            part = _some(asked, some)
            chances += self._net.predict(tuple(state), part).float().sigmoid().tolist()
        return chances

    @torch.inference_mode()
    def mastery_many(self, students: Sequence[str]) -> list[dict[str, float]]:
        """Return the mastery of each skill of several students; see ``mastery``."""
        skills, mastered = list(self.companions.vocabulary[SKILL]), list[dict[str, float]]()
        for first in range(0, len(students), AT_ONCE):
            some = [str(name) for name in students[first : first + AT_ONCE]]
            (*state, _), _ = self._states.get(some)
            rows = mastery(self._net, tuple(state)).tolist()
            mastered += [dict(zip(skills, row, strict=True)) for row in rows]
        return mastered

    # States

    def state(self, student: str) -> bytes:
        """Return what is known of a student, to be kept elsewhere and given back by ``put``."""
        return self._states.to_bytes(str(student))

    def put(self, student: str, state: bytes) -> None:
        """Take what ``state`` returned, in this process or in another.

        Raises:
            CheckpointError: It is of another network, of another version, or damaged; the student
                is then as before.
        """
        with self._states.holding([str(student)]):
            self._states.from_bytes(str(student), state)

    def forget(self, student: str) -> None:
        """Forget a student."""
        with self._states.holding([str(student)]):
            self._states.forget(str(student))

    def save(self, file: str | Path) -> None:
        """Write what is known of all students to a file."""
        self._states.save(file)

    def load(self, file: str | Path) -> None:
        """Take what ``save`` wrote; of students who are known already it counts from now on.

        Raises:
            CheckpointError: It is of another network, of another version, or damaged; all students
                are then as before.
        """
        self._states.load(file)


def _some(given: Question, at: slice | Tensor) -> Question:
    """Return some rows of questions or answers."""
    columns: list[Any] = [None if x is None else x[at] for x in given]
    return type(given)(*columns)
