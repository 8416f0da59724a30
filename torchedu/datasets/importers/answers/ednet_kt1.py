"""EdNet KT1 as published: a CSV file a student, and the questions' answers and tags apart."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from torchedu.datasets.importers.answers.importer import AnswerImporter
from torchedu.datasets.importers.reading import csv, text
from torchedu.datasets.importers.reading.columns import match_columns
from torchedu.datasets.importers.reading.rows import BadRows, Piece, Places, Reading
from torchedu.datasets.importers.reading.text import Block, Source, files, locate
from torchedu.datasets.importers.reading.values import names
from torchedu.errors import DataError

HEADING = b"timestamp,solving_id,question_id,user_answer,elapsed_time"
FIELDS = {"time": 0, "item": 2, "answer": 3, "response_time": 4}
QUESTIONS = ("contents/questions.csv", "questions.csv")
_TOLD = {"item": "question_id", "correct": "correct_answer", "skill": "tags"}
_NO_TAG = "-1"


class _Bundle:
    """The lines of some students' files, one after the other, without headings."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.files: list[int] = []
        self.lines: list[int] = []
        self.parts: list[bytes] = []
        self.size = 0

    def add(self, source: Source, file: int, data: bytes) -> None:
        if not data.endswith(b"\n"):
            data += b"\n"
        self.names.append(source.base.removesuffix(".csv"))
        self.files.append(file)
        self.lines.append(data.count(b"\n"))
        self.parts.append(data)
        self.size += len(data)


def _bundles(students: list[Source], bad: BadRows) -> Iterator[_Bundle]:
    """Read many small files and parse them together: a parser's start costs more than a file."""
    bundle = _Bundle()
    for source in students:
        rows = bad.of(source)
        heading, _, data = source.read().removeprefix(b"\xef\xbb\xbf").partition(b"\n")
        if heading.strip() and heading.strip() != HEADING:
            raise source.fault(
                f"the headings are {heading[:80].decode(errors='replace')!r}.",
                f"Expected: {HEADING.decode()}.",
                1,
            )
        if not data.strip():
            remedy = "Remove the file, or give ⟦on_bad_row⟧ drop."
            rows.refuse("the student has no answer", [1], remedy)
            continue
        bundle.add(source, rows.number, data)
        if bundle.size > text.BLOCK_BYTES:
            yield bundle
            bundle = _Bundle()
    if bundle.parts:
        yield bundle


def _pieces(bundle: _Bundle, table: "_Questions", bad: BadRows) -> Iterator[Piece]:
    data = b"".join(bundle.parts)
    try:
        data.decode()
    except UnicodeDecodeError as error:
        line = np.array([data.count(b"\n", 0, error.start)])
        file, row = bad.places.name(int(_places(bundle, line, bad.places)[0]))
        raise DataError(
            f"the text is not utf-8 (byte {data[error.start]:#04x} cannot be read).",
            "Download the file again.",
            file=file,
            row=row,
        ) from None
    parsed = csv.parse(Block(0, data), HEADING.count(b",") + 1, FIELDS, ",", "KT1")
    bad.add_unread(
        "the line does not have the 5 fields of the headings",
        _places(bundle, parsed.cut, bad.places),
        "Download the file again, or give ⟦on_bad_row⟧ drop.",
        parsed.first_cut,
    )
    place = _places(bundle, parsed.rows, bad.places)
    ends = np.cumsum(bundle.lines, dtype=np.int64)
    owner = np.searchsorted(ends, parsed.rows, side="right")
    item = names(parsed.batch.column("item"))
    known, skill, right = table.look_up(item)
    unknown = ~known & item.is_valid().to_numpy(False)
    if unknown.any():
        bad.add_unread(
            "unknown skill: the question is not in questions.csv",
            place[unknown],
            "Use the questions.csv of the same release, or give ⟦on_bad_row⟧ drop.",
            item[int(unknown.argmax())].as_py(),
        )
    answer = pc.utf8_lower(names(parsed.batch.column("answer")))
    student = pa.array(bundle.names).take(pa.array(owner))
    columns = {"student": student, "item": item, "skill": skill, "correct": pc.equal(answer, right)}
    columns |= {name: parsed.batch.column(name) for name in ("time", "response_time")}
    batch = pa.RecordBatch.from_pydict(columns)
    yield Piece(batch.filter(pa.array(~unknown)), place[~unknown])


