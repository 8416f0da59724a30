"""Transcripts: raw files to a store of lessons, sentence by sentence."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from torchedu.datasets.contents import describe_transcripts
from torchedu.datasets.deidentify import Mask
from torchedu.datasets.importers.importer import Importer
from torchedu.datasets.importers.reading import values
from torchedu.datasets.importers.reading.markup import MARKUP, without_markup
from torchedu.datasets.importers.reading.numbering import Numbering, inverse
from torchedu.datasets.importers.reading.rows import BadRows, Piece, Reading, Sieve
from torchedu.datasets.splits import PARTS
from torchedu.datasets.transcripts import (
    NO_PART,
    TranscriptStore,
    role_by_name,
    write_transcripts,
)
from torchedu.errors import DataError, allowed
from torchedu.schema import RESERVED, ROLES, TAG, Names, Vocabulary

MOST_WORDS = 2000
"""Words of a sentence; the longest that was found in 237,527 spoken ones has 123."""
LEAST_ALIKE = 20
"""Sentences from which on two lessons that are equal word for word are taken for one."""
_COLUMNS = ("lesson", "speaker", "role", "turn", "teacher_tag", "student_tag", "words", "place")


@dataclass(kw_only=True)
class TranscriptImporter(Importer):
    """Transcripts of lessons, sentence by sentence.

    Lessons are kept in natural order of their names, each one's sentences in the files' order. A
    turn is a run of sentences of one speaker, or of one value of the column ``turn``. Where no
    column says the role of a sentence's speaker, it is that of its own tag, or else of most of the
    speaker's in the lesson, where teachers' and students' tags have a column each; without tags it
    is told from the name (``T``, ``Teacher``, ``Ms. Lee``), and everyone else is a student. A
    lesson in two parts of the split is refused.

    Args:
        deidentify: Mask names, mail addresses, phone numbers and ids in what was said, and name
            speakers by their roles.
        keep_html: Keep tags such as ``<p>`` and ``&nbsp;`` as they stand; else they are taken off.
    """

    store = TranscriptStore
    describe = staticmethod(describe_transcripts)

    deidentify: bool = False
    keep_html: bool = False

    def write(self, reading: Reading, bad: BadRows, out: Path, about: dict[str, Any]) -> None:
        """Put all lessons in order and write them; see ``Importer.write``."""
        rows = _Rows(bad, keep_html=self.keep_html)
        for piece in reading.pieces:
            rows.take(piece)
        notes = [*reading.notes, *rows.stripped()]
        rows.write(out, about, reading.raw, notes, deidentify=self.deidentify)


class _Rows:
    """Takes rows piece by piece, checks them, then writes the store."""

    def __init__(self, bad: BadRows, *, keep_html: bool = False) -> None:
        self.bad, self._keep_html = bad, keep_html
        self._marked = 0
        self.number = 0
        self._names = {
            name: Numbering()
            for name in ("lesson", "speaker", "turn", "teacher_tag", "student_tag")
        }
        self._kept: dict[str, list[NDArray[Any]]] = {name: [] for name in _COLUMNS}
        self._texts: list[str] = []
        self._part: dict[int, int] = {}  # of each lesson, by the first of its rows

    def take(self, piece: Piece) -> None:
        """Keep the good rows of a piece."""
        batch, sieve = piece.batch, Sieve(piece, self.bad)
        none = pa.nulls(batch.num_rows, pa.string())
        text = {
            name: values.names(batch.column(name)) if name in batch.schema.names else none
            for name in ("transcript", "speaker", "sentence", "role", "turn", "tag",
                         "teacher_tag", "student_tag", "split")
        }  # fmt: skip
        if not self._keep_html:
            text["sentence"], marked = without_markup(text["sentence"])
            text["sentence"] = values.names(text["sentence"])  # nothing may be left of it
            self._marked += int(marked.sum())
        words = pc.list_value_length(pc.utf8_split_whitespace(text["sentence"]))
        words = pc.fill_null(words, 0).to_numpy(False)
        role, strange = _chosen(text["role"], ROLES)
        part, odd = _chosen(text["split"], PARTS)
        sieve.refuse("the transcript has no name", text["transcript"].is_null().to_numpy(False))
        sieve.refuse("the sentence is empty", text["sentence"].is_null().to_numpy(False))
        long = words > MOST_WORDS
        sieve.refuse(
            "the sentence is too long",
            long,
            value=f"{int(words[long][0]):,} words" if long.any() else None,
            remedy=f"A row is a sentence, of {MOST_WORDS:,} words at most: divide it.",
        )
        sieve.refuse("the role is neither teacher nor student", strange, column="role")
        sieve.refuse(
            "the split is no part", odd, column="split", remedy=f"Allowed: {', '.join(PARTS)}."
        )
        kept = pa.array(sieve.keep)
        text = {name: column.filter(kept) for name, column in text.items()}
        role, part, place = role[sieve.keep], part[sieve.keep], piece.place[sieve.keep]
        text["lesson"] = text["transcript"]
        text["speaker"] = pc.fill_null(text["speaker"], "unknown")
        rows: dict[str, NDArray[Any]]
        rows = {
            name: names.encode(values.encoded(text[name])) for name, names in self._names.items()
        }
        if "tag" in batch.schema.names:
            if (role < 0).any():
                role = np.where(role < 0, _by_name(text["speaker"]), role)
            for number, name in enumerate(ROLES):
                own = pc.if_else(pa.array(role == number), text["tag"], text[f"{name}_tag"])
                rows[f"{name}_tag"] = self._names[f"{name}_tag"].encode(values.encoded(own))
        self._check_parts(rows["lesson"], part, place)
        rows |= {"role": role, "words": words[sieve.keep], "place": place}
        for name, column in rows.items():
            self._kept[name].append(column)
        self._texts += text["sentence"].to_pylist()
        self.number += len(place)

    def stripped(self) -> list[str]:
        """Say how many sentences had markup."""
        return [MARKUP.format(self._marked, "sentences")] if self._marked else []

    def _check_parts(
        self, lesson: NDArray[Any], part: NDArray[Any], place: NDArray[np.int64]
    ) -> None:
        """Refuse a lesson of which rows are in several parts."""
        new, first = np.unique(lesson, return_index=True)
        for number, at in zip(new.tolist(), first.tolist(), strict=True):
            self._part.setdefault(number, int(part[at]))
        known = np.array([self._part[number] for number in new.tolist()], np.int64)
        wrong = known[np.searchsorted(new, lesson)] != part
        if wrong.any():
            at = int(wrong.argmax())
            name = list(self._names["lesson"].numbers)[int(lesson[at])]
            file, row = self.bad.places.name(int(place[at]))
            raise DataError(
                f"the transcript {name!r} is in the parts "
                f"{_part_name(self._part[int(lesson[at])])} and {_part_name(int(part[at]))}.",
                "Put all of a lesson in one part: what is tested must not be learned from.",
                file=file,
                row=row,
            )

    def write(
        self,
        out: Path,
        about: dict[str, Any],
        raw: str,
        notes: Sequence[str] = (),
        *,
        deidentify: bool = False,
    ) -> TranscriptStore:
        """Put the lessons in order and write the store."""
        if not self.number:
            raise DataError("no sentences are in it.", "Export it again.", file=raw)
        rows = {name: np.concatenate(self._kept[name]) for name in _COLUMNS}
        names, named = self._names["lesson"].ordered()
        rank = inverse(named)
        order = np.argsort(rank[rows["lesson"]], kind="stable")
        rows = {name: column[order] for name, column in rows.items()}
        rows["lesson"] = rank[rows["lesson"]]
        texts = [self._texts[i] for i in order.tolist()]
        part = np.array([self._part[i] for i in named.tolist()])
        kept, again = _once(texts, rows["lesson"], names, part, raw)
        notes = [*notes, *again]
        rows = {name: column[kept] for name, column in rows.items()}
        texts = [texts[i] for i in np.flatnonzero(kept).tolist()]
        kinds, tag = {}, np.zeros(len(texts), np.int64)
        role = _roles(rows, list(self._names["speaker"].numbers))
        for number, name in enumerate(ROLES):
            known, at = self._names[f"{name}_tag"].ordered()
            ids = np.zeros(len(known) + 1, np.int64)  # the last for no tag
            ids[at] = RESERVED + np.arange(len(known))
            mine = role == number
            tag[mine] = ids[rows[f"{name}_tag"]][mine]
            kinds[TAG + name] = Names(known)
        self._check_tags(tag, role, part[rows["lesson"]], kinds, rows["place"])
        some, lengths = np.unique(rows["lesson"], return_counts=True)
        speakers = list(self._names["speaker"].numbers)
        if deidentify:
            mask = Mask(speakers)
            texts = [mask(text) for text in texts]
            speakers = _by_role(rows["speaker"], role, len(speakers))
            notes = [*notes, str(mask)]
        about |= {"dropped": self.bad.dropped, "notes": notes}
        columns = {"role": role, "turn": _turns(rows, lengths), "tag": tag}
        columns |= {name: rows[name] for name in ("speaker", "words")}
        return write_transcripts(
            out, Vocabulary(kinds), [names[i] for i in some.tolist()], lengths, columns, texts,
            speakers, part=np.where(part[some] < 0, NO_PART, part[some]), about=about,
        )  # fmt: skip

    def _check_tags(
        self,
        tag: NDArray[np.int64],
        role: NDArray[np.int64],
        part: NDArray[np.int64],
        kinds: Mapping[str, Names],
        place: NDArray[np.int64],
    ) -> None:
        """Refuse a tag that no lesson of the published training part has."""
        train = PARTS.index("train")
        if not (part == train).any():
            return
        for number, name in enumerate(ROLES):
            mine = (role == number) & (tag > 0)
            known = np.unique(tag[mine & (part == train)])
            new = mine & (part > train) & ~np.isin(tag, known)
            if new.any() and len(known):
                at = int(new.argmax())
                names = kinds[TAG + name]
                file, row = self.bad.places.name(int(place[at]))
                raise DataError(
                    f"the {name}'s tag {names.name(int(tag[at]))!r} is unknown: no lesson for "
                    "training has it.",
                    allowed(names.name(int(tag[at])), [names.name(i) for i in known.tolist()]),
                    file=file,
                    row=row,
                )


def _chosen(column: pa.Array, names: tuple[str, ...]) -> tuple[NDArray[np.int64], Any]:
    """Return each text's number among names, -1 where there is none, and where it is no such."""
    index = pc.index_in(pc.utf8_lower(column), pa.array(names))
    strange = pc.and_(pc.is_null(index), pc.is_valid(column)).to_numpy(False)
    return pc.fill_null(index, -1).to_numpy(False).astype(np.int64), strange


