"""One job at a time writes into a run's folder: a lock that its process renews as it lives."""

import atexit
import json
import os
import platform
import sys
import threading
import time
import uuid
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Self

from torchedu.errors import ConfigError
from torchedu.files import alone, started_at
from torchedu.run_folder import RunFolder

RENEWAL = 10.0
"""Seconds between two renewals; after three that are missed, the holder is taken for gone."""
TAKEN_OVER = 70
"""Exit code of a process whose folder another one took over while it stood still."""
ATTEMPTS = (
    ("SLURM_JOB_ID", "SLURM_RESTART_COUNT"),
    ("TORCHELASTIC_RUN_ID", "TORCHELASTIC_RESTART_COUNT"),
)
"""Variables in which a scheduler names a job, and counts how often it began again."""


@dataclass(frozen=True)
class Holder:
    """A process that writes into a folder.

    Attributes:
        place: Host, its boot and its numbering of processes: where they agree, ``process`` tells
            whether it lives. Empty where the system does not say.
        process: Its number.
        started: When it started, in ticks since the boot.
        job: The scheduler's names of its job; empty where there are none.
        attempt: How often each began again.
        token: Drawn at random by the process.
    """

    place: str
    process: int
    started: int
    job: tuple[str, ...]
    attempt: tuple[int, ...]
    token: str

    @classmethod
    def own(cls) -> Self:
        """Return this process."""
        named = [(os.environ.get(job, ""), os.environ.get(again)) for job, again in ATTEMPTS]
        named = [(job, again) for job, again in named if job not in ("", "none")]
        return cls(
            _place(),
            os.getpid(),
            started_at(os.getpid()) or 0,
            tuple(job for job, _ in named),
            tuple(int(again) if again and again.isdigit() else 0 for _, again in named),
            _token(),
        )

    @classmethod
    def of(cls, lock: Path) -> Self | None:
        """Return who wrote a lock; None where it is half-written or says nothing."""
        try:
            with open(lock, encoding="utf-8", opener=_no_link) as file:
                fields = json.loads(file.read(4096))
            fields |= {
                "job": tuple(map(str, fields["job"])),
                "attempt": tuple(map(int, fields["attempt"])),
            }
            holder = cls(**fields)
        except (OSError, ValueError, TypeError, KeyError, RecursionError):
            return None
        return holder if str(holder.place).isprintable() else None

    def __str__(self) -> str:
        """Say who it is, for a message."""
        host = str(self.place).partition(" ")[0] or "a host"
        return f"process {self.process} on {host}" + (f", job {self.job!r}" if self.job else "")

    def lives(self, own: "Holder") -> bool | None:
        """Return whether it still writes; None where only its renewals can tell.

        Args:
            own: This process.
        """
        if self.place and self.place == own.place:
            return started_at(self.process) == self.started
        if self.job and self.job == own.job and self.attempt < own.attempt:
            return False  # the scheduler began the job again, and ended this before
        return None


class RunLock:
    """The right to write into a run's folder, of one process at a time.

    A lock of a process that is gone is taken over, with a line that says so: on the same host where
    there is no such process, of the same job where its scheduler began it again, and else where it
    misses three renewals. Nobody has to remove anything by hand.

    Args:
        folder: The run's folder.
    """

    def __init__(self, folder: Path) -> None:
        self.file = RunFolder(folder).lock
        self._own: Holder | None = None
        self._ended = threading.Event()

    def take(self) -> None:
        """Take the lock, and renew it until it is released or the process ends.

        Where the folder cannot be written, nothing is taken: training goes on there too.

        Raises:
            ConfigError: Another process writes into the folder.
        """
        own = Holder.own()
        try:
            with alone(self.file.parent):
                while not self._written(own):
                    pass
        except OSError:
            return
        self._own = own
        atexit.register(self.release)
        threading.Thread(target=self._renew, name="run lock", daemon=True).start()

    def release(self) -> None:
        """Let another process write into the folder."""
        own, self._own = self._own, None
        if own is None or own.process != os.getpid():  # a fork of the holder
            return
        self._ended.set()
        atexit.unregister(self.release)
        if Holder.of(self.file) == own:
            self.file.unlink(missing_ok=True)

    def is_free(self) -> bool:
        """Say without waiting whether nobody holds the lock, as far as can be known now."""
        holder = Holder.of(self.file)
        lives = holder.lives(Holder.own()) if holder else None
        if lives is not None:
            return not lives
        return not self.file.exists() or self._renewed() + 3 * RENEWAL * 1e9 < self._now()

    def _written(self, own: Holder) -> bool:
        """Write the lock; False where another host did so in between."""
        if self.file.is_symlink() or self.file.exists():
            holder = Holder.of(self.file)
            if holder == own:
                return True
            if self._is_held(holder, own):
                raise ConfigError(
                    f"{self.file.parent} is being written by {holder or 'another process'}.",
                    "Wait for it, end it, or name another folder: ⟦run⟧ FOLDER.",
                )
            gone = holder or "a process that left no name"
            print(f"{self.file.parent} is taken over from {gone}, which is gone.", file=sys.stderr)
            self.file.unlink(missing_ok=True)
        try:
            with self.file.open("x", encoding="utf-8") as file:
                json.dump(asdict(own), file)
        except FileExistsError:
            return False
        return True

    def _is_held(self, holder: Holder | None, own: Holder) -> bool:
        """Return whether a holder lives; where only renewals can tell, wait for three of them."""
        if self.file.is_symlink():
            return False  # nobody writes one
        lives = holder.lives(own) if holder else None
        if lives is not None:
            return lives
        renewed = self._renewed()
        if renewed + 3 * RENEWAL * 1e9 < self._now():
            return False
        print(f"Waiting to see whether {holder} still writes {self.file.parent}.", file=sys.stderr)
        for _ in range(3):
            time.sleep(RENEWAL)
            if self._renewed() != renewed:
                return True
        return False

    def _renewed(self) -> int:
        try:
            return self.file.lstat().st_mtime_ns
        except FileNotFoundError:  # released this moment
            return 0

    def _now(self) -> int:
        """Return the time of the file system, whose clock may be another than this host's."""
        probe = self.file.with_name(f".{self.file.name}.{os.getpid()}.part")
        probe.unlink(missing_ok=True)
        try:
            probe.touch(exist_ok=False)
            return probe.lstat().st_mtime_ns
        finally:
            probe.unlink(missing_ok=True)

    def _renew(self) -> None:
        while not self._ended.wait(RENEWAL):
            holder = Holder.of(self.file)
            if self._own is not None and holder not in (None, self._own):
                print(
                    f"{self.file.parent} was taken over by {holder} while this process stood "
                    "still.\nThis one ends, so that no two write there.",
                    file=sys.stderr,
                    flush=True,
                )
                os._exit(TAKEN_OVER)
            with suppress(OSError):
                os.utime(self.file, follow_symlinks=False)


@cache
def _place() -> str:
    """Return what numbers of processes hold for; empty where the system does not say."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        return f"{platform.node()} {boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""


@cache
def _token() -> str:
    return uuid.uuid4().hex


def _no_link(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0))
