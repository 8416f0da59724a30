"""TalkMoves: mathematics lessons with the talk moves of teachers and students.

Suresh et al., "The TalkMoves Dataset: K-12 Mathematics Lesson Transcripts Annotated for Teacher and
Student Discursive Moves", LREC 2022, https://arxiv.org/abs/2204.09652.
"""

import re
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pyarrow as pa

from torchedu.datasets.importers.importer import KNOWN
from torchedu.datasets.importers.reading import tables, values
from torchedu.datasets.importers.reading.columns import ColumnMap
from torchedu.datasets.importers.reading.csv import Table
from torchedu.datasets.importers.reading.look import Look
from torchedu.datasets.importers.reading.rows import BadRows, Piece, Reading, Sieve, texts
from torchedu.datasets.importers.reading.spreadsheet import SUFFIX
from torchedu.datasets.importers.reading.tables import PARQUET
from torchedu.datasets.importers.reading.text import Source, files, is_folder, locate, tree
from torchedu.datasets.importers.transcripts.importer import TranscriptImporter
from torchedu.datasets.importers.transcripts.table import TranscriptTables
from torchedu.errors import allowed
from torchedu.schema import ROLES

TAGS: dict[str, dict[str, str | None]] = {
    "teacher": {
        "1": "none",
        "2": "keeping everyone together",
        "3": "getting students to relate",
        "4": "restating",
        "5": "revoicing",
        "6": None,  # marking and context are no talk moves, and not in the published pairs
        "7": None,
        "8": "press for accuracy",
        "9": "press for reasoning",
    },
    "student": {
        "1": "none",
        "2": "relating to another student",
        "3": "asking for more information",
        "4": "making a claim",
        "5": "providing evidence or reasoning",
    },
}
"""Tags by the number that stands before them. The words after it are spelled in some forty ways."""
LABELS = {role: [name for name in tags.values() if name] for role, tags in TAGS.items()}
"""Tags by the labels 0, 1, ... of the published pairs."""
NO_TAG = ("", "\\")
TEST = ["Travers.Spring", "Benson", "Carroll", "Saunders.Spring", "Keene", "Carter", "Basker"]
"""Teachers whose lessons are the published test part, as the lessons' names have them."""
PAIRS = ("text_a", "text_b", "labels")
STRETCH = 500
"""Pairs that are taken as one lesson."""
REMEDY = "Correct the tag, or give ⟦on_bad_row⟧ drop. "
_NUMBER = re.compile(r"(\d)(\.0)?\s*(\\|-.*)?")
_RELEASE = re.compile(r"(^|/)(Subset [12]/.+\.xlsx|(train|test|valid|val)_(teacher|student)\.tsv)$")
SPEAKER = ("S", "Speakers", "Speaker Name")
"""What some workbooks of the release call the speaker."""
_WORD = re.compile(r"[^\W_]")


def _lessons(place: Source) -> list[Source]:
    """Return the files of lessons: workbooks, or tables of all."""
    if not is_folder(place):
        return [] if place.base.endswith(".tsv") else [place]
    inside = {file.path.removeprefix(place.path).strip("/"): file for file in tree(place)}
    lessons = [path for path in inside if re.fullmatch(r"Subset [12]/[^/~]+\.xlsx", path)]
    lessons = lessons or [
        path for path in inside if "/" not in path and path.endswith((SUFFIX, ".csv", *PARQUET))
    ]
    return [inside[path] for path in lessons]


def _one_spelling(pieces: Iterator[Piece], bad: BadRows) -> Iterator[Piece]:
    """Put each tag in one spelling, and say each lesson's part."""
    for piece in pieces:
        batch, sieve = piece.batch, Sieve(piece, bad)
        sentences = _texts(batch, "sentence")
        empty = np.array(sentences, np.str_) == ""
        sieve.leave_out("rows without a sentence, such as sums", empty)
        columns = {name: batch.column(name) for name in batch.schema.names}
        for role in ROLES:
            column = f"{role}_tag"
            if column not in columns:
                continue
            given = _texts(batch, column)
            known = {tag: _tag(role, tag) for tag in set(given)}
            wrong = np.array([known[tag] == "" for tag in given], bool)
            sieve.refuse(
                f"the {role}'s tag is not of TalkMoves",
                wrong,
                column=column,
                remedy=REMEDY + allowed(given[int(wrong.argmax())] if given else "", LABELS[role]),
            )
            columns[column] = pa.array([known[tag] for tag in given], pa.string())
        mute = np.array([not _WORD.search(sentence) for sentence in sentences], bool)
        sieve.leave_out("sentences without a letter or digit", mute)
        part = ["test" if any(teacher in name for teacher in TEST) else "train"
                for name in _texts(batch, "transcript")]  # fmt: skip
        columns["split"] = pa.array(part, pa.string())
        bad.rows += int((~sieve.keep).sum())
        keep = pa.array(sieve.keep)
        yield Piece(pa.RecordBatch.from_pydict(columns).filter(keep), piece.place[sieve.keep])


