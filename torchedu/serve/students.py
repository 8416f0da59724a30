"""Students whom a network follows answer by answer, as many in memory as there is room for."""

from collections import OrderedDict, defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from torchedu.engine import TracingEngine
from torchedu.errors import CheckpointError
from torchedu.schema import ITEM, SKILL
from torchedu.serve.events import ANSWERED, Event
from torchedu.serve.log import EventLog, Snapshot

EVERY = 32
"""Answers after which a student's state is kept anew: as many are read again at most."""
MEMORY = 2**28
"""Bytes of states that are held in memory."""
AT_ONCE = 256
"""Students who are made again at a time."""
REBUILT_AT_ONCE = 64
"""Students who are made again at a time beside the answering."""


@dataclass
class Held:
    """What a state in memory holds; see ``Snapshot``.

    Attributes:
        seq: The largest place in the log among its events.
        time: The latest time among them.
        answers: How many of them the network read.
        unsaved: Events since the last snapshot.
    """

    seq: int
    time: int
    answers: int
    unsaved: int = 0


class Students:
    """Keeps the states of an engine equal to the log: each student's answers in order of time.

    An answer that comes late stands where its time says. The student's state is then dropped, and
    made again from the log when it is next asked for. It is the same way that states come back
    after a start, a crash or a change of the network.

    Args:
        engine: The network in use.
        log: The log.
        memory: Bytes of states in memory; see ``MEMORY``.
    """

    def __init__(self, engine: TracingEngine, log: EventLog, memory: int = MEMORY) -> None:
        engine.alike = True  # the log alone says what a state is, to the last bit
        self.engine = engine
        self._log = log
        self._since = log.next_seq
        self._most = max(AT_ONCE, memory // max(1, engine.domain.net.state_bytes))
        self._held: OrderedDict[str, Held] = OrderedDict()
        self._due: dict[str, Snapshot] = {}
        names = engine.companions.vocabulary
        self._items, self._skills = names[ITEM], names[SKILL]

    def __len__(self) -> int:
        """Return how many students are in memory."""
        return len(self._held)

    def reads(self, event: Event) -> bool:
        """Say whether the network knows the item of an answer, or one of the skills told of it.

        One that judges items by their words knows an item of which these are told.

        Others stay in the log and move nothing until a network is served that knows them.
        """
        skills = event.fields.get("skill", ())
        named = [skills] if isinstance(skills, str) else skills
        if self.engine.judges_words and event.fields.get("item_text"):
            return True
        return event.fields["item"] in self._items or any(name in self._skills for name in named)

    def take(self, events: Iterable[Event]) -> None:
        """Take in answers that are in the log already, in the order in which they came there."""
        of_students: dict[str, list[Event]] = defaultdict(list)
        for event in events:
            of_students[event.student].append(event)
        cold, going_on = [], []
        for student, mine in of_students.items():
            held = self._held.get(student)
            if held is None:
                cold.append(student)
            elif min(event.time for event in mine) < held.time:
                self.drop(student)
            else:
                going_on += sorted(mine, key=lambda event: event.order)
        self._step(going_on)
        self.load(cold)

    def load(self, students: Collection[str]) -> None:
        """Have some students in memory, from their snapshots and the log."""
        for student in students:
            if student in self._held:
                self._held.move_to_end(student)
        missing = [student for student in students if student not in self._held]
        for first in range(0, len(missing), AT_ONCE):
            self._make_again(missing[first : first + AT_ONCE])
        self._evict(set(students))

    def held(self, student: str) -> Held | None:
        """Return what is known of a student; None where it is nothing."""
        self.load([student])
        return self._held.get(student)

    def history(self, student: str, last: int) -> list[tuple[Event, dict[str, float]]]:
        """Return a student's mastery of each skill after each of the last answers.

        Args:
            student: The student.
            last: Of how many answers.
        """
        alone = TracingEngine(self.engine.domain)
        alone.alike = True
        events = [e for e in self._log.events_of([student], ANSWERED) if self.reads(e)]
        before = max(0, len(events) - last)
        alone.answer_many([row_of(event) for event in events[:before]])
        steps = []
        for event in events[before:]:
            alone.answer_many([row_of(event)])
            steps.append((event, alone.mastery(student)))
        return steps

    def rebuilt(self) -> Iterator[list[Snapshot]]:
        """Make those again for whom it takes long, a few at a time, and yield their snapshots.

        Others are made in a moment when they are met.
        """
        for some in self._log.busy_students(EVERY, REBUILT_AT_ONCE):
            self.load(some)
            yield self.due()
            self.kept()

    def go_on(self, log: EventLog) -> None:
        """Keep equal to a log from now on; it may hold more than there was when this was made."""
        for student in log.students_since(self._since):
            self.drop(student)
        self._log = log

    def drop(self, student: str) -> None:
        """Drop a student's state; it is made again when it is asked for."""
        self._held.pop(student, None)
        self._due.pop(student, None)
        self.engine.forget(student)

    def due(self) -> list[Snapshot]:
        """Return the snapshots that are due; ``kept`` says that they are in the log."""
        return list(self._due.values())

    def kept(self) -> None:
        """Say that what ``due`` returned is on the disk."""
        self._due.clear()

    def all_due(self) -> list[Snapshot]:
        """Return snapshots of all who have changed since their last."""
        for student, held in self._held.items():
            if held.unsaved:
                self._snapshot(student, held)
        return self.due()

    def _make_again(self, students: list[str]) -> None:
        network = self.engine.digest
        kept = {name: s for name, s in self._due.items() if name in students}
        kept = self._log.snapshots(students, network) | kept
        tail = self._log.events_of(students, ANSWERED, after=network)
        tail = [e for e in tail if e.student not in kept or e.seq > kept[e.student].seq]
        anew = {e.student for e in tail if e.student in kept and e.time < kept[e.student].time}
        for student, snapshot in kept.items():
            if student in anew:
                continue
            try:
                self.engine.put(student, snapshot.state)
            except CheckpointError:  # damaged on the disk
                anew.add(student)
                continue
            self._held[student] = Held(snapshot.seq, snapshot.time, snapshot.answers)
        if anew:
            tail = [e for e in tail if e.student not in anew]
            tail += self._log.events_of(anew, ANSWERED)
        self._step(tail)

    def _step(self, events: Sequence[Event]) -> None:
        """Go on with answers, those of each student in order and not before what is held."""
        fine = [event for event in events if self.reads(event)]
        self.engine.answer_many([row_of(event) for event in fine])
        for event in events:
            held = self._held.setdefault(event.student, Held(0, event.time, 0))
            held.seq, held.time = max(held.seq, event.seq), event.time
            held.unsaved += 1
        for event in fine:
            self._held[event.student].answers += 1
        for student in {event.student for event in events}:
            held = self._held[student]
            if held.unsaved >= EVERY:
                self._snapshot(student, held)

    def _snapshot(self, student: str, held: Held) -> None:
        state = self.engine.state(student)
        self._due[student] = Snapshot(
            student, self.engine.digest, held.seq, held.time, held.answers, state
        )
        held.unsaved = 0

    def _evict(self, used: set[str]) -> None:
        """Let go of those who were not used for longest, where there are too many."""
        while len(self._held) > self._most:
            student, held = self._held.popitem(last=False)
            if student in used:  # all who are left were used now
                self._held[student] = held
                break
            if held.unsaved:
                self._snapshot(student, held)
            self.engine.forget(student)


def row_of(event: Event) -> dict[str, Any]:
    """Return an answer as engines read it."""
    return {"student": event.student, "time": event.time, **event.fields}
