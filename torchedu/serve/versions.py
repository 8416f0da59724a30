"""Which version of each run answers, and the versions that are made ready or stand in its shadow.

Everything here happens between two groups of requests, in the thread that answers them, but for
the making of a candidate. So a question is answered by one version or by the next, and by neither
before its states are those of the log.
"""

import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from http import HTTPStatus
from pathlib import Path
from typing import Any, NamedTuple

from torchedu.errors import allowed
from torchedu.serve.candidates import FAILED, READY, Candidate
from torchedu.serve.drift import Watch
from torchedu.serve.events import Event
from torchedu.serve.follower import Answer, Follower, Foreseen
from torchedu.serve.log import EventLog, Snapshot, Unwritable
from torchedu.serve.metrics import Gauge
from torchedu.serve.opening import Kind
from torchedu.serve.places import NEXT, SERVES, SHADOW, Place, Places
from torchedu.serve.problems import Problem
from torchedu.serve.texts import VERBS

PIECES = 4
"""Pieces of what a candidate has made that are kept between two groups of requests."""
CLEANED = 200
"""States of networks that nobody serves any more that are deleted between two groups."""
SHARE, FREE = 0.02, 0.1
"""The part of the time that goes into watching what answers, and how many seconds of it may be
saved for later."""

Said = Mapping[str, tuple[Sequence[Foreseen], Sequence[Foreseen]]]
"""What each run, and its shadow, said of events before they came."""


class Serving(NamedTuple):
    """What a service serves.

    Attributes:
        kinds: The tasks of its runs, by what they are called.
        given: Where they stand as the service was started.
        at: Where those stand that answer, which may have taken their places.
    """

    kinds: Mapping[str, Kind] = {}
    given: Mapping[str, str] = {}
    at: Mapping[str, str] = {}


