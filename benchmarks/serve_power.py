"""Power cuts: what a disk holds after one, from the system calls of a service that writes.

``strace`` tells every write, sync and acknowledgement of a service in their order. A cut at any
place leaves what was synced; of what was not, each write is there, is not, or is torn at a sector.
The log is opened again on that, and has to have all that was acknowledged before the cut.
"""

import os
import random
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
from harness import ROOT, Goal, Skip
from sqlalchemy.exc import SQLAlchemyError

from torchedu.errors import TorcheduError
from torchedu.serve.log import EventLog

SECTOR = 512
FILE = "service.db"
ACKNOWLEDGED = "acknowledged"
CALLS = "pwrite64,fdatasync,fsync,ftruncate,write,unlink"
CALL = re.compile(r'(\w+)\((?:\d+<|")([^>"]*)[>"](?:, )?(.*)\) += (-?\d+)')
WRITER = """
import sys
sys.path[:0] = [sys.argv[1], sys.argv[1] + "/benchmarks"]
from serve_power import write
write(sys.argv[2], sys.argv[3], int(sys.argv[4]))
"""


class Call(NamedTuple):
    """A system call: what it does, to which file, where, and with what."""

    name: str
    file: str
    at: int = 0
    content: bytes = b""


def write(folder: str, synchronous: str, groups: int) -> None:
    """Post groups of events to a service, and tell a file of each acknowledgement."""
    from tests.serve.services import NOW, histories, tracing_engine
    from torchedu.serve.service import Service
    from torchedu.serve.tracing import TracingFollower

    log = EventLog(Path(folder) / FILE, synchronous)  # type: ignore[arg-type]
    service = Service([TracingFollower("small", tracing_engine(), log)], log, clock=lambda: NOW)
    drawn = np.random.default_rng(0)
    events = histories(40, 200, drawn)
    with (Path(folder) / ACKNOWLEDGED).open("wb", buffering=0) as told:
        for _ in range(groups):
            size = int(drawn.integers(1, 8))
            some, events = events[:size], events[size:]
            (reply,) = service.handle([{"do": "post", "events": some}])
            assert reply.status == 200
            told.write("\n".join(reply.body["ids"]).encode() + b"\n")
    os._exit(0)  # as a process that is killed: nothing is put in order


def calls(folder: Path, synchronous: str, groups: int) -> list[Call]:
    """Return the system calls of a service that writes.

    Raises:
        Skip: They cannot be traced here.
    """
    trace = folder / "trace"
    command = ["strace", "-y", "-xx", "-s", "200000", "-e", f"trace={CALLS}", "-o", str(trace)]
    command += [sys.executable, "-c", WRITER, str(ROOT), str(folder), synchronous, str(groups)]
    try:
        subprocess.run(command, check=True, capture_output=True, env={**os.environ})
    except FileNotFoundError:
        raise Skip("power cuts need strace") from None
    found = []
    for line in trace.open(encoding="ascii"):
        call = CALL.match(line)
        file = Path(_text(call[2]).decode()).name if call else ""
        if call is None or not (file.startswith(FILE) or file == ACKNOWLEDGED):
            continue
        if file.endswith("-shm"):  # is made again from the log
            continue
        name, given = call[1], call[3]
        if name in ("pwrite64", "write"):
            quoted, _, rest = given.rpartition('"')
            content = _text(quoted.lstrip('"'))
            at = int(rest.rpartition(", ")[2]) if name == "pwrite64" else 0
            found.append(Call("write", file, at, content[: int(call[4])]))
        elif name == "ftruncate":
            found.append(Call("cut", file, int(given)))
        elif name == "unlink":
            found.append(Call("remove", file))
        else:
            found.append(Call("sync", file))
    return found


def _text(escaped: str) -> bytes:
    return bytes.fromhex(escaped.replace("\\x", ""))


def _apply(image: bytearray, call: Call, content: bytes) -> None:
    if call.name == "cut":
        del image[call.at :]
        image.extend(bytes(call.at - len(image)))
    else:
        stop = call.at + len(content)
        image.extend(bytes(max(0, stop - len(image))))
        image[call.at : stop] = content


