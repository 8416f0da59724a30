"""Students' enrolments as a Lightning data module."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property, partial
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray

from torchedu.batch import CourseFacts
from torchedu.companions import Companions
from torchedu.datamodules.base import DataModule, Options, Seen
from torchedu.datamodules.frames import Place
from torchedu.datamodules.negatives import NegativeSampler
from torchedu.datasets.enrolment_splits import split_enrolments
from torchedu.datasets.enrolments import EnrolmentStore
from torchedu.datasets.importers.reading.prerequisites import read_prerequisites
from torchedu.datasets.order import Order, cut_windows
from torchedu.datasets.prerequisites import Prerequisites
from torchedu.datasets.splits import Part, named_test
from torchedu.leaks import check, refuse
from torchedu.models import Network, Recommender
from torchedu.ranges import NOT_NEGATIVE
from torchedu.readers.answers import pad_lists
from torchedu.readers.enrolments import (
    EnrolmentBatches,
    NextCourseBatches,
    popularity,
)
from torchedu.schema import GROUP, ITEM, SKILL

WINDOW, WITHOUT_HISTORY = 50, 2
"""Courses at once where nothing is asked for: usually, and for networks that read no history."""
BEGUN_WITH = 16_384
"""Stretches of histories that a network may begin from."""


class Enrolments(DataModule):
    """Enrolments of students, from a store or straight from raw files.

    Before anything is scored it looks for leaks: held-out courses that the data gives away.

    Args:
        path: A store, or a file or folder of enrolments of a format that its name tells; it is
            imported once into a store beside it (``enrolments.csv`` into ``enrolments.store``).
        format: The raw file's format, where its name does not tell.
        columns: For a raw file, its headings by torchedu's names, such as ``item: course``.
        groups: For a raw file, headings of student attributes.
        options: For a raw file, other options of ``torchedu data import``, as ``full_mark: 5``.
        out: Where the store of a raw file is made; beside it where it is None.
        batch_size: Windows in a global batch, which is one step of the optimizer: over all ranks
            and accumulated batches. On average in training, whose batches have like numbers of
            courses.
        window: Most courses that the network takes at once; longer histories are cut in training,
            and in evaluation the last ``window`` are seen. Where it is None: 50, or as many as the
            network takes; 2 where the network reads no history, so that a student's courses come in
            different steps, each of which moves the student.
        split: ``last``, ``time`` or ``fold``; see ``torchedu.datasets.enrolment_splits``.
        val: The share for validation: by last, of the students, of whom the last course but one
            chooses; by time, of the enrolments; by fold, of the other students.
        test: By time, the share for test.
        folds: Number of folds.
        fold: Which of them is the test, from 0.
        prerequisites: A CSV file of pairs of courses, ``course`` and ``requires``: a course is then
            recommended only to those who have taken all that it requires.
        sampled: Score held-out courses among so many courses drawn, too, that the student never
            takes, or all of them where fewer are left: for comparison with papers that did so, and
            with a warning.
        seed: Another seed draws other parts and another order of training.
        num_workers: Processes that build batches; 0 builds them in the training process.
        seen: Whether students that training has used are scored: ``drop`` leaves them out,
            ``refuse`` ends with an error, ``keep`` scores them with a warning.

    Raises:
        ConfigError: A value is out of range.
        DataError: The data cannot be read or divided, or gives held-out courses away.
    """

    limits: ClassVar = {"sampled": NOT_NEGATIVE}
    longest = "window"
    batch_size: int

    def __init__(
        self,
        path: Place,
        format: str | None = None,
        columns: dict[str, str] | None = None,
        groups: list[str] | None = None,
        options: Options | None = None,
        out: str | None = None,
        batch_size: int = 256,
        window: int | None = None,
        split: str = "last",
        val: float = 0.1,
        test: float = 0.2,
        folds: int = 5,
        fold: int = 0,
        prerequisites: str | None = None,
        sampled: int = 0,
        seed: int = 0,
        num_workers: int = 0,
        seen: Seen = "drop",
    ) -> None:
        super().__init__(path, seed, num_workers, seen)
        self.window = WINDOW if window is None else window
        self._window_asked = window is not None
        self.batch_size = batch_size
        self.prerequisites = prerequisites
        self.sampled = sampled
        self._raw = format, {"columns": columns, "groups": groups, **(options or {})}, out
        self._split = partial(
            split_enrolments, by=split, val=val, test=test, seed=seed, folds=folds, fold=fold
        )

    @cached_property
    def store(self) -> EnrolmentStore:
        """The enrolments, made of raw files first where that was not done yet."""
        return self.stored(EnrolmentStore, *self._raw)

    @cached_property
    def own(self) -> Companions:
        """Its names, and what courses teach."""
        skills = self.store.item_skills
        return Companions(
            self.store.vocabulary, item_skills=None if skills is None else pad_lists(*skills)
        )

    @property
    def num_items(self) -> int:
        """Number of course ids of the vocabulary in use, the reserved ones included."""
        return len(self.vocabulary[ITEM])

    @property
    def num_students(self) -> int:
        """Number of students of the store."""
        return self.store.num_students

    @property
    def num_groups(self) -> int:
        """Number of ids of all student attributes."""
        return sum(len(self.vocabulary[GROUP + name]) for name in self.vocabulary.groups)

    @property
    def num_skills(self) -> int:
        """Number of ids of what courses teach, the reserved ones included."""
        return len(self.vocabulary[SKILL])

    @property
    def skills(self) -> torch.Tensor:
        """What each course of the vocabulary in use teaches, filled up with 0; shape (N, S)."""
        skill_NS = self.own.to(self.vocabulary).item_skills
        return torch.zeros(self.num_items, 0).long() if skill_NS is None else torch.tensor(skill_NS)

    @cached_property
    def parts(self) -> Mapping[str, Part]:
        """The parts ``train``, ``val`` and ``test``, in which no course is given away."""
        parts = self._split(self.store)
        self.findings = check(self.store, parts)
        refuse(self.findings, self.store)
        return parts

    def follow(self, learned: DataModule, divided: bool = False) -> None:
        """Look for leaks in what is scored; see ``DataModule.follow``."""
        super().follow(learned, divided)
        refuse(self.findings, self.store)

    def whole(self) -> Part:
        """Return each student's last course, to be told from those before."""
        lengths = np.diff(self.store.history_offsets)
        student = np.flatnonzero((lengths > 1) & named_test(self.store))
        return Part(student, lengths[student] - 1, lengths[student])

    @property
    def popularity(self) -> torch.Tensor:
        """How many students of the training part took each course; shape (num_items,)."""
        train = self.parts["train"]
        item = self.store.enrolled(train.student, train.stop).item
        return popularity(self.store, item, self.vocabulary)

    def negative_sampler(self, power: float) -> NegativeSampler:
        """Return what draws courses that a student has not taken in the training part.

        Args:
            power: They are drawn by popularity to this power.
        """
        train = self.parts["train"]
        taken = self.store.enrolled(train.student, train.stop)
        return NegativeSampler(
            np.repeat(train.student, train.stop),
            np.array(self.store.vocabulary[ITEM].translation(self.vocabulary[ITEM]))[taken.item],
            self.num_items,
            self.popularity.numpy(),
            power,
            self.seed,
        )

    def drawn(self, student: NDArray[np.int64], position: NDArray[np.int64]) -> NDArray[np.int64]:
        """Draw the ``sampled`` different courses that a held-out course is ranked among.

        Args:
            student: Row of the student in the store; shape (cases,).
            position: Position in the history of the course that is looked for; shape (cases,).

        Returns:
            Courses that the student never takes, in the store's ids, 0 where fewer are left; shape
            (cases, sampled), or as many columns as there are courses.
        """
        where = torch.from_numpy(student), torch.from_numpy(position)
        courses: NDArray[np.int64] = self._never_taken.distinct(*where, self.sampled).numpy()
        return courses

    @cached_property
    def _never_taken(self) -> NegativeSampler:
        lengths = np.diff(self.store.history_offsets)
        student = np.repeat(np.arange(self.num_students), lengths)
        size = len(self.store.vocabulary[ITEM])
        return NegativeSampler(student, self.store.item.astype(np.int64), size, seed=self.seed)

    def suit(self, net: Network) -> None:
        """Take as many courses at once as suit a network, unless ``window`` was asked for."""
        if not self._window_asked and isinstance(net, Recommender):
            most = WINDOW if net.reads_history else WITHOUT_HISTORY
            self.window = min(most, net.max_history or WINDOW)
        self.own = replace(self.own, reading={"window": self.window})

    def facts(self, net: Network) -> CourseFacts:
        """Return how popular each course is, what it teaches, and what some students took."""
        batches, order = self.training()
        drawn = np.random.default_rng(self.seed).permutation(len(order.lengths))[:BEGUN_WITH]
        return CourseFacts(self.popularity, self.skills, batches(drawn).item_BL)

    def training(self) -> tuple[EnrolmentBatches, Order]:
        """Return what builds the training batches, and their order."""
        self._needs()  # a wrong file is told before training, not after
        windows = cut_windows(self.parts["train"], self.window)
        batches = EnrolmentBatches(self.store, windows, self.vocabulary)
        return batches, Order(windows.length, self.batch_size, self.seed)

    def evaluation(self, part: str | None) -> tuple[EnrolmentBatches, Order]:
        """Return what builds the batches of a part, and their order.

        Args:
            part: ``train``, ``val`` or ``test``; where it is None, what each student takes next.
        """
        if part is None:
            batches: EnrolmentBatches = NextCourseBatches(
                self.store, self.window, self.vocabulary, self._needs()
            )
        else:
            batches = self.cases(self.parts[part])
        return batches, Order(batches.windows.length, self.batch_size, shuffle=False)

    def cases(self, part: Part) -> EnrolmentBatches:
        """Return batches in which each held-out course is seen after all it may be told by."""
        windows = cut_windows(part, self.window, self.window - 1)
        return EnrolmentBatches(self.store, windows, self.vocabulary, with_history=True)

    def _needs(self) -> Prerequisites:
        """Return what each course requires: nothing, where no file says."""
        names = self.vocabulary[ITEM]
        if self.prerequisites is None:
            return Prerequisites(np.zeros((0, 2), np.int64), len(names))
        return read_prerequisites(self.prerequisites, names)