def _part_name(part: int) -> str:
    return PARTS[part] if part >= 0 else "none"


def _by_name(speakers: pa.Array) -> NDArray[np.int64]:
    """Return the role that each speaker's name tells."""
    return np.array([role_by_name(name) for name in speakers.to_pylist()], np.int64)


def _roles(rows: Mapping[str, NDArray[Any]], speakers: list[str]) -> NDArray[np.int64]:
    """Return each sentence's role; see ``TranscriptImporter``."""
    role = rows["role"].copy()
    both = rows["lesson"] * np.int64(len(speakers)) + rows["speaker"]
    who, index = np.unique(both, return_inverse=True)
    tagged = [rows[f"{name}_tag"] >= 0 for name in ROLES]
    of_speaker = [np.bincount(index, has_tag, len(who)) for has_tag in tagged]
    by_name = _by_name(pa.array(speakers, pa.string()))[who % len(speakers)]
    by_tags = np.where(of_speaker[0] == of_speaker[1], by_name, of_speaker[1] > of_speaker[0])[
        index
    ]
    by_tags = np.where(tagged[0] == tagged[1], by_tags, tagged[1])
    return np.where(role < 0, by_tags, role)


def _by_role(speaker: NDArray[np.int64], role: NDArray[np.int64], number: int) -> list[str]:
    """Return what speakers are called by what most of their sentences are, counted by role."""
    mostly = np.bincount(speaker, np.where(role > 0, 1, -1), number) > 0
    count = np.where(mostly, np.cumsum(mostly), np.cumsum(~mostly)).tolist()
    return [f"{ROLES[int(number)]} {n}" for number, n in zip(mostly.tolist(), count, strict=True)]