def disks(found: list[Call], cuts: list[int], drawn: random.Random) -> Iterator[tuple[Any, Any]]:
    """Yield what files hold after cuts at some places, ascending, and what was acknowledged."""
    synced: dict[str, bytearray] = {}
    waiting: dict[str, list[Call]] = {}
    acknowledged: list[str] = []
    place = 0
    for cut in cuts:
        for call in found[place:cut]:
            if call.file == ACKNOWLEDGED:
                acknowledged += call.content.decode().split("\n")[:-1]
            elif call.name == "remove":  # once, as the file is made, and the folder is synced then
                synced.pop(call.file, None)
                waiting.pop(call.file, None)
            elif call.name == "sync":
                image = synced.setdefault(call.file, bytearray())
                for earlier in waiting.pop(call.file, []):
                    _apply(image, earlier, earlier.content)
            else:
                waiting.setdefault(call.file, []).append(call)
        place = cut
        kept = drawn.choice((0.0, 0.5, 0.9))
        files = {name: bytearray(image) for name, image in synced.items()}
        for name, unsynced in waiting.items():
            image = files.setdefault(name, bytearray())
            for call in unsynced:
                if drawn.random() < kept:
                    torn = drawn.random() < 0.3
                    sectors = drawn.randrange(1 + len(call.content) // SECTOR)
                    _apply(image, call, call.content[: SECTOR * sectors if torn else None])
        yield files, list(acknowledged)


def cut_power(synchronous: str, number: int, groups: int) -> dict[str, Any]:
    """Cut the power, and return after how many cuts something acknowledged was lost."""
    drawn = random.Random(0)
    with TemporaryDirectory() as home:
        found = calls(Path(home), synchronous, groups)
        first = next(i for i, call in enumerate(found) if call.file == ACKNOWLEDGED)
        cuts = sorted(drawn.randrange(first, len(found)) for _ in range(number))
        lost = damaged = events = 0
        for i, (files, acknowledged) in enumerate(disks(found, cuts, drawn)):
            folder = Path(home) / str(i)
            folder.mkdir()
            for name, content in files.items():
                (folder / name).write_bytes(content)
            try:
                log = EventLog(folder / FILE)
                there = log.digests(acknowledged)
                with log.tables.connect() as connection:
                    found_right = connection.exec_driver_sql("PRAGMA integrity_check").scalar()
                damaged += found_right != "ok"
                log.close()
            except (TorcheduError, SQLAlchemyError):
                damaged += 1
                continue
            missing = len(acknowledged) - len(there)
            lost, events = lost + bool(missing), events + missing
        early = _early(found)
    syncs = sum(call.name == "sync" for call in found)
    return {"cuts": number, "cuts that lost": lost, "events lost": events, "damaged": damaged,
            "calls": len(found), "syncs": syncs, "acknowledged early": early}  # fmt: skip


def _early(found: list[Call]) -> int:
    """Return how many acknowledgements came while a write to the log was not synced."""
    early, clean = 0, True
    for call in found:
        if call.file == ACKNOWLEDGED:
            early += not clean
        elif call.file.endswith("-wal"):
            clean = call.name == "sync"
    return early


def power(goal: str, number: int, groups: int) -> tuple[list[Goal], Any]:
    """Cut the power of services whose commits wait for the disk, and of some whose do not."""
    full = cut_power("FULL", number, groups)
    off = cut_power("OFF", number, groups)
    wrong = full["cuts that lost"] + full["damaged"]
    must = f"of {number} power cuts that lost an acknowledged event or damaged the file, with FULL"
    shows = "the same with synchronous=OFF, which has to lose some"
    order = "acknowledgements that were written before the sync that covers them"
    losing = off["cuts that lost"] + off["damaged"]
    return [
        Goal(goal, wrong, must, wrong == 0),
        Goal(f"{goal}_off", losing, shows, losing > 0),
        Goal(f"{goal}_order", full["acknowledged early"], order, full["acknowledged early"] == 0),
    ], {"FULL": full, "OFF": off}
