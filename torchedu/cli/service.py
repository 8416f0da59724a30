"""``torchedu service``: what a service has said and done, what it holds, and what it forgets."""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Any

from torchedu.cli.terminal import Terminal
from torchedu.errors import DataError, MissingExtraError
from torchedu.files import write_whole
from torchedu.parsing import run_functions

KINDS = ("events", "asked", "decisions")
"""What a service may hold of a student, by which it is known whether it holds anything."""


def main(arguments: Sequence[str]) -> None:
    """Run the command with the words after ``torchedu service``."""
    functions: dict[str, Callable[..., None]] = {
        "decisions": decisions, "replay": replay, "acts": acts, "export": export, "forget": forget,
        "divide": divide,
    }  # fmt: skip
    try:
        run_functions(functions, arguments, "service")
    except ModuleNotFoundError as error:
        raise MissingExtraError("torchedu service", str(error.name), "serve") from None


def decisions(store: str, *, student: str | None = None, last: int = 20) -> None:
    """List what was said of students, the latest first, and what overruled it.

    Args:
        store: The service's file; the service may run meanwhile.
        student: Of whom; of anybody by default.
        last: How many at most.
    """
    terminal = Terminal()
    with _records(store) as shards:
        every = list(chain.from_iterable(shard.decisions(student, last) for shard in shards))
    for row in sorted(every, key=lambda row: -row["time"])[:last]:
        asked = " ".join(f"{name}={value}" for name, value in row["arguments"].items())
        terminal.print(
            f"{row['decision']:>7} {_when(row['time'])} {row['student']}: {row['asked']} {asked} "
            f"by {row['run']} {row['network'][:8]}, for {row['key'] or 'anybody'}"
        )
        for override in row["overrides"]:
            terminal.print(
                f"        overruled {_when(override['time'])} by {override['key'] or 'anybody'}: "
                f"{override['reason']}"
            )


def replay(store: str, runs: list[str], *, prerequisites: str | None = None) -> None:
    """Make decisions again from the events before each; say which are equal to the last bit.

    The exit code is 1 where one is not, and 0 else.

    Args:
        store: The service's file; the service may run meanwhile.
        runs: The runs that it serves or served.
        prerequisites: The file that it was given; see ``torchedu serve``.
    """
    from torchedu.serve import replay as replaying
    from torchedu.serve.log import EventLog
    from torchedu.serve.opening import named, open_runs, requirements

    opened, terminal = open_runs(named(runs)), Terminal()
    outcomes, more = list[replaying.Outcome](), requirements(opened, prerequisites)
    for shard in _there(store):
        log = EventLog(shard)
        outcomes += replaying.replay(log, opened, more)
        log.close()
    for outcome in outcomes:
        if outcome.differs is not None:
            terminal.print(f"{outcome.decision:>7} {outcome.asked}: {outcome.differs}")
    equal = Counter(outcome.differs is None for outcome in outcomes)
    terminal.print(f"{equal[True]:,} of {len(outcomes):,} decisions are equal to the last bit")
    if equal[False]:
        raise SystemExit(1)


def acts(store: str, *, last: int = 100) -> None:
    """List what was done by those who rule a service, the latest first.

    Args:
        store: The service's file; the service may run meanwhile.
        last: How many at most.
    """
    terminal = Terminal()
    with _records(store) as shards:
        every = list(chain.from_iterable(shard.acts(last) for shard in shards))
    for row in sorted(every, key=lambda row: -row["time"])[:last]:
        about = ", ".join(f"{name} {value}" for name, value in row["about"].items())
        terminal.print(f"{_when(row['time'])} {row['key'] or 'a command'}: {row['act']}, {about}")