def _turns(rows: Mapping[str, NDArray[Any]], lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the number of each sentence's turn in its lesson, from 0."""
    begins = np.zeros(len(rows["turn"]), bool)
    begins[1:] = (np.diff(rows["turn"]) != 0) | (np.diff(rows["speaker"]) != 0)
    first = np.cumsum(lengths) - lengths
    begins[first] = False
    turn = np.cumsum(begins)
    return turn - np.repeat(turn[first], lengths)


def _once(
    texts: list[str], lesson: NDArray[np.int64], names: list[str], part: NDArray[Any], raw: str
) -> tuple[NDArray[np.bool_], list[str]]:
    """Leave out lessons that stand in the data under two names.

    Raises:
        DataError: The two are in different parts.
    """
    kept, notes = np.ones(len(texts), bool), []
    seen: dict[bytes, int] = {}
    ends = np.searchsorted(lesson, np.arange(len(names) + 1))
    for new, (begin, stop) in enumerate(pairwise(ends.tolist())):
        if stop - begin < LEAST_ALIKE:
            continue
        said = hashlib.blake2b("\n".join(texts[begin:stop]).encode(), digest_size=16).digest()
        other = seen.setdefault(said, new)
        if other == new:
            continue
        if part[new] != part[other]:
            raise DataError(
                f"the transcripts {names[other]!r} and {names[new]!r} are the same, word for word, "
                f"in the parts {_part_name(int(part[other]))} and {_part_name(int(part[new]))}.",
                "Take one of them out: what is tested must not be learned from.",
                file=raw,
            )
        kept[begin:stop] = False
        notes.append(f"{names[new]!r} is {names[other]!r} again, word for word: it counts once.")
    return kept, notes
