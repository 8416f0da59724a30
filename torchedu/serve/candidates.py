"""A version of a run that is made ready in a thread of its own, while another one answers."""

import atexit
import queue
import threading
import traceback
from weakref import WeakSet

from torchedu.engine.opening import open_task
from torchedu.errors import ConfigError, TorcheduError
from torchedu.serve.comparing import Comparison
from torchedu.serve.follower import Follower
from torchedu.serve.log import EventLog, Snapshot
from torchedu.serve.opening import Kind, follow, kind_of, requirements
from torchedu.serve.places import NEXT, Place
from torchedu.serve.stores import Store
from torchedu.serve.texts import VERBS

OPENING, REBUILDING, READY, FAILED = "opening", "rebuilding", "ready", "failed"
AHEAD = 4
"""Pieces of what was made that wait to be kept."""
WAIT = 0.05
"""Seconds after which it is looked whether it is to end."""

_BEGUN: "WeakSet[Candidate]" = WeakSet()


class Ended(Exception):
    """It is not wanted any more."""


class Candidate:
    """Opens a version and makes its states, from the log as it stands.

    It has a reading connection of its own, and hands on what is to be written. Nobody asks it
    anything before it is ready and has been told to ``go_on`` with the log of those who answer.

    Args:
        place: Which, and what for.
        kind: The task that it has to be of.
        store: The service's store, or the shard of it.
        prerequisites: What skills require; see ``opening.requirements``.

    Attributes:
        state: How far it is.
        problem: Why it failed.
        follower: The version; None before it is ready, and of one that reads texts.
        students: How many students' states were made and kept.
        comparison: How it does beside what answers; None before it is ready.
    """

    def __init__(
        self, place: Place, kind: Kind, store: Store, prerequisites: str | None = None
    ) -> None:
        self.place = place
        self.state = OPENING
        self.problem: TorcheduError | None = None
        self.follower: Follower | None = None
        self.students = 0
        self.comparison: Comparison | None = None
        self._arguments = kind, store, prerequisites
        self._pieces: queue.Queue[list[Snapshot]] = queue.Queue(AHEAD)
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._make_it, args=self._arguments, daemon=True)
        _BEGUN.add(self)
        self._thread.start()

    @property
    def swaps(self) -> bool:
        """Whether it answers as soon as it is ready."""
        return self.place.role == NEXT

    @property
    def at_work(self) -> bool:
        """Whether it is being made."""
        return self.state in (OPENING, REBUILDING)

    def piece(self) -> list[Snapshot]:
        """Return states that are to be kept; none where there are none now."""
        try:
            some = self._pieces.get_nowait()
        except queue.Empty:
            return []
        self.students += len(some)
        return some

    @property
    def made(self) -> bool:
        """Whether it has come to its end, and all that it made was handed on."""
        return not self._thread.is_alive() and self._pieces.empty()

    def go_on(self, log: EventLog) -> None:
        """Follow a log; it is asked from now on."""
        if self.follower is not None:
            self.follower.go_on(log)
            self.comparison = Comparison(self.follower.loss)
        self.state = READY

    def fail(self, error: Exception) -> None:
        """Say why it is of no use."""
        if not isinstance(error, TorcheduError):
            traceback.print_exception(error)
            error = TorcheduError(
                f"{self.place.path} failed ({type(error).__name__}).",
                "What went wrong stands where the service writes its errors.",
            )
        self.problem, self.state = error, FAILED

    def end(self) -> None:
        """Make nothing more; it has ended when this returns."""
        self._end.set()
        self._thread.join()

    def anew(self) -> "Candidate":
        """Return another that makes the same from the log as it stands now; this one ends."""
        self.end()
        return Candidate(self.place, *self._arguments)

    def _make_it(self, kind: Kind, store: Store, prerequisites: str | None) -> None:
        try:
            self._make(kind, store, prerequisites)
        except Ended:
            pass
        except Exception as error:  # noqa: BLE001 - what answers goes on, and this is told
            self.fail(error)

    def _make(self, kind: Kind, store: Store, prerequisites: str | None) -> None:
        run, path = self.place.run, self.place.path
        domain = open_task(path)
        if kind_of(domain, path) is not kind:
            raise ConfigError(
                f"⟦path⟧ {path} is of the task {type(domain).__name__}, and {run!r} of "
                f"{kind.__name__}.",
                "Name a run of the same task, or serve it beside the other.",
                value=path,
            )
        if kind in VERBS:  # each process that speaks HTTP opens its own
            return
        more = requirements({run: domain}, prerequisites)
        log = EventLog(store)
        try:
            (follower,) = follow({run: domain}, log, more)
            self.state = REBUILDING
            for some in follower.rebuilt():
                self._hand_on(some)
        finally:
            log.close()
        self.follower = follower

    def _hand_on(self, some: list[Snapshot]) -> None:
        while not self._end.is_set():
            try:
                return self._pieces.put(some, timeout=WAIT)
            except queue.Full:
                continue
        raise Ended


@atexit.register
def _end_all() -> None:
    """End what is being made: a thread that is in torch as the interpreter ends aborts it."""
    for candidate in [*_BEGUN]:
        candidate.end()
