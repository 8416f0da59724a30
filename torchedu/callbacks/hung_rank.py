"""A rank that hangs is named, and the job ends instead of waiting for ever."""

import contextlib
import json
import os
import signal
import socket
import sys
import threading
import time
import traceback
from datetime import timedelta
from typing import Any, NamedTuple

from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from torch import distributed
from torch.distributed import TCPStore  # type: ignore[attr-defined]

from torchedu.errors import ConfigError, TrainingError
from torchedu.ranks import on_all

HUNG = 70
"""Exit code of a job that ended because a rank hung (EX_SOFTWARE of sysexits.h)."""


class Beat(NamedTuple):
    """What a rank tells of itself.

    Attributes:
        passed: Places of training that it has passed.
        doing: The last of them.
        number: How many times it has told.
        ending: Whether it has judged that training hangs, and ends.
        host: Its machine.
        pid: Its process.
    """

    passed: int
    doing: str
    number: int
    ending: bool
    host: str
    pid: int


def _at(doing: str) -> Any:
    """Return a hook that notes a place of training."""

    def note(rank: "HungRank", trainer: Trainer, *_: Any) -> None:
        rank.count += 1
        rank.doing = f"{doing} step {trainer.global_step + 1:,}"

    return note


class HungRank(Callback):
    """Ends a job of several ranks when one of them hangs, and names it.

    Ranks wait for each other in every step: one that hangs (a deadlock, a dead file system, a
    stopped process) otherwise holds the others for as long as their communication allows, and none
    says which it was. Each rank tells the others how far it has come; when it has come no further
    for the time-out, those that are behind, or are not heard of, are named with what they were
    doing, and the process exits with code 70.

    Args:
        timeout: Seconds without any progress of a rank, more than the longest step, validation
            batch or saving takes.

    Raises:
        ConfigError: It is not above 0.
    """

    def __init__(self, timeout: float = 600.0) -> None:
        if timeout <= 0:
            raise ConfigError(
                f"⟦hung_rank.timeout⟧ is {timeout}.", "It is a number of seconds above 0."
            )
        self.timeout = timeout
        self.count = 0
        self.doing = "starting"
        self._watch: _Watch | None = None

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begin to watch."""
        if trainer.world_size > 1 and distributed.is_initialized():
            self._watch = _Watch(self, trainer)

    def on_train_end(self, *_: Any, **__: Any) -> None:
        """Stop watching."""
        if self._watch is not None:
            self._watch.end()
            self._watch = None

    def on_exception(self, *_: Any, **__: Any) -> None:
        """Stop watching, unless that is what ends this job: then the lost peer is its doing."""
        if self._watch is not None:
            self._watch.end_if_judged()
        self.on_train_end()

    on_train_batch_start = _at("computing the loss of")
    on_before_backward = _at("computing the gradients of")  # here ranks meet
    on_before_optimizer_step = _at("taking")
    on_train_batch_end = _at("waiting for the batch of")
    on_validation_batch_start = _at("validating before")
    on_validation_batch_end = _at("waiting for a validation batch before")
    on_validation_end = _at("ending the validation before")


class _Watch:
    """Tells the other ranks how far this one is, hears how far they are, and judges.

    Two threads, since what tells may itself wait for a rank that hangs.
    """

    def __init__(self, rank: HungRank, trainer: Trainer) -> None:
        self._done = threading.Event()
        self._ending = threading.Event()
        self._rank = rank
        self._own = trainer.global_rank
        self._size = trainer.world_size
        self._main = threading.main_thread().ident
        self._every = min(rank.timeout / 10, 5.0)
        self._late = max(rank.timeout / 2, 3 * self._every)
        self._heard = time.monotonic()  # when the store last answered
        # One of our own: torch's is behind a lock that a waiting rank may hold.
        host, wait = os.environ.get("MASTER_ADDR", "127.0.0.1"), timedelta(seconds=rank.timeout)
        first = self._own == 0
        store = TCPStore(host, 0, is_master=True, timeout=wait) if first else None
        beats = on_all((store.port if store else 0, self._beat(0)))
        self._store = store or TCPStore(host, beats[0][0], is_master=False, timeout=wait)
        # What each rank told last, and when.
        self._seen = {other: (beat, time.monotonic()) for other, (_, beat) in enumerate(beats)}
        self._judging = threading.Thread(target=self._judge, name="hung-rank-judge", daemon=True)
        self._judging.start()
        self._telling = threading.Thread(target=self._tell, name="hung-rank-tell", daemon=True)
        self._telling.start()

    def end(self) -> None:
        """Stop telling and judging.

        A process that ends while a thread of it is inside torch is aborted; so what is being told
        is waited for, but not for ever where the rank that has the store hangs.
        """
        self._done.set()
        self._telling.join(self._every)

    def end_if_judged(self) -> None:
        """Wait for this process's end if it was judged that training hangs."""
        if self._ending.is_set():
            self._judging.join()

    def _beat(self, number: int) -> Beat:
        rank = self._rank
        ending = self._ending.is_set()
        return Beat(rank.count, rank.doing, number, ending, socket.gethostname(), os.getpid())

    def _tell(self) -> None:
        number = 0
        while not self._done.wait(self._every):
            number += 1
            try:
                self._store.set(f"{self._own}", json.dumps(self._beat(number)))
                for other in range(self._size):
                    if self._store.check([f"{other}"]):
                        self._hear(other, Beat(*json.loads(self._store.get(f"{other}"))))
            except (RuntimeError, OSError):  # the first rank, which holds the store, has gone
                return
            self._heard = time.monotonic()

    def _hear(self, rank: int, beat: Beat) -> None:
        if self._seen[rank][0].number != beat.number:
            self._seen[rank] = (beat, time.monotonic())

    def _judge(self) -> None:
        # Any rank's progress counts: all then judge at much the same time.
        passed, since = [-1], time.monotonic()
        while not self._done.wait(self._every):
            now = time.monotonic()
            latest = [self._rank.count, *(beat.passed for beat, _ in self._seen.values())]
            if latest != passed:
                passed, since = latest, now
            if now - since > self._rank.timeout:
                self._end(now)

    def _hung(self, now: float) -> tuple[list[int], bool]:
        """Return the ranks that hang, and whether they are silent besides."""
        if now - self._heard > self._late:
            return [0], True
        silent = [rank for rank, (_, at) in self._seen.items() if now - at > self._late]
        if silent:
            return silent, True
        least = min(beat.passed for beat, _ in self._seen.values())
        behind = [r for r in range(self._size) if self._seen[r][0].passed == least]
        return (behind if len(behind) < self._size else []), False

    def _await(self, ranks: set[int]) -> None:
        """Wait, not long, until other ranks end as well.

        One that lost this one before would take it for a rank that died.
        """
        until = time.monotonic() + self._late
        while time.monotonic() < until and not all(self._seen[r][0].ending for r in ranks):
            time.sleep(self._every / 4)

    def _end(self, now: float) -> None:
        """Name who hangs, and end this process and what hangs beside it."""
        hung, silent = self._hung(now)
        self._ending.set()
        self._await(set(self._seen) - {self._own} - set(hung if silent else ()))
        sentences = [] if hung else [f"no rank is behind; all are {self._rank.doing}."]
        for rank in hung:
            beat = self._seen[rank][0]
            sentences.append(
                f"rank {rank} ({beat.host}, pid {beat.pid}) hangs while {beat.doing}"
                f"{', and is not heard of' * silent}."
            )
        error = TrainingError(
            f"training came no further for {self._rank.timeout:g} s: {' '.join(sentences)}",
            "See what it waits for, or raise ⟦hung_rank.timeout⟧ if steps take longer; then go on "
            "with ⟦run⟧ FOLDER ⟦resume⟧ auto.",
        )
        print(error, file=sys.stderr)
        frame = sys._current_frames().get(self._main or 0)
        if self._own in hung and frame is not None:
            print(f"rank {self._own} stands at:", file=sys.stderr)
            traceback.print_stack(frame, file=sys.stderr)
        sys.stderr.flush()
        for rank in set(hung) - {self._own}:
            beat = self._seen[rank][0]
            if beat.host == socket.gethostname():
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(beat.pid, signal.SIGKILL)
        os._exit(HUNG)  # the main thread cannot be woken
