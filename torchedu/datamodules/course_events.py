"""Students in courses as a Lightning data module: their events, and when a risk is asked for."""

from collections.abc import Mapping
from functools import cached_property
from typing import ClassVar, Literal

import numpy as np
from lightning.pytorch.utilities.rank_zero import rank_zero_info
from numpy.typing import NDArray

from torchedu.companions import Companions
from torchedu.datamodules.base import DataModule, Options, Seen
from torchedu.datamodules.frames import Place
from torchedu.datamodules.stream import EpochLoader
from torchedu.datasets.events import PRESENTATION, EventStore
from torchedu.datasets.fair_weights import fair_weights
from torchedu.datasets.order import BalancedOrder, Order
from torchedu.datasets.splits import named_test
from torchedu.errors import ConfigError, DataError, allowed, worded
from torchedu.features.course import WEEK
from torchedu.features.course_view import Moments, View, module_of
from torchedu.features.course_views import When, moments_of
from torchedu.ranges import COUNT, NOT_NEGATIVE, SHARE, Range
from torchedu.readers.events import RiskBatches
from torchedu.schema import (
    ATTRIBUTE,
    EVENT_NUMBERS,
    GROUP,
    MODULE,
    MOMENT_NUMBERS,
    PADDING,
    RESERVED,
    TOLD,
    UNKNOWN,
    Names,
    Vocabulary,
)

Ids = NDArray[np.int64]
Mitigation = Literal["none", "reweighing", "balanced_batches"]


