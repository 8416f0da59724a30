"""Courses recommended to students as they come."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch

from torchedu.batch import EnrolmentBatch
from torchedu.datasets.prerequisites import Prerequisites
from torchedu.domains import Recommendation
from torchedu.engine.engine import Engine
from torchedu.errors import ConfigError
from torchedu.metrics.ranking import TOP
from torchedu.readers.enrolments import NextCourseBatches, read_histories
from torchedu.readers.rows import is_missing, refuse_name
from torchedu.schema import ITEM, PADDING


class Recommended(NamedTuple):
    """A course, its score, and up to two of the student's own that it leans on."""

    course: str
    score: float
    because: tuple[str, ...]


class RecommendationEngine(Engine[Recommendation], serves=Recommendation):
    """Recommends the courses that students are likeliest to take next."""

    def recommend(
        self,
        history: Sequence[str],
        *,
        groups: Mapping[str, str | None] | None = None,
        student: int | None = None,
        count: int = TOP,
    ) -> list[Recommended]:
        """Recommend courses to a student.

        Args:
            history: The courses that the student has taken, in order.
            groups: The student's attributes, such as ``{"gender": "F"}``.
            student: The student's number in the training data, for networks that know students.
            count: How many courses.

        Returns:
            The best first, of those not yet taken.

        Raises:
            DataError: Nobody knows a course, or there is none.
            ConfigError: The network knows students and no number is given, or the count is below 1.
        """
        attributes = {name: [value] for name, value in (groups or {}).items()}
        numbers = None if student is None else [student]
        return self.recommend_many([history], groups=attributes, student=numbers, count=count)[0]

    @torch.inference_mode()
    def recommend_many(
        self,
        histories: Sequence[Sequence[str]],
        *,
        groups: Mapping[str, Sequence[str | None]] | None = None,
        student: Sequence[int] | None = None,
        count: int = TOP,
    ) -> list[list[Recommended]]:
        """Recommend courses to students; see ``recommend``, with one of each a student."""
        if count < 1:
            raise ConfigError(f"⟦count⟧ is {count}.", "It is at least 1.")
        known = self.companions.vocabulary[ITEM]
        for row, history in enumerate(histories):
            for name in () if isinstance(history, str) or is_missing(history) else history:
                if str(name) not in known:
                    refuse_name(row, "course", name, known)
        said = self.domain.recommend(self.batch(histories, groups, student), count)
        recommended = []
        for top, score, because in zip(said.top, said.score, said.because, strict=True):
            recommended.append(
                [
                    Recommended(
                        known.name(int(id)), float(value),
                        tuple(known.name(i) for i in why.tolist() if i != PADDING),
                    )
                    for id, value, why in zip(top, score, because, strict=True)
                    if torch.isfinite(value)  # others are out of the running
                ]
            )  # fmt: skip
        return [recommended[i] for i in _places(student, len(histories))]

    def batch(
        self,
        histories: Sequence[Sequence[str]],
        groups: Mapping[str, Sequence[str | None]] | None = None,
        student: Sequence[int] | None = None,
    ) -> EnrolmentBatch:
        """Return the batch that the network reads of students; see ``recommend_many``."""
        if self.domain.net.knows_students and student is None:
            raise ConfigError(
                f"{type(self.domain.net).__name__} knows the students that it was trained on.",
                "Give the number of each among them as ⟦student⟧, or train a network that goes by "
                "courses, such as TwoTower.",
            )
        store = read_histories(histories, groups, student)
        names = self.companions.vocabulary
        window = int(self.companions.reading.get("window", 50))
        none = Prerequisites(np.zeros((0, 2), np.int64), len(names[ITEM]))
        batches = NextCourseBatches(store, window, names, none)
        return batches(np.arange(len(batches.windows.student)))


def _places(student: Sequence[int] | None, size: int) -> list[int]:
    """Return where each student stands among those in the order of their numbers."""
    if student is None:
        return list(range(size))
    place = {number: i for i, number in enumerate(sorted(student))}
    return [place[number] for number in student]
