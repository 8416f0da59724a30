"""Students forgotten whole: in the file of a service, in what was made of it, and when it is time.

Made of the file are the answers written to train on, exports, stores of these, and what runs say.
Networks that have learned from a student are named, since nothing takes that out of them.
"""

import json
import re
import secrets
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import Engine, delete, func, insert, select, union

from torchedu.errors import CheckpointError, ConfigError, DataError, TorcheduError
from torchedu.files import whole, write_whole
from torchedu.people import People
from torchedu.run_folder import RunFolder
from torchedu.serve.ledger import Records
from torchedu.serve.log import EventLog
from torchedu.serve.statements import speaking_of
from torchedu.serve.stores import Store, open_tables
from torchedu.serve.tables import AUDIT, DECISIONS, DERIVED, EVENTS, VERSIONS

OWN = r"([-.](wal|shm|journal|lock|names|forwarded|certificates|\d+))+"
"""What is behind the name of a service's file where others of its own stand."""
PEOPLE, MANIFEST = RunFolder.PEOPLE, "manifest.json"
"""Files by which runs and stores are known."""
SPANS = {"d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1000}
"""Milliseconds of what a span of time may be told in."""


def milliseconds(span: str, option: str) -> int:
    """Return how long a span such as ``400d`` is.

    Args:
        span: A whole number with ``d``, ``h``, ``m`` or ``s``.
        option: The option that has it.

    Raises:
        ConfigError: It is none.
    """
    match = re.fullmatch(r"([1-9]\d{0,5})([dhms])", span)
    if match is None:
        raise ConfigError(
            f"⟦{option}⟧ is {span!r}.", "It is a number of days, hours, minutes or seconds: 400d."
        )
    return int(match[1]) * SPANS[match[2]]


def derive(tables: Engine, path: Path, time: int, student: str | None = None) -> None:
    """Take down that a file was made of what a service holds, so that it is cleaned with it.

    Args:
        tables: The service's file.
        path: The file.
        time: When, in milliseconds since 1970.
        student: Of whom alone; None for anybody.

    Raises:
        ConfigError: It is the service's own.
    """
    own = Path(tables.url.database or "").absolute()
    if tables.dialect.name == "sqlite" and path.absolute().parent == own.parent:
        beside = path.name.removeprefix(own.name)
        if path.name == own.name or (beside != path.name and re.fullmatch(OWN, beside)):
            raise ConfigError(
                f"⟦out⟧ {path} is the service's own file.", "Name another file to write."
            )
    row = {"path": str(path.absolute()), "student": student, "time": time}
    with tables.begin() as connection:
        connection.execute(delete(DERIVED).where(DERIVED.c.path == row["path"]))
        connection.execute(insert(DERIVED).values(row))


def derived_of(tables: Engine, students: Collection[str]) -> tuple[list[Path], list[Path]]:
    """Return the files that were made of a service's: of anybody, and of some students alone."""
    with tables.connect() as connection:
        rows = connection.execute(select(DERIVED.c.path, DERIVED.c.student)).all()
    own = [Path(row.path) for row in rows if row.student in students]
    return [Path(row.path) for row in rows if row.student is None], own


def due(tables: Engine, before: int) -> list[str]:
    """Return the students of whom there is nothing from a time on.

    Args:
        tables: The service's file.
        before: The time, in milliseconds since 1970.
    """
    events = select(EVENTS.c.student, EVENTS.c.time).where(EVENTS.c.student != "")
    of_others = [
        select(table.c.student, table.c.time).where(
            table.c.student.is_not(None), table.c.student.not_in(select(EVENTS.c.student))
        )
        for table in (DECISIONS, AUDIT)
    ]
    spoken = union(events, *of_others).subquery()
    name, last = spoken.c.student, func.max(spoken.c.time)
    asked = select(name).group_by(name).having(last < before)
    with tables.connect() as connection:
        return sorted(row.student for row in connection.execute(asked))


def forget_in(log: EventLog, students: Sequence[str]) -> tuple[set[str], int]:
    """Delete all that stands in a shard of students, others' statements about them too.

    Args:
        log: The shard's log.
        students: Their names.

    Returns:
        Those of whom anything stood there, and how many events went.

    Raises:
        Unwritable: See ``EventLog.forget``.
    """
    spoken = {student: speaking_of(log, [student]) for student in students}
    held = Records(log.tables).known(students) | {name for name, ids in spoken.items() if ids}
    return held, log.forget(students, [id for ids in spoken.values() for id in ids])


@dataclass
class Cleaned:
    """What was done where students stand beside a service's file.

    Attributes:
        files: How many files were written again or removed.
        trained: Checkpoints of networks that learned from one of them, or were chosen by them.
        left: What could not be cleaned, and why.
    """

    files: int = 0
    trained: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)