class Versions:
    """The versions of the runs of a service.

    Args:
        followers: Those that answer, one a run; a version that takes the place of one is put there.
        log: The log of those who answer.
        serving: What is served.
        prerequisites: What skills require; see ``opening.requirements``.
        clock: Returns the time in milliseconds since 1970.
        share: The part of the time that goes into watching; see ``SHARE``.
    """

    def __init__(
        self,
        followers: list[Follower],
        log: EventLog,
        serving: Serving = Serving(),  # noqa: B008 - never changed
        prerequisites: str | None = None,
        clock: Callable[[], int] = lambda: 0,
        share: float = SHARE,
    ) -> None:
        self.verbs: dict[str, Callable[..., Answer]] = {
            "versions": self.summary, "swap": self.swap, "promote": self.promote, "drop": self.drop,
            "drift": self.drift,
        }  # fmt: skip
        self._followers = followers
        self._log = log
        self._kinds, self._at = serving.kinds, dict(serving.at)
        self._places = Places(log.tables, serving.given)
        self._prerequisites = prerequisites
        self._clock = clock
        self._share, self._left, self._since = share, FREE, time.monotonic()
        self._watches = {follower.name: Watch(follower) for follower in followers}
        self._failed: dict[str, Candidate] = {}
        self._before: set[str] = set()
        self._stale = False
        self._candidates = {
            place.run: self._begun(place)
            for place in self._places.all()
            if place.role in (NEXT, SHADOW)
        }

    # Between two groups of requests

    @property
    def shadows(self) -> dict[str, Follower]:
        """The versions that follow beside those that answer, by what their runs are called."""
        return {
            run: candidate.follower
            for run, candidate in self._candidates.items()
            if candidate.state == READY and candidate.follower is not None
        }

    def work(self) -> None:
        """Go a little further with what is being made; let what is ready answer."""
        for run, candidate in [*self._candidates.items()]:
            try:
                self._further(run, candidate)
            except Exception as error:  # noqa: BLE001 - what answers goes on
                candidate.fail(error)
            if candidate.state == FAILED:
                candidate.end()
                self._failed[run] = self._candidates.pop(run)
                with suppress(Unwritable):  # it fails once more after the next start
                    self._places.drop(run)
        if self._stale and not any(c.at_work for c in self._candidates.values()):
            followers = [*self._followers, *self.shadows.values()]
            networks = {*self._before, *(follower.network for follower in followers)}
            with suppress(Unwritable):
                self._stale = self._log.drop_states(networks, CLEANED) == CLEANED

    def _further(self, run: str, candidate: Candidate) -> None:
        for _ in range(PIECES):
            if some := candidate.piece():
                self._log.append([], some)
        if candidate.at_work and candidate.made:
            candidate.go_on(self._log)
        if candidate.state == READY and candidate.swaps:
            self._switch(run, candidate)

    def _switch(self, run: str, candidate: Candidate) -> None:
        """Let a version answer from the next request on."""
        self._places.put(candidate.place._replace(role=SERVES, since=self._clock()))
        self._at[run] = candidate.place.path
        del self._candidates[run]
        for i, follower in enumerate(self._followers):
            if follower.name == run and candidate.follower is not None:
                self._before, self._stale = {follower.network}, True
                self._followers[i] = candidate.follower
                self._watches[run] = Watch(candidate.follower)

    def _begun(self, place: Place) -> Candidate:
        return Candidate(place, self._kinds[place.run], self._log.store, self._prerequisites)

    def close(self) -> None:
        """Make nothing more; what was asked for goes on after the next start."""
        for candidate in self._candidates.values():
            candidate.end()

    def undo(self, students: Sequence[str]) -> None:
        """Be as the log is, in which events of students count no more."""
        for run, candidate in [*self._candidates.items()]:
            if candidate.at_work:
                candidate.end()
                self._candidates[run] = candidate.anew()
        for run, shadow in self.shadows.items():
            try:
                shadow.forget(students)
            except Exception as error:  # noqa: BLE001 - what answers goes on
                self._candidates[run].fail(error)

    @contextmanager
    def forgetting(self, students: Sequence[str]) -> Iterator[None]:
        """Know nothing of students after a block that deletes them from the log."""
        making = [run for run, c in self._candidates.items() if c.at_work]
        for run in making:
            self._candidates[run].end()
        try:
            yield
        finally:
            for run in making:
                self._candidates[run] = self._candidates[run].anew()
        for run, shadow in self.shadows.items():
            shadow.forget(students)
            comparison = self._candidates[run].comparison
            if comparison is not None:
                comparison.forget(students)
        for watch in self._watches.values():
            watch.forget(students)

    # Events

    def foresee(self, events: Sequence[Event]) -> Said:
        """Return what versions say of events that are not in the log yet.

        All where there is a shadow to compare with; else of as many as there is time for.
        """
        begin, shadows, said = time.monotonic(), self.shadows, {}
        self._left = min(FREE, self._left + self._share * (begin - self._since))
        self._since, watching = begin, self._left > 0
        for follower in self._followers:
            shadow = shadows.get(follower.name)
            mine = [event for event in events if event.kind in follower.kinds]
            if not mine or (shadow is None and not watching):
                continue
            try:
                served = follower.foresee(mine)
            except Exception:  # noqa: BLE001 - what is only watched hinders no event
                traceback.print_exc()
                continue
            said[follower.name] = served, self._foreseen_by(shadow, mine)
        if not shadows:
            self._left -= time.monotonic() - begin
        return said

    def _foreseen_by(self, shadow: Follower | None, events: Sequence[Event]) -> list[Foreseen]:
        try:
            return [] if shadow is None else shadow.foresee(events)
        except Exception as error:  # noqa: BLE001 - what answers goes on
            self._candidates[shadow.name].fail(error)  # type: ignore[union-attr]
            return []

    def take(self, events: Sequence[Event], said: Said) -> None:
        """Let shadows take in events that are in the log, and note what was said of them."""
        for run, (served, other) in said.items():
            self._watches[run].add(served)
            comparison = self._candidates[run].comparison if run in self._candidates else None
            if comparison is not None:
                comparison.add(served, other)
        for run, shadow in self.shadows.items():
            mine = [event for event in events if event.kind in shadow.kinds]
            try:
                if mine:
                    shadow.check(mine)
                    shadow.take(mine)
            except Exception as error:  # noqa: BLE001 - what answers goes on
                self._candidates[run].fail(error)

    def due(self, everything: bool = False) -> list[Snapshot]:
        """Return states of shadows that are to be kept with the next events."""
        return [s for shadow in self.shadows.values() for s in shadow.due(everything)]

    def kept(self) -> None:
        """Say that what ``due`` returned is on the disk."""
        for shadow in self.shadows.values():
            shadow.kept()

    # What is asked

    def summary(self, raw: bool = False) -> Answer:
        """Say which version of each run answers, how far others are, and how they compare.

        Args:
            raw: Whether comparisons are to be joined with those of other shards.
        """
        since = {place.run: place.since for place in self._places.all() if place.role == SERVES}
        networks = {follower.name: follower.network for follower in self._followers}
        runs = []
        for run, kind in self._kinds.items():
            about: dict[str, Any] = {
                "run": run, "task": kind.__name__, "path": self._at[run],
                "network": networks.get(run), "since": since.get(run),
            }  # fmt: skip
            about["candidate"] = self._candidate(run, raw)
            runs.append(about)
        return {"runs": runs}

    def _candidate(self, run: str, raw: bool) -> Answer | None:
        candidate = self._candidates.get(run) or self._failed.get(run)
        if candidate is None:
            return None
        said: dict[str, Any] = {
            "path": candidate.place.path, "role": candidate.place.role, "state": candidate.state,
            "since": candidate.place.since, "students": candidate.students,
        }  # fmt: skip
        if candidate.follower is not None:
            said["network"] = candidate.follower.network
        if candidate.problem is not None:
            said["problem"] = Problem.of(candidate.problem).to_json()
        if candidate.comparison is not None:
            compared = candidate.comparison
            said["comparison"] = compared.packed() if raw else compared.scores()
        return said

    def swap(self, path: str, run: str | None = None, shadow: bool = False) -> Answer:
        """Make a version ready, and let it answer then.

        Args:
            path: A run's folder, a checkpoint or an export, on the service's machine.
            run: In whose place; the only run where it is None.
            shadow: Let it follow beside what answers, until it is promoted or dropped.

        Raises:
            Problem: Another one is on its way, or it cannot be.
        """
        name = self._named(run)
        if shadow and self._kinds[name] in VERBS:
            raise Problem(
                HTTPStatus.UNPROCESSABLE_ENTITY,
                f"{name!r} reads texts, of which nobody says later what was right.",
                "Compare such runs by torchedu compare, and swap without a shadow.",
                field="shadow", value=shadow,
            )  # fmt: skip
        if name in self._candidates:
            raise Problem(
                HTTPStatus.CONFLICT,
                f"{self._candidates[name].place.path} is on its way to {name!r} already.",
                "Promote or drop that one.", field="path", value=path,
            )  # fmt: skip
        role, where = SHADOW if shadow else NEXT, str(Path(path).absolute())
        place = Place(name, role, where, self._places.given[name], self._clock())
        self._places.put(place)
        self._failed.pop(name, None)
        self._candidates[name] = self._begun(place)
        return self.summary()

    def promote(self, run: str | None = None) -> Answer:
        """Let the version in shadow answer, at once or when it is ready.

        Raises:
            Problem: There is none.
        """
        name = self._on_its_way(run)
        candidate = self._candidates[name]
        candidate.place = candidate.place._replace(role=NEXT)
        self._places.put(candidate.place)
        self.work()
        return self.summary()

    def drop(self, run: str | None = None) -> Answer:
        """Give up the version that is on its way or in shadow.

        Raises:
            Problem: There is none.
        """
        name = self._on_its_way(run)
        self._places.drop(name)
        self._candidates.pop(name).end()
        self._stale = True
        return self.summary()

    def drift(self, run: str | None = None, raw: bool = False) -> Answer:
        """Say how far what comes is from what networks know, and from what they foresee.

        Args:
            run: Of which run; of all where it is None.
            raw: Whether it is to be joined with what comes to other shards.

        Raises:
            Problem: Nothing comes to a run of that name.
        """
        if run is not None and run not in self._watches:
            raise _unknown(run, self._watches)
        watches = self._watches if run is None else {run: self._watches[run]}
        return {"runs": {name: w.packed() if raw else w.summary() for name, w in watches.items()}}

    def texts(self) -> Answer:
        """Return where those runs stand that read texts, which each process opens for itself."""
        return {"at": {run: self._at[run] for run, kind in self._kinds.items() if kind in VERBS}}

    def gauges(self) -> Iterator[Gauge]:
        """Yield what is measured of versions, for Prometheus."""
        for run, watch in self._watches.items():
            yield from watch.gauges(run)
        for run, candidate in self._candidates.items():
            if candidate.comparison is not None:
                yield from candidate.comparison.gauges(run)

    def _named(self, run: str | None) -> str:
        if run is None and len(self._kinds) == 1:
            return next(iter(self._kinds))
        if run is None or run not in self._kinds:
            raise _unknown(run, self._kinds)
        return run

    def _on_its_way(self, run: str | None) -> str:
        name = self._named(run)
        if name not in self._candidates:
            why = self._failed[name].problem if name in self._failed else None
            raise Problem(
                HTTPStatus.NOT_FOUND, f"no other version of {name!r} is on its way.",
                f"The last one failed: {why.problem}" if why else "Begin with one.",
                field="run", value=name,
            )  # fmt: skip
        return name


def _unknown(run: str | None, known: Mapping[str, Any]) -> Problem:
    """Return what is said where no run is named that is known."""
    return Problem(
        HTTPStatus.NOT_FOUND,
        "several runs are served here, or none." if run is None else f"no run {run!r} is here.",
        allowed(run or "", known) if known else "Serve a run whose versions are to be changed.",
        field="run", value=run, allowed=list(known),
    )  # fmt: skip
