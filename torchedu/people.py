"""Whom a network was trained on, told without their names.

A run keeps a short keyed digest of each student (or text, lesson, conversation) of its training and
validation parts, so that whoever scores it later, on whatever split or file, is told of those that
it has seen. The key stands in the same file: without the file a digest says nothing, and who holds
it can try names. So it is as private as a list of students.
"""

import hashlib
import io
import secrets
import unicodedata
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from torchedu.errors import CheckpointError
from torchedu.files import whole
from torchedu.mapped import mapped

_DAMAGE = (ValueError, KeyError, TypeError, OSError, EOFError, MemoryError, OverflowError)
BYTES = 8
"""Bytes of a digest: of ten million students and as many others, two have the same with odds of
one to two hundred thousand."""


class Known(NamedTuple):
    """Those of a part that training has used.

    Attributes:
        digest: Ascending; shape (people,), uint64.
        stop: Position in each history after the last that was used; 1 where there is no history.
    """

    digest: NDArray[np.uint64]
    stop: NDArray[np.int64]

    @classmethod
    def of(cls, digest: NDArray[np.uint64], stop: NDArray[np.integer[Any]]) -> Self:
        """Return them in order, each once, with its last position."""
        order = np.lexsort((stop, digest))
        ordered = mapped(digest[order])  # of ten million people a column takes 80 MB
        last = np.ones(len(order), bool)
        np.not_equal(ordered[1:], ordered[:-1], out=last[:-1])
        if last.all():
            return cls(ordered, mapped(stop[order].astype(np.int64, copy=False)))
        return cls(mapped(ordered[last]), mapped(stop[order[last]].astype(np.int64)))

    def has(self, digest: NDArray[np.uint64], first: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Say who of others was used from the position at which their scored histories begin."""
        if not len(self.digest):
            return np.zeros(len(digest), bool)
        place = np.searchsorted(self.digest, digest).clip(max=len(self.digest) - 1)
        return (self.digest[place] == digest) & (first < self.stop[place])


class People(NamedTuple):
    """Those whom a network was trained on, and those by whom its best epoch was chosen.

    Attributes:
        key: Of the digests.
        train: The first.
        val: The second.
        folded: Whether names are the same that differ in capitals and spaces alone, as those do
            that people type. So they are where no two names of the data differ in nothing else:
            short codes, whose capitals tell students apart, are kept as they stand.
    """

    key: bytes
    train: Known
    val: Known
    folded: bool = False

    @classmethod
    def of(
        cls,
        parts: Mapping[str, tuple[Iterable[str], NDArray[np.integer[Any]]]],
        before: "People | None" = None,
    ) -> Self:
        """Return the people of data.

        Args:
            parts: The names in ``train`` and ``val``, and after which position of each history.
            before: Those of the network that training began with, who are kept.
        """
        key = before.key if before else secrets.token_bytes(16)
        both = {part: _both(key, names) for part, (names, _) in parts.items()}
        fold = before.folded if before else _as_many(list(both.values()))
        known = {}
        for part, (_, stop) in parts.items():
            digest = both.pop(part)[fold]  # of millions, no copy is held longer than needed
            if before:
                earlier: Known = before._asdict()[part]
                digest = np.concatenate([digest, earlier.digest])
                stop = np.concatenate([stop, earlier.stop])
            known[part] = Known.of(digest, stop)
        return cls(key, known["train"], known["val"], fold)

    def met(self, part: str, names: Iterable[str], first: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Say whom of a part that is scored the network was trained on or chosen by.

        Args:
            part: ``val``, which is compared with the training part alone, or ``test``.
            names: Their names.
            first: Position in each history from which on it is scored.
        """
        digest = _digests(self.key, names, self.folded)
        met = self.train.has(digest, first)
        return met if part == "val" else met | self.val.has(digest, first)

    def write(self, file: Path) -> None:
        """Write them to a file, whole or not at all."""
        columns = {
            f"{part}_{name}": column
            for part, some in (("train", self.train), ("val", self.val))
            for name, column in some._asdict().items()
        }
        key = np.frombuffer(self.key, np.uint8)
        file.parent.mkdir(parents=True, exist_ok=True)
        with whole(file) as part, part.open("wb") as written:
            np.savez(written, key=key, folded=np.array(self.folded), **columns)

    @classmethod
    def read(cls, file: Path) -> Self:
        """Read what ``write`` wrote; nothing in it is executed.

        Raises:
            CheckpointError: It is damaged.
        """
        try:
            with np.load(io.BytesIO(file.read_bytes()), allow_pickle=False) as kept:
                train, val = (
                    Known(kept[f"{part}_digest"], kept[f"{part}_stop"]) for part in ("train", "val")
                )
                key = kept["key"]
                # Runs before names were folded do not say so.
                folded = kept["folded"] if "folded" in kept else np.array(False)
            for known in (train, val):
                if known.digest.shape != known.stop.shape or known.digest.ndim != 1:
                    raise ValueError("digests and positions are not as many")
                if known.digest.dtype != np.uint64 or known.stop.dtype != np.int64:
                    raise ValueError("digests or positions of another kind")
            if key.dtype != np.uint8 or not 0 < key.size <= 64:
                raise ValueError("no key")
            if folded.dtype != np.bool_ or folded.ndim:
                raise ValueError("not whether names are folded")
            return cls(key.tobytes(), train, val, bool(folded))
        except (*_DAMAGE, zipfile.BadZipFile) as error:
            raise CheckpointError(
                f"{file}, which tells whom the network was trained on, is damaged: {error}",
                "Take it from a copy of the run, or remove it: nobody is recognised then.",
            ) from None


def _digests(key: bytes, names: Iterable[str], folded: bool) -> NDArray[np.uint64]:
    digests = bytearray()  # of millions of names a list would take many times as much
    for name in names:
        digests += _digest(key, _folded(name) if folded else name)
    return np.frombuffer(digests, np.uint64)


def _digest(key: bytes, name: str) -> bytes:
    text = name.encode("utf-8", "replace")
    return hashlib.blake2b(text, key=key, digest_size=BYTES).digest()


def _both(key: bytes, names: Iterable[str]) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Return the digests of names as they stand and folded: one array where all are the same."""
    exact, folded = bytearray(), None
    for name in names:
        digest, text = _digest(key, name), _folded(name)
        if text != name and folded is None:
            folded = exact[:]
        exact += digest
        if folded is not None:
            folded += digest if text == name else _digest(key, text)
    stand = np.frombuffer(exact, np.uint64)
    return stand, stand if folded is None else np.frombuffer(folded, np.uint64)


def _as_many(both: Sequence[tuple[NDArray[np.uint64], NDArray[np.uint64]]]) -> bool:
    """Say whether folded names are as many as those that stand."""
    if all(exact is folded for exact, folded in both):
        return True
    exact, folded = (len(np.unique(np.concatenate(each))) for each in zip(*both, strict=True))
    return exact == folded


def _folded(name: str) -> str:
    """Return a name without what people vary when they type it."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())