def _tag(role: str, text: str) -> str | None:
    """Return the one spelling of a tag; None where there is none, "" where it is not known."""
    if text in NO_TAG:
        return None
    if number := _NUMBER.fullmatch(text):
        return TAGS[role].get(number[1], "")
    return text.lower() if text.lower() in LABELS[role] else ""


def _pairs(sources: list[Source], bad: BadRows) -> Iterator[Piece]:
    """Read pairs of a sentence and the one before it, and put them in a row again."""
    for source in sources:
        table = Table(source, "\t", "utf-8")
        name = source.base.partition(".")[0]
        part, _, role = name.partition("_")
        if role not in ROLES or part not in ("train", "test", "valid", "val"):
            raise source.fault(
                "its name does not say whose pairs these are.",
                "Name it as the release does, such as train_student.tsv or test_teacher.tsv.",
            )
        if missing := [name for name in PAIRS if name not in table.headings]:
            remedy = f"The release's pairs have {', '.join(PAIRS)}."
            raise source.fault(f"it has no column {missing[0]!r}.", remedy, table.heading_row)
        above, number = "", 0
        for piece in table.pieces(ColumnMap({column: column for column in PAIRS}, ()), bad):
            before, said = (_texts(piece.batch, column) for column in PAIRS[:2])
            tag, wrong = values.numbers(piece.batch.column("labels"))
            tag = np.nan_to_num(tag, nan=-1)
            wrong |= ~np.isin(tag, np.arange(len(LABELS[role])))
            sieve = Sieve(piece, bad)
            sieve.refuse("the label is not of TalkMoves", wrong, column="labels", remedy=REMEDY)
            rows: list[tuple[str, str, str, str | None, int]] = []
            for i in np.flatnonzero(sieve.keep).tolist():
                lesson, at = f"{name} {number // STRETCH + 1}", int(piece.place[i])
                if _WORD.search(before[i]) and before[i] != above:
                    rows.append((lesson, ROLES[role == ROLES[0]], before[i], None, at))
                if _WORD.search(said[i]):
                    rows.append((lesson, role, said[i], LABELS[role][int(tag[i])], at))
                    above = said[i]
                number += 1
            lessons, speakers, words, tags, places = zip(*rows, strict=True) if rows else [()] * 5
            parts = ["val" if part.startswith("val") else part] * len(rows)
            columns = {"transcript": lessons, "speaker": speakers, "role": speakers,
                       "sentence": words, "tag": tags, "split": parts}  # fmt: skip
            yield Piece(texts(columns), np.array(places, np.int64))


def _texts(batch: pa.RecordBatch, column: str) -> list[str]:
    return [text or "" for text in values.names(batch.column(column)).to_pylist()]


class _Workbooks(TranscriptTables):
    """The release's workbooks, of which some head speakers ``S`` or the like."""

    def match(self, table: tables.Table) -> ColumnMap:
        """Find the columns of a workbook; see ``Headed.match``."""
        usual = any(head.strip().lower() == "speaker" for head in table.headings)
        speaker = next((head for head in table.headings if head.strip() in SPEAKER), None)
        own = None if speaker is None or usual else {"speaker": speaker}
        return TranscriptTables.match(replace(self, columns=own), table)


class TalkMoves(TranscriptImporter):
    """The TalkMoves release."""

    name = "talkmoves"
    reads = "the TalkMoves release: its folder of workbooks, one table of all lessons, or its pairs"
    citation = "Suresh et al. (2022), The TalkMoves Dataset, LREC"
    licence = "CC BY-NC-SA 4.0"

    @classmethod
    def knows(cls, look: Look) -> int:
        """Say whether files are called as the release's are; see ``Importer.knows``."""
        return KNOWN if any(_RELEASE.search(name) for name in look.files) else 0

    def read(self, raw: str, bad: BadRows) -> Reading:
        """Read the lessons of the release, or its pairs of sentences.

        Tags are told by their number, whatever the spelling. Sentences without a letter or digit
        are left out. The published test part is the lessons of seven teachers.

        Args:
            raw: The release's ``data`` folder with ``Subset 1`` and ``Subset 2``, a folder with
                workbooks, or one table of all lessons. Else ``train_student.tsv`` or another file
                of pairs, or a folder with such files alone. These have lost where lessons end, so
                that each 500 pairs are taken as one, and who said the sentence before: it is the
                other role's, unless it is that of the pair above.
            bad: What becomes of bad rows.

        Returns:
            What is read, each lesson with its part of the published split.

        Raises:
            DataError: No lessons are there.
        """
        place = locate(raw)
        if sources := _lessons(place):
            reading = _Workbooks().of(sources, bad)
            return reading._replace(pieces=_one_spelling(reading.pieces, bad))
        pairs = files(place, (".tsv",))
        return Reading(_pairs(pairs, bad), tuple(pairs), {"sentence": "text_b", "tag": "labels"})
