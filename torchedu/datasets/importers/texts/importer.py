"""Graded texts: raw files of essays or short answers to a store."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from torchedu.datasets.contents import describe_texts
from torchedu.datasets.deidentify import Mask
from torchedu.datasets.importers.importer import Importer
from torchedu.datasets.importers.reading import values
from torchedu.datasets.importers.reading.markup import MARKUP, without_markup
from torchedu.datasets.importers.reading.rows import CORRECT, BadRows, Piece, Reading, Sieve
from torchedu.datasets.natural import natural_order
from torchedu.datasets.texts import TextStore, write_texts
from torchedu.errors import DataError
from torchedu.schema import (
    FOLD,
    GROUP,
    LABEL,
    PART,
    PROMPT,
    RESERVED,
    SCORE,
    TRAIT,
    WRITERS,
    Names,
    Vocabulary,
)

MOST_WORDS = 50_000
"""A longer text is taken for an error: a quote that was not closed, a whole book."""
STEPS = (1.0, 0.5, 0.25, 0.1, 0.01)
NAMES = (PROMPT, LABEL, PART, FOLD)
TEXTS = ("reference", "question")
REPEATED = "the row repeats another one"


@dataclass(kw_only=True)
class TextImporter(Importer):
    """Graded texts.

    Prompts, labels, parts, folds and groups are kept in natural order of their names, texts in the
    order of the files. A row that repeats another counts once; one that gives the text
    of an id another score, label or part is refused.

    Args:
        deidentify: Mask names, mail addresses, phone numbers and ids in texts.
        keep_html: Keep tags such as ``<p>`` and ``&nbsp;`` as they stand; else they are taken off.
    """

    store = TextStore
    describe = staticmethod(describe_texts)

    deidentify: bool = False
    keep_html: bool = False

    def write(self, reading: Reading, bad: BadRows, out: Path, about: dict[str, Any]) -> None:
        """Check all texts and write them; see ``Importer.write``."""
        rows = _Rows(bad, keep_html=self.keep_html)
        for piece in reading.pieces:
            rows.take(piece)
        notes = [*reading.notes, *rows.stripped(), *(rows.mask() if self.deidentify else ())]
        rows.write(out, about, reading.raw, notes)


class _Rows:
    """Takes rows piece by piece, checks them, then writes the store."""

    def __init__(self, bad: BadRows, *, keep_html: bool = False) -> None:
        self.bad, self._keep_html = bad, keep_html
        self._marked = 0
        self.names: list[str] = []
        self.repeats = BadRows(bad.places, "drop")
        self._known: dict[str, tuple[tuple[Any, ...], int]] = {}  # each name's row, and its place
        self._texts: dict[str, list[str]] = {"text": []}
        self._named: dict[str, list[str | None]] = {}
        self._numbers: dict[str, list[NDArray[np.float64]]] = {}
        self._place: list[NDArray[np.int64]] = []

    def take(self, piece: Piece) -> None:
        """Keep the good rows of a piece."""
        batch, sieve = piece.batch, Sieve(piece, self.bad)
        has = batch.schema.names
        batch = self._without_markup(batch)
        text = pa.compute.utf8_trim_whitespace(batch.column("text").cast(pa.string()))
        empty = pa.compute.fill_null(pa.compute.equal(text, ""), True).to_numpy(False)
        sieve.refuse("the text is empty", empty)
        words = pa.compute.count_substring_regex(text, r"\S+").fill_null(0).to_numpy(False)
        long = words > MOST_WORDS
        sieve.refuse(
            f"the text has more than {MOST_WORDS:,} words", long,
            value=int(words[long.argmax()]) if long.any() else None,
            remedy="Close its quote, divide it into several texts, or give ⟦on_bad_row⟧ drop.",
        )  # fmt: skip
        numbers = self._checked_numbers(batch, sieve)
        named = {
            name: values.names(batch.column(name))
            for name in has
            if name in NAMES or name.startswith(GROUP)
        }
        for name in (PROMPT, LABEL):
            if name in named:
                sieve.refuse(f"the {name} is missing", named[name].is_null().to_numpy(False))
        if not (numbers or LABEL in named):
            named[LABEL] = None
        names = values.names(batch.column("id")).to_pylist() if "id" in has else None
        texts = text.to_pylist()
        if names is None:
            names = [f"text {len(self.names) + i + 1}" for i in range(len(texts))]
        again = self._repeated(names, texts, batch, sieve)
        keep = sieve.keep & ~again
        self.names += [names[i] for i in np.flatnonzero(keep).tolist()]
        for name in ("text", *(column for column in TEXTS if column in has)):
            column = texts if name == "text" else batch.column(name).to_pylist()
            kept = self._texts.setdefault(name, [])
            kept += [(column[i] or "").strip() for i in np.flatnonzero(keep).tolist()]
        for name, column in named.items():
            if column is not None:
                self._named.setdefault(name, []).extend(column.filter(pa.array(keep)).to_pylist())
        for name, number in numbers.items():
            self._numbers.setdefault(name, []).append(number[keep])
        self._place.append(piece.place[keep])

    def _checked_numbers(
        self, batch: pa.RecordBatch, sieve: Sieve
    ) -> dict[str, NDArray[np.float64]]:
        """Return the numbers of a piece, after refusing what is none or out of its range."""
        numbers: dict[str, NDArray[np.float64]] = {}
        for name in batch.schema.names:
            if name in (SCORE, "low", "high", "rater1", "rater2") or name.startswith(TRAIT):
                numbers[name], wrong = values.numbers(batch.column(name))
                sieve.refuse(
                    f"the {_plain(name)} is no number", wrong, column=name,
                    remedy=f"{CORRECT} A column of labels, such as A and B, is taken with "
                    "⟦columns.label⟧ HEADING." if name == SCORE else CORRECT,
                )  # fmt: skip
        if SCORE in numbers:
            missing = np.isnan(numbers[SCORE])
            sieve.refuse("the score is missing", missing)
            for edge, side in (("low", np.less), ("high", np.greater)):
                if edge in numbers:
                    off = side(numbers[SCORE], numbers[edge])
                    where = "below" if edge == "low" else "above"
                    value = numbers[edge][off.argmax()] if off.any() else None
                    sieve.refuse(
                        f"the score is {where} the prompt's range, which ends at {value}",
                        off,
                        column=SCORE,
                    )
        return numbers

    def _repeated(
        self, names: list[Any], texts: list[Any], batch: pa.RecordBatch, sieve: Sieve
    ) -> NDArray[np.bool_]:
        """Return which rows repeat another, after refusing those that say otherwise of its id."""
        has = [name for name in batch.schema.names if name not in ("id", "text")]
        columns = [texts, *(batch.column(name).to_pylist() for name in has)]
        again = np.zeros(len(names), bool)
        other: dict[str, tuple[NDArray[np.bool_], str]] = {}
        for i in np.flatnonzero(sieve.keep).tolist():
            if names[i] is None:
                names[i] = f"text {len(self.names) + i + 1}"
            row = tuple(column[i] for column in columns)
            if names[i] not in self._known:
                self._known[names[i]] = row, int(sieve.piece.place[i])
                continue
            known, place = self._known[names[i]]
            again[i] = True
            for name, before, now in zip(["text", *has], known, row, strict=True):
                if before != now and (before == before or now == now):  # NaN is no difference
                    first = (
                        np.zeros(len(names), bool),
                        self._against(names[i], place, before, now),
                    )
                    other.setdefault(name, first)[0][i] = True
                    break
        for name, (wrong, shown) in other.items():
            remedy = (
                "Give each text an id of its own, each rater a column, and each kind of label a "
                "store; ⟦on_bad_row⟧ drop keeps the first."
            )
            reason = f"the id stands at another {_plain(name)} too"
            sieve.refuse(reason, wrong, value=shown, remedy=remedy)
        self.repeats.add(REPEATED, sieve.piece.place[again & sieve.keep], "")
        return again

    def _against(self, name: str, place: int, before: Any, now: Any) -> str:
        file, row = self.bad.places.name(place)
        if isinstance(before, str) and len(before) > 20:
            return f"{name}, as in {Path(file).name}, row {row}"
        return f"{name}, {before} in {Path(file).name}, row {row}, and {now} here"

    def _without_markup(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        for name in ("text", *TEXTS) if not self._keep_html else ():
            if name in batch.schema.names:
                plain, marked = without_markup(batch.column(name).cast(pa.string()))
                self._marked += int(marked.sum()) if name == "text" else 0
                at = batch.schema.get_field_index(name)
                batch = batch.set_column(at, name, plain)
        return batch

    def stripped(self) -> list[str]:
        """Say how many texts had markup."""
        return [MARKUP.format(self._marked, "texts")] if self._marked else []

    def mask(self) -> list[str]:
        """Mask what names people, writers that an attribute names among it; say how often."""
        writers = (self._named.get(GROUP + name) or () for name in WRITERS)
        mask = Mask(name for column in writers for name in column if name)
        self._texts["text"] = [mask(text) for text in self._texts["text"]]
        return [str(mask)]

    def write(
        self, out: Path, about: dict[str, Any], raw: str, notes: Sequence[str] = ()
    ) -> TextStore:
        """Give ids, find the range of each prompt's scores, and write the store."""
        if not self.names:
            raise DataError("no texts are in it.", "Export it again.", file=raw)
        size = len(self.names)
        kinds, ids = {}, {}
        self._named.setdefault(PROMPT, ["the only one"] * size)
        for name, column in self._named.items():
            known = sorted({value for value in column if value is not None})
            names = Names([known[i] for i in natural_order(known).tolist()])
            kinds[name] = names
            ids[name] = np.array([0 if value is None else names.id(value) for value in column])
        numbers = {name: np.concatenate(parts) for name, parts in self._numbers.items()}
        scores = [name for name in numbers if name == SCORE or name.startswith(TRAIT)]
        scores.sort(key=lambda name: name != SCORE)
        if not scores and LABEL not in kinds:
            raise DataError(
                "no column holds a score or a label.",
                "Name one with ⟦columns.score⟧ HEADING or ⟦columns.label⟧ HEADING.",
                file=raw,
                option="columns",
            )
        kinds[SCORE] = Names([name.removeprefix(TRAIT) for name in scores])
        shown: dict[str, Any] = dict(ids)
        ranges = np.full((len(kinds[PROMPT]) - RESERVED, len(scores), 3), np.nan)
        for i, name in enumerate(scores):
            shown[f"{SCORE}.{name.removeprefix(TRAIT)}"] = numbers[name]
            low = numbers.get("low") if name == SCORE else None
            high = numbers.get("high") if name == SCORE else None
            ranges[:, i] = _ranges(numbers[name], low, high, ids[PROMPT] - RESERVED, len(ranges))
        if "rater1" in numbers and "rater2" in numbers:
            shown |= {"rater.1": numbers["rater1"], "rater.2": numbers["rater2"]}
        dropped = {**self.bad.dropped, **self.repeats.dropped}
        about |= {"dropped": dropped, "notes": [*_notes(kinds, ranges), *notes]}
        return write_texts(out, Vocabulary(kinds), self.names, self._texts, shown, ranges, about)