def _places(bundle: _Bundle, lines: NDArray[np.int64], places: Places) -> NDArray[np.int64]:
    """Return the file and row of lines of the bundle, counted from 0."""
    ends = np.cumsum(bundle.lines, dtype=np.int64)
    owner = np.searchsorted(ends, lines, side="right")
    row = lines - (ends - bundle.lines)[owner] + 2  # the headings are row 1
    return places.code(np.array(bundle.files, np.int64)[owner], row)


class _Questions:
    """The right answer and the tags of each question."""

    def __init__(self, source: Source) -> None:
        table = csv.Table(source, None, "utf-8")
        columns = match_columns(
            table.headings, source.name, columns=_TOLD, row=table.heading_row, needed=()
        ).taken
        item, right, tags = (
            names(pa.array(column, pa.string())).to_pylist()
            for column in table.whole({name: columns[name] for name in _TOLD}).values()
        )
        tags = [None if tag == _NO_TAG else tag for tag in tags]
        self._of = dict(zip(item, zip(right, tags, strict=True), strict=True))

    def look_up(
        self, item: pa.StringArray
    ) -> tuple[NDArray[np.bool_], pa.StringArray, pa.StringArray]:
        """Return which questions are known, their tags and their right answers."""
        encoded = item.dictionary_encode()
        pairs = [self._of.get(name, (None, None)) for name in encoded.dictionary.to_pylist()]
        right, tags = (
            pa.array([pair[i] for pair in pairs], pa.string()).take(encoded.indices) for i in (0, 1)
        )
        return pc.is_valid(right).to_numpy(False), tags, pc.utf8_lower(right)


def _find_questions(folder: Source) -> Source:
    around = Source(
        folder.system, folder.path.rstrip("/").rpartition("/")[0], f"{folder.name.rstrip('/')}/.."
    )
    for place in (folder, around):
        for name in QUESTIONS:
            if questions := text.inside(place, name):
                return questions
    raise folder.fault(
        "no contents/questions.csv is in the folder or beside it.",
        "Put the questions.csv of EdNet-Contents there: it holds the right answers.",
    )


@dataclass(kw_only=True)
class EdNetKT1(AnswerImporter):
    """EdNet KT1 as published.

    Args:
        skills: Which skills to take, ``tags`` (each question's) or ``joint`` (one skill for each
            combination of tags).
    """

    name = "ednet_kt1"
    told_by = (
        "timestamp solving_id question_id user_answer elapsed_time",
        "question_id bundle_id correct_answer tags",
    )
    reads = "EdNet KT1: a folder of u<number>.csv, with contents/questions.csv"
    citation = (
        "Choi et al. (2020), EdNet: A Large-Scale Hierarchical Dataset in Education, "
        "arXiv:1912.03072"
    )
    licence = "CC BY-NC 4.0"

    skills: Literal["tags", "joint"] = "tags"

    def read(self, raw: str, bad: BadRows) -> Reading:
        """Read a folder of ``u<number>.csv``; the file's name is the student's.

        Args:
            raw: The folder, or one that holds it as ``KT1``; ``contents/questions.csv`` (or
                ``questions.csv``) is looked for in it and in the folder around it.
            bad: What becomes of bad rows.

        Returns:
            What is read, piece by piece.

        Raises:
            DataError: A file has other headings, or the questions are missing.
        """
        folder = locate(raw)
        questions = _find_questions(folder)
        inner = Source(folder.system, f"{folder.path}/KT1", f"{folder.name}/KT1")
        students = files(inner if text.is_folder(inner) else folder, (".csv",))
        students = [file for file in students if file.base != "questions.csv"]
        table = _Questions(questions)

        def pieces() -> Iterator[Piece]:
            for bundle in _bundles(students, bad):
                yield from _pieces(bundle, table, bad)

        return Reading(
            pieces(),
            (questions, *students),
            {
                "student": "the file's name",
                "item": "question_id",
                "skill": f"the question's {self.skills}",
                "correct": "user_answer = correct_answer",
                "time": "timestamp",
                "response_time": "elapsed_time",
            },
            ("solving_id",),
            unit="ms",
            response_time_unit="ms",
            separator=";" if self.skills == "tags" else "",
        )
