"""Students in courses as a Lightning data module: their events, and when a risk is asked for."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning import LightningDataModule
from lightning.pytorch.utilities.rank_zero import rank_zero_info
from numpy.typing import NDArray

from torchedu.batch import RiskBatch
from torchedu.datamodules.stream import BatchStream, EpochLoader, ranks_of
from torchedu.datasets.course_view import WEEK, Moments, View, module_of, view
from torchedu.datasets.events import PRESENTATION, EventStore
from torchedu.datasets.fair_weights import Weighting, fair_weights
from torchedu.datasets.importers.oulad import import_oulad
from torchedu.datasets.order import Order, Windows
from torchedu.errors import ConfigError, DataError, allowed
from torchedu.schema import MODULE, RESERVED, Names, Vocabulary

Ids = NDArray[np.int64]


class CourseEvents(LightningDataModule):
    """Students in courses, from a store of events or straight from the folder of OULAD.

    The parts are by presentation: a model is for the courses of next year, so it is scored on the
    latest ones and learns from those before. Training asks for the risk every other week of a
    course; scores are taken at shares of its length, over those still in it.

    Args:
        path: A store of events, or the folder of the Open University data set, which is imported
            once into a store beside it.
        test: Presentations of the test part; where it is None the latest, or, of a single one, a
            fifth of its enrolments.
        val: Share of the other enrolments, drawn at random, for validation.
        val_presentations: Presentations for validation instead, which training then lacks.
        cutoffs: Shares of a course's length at which risks are scored.
        mark_delay_days: How long after work is handed in its mark is known.
        every_days: Days between the moments of training.
        day: Day of each course on which ``predict`` says whom to call; the last day with an event
            where it is None.
        capacity: Students of a course that can be called.
        fair_to: Attribute of students whose groups training shall serve alike, such as ``gender``.
        weighting: How it weighs them: ``reweighing``, ``balanced`` or ``none``; see
            ``datasets.fair_weights``. ``--model.parity_weight`` is another way.
        batch_size: Enrolments in a global batch, over all ranks and accumulated batches.
        seed: Another seed draws other parts and another order of training.
        num_workers: Processes that build batches; 0 builds them in the training process.

    Raises:
        ConfigError: A value is out of range, or a presentation is not known.
        DataError: The data cannot be read, or a part is empty.
    """

    def __init__(
        self,
        path: str,
        test: list[str] | None = None,
        val: float = 0.1,
        val_presentations: list[str] | None = None,
        cutoffs: tuple[float, ...] = (0.25, 0.5, 0.75),
        mark_delay_days: float = 0,
        every_days: int = 2 * WEEK,
        day: float | None = None,
        capacity: int = 30,
        fair_to: str | None = None,
        weighting: Weighting = "none",
        batch_size: int = 256,
        seed: int = 0,
        num_workers: int = 0,
    ) -> None:
        super().__init__()
        for name, value, least in (
            ("batch_size", batch_size, 1),
            ("num_workers", num_workers, 0),
            ("seed", seed, 0),
            ("every_days", every_days, 1),
            ("capacity", capacity, 1),
            ("mark_delay_days", mark_delay_days, 0),
        ):
            if value < least:
                raise ConfigError(f"{name} is {value}.", f"It is at least {least}.")
        if not 0 < val < 1:
            raise ConfigError(f"val is {val}.", "It is a share between 0 and 1.")
        if not cutoffs or not all(0 <= one <= 1 for one in cutoffs):
            raise ConfigError(f"cutoffs are {list(cutoffs)}.", "Each is a share of 0 to 1.")
        self.path = path
        self.name = Path(path).stem
        self.cutoffs = tuple(cutoffs)
        self.mark_delay_days = mark_delay_days
        self.every_days = every_days
        self.day = day
        self.capacity = capacity
        self.batch_size = batch_size
        self.seed = seed
        self.num_workers = num_workers
        self.store = open_events(path)
        self.vocabulary = self.store.vocabulary
        self.fair_to = fair_to
        groups = self.store.vocabulary.groups
        if fair_to is not None and fair_to not in groups:
            raise ConfigError(f"fair_to is {fair_to!r}.", allowed(fair_to, list(groups)))
        if fair_to is None and weighting != "none":
            raise ConfigError(
                f"weighting is {weighting!r}, but fair_to names no attribute.",
                "Name one, such as --data.fair_to gender.",
            )
        self.predict_part: str | None = None
        self.predict_by_week = False
        self._parts = self._split(test, val, val_presentations)
        size = self.store.num_enrolments
        # Ids 0 and 1 belong to no name.
        own = np.zeros(size) if fair_to is None else self.store.group(fair_to)
        self.group = own.astype(np.int64) - RESERVED
        self._weight = np.ones(size, np.float32)
        learned = self._parts["train"]
        self._weight[learned] = fair_weights(
            self.group[learned], self.store.at_risk[learned], weighting
        )
        self._views: dict[bool, tuple[Moments, View]] = {}

    def __str__(self) -> str:
        """Say what the data is; Lightning's own text takes loaders apart."""
        return f"CourseEvents: {self.name}, {self.store.num_enrolments:,} enrolments"

    @property
    def num_modules(self) -> int:
        """Number of module ids of the vocabulary in use, the reserved ones included."""
        return len(self.vocabulary[MODULE])

    @property
    def parts(self) -> Mapping[str, Ids]:
        """The enrolments of ``train``, ``val`` and ``test``, rows of the store."""
        return self._parts

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

    def use(self, vocabulary: Vocabulary) -> None:
        """Give batches in the ids of another vocabulary, that of a trained network, say.

        Args:
            vocabulary: The names and ids to use from now on; modules that it lacks are unknown.
        """
        new = [name for name in self.store.vocabulary[MODULE] if name not in vocabulary[MODULE]]
        if new:
            rank_zero_info(f"{len(new)} modules are unknown to the network, such as {new[0]!r}.")
        self.vocabulary = vocabulary

    @property
    def steps_per_epoch(self) -> int:
        """Number of global batches in a pass over the training part."""
        return len(self._training()[1])

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

    def train_dataloader(self) -> EpochLoader:
        """Return the training batches, in another order each epoch."""
        return self._loader(*self._training())

    def val_dataloader(self) -> EpochLoader:
        """Return the validation batches."""
        return self._evaluation("val")

    def test_dataloader(self) -> EpochLoader:
        """Return the test batches."""
        return self._evaluation("test")

    def predict_dataloader(self) -> EpochLoader:
        """Return the moments of ``predict_part``, by default every ``every_days`` of everyone.

        Those of a part are at the cutoffs, or with ``predict_by_week`` every ``every_days`` too.
        """
        if self.predict_part is None:
            moments, seen = self._view(weekly=True)
            return self.at(*_take(moments, seen, seen.registered))
        return self.at(*self.moments(self.predict_part, self.predict_by_week))

    def at(self, moments: Moments, seen: View) -> EpochLoader:
        """Return batches of any moments.

        Args:
            moments: When, by enrolment.
            seen: The view of them.
        """
        batches = self._batches(moments, seen)
        return self._loader(batches, Order(batches.lengths, 1024, shuffle=False))

    def _training(self) -> tuple["RiskBatches", Order]:
        batches = self._batches(*self.moments("train", by_week=True))
        return batches, Order(batches.lengths, self.batch_size, self.seed)

    def _batches(self, moments: Moments, seen: View) -> "RiskBatches":
        return RiskBatches(self.store, moments, seen, self.vocabulary, self._weight, self.group)

    def _evaluation(self, part: str) -> EpochLoader:
        return self.at(*self.moments(part))

    def _view(self, weekly: bool) -> tuple[Moments, View]:
        if weekly not in self._views:
            length = self.store.courses.length[self.store.column("course")]
            if weekly:
                days = np.arange(0, length.max() + 1, self.every_days)
                day = np.broadcast_to(days, (len(length), len(days)))
            else:
                day = np.floor(length[:, None] * np.array(sorted(self.cutoffs)))
            inside = day <= length[:, None]
            enrolment = np.nonzero(inside)[0]
            moments = Moments(enrolment, day[inside].astype(np.float64))
            self._views[weekly] = moments, view(self.store, moments, self.mark_delay_days)
        return self._views[weekly]

    def _split(
        self, test: list[str] | None, val: float, val_presentations: list[str] | None
    ) -> dict[str, Ids]:
        names = self.store.vocabulary[PRESENTATION]
        known = list(names)
        for one in [*(test or []), *(val_presentations or [])]:
            if one not in known:
                raise ConfigError(f"the presentation {one!r} is not known.", allowed(one, known))
        of_course = np.asarray(self.store.values("courses", PRESENTATION))
        presentation = of_course[self.store.column("course")]
        outcome = ~np.isnan(self.store.at_risk)
        if test is None and len(known) == 1:  # no other year to learn from
            last = np.random.default_rng([self.seed, 1]).random(len(outcome)) < 0.2
        else:
            last = np.isin(presentation, names.ids(test or known[-1:]))
        rest = np.flatnonzero(~last & outcome)
        if val_presentations:
            held = np.isin(presentation[rest], names.ids(val_presentations))
        else:
            held = np.zeros(len(rest), bool)
            some = max(1, round(val * len(rest)))
            held[np.random.default_rng(self.seed).permutation(len(rest))[:some]] = True
        parts = {"train": rest[~held], "val": rest[held], "test": np.flatnonzero(last & outcome)}
        for name, rows in parts.items():
            if not len(rows):
                raise DataError(
                    f"the {name} part has no enrolment with an outcome.",
                    f"Divide by other presentations; there are {', '.join(known)}.",
                    file=self.path,
                )
        return parts

    def _loader(self, batches: "RiskBatches", order: Order) -> EpochLoader:
        stream = BatchStream(batches, order, *ranks_of(self.trainer))
        return EpochLoader(
            stream, self.num_workers, lambda: self.trainer.current_epoch if self.trainer else 0
        )