def _ranges(
    score: NDArray[np.float64],
    low: NDArray[np.float64] | None,
    high: NDArray[np.float64] | None,
    prompt: NDArray[np.int64],
    num_prompts: int,
) -> NDArray[np.float64]:
    """Return lowest and highest score and step of each prompt: as told, else as given."""
    edges = np.stack([np.full(num_prompts, np.inf), np.full(num_prompts, -np.inf)], 1)
    for column, place, reduce in ((low, 0, np.fmin), (high, 1, np.fmax)):
        edge = score if column is None else np.where(np.isnan(column), score, column)
        reduce.at(edges[:, place], prompt, edge)
    edges = np.where(np.isfinite(edges), edges, np.nan)
    steps = [step_of(score[prompt == i], edges[i, 0]) for i in range(num_prompts)]
    return np.concatenate([edges, np.array(steps)[:, None]], 1)


def step_of(score: NDArray[np.float64], low: float) -> float:
    """Return the largest usual step from the lowest score that leads to every other one."""
    places = [(score[~np.isnan(score)] - low) / step for step in STEPS]
    fits = [bool((np.abs(place - np.rint(place)) < 1e-3).all()) for place in places]
    return next((step for step, fit in zip(STEPS, fits, strict=True) if fit), STEPS[-1])


def _notes(kinds: dict[str, Names], ranges: NDArray[np.float64]) -> list[str]:
    if not ranges.shape[1]:
        return [f"Labels: {', '.join(kinds[LABEL])}."]
    prompts = list(kinds[PROMPT])
    ends = [
        f"{name}: {low:g} to {high:g}"
        for name, (low, high, _) in zip(prompts[:12], ranges[:, 0], strict=False)
    ]
    more = f" and {len(prompts) - 12} more" if len(prompts) > 12 else ""
    return [f"Ranges of scores, by prompt: {', '.join(ends)}{more}."]


def _plain(name: str) -> str:
    return name.removeprefix(TRAIT)
