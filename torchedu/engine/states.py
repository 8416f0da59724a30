"""What a network knows of many students, each by name, for as many threads as there are."""

import hashlib
import json
import struct
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Lock, RLock
from zlib import crc32

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from torchedu.errors import CheckpointError
from torchedu.files import write_whole
from torchedu.models.kt_model import State
from torchedu.schema import NO_TIME

VERSION = 2
"""Of the bytes of a state."""
STRIPES = 256
"""Locks among which the students are divided."""
_HEAD, _SUM = struct.Struct("<4sH16sq"), 4
_MARK = b"tedu"
_REMEDY = "Begin this student anew, or open the engine on the network that the state is of."


class States:
    """States of students: a row of a few tensors each.

    Rows are read and written at once, in microseconds, under one lock; what is made of them in
    between is guarded by the locks of ``holding``, a student's own, so that two answers of one
    student come one after the other and those of others at the same time.

    Args:
        initial: The state of a student who has answered nothing: a row of each tensor.
        digest: The checksum of all that a state belongs to.
        kind: What the network is called.
    """

    def __init__(self, initial: State, digest: str, kind: str) -> None:
        # Row 0 is that of those who have answered nothing, and is never written.
        self._room = [x.clone() for x in initial]
        self._time = torch.full((1,), NO_TIME)
        self._row: dict[str, int] = {}
        self._free: list[int] = []
        self._digest = bytes.fromhex(digest)[:16]
        self._lock = Lock()
        self._stripes = [RLock() for _ in range(STRIPES)]
        self._kind = kind

    def __len__(self) -> int:
        """Return how many students are known."""
        return len(self._row)

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names of the students who are known now."""
        with self._lock:
            return iter(list(self._row))

    def __contains__(self, student: str) -> bool:
        """Say whether a student is known."""
        return student in self._row

    @contextmanager
    def holding(self, students: Iterable[str]) -> Iterator[None]:
        """Keep other threads from some students."""
        with ExitStack() as held:  # in one order, so that no two threads wait for each other
            for stripe in sorted({hash(student) % STRIPES for student in students}):
                held.enter_context(self._stripes[stripe])
            yield

    @torch.inference_mode()
    def get(self, students: Sequence[str]) -> tuple[State, Tensor]:
        """Return what is known of some students, and when each answered last.

        Args:
            students: Their names; nothing is known of those who are new.

        Returns:
            Copies; ``schema.NO_TIME`` where no time is known.
        """
        with self._lock:
            rows = torch.tensor([self._row.get(student, 0) for student in students])
            return tuple(x.index_select(0, rows) for x in self._room), self._time[rows]

    @torch.inference_mode()
    def set(self, students: Sequence[str], state: State, time: Tensor) -> None:
        """Put down what is known of some students, all at once.

        Args:
            students: Their names, each once.
            state: A row of each.
            time: When each answered last; shape (students,).
        """
        with self._lock:
            new = [student for student in students if student not in self._row]
            if len(new) > len(self._free):
                self._grow(len(self._row) + len(new))
            for student in new:
                self._row[student] = self._free.pop()
            rows = torch.tensor([self._row[student] for student in students])
            for held, given in zip(self._room, state, strict=True):
                held.index_copy_(0, rows, given.to(held.dtype))
            self._time.index_copy_(0, rows, time)

    def forget(self, student: str) -> None:
        """Forget a student."""
        with self._lock:
            row = self._row.pop(student, None)
            if row is not None:
                self._free.append(row)

    def _grow(self, size: int) -> None:
        before, after = len(self._time), max(64, 2 * (1 + size))
        more = after - before
        self._room = [torch.cat([x, x.new_zeros(more, *x.shape[1:])]) for x in self._room]
        self._time = torch.cat([self._time, torch.full((more,), NO_TIME)])
        self._free = [*range(after - 1, before - 1, -1), *self._free]

    @torch.inference_mode()
    def to_bytes(self, student: str) -> bytes:
        """Return what is known of a student, to be kept elsewhere."""
        state, time = self.get([student])
        head = _HEAD.pack(_MARK, VERSION, self._digest, int(time))
        kept = head + b"".join(x.numpy().tobytes() for x in state)
        return kept + crc32(kept).to_bytes(_SUM, "little")

    @torch.inference_mode()
    def from_bytes(self, student: str, kept: bytes) -> None:
        """Take what ``to_bytes`` returned.

        Raises:
            CheckpointError: It is none, damaged, of another version, or of another network.
        """
        shapes = [x[:1] for x in self._room]
        if len(kept) < _HEAD.size or kept[:4] != _MARK:
            raise CheckpointError(f"the state of {student!r} is none of torchedu.", _REMEDY)
        _, version, digest, time = _HEAD.unpack_from(kept)
        self._check(f"the state of {student!r}", version, digest)
        if len(kept) != _HEAD.size + sum(x.nbytes for x in shapes) + _SUM:
            raise CheckpointError(f"the state of {student!r} is cut or too long.", _REMEDY)
        if crc32(kept[:-_SUM]).to_bytes(_SUM, "little") != kept[-_SUM:]:
            raise CheckpointError(f"the state of {student!r} is not what was kept.", _REMEDY)
        state, at = [], _HEAD.size
        for x in shapes:
            row = np.frombuffer(kept, x.numpy().dtype, x.numel(), at).reshape(x.shape)
            state.append(torch.from_numpy(row.copy()))
            at += x.nbytes
        self.set([student], tuple(state), torch.tensor([time]))

    @torch.inference_mode()
    def save(self, file: str | Path) -> None:
        """Write what is known of all students to a file, whole or not at all."""
        with self._lock:
            names, rows = list(self._row), torch.tensor(list(self._row.values()), dtype=torch.int64)
            kept = {f"state_{i}": x[rows] for i, x in enumerate(self._room)}
            kept["time"] = self._time[rows]
        text = json.dumps(names, ensure_ascii=False).encode()
        kept["students"] = torch.frombuffer(bytearray(text), dtype=torch.uint8)
        about = {"version": str(VERSION), "network": self._digest.hex()}
        write_whole(Path(file), save(kept, metadata=about))

    @torch.inference_mode()
    def load(self, file: str | Path) -> None:
        """Take what ``save`` wrote; of students who are known already it counts from now on.

        Raises:
            CheckpointError: It cannot be read, is of another version, or of another network.
        """
        try:
            with safe_open(file, "pt") as opened:
                about = opened.metadata() or {}
                version, digest = int(about.get("version", 0)), bytes.fromhex(about["network"])
                self._check(str(file), version, digest)
                kept = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
            names = json.loads(kept.pop("students").numpy().tobytes())
            time = kept.pop("time")
            state = tuple(kept[f"state_{i}"] for i in range(len(self._room)))
        except (OSError, SafetensorError, KeyError, ValueError, TypeError) as error:
            raise CheckpointError(
                f"{file} holds no states of students ({type(error).__name__}).",
                "Give a file that an engine has saved.",
            ) from None
        shapes = [x.shape[1:] for x in self._room]
        if [x.shape[1:] for x in state] != shapes or {len(x) for x in state} - {len(names)}:
            raise CheckpointError(f"the states in {file} are of another shape.", _REMEDY)
        if names:
            self.set(names, state, time)

    def _check(self, what: str, version: int, digest: bytes) -> None:
        if version != VERSION:
            raise CheckpointError(
                f"{what} is of version {version}, and this torchedu reads {VERSION}.", _REMEDY
            )
        if digest != self._digest:
            raise CheckpointError(
                f"{what} is of another network ({digest.hex()[:8]}) than this {self._kind} "
                f"({self._digest.hex()[:8]}).",
                _REMEDY,
            )


def digest_of(texts: Iterable[str], tensors: Iterable[tuple[str, Tensor]]) -> str:
    """Return the checksum of a network: what builds it, what its ids mean, and its weights.

    Args:
        texts: What tells it apart beside its weights.
        tensors: Its weights by name.
    """
    digest = hashlib.sha256()
    for text in texts:
        digest.update(text.encode("utf-8", "surrogatepass") + b"\0")
    for name, tensor in tensors:
        digest.update(name.encode() + b"\0")
        digest.update(tensor.detach().cpu().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