class RiskBatches:
    """Builds batches of enrolments, each with its events and its moments.

    Args:
        store: The enrolments.
        moments: When risks are asked for, by enrolment.
        seen: The view of them.
        vocabulary: The names that the network knows.
        weight: How much each enrolment counts in the loss; shape (enrolments,).
        group: Its group, -1 where unknown; shape (enrolments,).
    """

    def __init__(
        self,
        store: EventStore,
        moments: Moments,
        seen: View,
        vocabulary: Vocabulary,
        weight: NDArray[np.float32],
        group: Ids,
    ) -> None:
        self._weight, self._group = weight, np.maximum(group, -1)
        self.view, self.day = seen, moments.day.astype(np.float32)
        rows, first, count = np.unique(moments.enrolment, return_index=True, return_counts=True)
        self.first = first
        self.windows = Windows(rows, np.zeros_like(rows), np.zeros_like(rows), count)
        # Events after a window's last moment are never looked at.
        self.lengths = np.maximum.reduceat(seen.seen, first) if len(first) else count
        known: Names = vocabulary[MODULE]
        self._module = np.array(store.vocabulary[MODULE].translation(known))[module_of(store)]
        self._at_risk = np.nan_to_num(store.at_risk)

    def __call__(self, index: Ids, scored: bool = True) -> RiskBatch:
        """Build one batch.

        Args:
            index: Which enrolments, numbered as in ``windows``; shape (B,).
            scored: Whether its moments count; without, the batch only keeps a rank in step.

        Returns:
            The batch, on the CPU.
        """
        rows, count, length = self.windows.student[index], self.windows.stop[index], self.lengths
        step_L = np.arange(max(1, length[index].max()))
        here_BL = step_L < length[index][:, None]
        begin = self.view.event_offsets[rows]
        event_BLE = np.zeros((*here_BL.shape, self.view.event.shape[1]), np.float32)
        event_BLE[here_BL] = self.view.event[(begin[:, None] + step_L)[here_BL]]
        step_Q = np.arange(count.max())
        asked_BQ = step_Q < count[:, None]
        place_BQ = np.where(asked_BQ, self.first[index][:, None] + step_Q, 0)

        def padded(values: NDArray[Any]) -> torch.Tensor:
            table = values[place_BQ]
            table[~asked_BQ] = 0
            return torch.from_numpy(table)

        scored_BQ = asked_BQ & scored
        return RiskBatch(
            torch.from_numpy(event_BLE),
            torch.from_numpy(self._module[rows].astype(np.int64)),
            padded(self.view.moment),
            padded(self.view.seen),
            torch.from_numpy(self._at_risk[rows]),
            padded(self.view.leaving.astype(np.float32)),
            torch.from_numpy(scored_BQ),
            torch.from_numpy(rows.astype(np.int64)),
            padded(self.day),
            torch.from_numpy(self._weight[rows]),
            torch.from_numpy(self._group[rows]),
            torch.full((len(index),), float(max(1, scored_BQ.sum()))),
        )


