"""The recordings and photographs that answers of an import name, each decoded once and kept."""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from torchedu.datasets import audio, photographs
from torchedu.datasets.attached import ATTACHED, PHOTOGRAPH, RECORDING, Attached, BadFile
from torchedu.datasets.importers.reading.rows import BadRows, Sieve
from torchedu.datasets.importers.reading.text import Source, inside
from torchedu.datasets.ocr import SIDE, Reader, ocr_reader
from torchedu.datasets.spoken import AttachedWriter

_OUTSIDE = re.compile(r"^[/\\]|^[A-Za-z]:|://|(^|[/\\])\.\.([/\\]|$)")
REMEDIES = {
    RECORDING: "Give a recording that can be heard, of ⟦most_seconds⟧ at most, or none beside what "
    "else there is of the answer, or ⟦on_bad_row⟧ drop.",
    PHOTOGRAPH: "Give a PNG, JPEG or WebP that can be seen, or none beside what else there is of "
    "the answer, or ⟦on_bad_row⟧ drop.",
}


class AttachedFiles:
    """Decodes what answers name.

    Args:
        writer: Keeps what was decoded.
        folders: The folder of each table, within which its paths are.
        bad: What becomes of bad rows.
        rate: Samples a second that recordings are kept with.
        most_seconds: A longer recording is refused.
        side: Photographs are kept with as many pixels as a square of this side has, at most.
        ocr: What reads the text off photographs, one of ``ocr.READERS``.

    Attributes:
        noted: What their owner should know, by the kind of file and in words: of how many.
    """

    def __init__(
        self,
        writer: AttachedWriter,
        folders: dict[str, Source],
        bad: BadRows,
        rate: int,
        most_seconds: float,
        side: int,
        ocr: str | None,
    ) -> None:
        self._folders, self._bad = folders, bad
        self._rate, self._most_seconds, self._side = rate, most_seconds, side
        self._ocr: Reader | None = None if ocr is None else ocr_reader(ocr)
        self._row_of: dict[tuple[Attached, str], int] = {}
        self._wrong: dict[tuple[Attached, str], str] = {}
        self._read_off: list[str] = []  # of each photograph
        self._kept: Counter[Attached] = Counter()
        self.noted: Counter[tuple[Attached, str]] = Counter()
        self._decode = {RECORDING: self._heard, PHOTOGRAPH: self._seen}
        self._add: dict[Attached, Callable[[Any], None]] = {
            RECORDING: writer.add_recording, PHOTOGRAPH: writer.add_photograph,
        }  # fmt: skip

    def rows(self, column: dict[str, list[str]], sieve: Sieve) -> dict[Attached, list[int]]:
        """Return which file of each kind each answer has, -1 without one.

        Answers whose files cannot be used are refused; nothing is kept of them that no other has.

        Args:
            column: The paths of answers, by ``Attached.column``.
            sieve: Which of them are good so far.
        """
        size = len(sieve.keep)
        rows = {kind: [-1] * size for kind in ATTACHED}
        wrong: dict[tuple[Attached, str], list[int]] = {}
        for i in np.flatnonzero(sieve.keep).tolist():
            named = [(kind, column[kind.column][i]) for kind in ATTACHED if column[kind.column][i]]
            if not named:
                continue
            file, _ = self._bad.places.name(int(sieve.piece.place[i]))
            folder = self._folders[file]
            try:
                decoded = [(kind, path, self._decoded(kind, folder, path)) for kind, path in named]
            except _Unusable as error:
                wrong.setdefault((error.kind, str(error)), []).append(i)
                continue
            for kind, path, content in decoded:
                rows[kind][i] = self._row(kind, f"{folder.path}\n{path}", content)
        for (kind, reason), places in wrong.items():
            sieve.refuse(
                reason, np.isin(np.arange(size), places), value=column[kind.column][places[0]],
                remedy=REMEDIES[kind],
            )  # fmt: skip
        return rows

    def read_off(self, photographs: Sequence[int]) -> list[str]:
        """Return what stands on photographs, "" where nothing was read."""
        return [self._read_off[row] if row >= 0 and self._ocr else "" for row in photographs]

    def _row(self, kind: Attached, key: str, content: Any) -> int:
        """Return the row of a file; one that several answers name is kept once."""
        if (kind, key) not in self._row_of:
            payload, notes, text = content
            self._add[kind](payload)
            self.noted.update((kind, note) for note in notes)
            if kind is PHOTOGRAPH:
                self._read_off.append(text)
            self._row_of[kind, key] = self._kept[kind]
            self._kept[kind] += 1
        return self._row_of[kind, key]

    def _decoded(self, kind: Attached, folder: Source, path: str) -> Any:
        """Return what a file holds, nothing if it was kept before; or say what is wrong."""
        key = kind, f"{folder.path}\n{path}"
        if key in self._row_of:
            return None
        if key not in self._wrong:
            try:
                return self._read(kind, folder, path)
            except BadFile as error:
                self._wrong[key] = str(error)
        raise _Unusable(self._wrong[key], kind)

    def _read(self, kind: Attached, folder: Source, path: str) -> Any:
        if _OUTSIDE.search(path):
            raise BadFile(f"the {kind.noun}'s path leads out of the folder")
        source = inside(folder, path.replace("\\", "/"))
        if source is None:
            raise BadFile(f"there is no such {kind.noun}")
        if not source.size():
            raise BadFile(f"the {kind.noun} is empty")
        try:
            with source.system.open_input_file(source.path) as stream:
                return self._decode[kind](stream)
        except OSError:
            raise BadFile(f"the {kind.noun} cannot be read") from None

    def _heard(self, stream: Any) -> tuple[Any, Sequence[str], str]:
        heard = audio.decode(stream, self._rate, self._most_seconds)
        return heard.samples, heard.notes, ""

    def _seen(self, stream: Any) -> tuple[Any, Sequence[str], str]:
        # Small letters are read before the photograph is made smaller.
        side = max(self._side, SIDE) if self._ocr else self._side
        seen = photographs.decode(stream, side)
        text = self._ocr(seen.pixels) if self._ocr else ""
        return photographs.shrunk(seen.pixels, self._side), seen.notes, text


class _Unusable(BadFile):
    """Says which kind of file it is that cannot be used."""

    def __init__(self, reason: str, kind: Attached) -> None:
        super().__init__(reason)
        self.kind = kind