def clean(
    store: str | Path | Store,
    students: Sequence[str],
    runs: Sequence[Path],
    folders: Sequence[Path],
) -> Cleaned:
    """Clean what was made of a service's store.

    Args:
        store: The service's store, or the first shard of it.
        students: Who are forgotten.
        runs: The runs that are served.
        folders: Folders in which stores and runs stand that were made of it.
    """
    tables = open_tables(store)
    everybody, own = derived_of(tables, students)
    with tables.connect() as connection:
        versions = [Path(path) for path in connection.scalars(select(VERSIONS.c.path))]
    tables.dispose()
    cleaned, names = Cleaned(), frozenset(students)
    learned = dict.fromkeys(
        [*runs, *versions, *(people.parent for people in _below(folders, PEOPLE))]
    )
    jobs: list[tuple[Path, Callable[[], int]]] = [
        *((file, partial(_removed, file)) for file in own),
        *((file, partial(_without, file, names)) for file in everybody),
        *((m.parent, partial(_out_of, m.parent, students)) for m in _below(folders, MANIFEST)),
        *((folder, partial(_out_of_runs, folder, students)) for folder in folders),
    ]
    for place, job in jobs:
        try:
            cleaned.files += job()
        except (TorcheduError, OSError, ValueError, KeyError) as error:
            if not names & set(place.parts):
                cleaned.left.append(f"{place}: {type(error).__name__}")
    for run in learned:
        try:
            cleaned.trained += _learned_from(run, students)
        except CheckpointError:
            cleaned.left.append(str(RunFolder(run).people))
    return cleaned


def _removed(file: Path) -> int:
    there = file.is_file()
    file.unlink(missing_ok=True)
    return int(there)


def _without(file: Path, students: frozenset[str]) -> int:
    """Write a file of JSON lines again without the rows of some students."""
    if not file.is_file():
        return 0
    gone = 0
    with (
        whole(file) as part,
        part.open("w", encoding="utf-8") as written,
        file.open(encoding="utf-8") as lines,
    ):
        for line in lines:
            if json.loads(line)["student"] in students:
                gone += 1
            else:
                written.write(line)
    return int(gone > 0)


def _out_of(store: Path, students: Sequence[str]) -> int:
    # It loads what reads every kind of data, so only where there is a store.
    from torchedu.privacy import forget

    files = 0
    for student in students:
        with suppress(DataError):  # it does not hold the student
            files += 1 + len(forget(store, student, ()).files)
    return files


def _out_of_runs(folder: Path, students: Sequence[str]) -> int:
    from torchedu.privacy import forget_in_runs

    return sum(len(forget_in_runs(student, [folder])) for student in students)


def _below(folders: Iterable[Path], name: str) -> list[Path]:
    return sorted({file for folder in folders for file in folder.rglob(name)})


def _learned_from(run: Path, students: Sequence[str]) -> list[str]:
    files = RunFolder(run)
    if not files.people.is_file():
        return []
    met = People.read(files.people).met("test", students, np.zeros(len(students), np.int64))
    return sorted(map(str, files.checkpoints.glob("*.ckpt"))) if met.any() else []


def certify(
    store: str | Path | Store, number: str, said: dict[str, Any], cleaned: Cleaned
) -> dict[str, Any]:
    """Write a certificate of what was forgotten, which names nobody, and return it.

    Args:
        store: The service's store, or the first shard of it; certificates stand beside it.
        number: The certificate's; see ``new_number``.
        said: What went from the service's file.
        cleaned: What was done elsewhere.
    """
    certificate = {
        "certificate": number,
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        **said,
        "gone_from": ["events", "classes", "states", "asked", "decisions", "overrides", "memory"],
        "how": "deleted, overwritten, the file written anew and its log emptied",
        "files_cleaned": cleaned.files,
        "trained_on_them": cleaned.trained,
        "left": cleaned.left,
    }
    file = certificate_of(store, number)
    file.parent.mkdir(mode=0o700, exist_ok=True)
    write_whole(file, (json.dumps(certificate, indent=2, ensure_ascii=False) + "\n").encode())
    return certificate


def certificate_of(store: str | Path | Store, number: str) -> Path:
    """Return where a certificate stands."""
    return Store.of(store).beside("certificates") / f"{number}.json"


def new_number() -> str:
    """Return what a new certificate is called."""
    return secrets.token_hex(8)