def export(store: str, out: str, *, student: str) -> None:
    """Write all that a service holds of a student as JSON; the file goes when the student does.

    Args:
        store: The service's file; the service may run meanwhile.
        out: The file to write.
        student: The student's name.
    """
    from torchedu.serve.duty import held_of
    from torchedu.serve.forgetting import derive
    from torchedu.serve.ledger import Act, statement
    from torchedu.serve.stores import open_tables, shard_of

    first = _there(store)[0]
    with _records(store) as shards:
        held = held_of(shards[shard_of(student, len(shards))], student, shards[0])
    if not any(held[kind] for kind in KINDS):
        raise DataError(
            f"{first} holds nothing of {student!r}.", "Names are compared letter by letter."
        )
    tables = open_tables(first)
    derive(tables, Path(out), _now(), student)
    with tables.begin() as connection:
        connection.execute(statement(Act(_now(), None, "export", "{}")))
    tables.dispose()
    write_whole(Path(out), (json.dumps(held, ensure_ascii=False, indent=1) + "\n").encode())
    Terminal().print(f"{len(held['events']):,} events, {len(held['decisions']):,} decisions: {out}")


def forget(
    store: str,
    *,
    students: list[str] = [],  # noqa: B006 - never changed
    older_than: str | None = None,
    runs: list[str] = [],  # noqa: B006 - never changed
    derived: list[str] = [],  # noqa: B006 - never changed
) -> None:
    """Forget students whole, while the service does not run; one that runs is asked by its route.

    Args:
        store: The service's file.
        students: Their names.
        older_than: Also those of whom there was nothing for so long, such as 400d.
        runs: Runs that it serves or served: those that have learned from them are named.
        derived: Folders of stores and runs that were made of it, from which they go too.
    """
    from torchedu.serve import forgetting
    from torchedu.serve.ledger import Act
    from torchedu.serve.log import EventLog
    from torchedu.serve.stores import hold

    shards, terminal = _there(store), Terminal()
    with hold(shards[0]):
        logs = [EventLog(shard) for shard in shards]
        names = list(dict.fromkeys(students))
        if older_than is not None:
            before = _now() - forgetting.milliseconds(older_than, "older_than")
            over = chain.from_iterable(forgetting.due(log.tables, before) for log in logs)
            names = list(dict.fromkeys([*names, *over]))
        if not names:
            terminal.print("nobody is to be forgotten")
            return
        folders = [Path(folder) for folder in derived]
        cleaned = forgetting.clean(shards[0], names, [Path(run) for run in runs], folders)
        number = forgetting.new_number()
        gone = [forgetting.forget_in(log, names) for log in logs]
        held = set[str]().union(*(known for known, _ in gone))
        said = {"students": len(held), "events": sum(events for _, events in gone)}
        about = json.dumps({"certificate": number, "students": said["students"]})
        logs[0].append([], (), [Act(_now(), None, "forget", about)])
        for log in logs:
            log.close()
    forgetting.certify(shards[0], number, said, cleaned)
    for name in (name for name in names if name not in held):
        terminal.print(f"nothing was held of {name!r}: names are compared letter by letter")
    terminal.print(f"{said['students']:,} students and {said['events']:,} events forgotten")
    terminal.print(f"certificate {forgetting.certificate_of(shards[0], number)}")
    for run in cleaned.trained:
        terminal.print(f"trained     {run}: its network has learned from them; train it again")
    for place in cleaned.left:
        terminal.print(f"left        {place}")
    if cleaned.left:
        raise SystemExit(1)


def divide(store: str, new: str, *, shards: int) -> None:
    """Copy what a service keeps to a store of another number of shards, while it does not run.

    Args:
        store: The service's file.
        new: The file of the new store, which does not exist yet.
        shards: How many it is to have.
    """
    from torchedu.serve import dividing

    events = dividing.divide(_there(store), new, shards)
    Terminal().print(f"{events:,} events in {shards} shards: {_there(new)[0]}")


@contextmanager
def _records(store: str) -> Iterator[list[Any]]:
    """Give what reads each shard of a service."""
    from torchedu.serve.ledger import Records
    from torchedu.serve.stores import open_tables

    tables = [open_tables(shard) for shard in _there(store)]
    try:
        yield [Records(shard) for shard in tables]
    finally:
        for shard in tables:
            shard.dispose()


def _there(store: str) -> list[Any]:
    from torchedu.serve.stores import there

    return list(there(store))


def _now() -> int:
    return time.time_ns() // 1_000_000


def _when(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
