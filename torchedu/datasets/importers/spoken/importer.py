"""Answers typed and spoken: raw files to a store of texts, recordings and scores."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from torchedu.datasets.audio import BadRecording, decode
from torchedu.datasets.contents import describe_spoken
from torchedu.datasets.deidentify import Mask
from torchedu.datasets.importers.importer import Importer
from torchedu.datasets.importers.reading import values
from torchedu.datasets.importers.reading.markup import MARKUP, without_markup
from torchedu.datasets.importers.reading.rows import BadRows, Piece, Reading, Sieve
from torchedu.datasets.importers.reading.text import Source, inside
from torchedu.datasets.importers.texts.importer import step_of
from torchedu.datasets.natural import natural_order
from torchedu.datasets.splits import PARTS
from torchedu.datasets.spoken import NO_PART, SpokenStore, begin_recordings, finish
from torchedu.datasets.writer import StoreWriter
from torchedu.errors import ConfigError, DataError
from torchedu.ranges import Range, check_range
from torchedu.schema import GROUP, SCORE, TRAIT, Names, Vocabulary

RATER = "rater."
"""Before the name of a score and of a person who gave it, such as ``rater.total.2``."""
MOST_WORDS = 10_000
RATE, SECONDS = Range(4_000, 48_000), Range(0.05, 14_400)
_OUTSIDE = re.compile(r"^[/\\]|^[A-Za-z]:|://|(^|[/\\])\.\.([/\\]|$)")
_RECORDING = (
    "Give a recording that can be heard, of ⟦most_seconds⟧ at most, or none beside a typed answer, "
    "or ⟦on_bad_row⟧ drop."
)
_OFF = "Correct the row, give ⟦lowest⟧ and ⟦highest⟧ that hold it, or give ⟦on_bad_row⟧ drop."


@dataclass(kw_only=True)
class SpokenImporter(Importer):
    """Answers typed and spoken.

    A path of a recording is one within the folder of the file that names it. Recordings are decoded
    once, and kept as samples of one channel. Answers come in the order of the files.

    Args:
        rate: Samples a second that recordings are kept with.
        most_seconds: A longer recording is refused.
        lowest: The lowest score there can be; the lowest that is given where it is None.
        highest: The highest score there can be; the highest that is given where it is None.
        deidentify: Mask names, mail addresses, phone numbers and ids in texts, and number speakers
            and conversations. A voice stays a voice: who knows the person may know it.
        keep_html: Keep tags such as ``<p>`` and ``&nbsp;`` as they stand; else they are taken off.
    """

    store = SpokenStore
    describe = staticmethod(describe_spoken)

    rate: float = 16_000
    most_seconds: float = 600
    lowest: float | None = None
    highest: float | None = None
    deidentify: bool = False
    keep_html: bool = False

    def __post_init__(self) -> None:
        """Refuse a value that an option cannot have."""
        super().__post_init__()
        check_range("rate", self.rate, RATE)
        check_range("most_seconds", self.most_seconds, SECONDS)
        if None not in (self.lowest, self.highest) and self.lowest >= self.highest:  # type: ignore[operator]
            raise ConfigError(
                f"⟦lowest⟧ is {self.lowest:g} and ⟦highest⟧ {self.highest:g}.",
                "The highest score is above the lowest.", option="lowest", value=self.lowest,
            )  # fmt: skip

    def write(self, reading: Reading, bad: BadRows, out: Path, about: dict[str, Any]) -> None:
        """Check all answers, decode what was spoken and write both; see ``Importer.write``."""
        folders = {source.name: source.folder for source in reading.sources}
        with StoreWriter(out) as writer:
            rows = _Rows(self, bad, folders, begin_recordings(writer))
            for piece in reading.pieces:
                rows.take(piece)
            rows.finish(writer, about, reading)


class _Rows:
    """Takes rows piece by piece, checks them and decodes their recordings."""

    def __init__(
        self, how: SpokenImporter, bad: BadRows, folders: dict[str, Source], recordings: Any
    ) -> None:
        self.how, self.bad = how, bad
        self._folders, self._recordings = folders, recordings
        self._row_of: dict[str, int] = {}  # of each recording's path, which is decoded once
        self._wrong: dict[str, str] = {}
        self._noted: Counter[str] = Counter()
        self._marked = 0
        self._texts: dict[str, list[str]] = {
            name: [] for name in ("name", "text", "speaker", "conversation")
        }
        self._numbers: dict[str, list[NDArray[np.float64]]] = {}
        self._groups: dict[str, list[str | None]] = {}
        self._recording: list[int] = []
        self._part: list[int] = []
        self._part_of: dict[str, str] = {}
        self._names: set[str] = set()
        self._read_rows = 0

    def take(self, piece: Piece) -> None:
        """Keep the good rows of a piece."""
        batch, sieve = piece.batch, Sieve(piece, self.bad)
        has, size = batch.schema.names, batch.num_rows
        text = batch.column("text") if "text" in has else pa.nulls(size, pa.string())
        if not self.how.keep_html:
            text, marked = without_markup(text.cast(pa.string()))
            self._marked += int(marked.sum())
        column: dict[str, list[str]] = {"text": _plain(text)}
        for name in ("audio", "id", "speaker", "conversation", "part"):
            column[name] = _plain(values.names(batch.column(name))) if name in has else [""] * size
        neither = [not (said or path) for said, path in zip(column["text"], column["audio"],
                                                            strict=True)]  # fmt: skip
        sieve.refuse("the answer is neither typed nor spoken", np.array(neither, bool))
        words = np.array([len(said.split()) for said in column["text"]], np.int64)
        sieve.refuse(f"the text has more than {MOST_WORDS:,} words", words > MOST_WORDS)
        numbers = self._checked_numbers(batch, sieve)
        strange = [bool(part) and part.lower() not in PARTS for part in column["part"]]
        odd = next((column["part"][i] for i in np.flatnonzero(strange).tolist()), None)
        sieve.refuse(
            "the part is none", np.array(strange, bool), value=odd,
            remedy=f"Allowed: {', '.join(PARTS)}.",
        )  # fmt: skip
        names = self._named(column["id"], sieve)
        self._check_parts(column, sieve)
        recording = self._heard(column["audio"], sieve)
        keep = np.flatnonzero(sieve.keep).tolist()
        self._names.update(names[i] for i in keep)
        for name, own in {**column, "name": names}.items():
            if name in self._texts:
                self._texts[name] += [own[i] for i in keep]
        self._recording += [recording[i] for i in keep]
        self._part += [PARTS.index(column["part"][i].lower()) if column["part"][i] else NO_PART
                       for i in keep]  # fmt: skip
        for name, number in numbers.items():
            self._numbers.setdefault(name, []).append(number[sieve.keep])
        for name in (name for name in has if name.startswith(GROUP)):
            own_group = values.names(batch.column(name)).to_pylist()
            self._groups.setdefault(name, []).extend(own_group[i] for i in keep)

    def _checked_numbers(
        self, batch: pa.RecordBatch, sieve: Sieve
    ) -> dict[str, NDArray[np.float64]]:
        """Return the scores of a piece, after refusing what is none or out of its range."""
        numbers: dict[str, NDArray[np.float64]] = {}
        for name in batch.schema.names:
            if name == SCORE or name.startswith((TRAIT, RATER)):
                plain = name.removeprefix(TRAIT)
                numbers[name], wrong = values.numbers(batch.column(name))
                sieve.refuse(f"the {plain} is no number", wrong, column=name)
                if self.how.lowest is not None:
                    low = numbers[name] < self.how.lowest
                    sieve.refuse(f"the {plain} is below the lowest", low, column=name, remedy=_OFF)
                if self.how.highest is not None:
                    high = numbers[name] > self.how.highest
                    sieve.refuse(
                        f"the {plain} is above the highest", high, column=name, remedy=_OFF
                    )
        return numbers

    def _named(self, given: Sequence[str], sieve: Sieve) -> list[str]:
        """Return what answers are called, after refusing names that stand twice."""
        names = [name or f"answer {self._read_rows + i + 1}" for i, name in enumerate(given)]
        self._read_rows += len(names)
        seen, again = set(self._names), np.zeros(len(names), bool)
        for i, name in enumerate(names):
            again[i] = name in seen
            seen.add(name)
        first = next((names[i] for i in np.flatnonzero(again & sieve.keep).tolist()), None)
        sieve.refuse("the id stands at another answer too", again, value=first,
                     remedy="Give each answer an id of its own, or none.")  # fmt: skip
        return names

    def _check_parts(self, column: dict[str, list[str]], sieve: Sieve) -> None:
        """Refuse a speaker of whom answers are in several parts."""
        wrong = np.zeros(len(column["part"]), bool)
        for i, (who, part) in enumerate(zip(column["speaker"], column["part"], strict=True)):
            if who and part:
                wrong[i] = self._part_of.setdefault(who, part.lower()) != part.lower()
        first = next((column["speaker"][i] for i in np.flatnonzero(wrong).tolist()), None)
        sieve.refuse(
            "the speaker is in another part too", wrong, value=first, always=True,
            remedy="Put all of a speaker in one part: what is tested must not be learnt from.",
        )  # fmt: skip

    def _heard(self, paths: Sequence[str], sieve: Sieve) -> list[int]:
        """Return each answer's recording, -1 without one, after refusing what cannot be heard."""
        rows, reasons = [-1] * len(paths), [""] * len(paths)
        for i in np.flatnonzero(sieve.keep).tolist():
            if paths[i]:
                file, _ = self.bad.places.name(int(sieve.piece.place[i]))
                rows[i], reasons[i] = self._decoded(self._folders[file], paths[i])
        for reason in dict.fromkeys(filter(None, reasons)):
            wrong = np.array([own == reason for own in reasons], bool)
            sieve.refuse(reason, wrong, value=paths[int(wrong.argmax())], remedy=_RECORDING)
        return rows

    def _decoded(self, folder: Source, path: str) -> tuple[int, str]:
        """Return the row of a recording, which is decoded if it was not before, or what is wrong.

        A file that several answers name is kept once.
        """
        key = f"{folder.path}\n{path}"
        if key in self._row_of or key in self._wrong:
            return self._row_of.get(key, -1), self._wrong.get(key, "")
        try:
            sound = self._read(folder, path)
        except BadRecording as error:
            self._wrong[key] = str(error)
            return -1, str(error)
        self._recordings.append(1, {}, {"sound": ([len(sound)], {"sample": sound})})
        self._row_of[key] = len(self._row_of)
        return self._row_of[key], ""

    def _read(self, folder: Source, path: str) -> NDArray[np.int16]:
        if _OUTSIDE.search(path):
            raise BadRecording("the recording's path leads out of the folder")
        source = inside(folder, path.replace("\\", "/"))
        if source is None:
            raise BadRecording("there is no such recording")
        if not source.size():
            raise BadRecording("the recording is empty")
        try:
            with source.system.open_input_file(source.path) as stream:
                heard = decode(stream, round(self.how.rate), self.how.most_seconds)
        except OSError:
            raise BadRecording("the recording cannot be read") from None
        if heard.channels > 1:
            self._noted["have several channels, whose mean is taken"] += 1
        if heard.coding in ("PCM_U8", "PCM_S8", "ULAW", "ALAW"):
            self._noted["have samples of 8 bits"] += 1
        return heard.samples

    def finish(self, writer: StoreWriter, about: dict[str, Any], reading: Reading) -> None:
        """Find the scales of scores, give ids to groups, and write all but the recordings."""
        if not self._recording:
            raise DataError("no answers are in it.", "Export it again.", file=reading.raw)
        notes = [*reading.notes]
        if self._marked:
            notes.append(MARKUP.format(self._marked, "answers"))
        notes += [f"{number:,} recordings {what}." for what, number in self._noted.items()]
        if not any(self._texts["speaker"]):
            notes.append(
                "Nothing says who spoke: answers of one person may be learnt from and scored. "
                "⟦columns.speaker⟧ HEADING takes a column that does."
            )
        if self.how.deidentify:
            notes += self._mask()
        kinds: dict[str, Names] = {}
        shown: dict[str, Any] = {
            "recording": np.array(self._recording), "part": np.array(self._part),
        }  # fmt: skip
        for name, column in self._groups.items():
            known = sorted({value for value in column if value is not None})
            kinds[name] = Names([known[i] for i in natural_order(known).tolist()])
            shown[name] = np.array([kinds[name].id(v) if v is not None else 0 for v in column])
        numbers = {name: np.concatenate(parts) for name, parts in self._numbers.items()}
        scores = [name for name in numbers if not name.startswith(RATER)]
        scores = [name for name in scores if np.isfinite(numbers[name]).any()]
        scores.sort(key=lambda name: name != SCORE)
        kinds[SCORE] = Names([name.removeprefix(TRAIT) for name in scores])
        for name in scores:
            shown[f"{SCORE}.{name.removeprefix(TRAIT)}"] = numbers[name]
        shown |= {name: numbers[name] for name in numbers if name.startswith(RATER)}
        ranges = [self._range(numbers[name]) for name in scores]
        notes += _told(kinds[SCORE], ranges)
        writer.about = {**about, "dropped": self.bad.dropped, "notes": notes}
        table = np.array(ranges).reshape(-1, 3)
        finish(writer, Vocabulary(kinds), self._texts, shown, table, round(self.how.rate))

    def _range(self, score: NDArray[np.float64]) -> tuple[float, float, float]:
        """Return lowest and highest score and the step between two: as told, else as given."""
        low = np.nanmin(score) if self.how.lowest is None else self.how.lowest
        high = np.nanmax(score) if self.how.highest is None else self.how.highest
        return float(low), float(high), step_of(score, float(low))

    def _mask(self) -> list[str]:
        """Mask what names people in texts, and number speakers and conversations."""
        mask = Mask(name for name in self._texts["speaker"] if name)
        self._texts["text"] = [mask(text) for text in self._texts["text"]]
        for noun in ("speaker", "conversation"):
            column = self._texts[noun]
            numbers = {name: i + 1 for i, name in enumerate(dict.fromkeys(filter(None, column)))}
            self._texts[noun] = [f"{noun} {numbers[name]}" if name else "" for name in column]
        size = len(self._texts["name"])
        self._texts["name"] = [f"answer {i + 1}" for i in range(size)]  # files name people
        return [f"{mask} Voices stay as they are."]


def _plain(column: Any) -> list[str]:
    return [(value or "").strip() for value in column.cast(pa.string()).to_pylist()]


def _told(names: Iterable[str], ranges: Sequence[tuple[float, float, float]]) -> list[str]:
    ends = [f"{name}: {low:g} to {high:g}" for name, (low, high, _) in zip(names, ranges,
                                                                          strict=True)]  # fmt: skip
    return [f"Ranges of scores: {', '.join(ends)}."] if ends else ["No answer has a score."]
