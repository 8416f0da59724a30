"""Answers typed, spoken and photographed: raw files to a store of them and their scores."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from torchedu.datasets.attached import ATTACHED, PHOTOGRAPH, Attached
from torchedu.datasets.contents import describe_spoken
from torchedu.datasets.deidentify import Mask
from torchedu.datasets.importers.importer import Importer
from torchedu.datasets.importers.reading import values
from torchedu.datasets.importers.reading.markup import MARKUP, without_markup
from torchedu.datasets.importers.reading.rows import BadRows, Piece, Reading, Sieve
from torchedu.datasets.importers.spoken.attached_files import AttachedFiles
from torchedu.datasets.importers.texts.importer import step_of
from torchedu.datasets.natural import natural_order
from torchedu.datasets.ocr import check_ocr
from torchedu.datasets.splits import PARTS
from torchedu.datasets.spoken import NO_PART, SIDE, AttachedWriter, SpokenStore, finish
from torchedu.datasets.writer import StoreWriter
from torchedu.errors import ConfigError, DataError
from torchedu.ranges import Range, check_range
from torchedu.schema import GROUP, SCORE, TRAIT, Names, Vocabulary

RATER = "rater."
"""Before the name of a score and of a person who gave it, such as ``rater.total.2``."""
MOST_WORDS = 10_000
RATE, SECONDS, SIDES = Range(4_000, 48_000), Range(0.05, 14_400), Range(32, 2048)
_OFF = "Correct the row, give ⟦lowest⟧ and ⟦highest⟧ that hold it, or give ⟦on_bad_row⟧ drop."


@dataclass(kw_only=True)
class SpokenImporter(Importer):
    """Answers typed, spoken and photographed.

    A path of a recording or a photograph is one within the folder of the file that names it. Each
    is decoded once, and kept as samples of one channel, or as pixels the right way up. Answers come
    in the order of the files.

    Args:
        rate: Samples a second that recordings are kept with.
        most_seconds: A longer recording is refused.
        side: Photographs are kept with as many pixels as a square of this side has, at most.
        ocr: What reads the text off a photograph where none was typed: ``rapidocr``; nothing where
            it is None.
        lowest: The lowest score there can be; the lowest that is given where it is None.
        highest: The highest score there can be; the highest that is given where it is None.
        deidentify: Mask names, mail addresses, phone numbers and ids in texts, and number speakers
            and conversations. A voice stays a voice and a hand a hand: who knows the person may
            know it, and what is written on paper is not masked.
        keep_html: Keep tags such as ``<p>`` and ``&nbsp;`` as they stand; else they are taken off.
    """

    store = SpokenStore
    describe = staticmethod(describe_spoken)

    rate: float = 16_000
    most_seconds: float = 600
    side: int = SIDE
    ocr: str | None = None
    lowest: float | None = None
    highest: float | None = None
    deidentify: bool = False
    keep_html: bool = False

    def __post_init__(self) -> None:
        """Refuse a value that an option cannot have."""
        super().__post_init__()
        check_range("rate", self.rate, RATE)
        check_range("most_seconds", self.most_seconds, SECONDS)
        check_range("side", self.side, SIDES)
        check_ocr(self.ocr)
        if None not in (self.lowest, self.highest) and self.lowest >= self.highest:  # type: ignore[operator]
            raise ConfigError(
                f"⟦lowest⟧ is {self.lowest:g} and ⟦highest⟧ {self.highest:g}.",
                "The highest score is above the lowest.", option="lowest", value=self.lowest,
            )  # fmt: skip

    def write(self, reading: Reading, bad: BadRows, out: Path, about: dict[str, Any]) -> None:
        """Check all answers, decode their files and write both; see ``Importer.write``."""
        folders = {source.name: source.folder for source in reading.sources}
        with StoreWriter(out) as writer:
            files = AttachedFiles(
                AttachedWriter(writer), folders, bad, round(self.rate), self.most_seconds,
                self.side, self.ocr,
            )  # fmt: skip
            rows = _Rows(self, bad, files)
            for piece in reading.pieces:
                rows.take(piece)
            rows.finish(writer, about, reading)


class _Rows:
    """Takes rows piece by piece, checks them and lets their files be decoded."""

    def __init__(self, how: SpokenImporter, bad: BadRows, files: AttachedFiles) -> None:
        self.how, self.bad, self._files = how, bad, files
        self._marked = self._read_off = 0
        self._texts: dict[str, list[str]] = {
            name: [] for name in ("name", "text", "speaker", "conversation")
        }
        self._numbers: dict[str, list[NDArray[np.float64]]] = {}
        self._groups: dict[str, list[str | None]] = {}
        self._attached: dict[Attached, list[int]] = {kind: [] for kind in ATTACHED}
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
        paths = [kind.column for kind in ATTACHED]
        for name in (*paths, "id", "speaker", "conversation", "part"):
            column[name] = _plain(values.names(batch.column(name))) if name in has else [""] * size
        some = zip(column["text"], *(column[name] for name in paths), strict=True)
        nothing = np.array([not any(parts) for parts in some], bool)
        sieve.refuse("the answer is neither typed nor spoken nor photographed", nothing)
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
        attached = self._files.rows(column, sieve)
        self._read(column["text"], attached[PHOTOGRAPH])
        keep = np.flatnonzero(sieve.keep).tolist()
        self._names.update(names[i] for i in keep)
        for name, own in {**column, "name": names}.items():
            if name in self._texts:
                self._texts[name] += [own[i] for i in keep]
        for kind, own_rows in attached.items():
            self._attached[kind] += [own_rows[i] for i in keep]
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

    def _read(self, texts: list[str], photographs: Sequence[int]) -> None:
        """Put what stands on photographs where nothing was typed."""
        for i, text in enumerate(self._files.read_off(photographs)):
            if text and not texts[i]:
                texts[i] = text
                self._read_off += 1

    def finish(self, writer: StoreWriter, about: dict[str, Any], reading: Reading) -> None:
        """Find the scales of scores, give ids to groups, and write all but the files."""
        if not self._texts["name"]:
            raise DataError("no answers are in it.", "Export it again.", file=reading.raw)
        notes = [*reading.notes]
        if self._marked:
            notes.append(MARKUP.format(self._marked, "answers"))
        noted = self._files.noted.items()
        notes += [f"{number:,} {kind.table} {what}." for (kind, what), number in noted]
        if self._read_off:
            notes.append(f"{self._read_off:,} texts were read off photographs by {self.how.ocr}.")
        if not any(self._texts["speaker"]):
            notes.append(
                "Nothing says who spoke: answers of one person may be learnt from and scored. "
                "⟦columns.speaker⟧ HEADING takes a column that does."
            )
        if self.how.deidentify:
            notes += self._mask()
        kinds: dict[str, Names] = {}
        shown: dict[str, Any] = {
            "part": np.array(self._part),
            **{kind.noun: np.array(own, np.int64) for kind, own in self._attached.items()},
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
        rate, side = round(self.how.rate), self.how.side
        finish(writer, Vocabulary(kinds), self._texts, shown, table, rate, side)

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
        return [f"{mask} Voices, and what photographs show, stay as they are."]


def _plain(column: Any) -> list[str]:
    return [(value or "").strip() for value in column.cast(pa.string()).to_pylist()]


def _told(names: Iterable[str], ranges: Sequence[tuple[float, float, float]]) -> list[str]:
    ends = [f"{name}: {low:g} to {high:g}" for name, (low, high, _) in zip(names, ranges,
                                                                          strict=True)]  # fmt: skip
    return [f"Ranges of scores: {', '.join(ends)}."] if ends else ["No answer has a score."]