class CourseEvents(DataModule):
    """Students in courses, from a store of events or straight from raw files.

    The parts are by presentation: a model is for the courses of next year, so it is scored on the
    latest ones and learns from those before. Training asks for the risk every other week of a
    course; scores are taken at shares of its length, over those still in it.

    Args:
        path: A store of events, or raw files whose name tells their format, such as the folder of
            the Open University data set; they are imported once into a store beside them.
        format: The raw files' format, where they do not tell it.
        columns: For a raw file, its headings by torchedu's names, such as ``outcome: result``.
        options: For a raw file, other options of ``torchedu data import``, as ``full_mark: 5``.
        out: Where the store of a raw file is made; beside it where it is None.
        test: Presentations of the test part; where it is None the latest, or, of a single one, a
            fifth of its enrolments.
        val: Share of the other enrolments for validation, drawn by student.
        val_presentations: Presentations for validation instead, which training then lacks.
        cutoffs: Shares of a course's length at which risks are scored.
        mark_delay_days: How long after work is handed in its mark is known.
        every_days: Days between the moments of training.
        day: Day of each course on which ``predict`` says whom to call; the last day with an event
            where it is None.
        capacity: Students of a course that can be called.
        attributes: What the network and the baselines are told of students, such as ``education``;
            where it is None nothing, or of tables with a row a student all but their groups.
        fair_to: Attribute of students whose groups training shall serve alike, such as ``gender``.
        mitigation: How it does so: ``reweighing`` (see ``datasets.fair_weights``),
            ``balanced_batches``, which hold as many students of each group, or ``none``.
            ``parity_weight`` of the task is another way.
        batch_size: Enrolments in a global batch, over all ranks and accumulated batches.
        seed: Another seed draws other parts and another order of training.
        num_workers: Processes that build batches; 0 builds them in the training process.
        seen: Whether enrolments that training has used are scored: ``drop`` leaves them out,
            ``refuse`` ends with an error, ``keep`` scores them with a warning.

    Raises:
        ConfigError: A value is out of range, or a presentation is not known.
        DataError: The data cannot be read, or a part is empty.
    """

    limits: ClassVar = {
        **dict.fromkeys(("capacity", "every_days"), COUNT),
        "cutoffs": SHARE,
        "mark_delay_days": NOT_NEGATIVE,
        "val": Range(0, 1, above=True, below=True),
    }
    whom = "enrolments"
    batch_size: int

    def __init__(
        self,
        path: Place,
        format: str | None = None,
        columns: dict[str, str] | None = None,
        options: Options | None = None,
        out: str | None = None,
        test: list[str] | None = None,
        val: float = 0.1,
        val_presentations: list[str] | None = None,
        cutoffs: tuple[float, ...] = (0.25, 0.5, 0.75),
        mark_delay_days: float = 0,
        every_days: int = 2 * WEEK,
        day: float | None = None,
        capacity: int = 30,
        attributes: list[str] | None = None,
        fair_to: str | None = None,
        mitigation: Mitigation = "none",
        batch_size: int = 256,
        seed: int = 0,
        num_workers: int = 0,
        seen: Seen = "drop",
    ) -> None:
        super().__init__(path, seed, num_workers, seen)
        if not cutoffs:
            raise ConfigError(
                "⟦data.cutoffs⟧ are none.", "Give at least one share of a course's length.",
                option="data.cutoffs", value=list(cutoffs),
            )  # fmt: skip
        if fair_to is None and mitigation != "none":
            raise ConfigError(
                f"⟦data.mitigation⟧ is {mitigation!r}, but ⟦data.fair_to⟧ names no attribute.",
                "Name one, such as ⟦data.fair_to⟧ gender.",
                option="data.fair_to",
            )
        self.cutoffs = tuple(cutoffs)
        self.mark_delay_days = mark_delay_days
        self.every_days = every_days
        self.day = day
        self.capacity = capacity
        self.batch_size = batch_size
        self._attributes = attributes
        self.fair_to = fair_to
        self.mitigation = mitigation
        self._raw = format, {"columns": columns, **(options or {})}, out
        self._divided = test, val, val_presentations
        self._views: dict[bool, tuple[Moments, View]] = {}

    @cached_property
    def store(self) -> EventStore:
        """The events, made of raw files first where that was not done yet."""
        store = self.stored(EventStore, *self._raw)
        groups = list(store.vocabulary.groups)
        named = [("attributes", name) for name in self._attributes or []]
        named += [("fair_to", self.fair_to)] if self.fair_to is not None else []
        for option, name in named:
            if name not in groups:
                raise ConfigError(
                    f"⟦data.{option}⟧ names {name!r}.", allowed(name, groups),
                    option=f"data.{option}", value=name, allowed=groups,
                )  # fmt: skip
        return store

    @cached_property
    def attributes(self) -> list[str]:
        """What is told of students."""
        if self._attributes is None and "not_told" in self.store.about:
            groups = self.store.vocabulary.groups
            return [name for name in groups if name not in self.store.about["not_told"]]
        return list(dict.fromkeys(self._attributes or []))

    @cached_property
    def own(self) -> Companions:
        """Its names, with what the network is told of students, and the columns of numbers."""
        known = self.store.vocabulary
        names = [
            f"{attribute}: {name}"
            for attribute in self.attributes
            for name in known[GROUP + attribute]
        ]
        more = Vocabulary({ATTRIBUTE: Names(names), TOLD: Names(sorted(self.attributes))})
        columns = {"event": EVENT_NUMBERS, "moment": MOMENT_NUMBERS}
        reading = {"mark_delay_days": self.mark_delay_days}
        return Companions(known.grown(more), columns=columns, reading=reading)

    @property
    def num_event_columns(self) -> int:
        """Numbers of an event, as batches have them."""
        return len(self.companions.columns["event"])

    @property
    def num_moment_columns(self) -> int:
        """Numbers of a moment, as batches have them."""
        return len(self.companions.columns["moment"])

    @cached_property
    def group(self) -> Ids:
        """The group of each enrolment that training serves alike, -1 where there is none."""
        if self.fair_to is None:
            return np.full(self.store.num_enrolments, -1)
        # Ids 0 and 1 belong to no name.
        group: Ids = self.store.group(self.fair_to).astype(np.int64) - RESERVED
        self._say_groups(self.fair_to, group)
        return group

    @cached_property
    def _weight(self) -> NDArray[np.float32]:
        weight = np.ones(self.store.num_enrolments, np.float32)
        if self.mitigation == "reweighing":
            learned = self.parts["train"]
            weight[learned] = fair_weights(self.group[learned], self.store.at_risk[learned])
        return weight

    @property
    def num_modules(self) -> int:
        """Number of module ids of the vocabulary in use, the reserved ones included."""
        return len(self.vocabulary[MODULE])

    @property
    def num_attributes(self) -> int:
        """Number of ids of what the network is told of students, the reserved ones included."""
        return len(self.vocabulary[ATTRIBUTE])

    @property
    def attribute(self) -> Ids:
        """What is told of each student, ids of the vocabulary; shape (enrolments, attributes)."""
        columns = []
        for attribute in self.attributes:
            names = (f"{attribute}: {name}" for name in self.store.vocabulary[GROUP + attribute])
            ids = np.array([PADDING, UNKNOWN, *self.vocabulary[ATTRIBUTE].ids(names)])
            columns.append(ids[self.store.group(attribute)])
        empty = np.empty((0, self.store.num_enrolments), np.int64)
        return np.concatenate([empty, *(column[None] for column in columns)]).T.copy()

    @cached_property
    def parts(self) -> Mapping[str, Ids]:
        """The enrolments of ``train``, ``val`` and ``test``, rows of the store."""
        return self._split(*self._divided)

    def whole(self) -> Ids:
        """Return the enrolments whose outcome is known; such as the test part, if one is named."""
        test = named_test(self.store) & ~np.isnan(self.store.at_risk)
        return np.flatnonzero(test)

    @property
    def today(self) -> NDArray[np.float64]:
        """The day of each course on which students are called; shape (courses,)."""
        length = self.store.courses.length
        events = self.store.events
        last = np.zeros(len(length))
        np.maximum.at(last, self.store.column("course")[events.enrolment], events.day)
        day = last if self.day is None else np.full(len(length), self.day)
        today: NDArray[np.float64] = np.minimum(day, length)
        return today

    def moments(self, part: str, by_week: bool = False) -> tuple[Moments, View]:
        """Return the moments that are scored in a part, and all that is known at each.

        Args:
            part: ``train``, ``val`` or ``test``.
            by_week: Whether to take moments every ``every_days`` instead of those at the cutoffs.

        Returns:
            Moments of students in the course with a known outcome, and the view of them; cutoff
            after cutoff in the order of each enrolment.
        """
        moments, seen = self._view(by_week)
        kept = np.isin(moments.enrolment, self.parts[part]) & seen.registered
        kept &= ~np.isnan(self.store.at_risk[moments.enrolment])
        return _take(moments, seen, kept)

    def training(self) -> tuple[RiskBatches, Order]:
        """Return what builds the training batches, and their order."""
        batches = self._batches(*self.moments("train", by_week=True))
        if self.mitigation == "balanced_batches":
            group = self.group[batches.windows.student]
            return batches, BalancedOrder(batches.lengths, self.batch_size, group, self.seed)
        return batches, Order(batches.lengths, self.batch_size, self.seed)

    def evaluation(self, part: str | None) -> tuple[RiskBatches, Order]:
        """Return what builds the moments of a part or of everyone, and their order.

        Args:
            part: ``train``, ``val`` or ``test``, at the cutoffs; everyone, every ``every_days``,
                where it is None.
        """
        if part is not None:
            return self._scored(*self.moments(part))
        moments, seen = self._view(weekly=True)
        return self._scored(*_take(moments, seen, seen.registered))

    def part_dataloader(self, part: str | None, by_week: bool = False) -> EpochLoader:
        """Return the moments of a part, at the cutoffs, or of everyone, every ``every_days``.

        Args:
            part: ``train``, ``val`` or ``test``; everyone where it is None.
            by_week: Whether those of a part are every ``every_days`` too.
        """
        if part is None or not by_week:
            return super().part_dataloader(part)
        return self.at(*self.moments(part, by_week=True))

    def at(self, moments: Moments, seen: View) -> EpochLoader:
        """Return batches of any moments.

        Args:
            moments: When, by enrolment.
            seen: The view of them.
        """
        return self.loader(*self._scored(moments, seen))

    def _scored(self, moments: Moments, seen: View) -> tuple[RiskBatches, Order]:
        batches = self._batches(moments, seen)
        return batches, Order(batches.lengths, 1024, shuffle=False)

    def _batches(self, moments: Moments, seen: View) -> RiskBatches:
        own, known = self.store.vocabulary[MODULE], self.vocabulary[MODULE]
        module = np.array(own.translation(known))[module_of(self.store)]
        if self.companions.columns != self.own.columns:
            event, moment = (
                self.companions.places(vocabulary, self.own) for vocabulary in ("event", "moment")
            )
            seen = seen._replace(event=seen.event[:, event], moment=seen.moment[:, moment])
        return RiskBatches(
            moments, seen, module, self.store.at_risk, self.attribute, self._weight, self.group
        )

    def _view(self, weekly: bool) -> tuple[Moments, View]:
        if weekly not in self._views:
            at = {"every_days": self.every_days} if weekly else {"cutoffs": tuple(self.cutoffs)}
            when = When(self.mark_delay_days, **at)
            self._views[weekly] = moments_of(self.store, self.digest, when)
        return self._views[weekly]

    def _say_groups(self, attribute: str, group: Ids) -> None:
        """Say whom serving groups alike leaves out."""
        learned = self.parts["train"]
        group, at_risk = group[learned], self.store.at_risk[learned]
        if count := int((group < 0).sum()):
            rank_zero_info(
                f"{count:,} of {len(group):,} training enrolments have no known {attribute}; "
                "these count as they would otherwise."
            )
        for i, name in enumerate(self.store.vocabulary[GROUP + attribute]):
            mine = at_risk[group == i]
            if len(mine) and mine.min() == mine.max():
                notice = (
                    f"{attribute} {name}: the outcomes of all {len(mine):,} are alike, so nothing "
                    "can be weighed against another."
                )
                rank_zero_info(worded(notice))

    def _split(
        self, test: list[str] | None, val: float, val_presentations: list[str] | None
    ) -> dict[str, Ids]:
        names = self.store.vocabulary[PRESENTATION]
        known = list(names)
        for named in [*(test or []), *(val_presentations or [])]:
            if named not in known:
                raise ConfigError(
                    f"the presentation {named!r} is not known.", allowed(named, known)
                )
        of_course = np.asarray(self.store.values("courses", PRESENTATION))
        presentation = of_course[self.store.column("course")]
        outcome = ~np.isnan(self.store.at_risk)
        if test is None and len(known) == 1:  # no other year to learn from
            last = self._some_students(np.arange(len(outcome)), 0.2, [self.seed, 1])
        else:
            last = np.isin(presentation, names.ids(test or known[-1:]))
        rest = np.flatnonzero(~last & outcome)
        if val_presentations:
            held = np.isin(presentation[rest], names.ids(val_presentations))
        else:
            held = self._some_students(rest, val, [self.seed])
        parts = {"train": rest[~held], "val": rest[held], "test": np.flatnonzero(last & outcome)}
        for name, rows in parts.items():
            if not len(rows):
                raise DataError(
                    f"the {name} part has no enrolment with an outcome.",
                    f"Divide by other presentations; there are {', '.join(known)}.",
                    file=self.path,
                )
        return parts

    def _some_students(self, rows: Ids, share: float, seed: list[int]) -> NDArray[np.bool_]:
        """Draw students until they have a share of some enrolments; say which those are."""
        names = np.array(self.store.student_names(rows))
        _, student, sizes = np.unique(names, return_inverse=True, return_counts=True)
        order = np.random.default_rng(seed).permutation(len(sizes))
        before = np.cumsum(sizes[order]) - sizes[order]
        drawn = np.zeros(len(sizes), bool)
        drawn[order[before < max(1, round(share * len(rows)))]] = True
        return drawn[student]


def _take(moments: Moments, seen: View, kept: NDArray[np.bool_]) -> tuple[Moments, View]:
    """Return some of the moments, all of the events."""
    return Moments(moments.enrolment[kept], moments.day[kept]), seen._replace(
        moment=seen.moment[kept], seen=seen.seen[kept],
        registered=seen.registered[kept], leaving=seen.leaving[kept],
    )  # fmt: skip