def open_events(path: str) -> EventStore:
    """Open a store of events, or import the folder of OULAD beside itself first.

    Args:
        path: The store, or the data set's folder. Where its folder may not be written, the store is
            made here.

    Returns:
        The store.

    Raises:
        DataError: It is neither.
    """
    raw = Path(path)
    if not (raw / "studentInfo.csv").is_file():
        return EventStore(raw)
    beside = raw.resolve().with_suffix(".store")
    out = beside if _writable(beside.parent) else Path(beside.name)
    if (out / "manifest.json").is_file():
        store = EventStore(out)
        if all((raw / one["file"]).stat().st_size == one["bytes"] for one in store.about["source"]):
            return store
    store = import_oulad(raw, out)
    rank_zero_info(f"Imported {raw}: {store.num_enrolments:,} enrolments, into {out}.")
    return store


def _writable(folder: Path) -> bool:
    return os.access(folder, os.W_OK)


def _take(moments: Moments, seen: View, kept: NDArray[np.bool_]) -> tuple[Moments, View]:
    """Return some of the moments, all of the events."""
    return Moments(moments.enrolment[kept], moments.day[kept]), seen._replace(
        moment=seen.moment[kept],
        seen=seen.seen[kept],
        registered=seen.registered[kept],
        leaving=seen.leaving[kept],
    )
