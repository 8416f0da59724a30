"""The EdNet sample of PEBG: four lines a student, and dictionaries of questions and tags."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from torchedu.datasets.importers.answers.importer import AnswerImporter
from torchedu.datasets.importers.reading.rows import BadRows, FileRows, Piece, Reading
from torchedu.datasets.importers.reading.text import Block, Source, blocks, locate, one_of
from torchedu.errors import DataError

LINES = ("the number of answers", "joint tags", "questions", "marks")
_LIST = r"^\s*\[\s*(-?\d{1,18}\s*(,\s*-?\d{1,18}\s*)*)?\]\s*$"
_REMEDY = "Four lines a student are expected: [n], joint tags, questions, marks 0 or 1."


class _Names:
    """A dictionary file: a Python dict of names to values."""

    def __init__(self, source: Source) -> None:
        self.source = source
        try:
            names = ast.literal_eval(source.read().decode("utf-8"))
            self._names = {str(name): value for name, value in names.items()}
            ids = {int(i): name for name, i in names.items() if isinstance(i, int)}
        except (ValueError, SyntaxError, AttributeError, MemoryError, RecursionError):
            raise source.fault("the file holds no dictionary.", "Download it again.") from None
        self._by_id = np.full(max(ids, default=-1) + 2, None, object)
        for i, name in ids.items():
            if i >= 0:
                self._by_id[i] = name

    @classmethod
    def load(cls, data: Source, base: str) -> "_Names | None":
        source = data.sibling(base)
        return None if source is None else cls(source)

    def by_id(self, ids: NDArray[np.int64]) -> pa.StringArray:
        """Return the name whose value is each id, null where there is none."""
        last = len(self._by_id) - 1
        index = np.where((ids < 0) | (ids > last), last, ids)
        table = pa.array(self._by_id, pa.string())
        return table.take(pa.array(index))

    def by_name(self, names: pa.StringArray) -> pa.StringArray:
        """Return the value of each name as text, null where there is none."""
        encoded = names.dictionary_encode()
        values = [self._names.get(name) for name in encoded.dictionary.to_pylist()]
        table = pa.array([None if v in (None, "") else str(v) for v in values], pa.string())
        return table.take(encoded.indices)


class _Lists:
    """The lists of some students, those left out that are cut or do not fit each other.

    Attributes:
        students: The places of the students kept among those of the block; shape (students,).
        counts: Number of answers of each; shape (students,).
        values: Tags, questions and marks one by one; shape (answers,) each.
    """

    def __init__(self, block: Block, places: FileRows) -> None:
        lines = pa.array(block.data.splitlines()).cast(pa.string())
        whole = pc.match_substring_regex(lines, _LIST).to_numpy(False).reshape(-1, 4)
        inner = pc.utf8_trim(lines, characters="[] \t\r")
        split = pc.split_pattern(inner, ",")
        length = pc.list_value_length(split).to_numpy()
        length = np.where(pc.equal(inner, "").to_numpy(False), 0, length).reshape(-1, 4)
        row = block.line + np.arange(len(lines)).reshape(-1, 4)
        for kind, name in enumerate(LINES):
            reason = f"the list of {name} is cut or is no list of whole numbers"
            places.refuse(reason, row[~whole[:, kind], kind], _REMEDY)
        good = whole.all(axis=1)
        count = np.full(len(whole), -1, np.int64)
        single = good & (length[:, 0] == 1)
        count[single] = _integers(split, 4 * np.flatnonzero(single))
        for kind in (1, 2, 3):
            differs = good & (length[:, kind] != count)
            reason = (
                f"the list of {LINES[kind]} does not have as many values as the student answers"
            )
            places.refuse(reason, row[differs, kind], _REMEDY)
            good &= ~differs
        remedy = "Remove its four lines, or give ⟦on_bad_row⟧ drop."
        places.refuse("the student has no answer", row[good & (count == 0), 0], remedy)
        self.students = np.flatnonzero(good & (count > 0))
        self.counts = count[self.students]
        self.values = [_integers(split, 4 * self.students + kind) for kind in (1, 2, 3)]


def _integers(split: pa.ListArray, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return all values of some lists of numbers, one list after the other."""
    values = pc.utf8_trim_whitespace(split.take(pa.array(rows)).flatten())
    return np.asarray(values.cast(pa.int64()).to_numpy(False))


def _fours(source: Source, places: FileRows) -> Iterator[Block]:
    """Read the file in blocks of four lines times any number."""
    rest, line = b"", 1
    for block in blocks(source):
        if rest:
            block = Block(line, rest + block.data)
        lines = block.data.splitlines(keepends=True)
        whole = len(lines) // 4 * 4
        rest, line = b"".join(lines[whole:]), block.line + whole
        if whole:
            yield Block(block.line, b"".join(lines[:whole]))
    if rest.strip():
        last = line + rest.count(b"\n") - 1
        places.refuse("the lists of the last student are cut", [last], _REMEDY)


@dataclass(kw_only=True)
class EdNet(AnswerImporter):
    """The EdNet sample of PEBG.

    Args:
        skills: Which skills to take, ``tags`` (each question's) or ``joint`` (one skill for each
            combination of tags). Tags stand in ``pro_id_dict.txt`` and ``pro_skill_dict.txt``.
    """

    name = "ednet"
    reads = "the EdNet sample of PEBG: a folder with data.txt, four lines a student"
    citation = (
        "Choi et al. (2020), EdNet: A Large-Scale Hierarchical Dataset in Education, "
        "arXiv:1912.03072; sample: Liu et al. (2020), Improving Knowledge Tracing via Pre-training "
        "Question Embeddings, arXiv:2012.05031"
    )
    licence = "CC BY-NC 4.0"
    suffixes = ("data.txt",)
    in_folders = True

    skills: Literal["tags", "joint"] = "tags"

    def read(self, raw: str, bad: BadRows) -> Reading:
        """Read the four-line lists of the EdNet sample; students are named by their place, from 1.

        Args:
            raw: The folder, or its ``data.txt``; the dictionaries are looked for beside it.
            bad: What becomes of bad rows; the row of an answer is the line of its student's marks.

        Returns:
            What is read, piece by piece.

        Raises:
            DataError: A list is cut, lists of a student differ in length, or a dictionary is
                missing.
        """
        data = one_of(locate(raw), ["data.txt"])
        if data is None:
            raise DataError("the folder holds no data.txt.", "Name the file itself.", file=raw)
        questions, sources = _Names.load(data, "pro_id_dict.txt"), [data]
        tags = _Names.load(
            data, "pro_skill_dict.txt" if self.skills == "tags" else "skill_id_dict.txt"
        )
        if self.skills == "tags" and (questions is None or tags is None):
            raise data.fault(
                "pro_id_dict.txt or pro_skill_dict.txt is missing beside it.",
                "Give ⟦skills⟧ joint to do without them.",
            )
        sources += [names.source for names in (questions, tags) if names is not None]

        def pieces() -> Iterator[Piece]:
            places, student = bad.of(data), 1
            for block in _fours(data, places):
                lists = _Lists(block, places)
                count, who = lists.counts, student + lists.students
                line = block.line + 3 + 4 * lists.students
                student += block.data.count(b"\n") // 4
                item = questions.by_id(lists.values[1]) if questions else pa.array(lists.values[1])
                if tags is None:
                    skill = pa.array(lists.values[0])
                elif self.skills == "joint":
                    skill = tags.by_id(lists.values[0])
                else:
                    skill = tags.by_name(item)
                row = np.repeat(line, count)
                unknown = pc.or_(pc.is_null(item), pc.is_null(skill)).to_numpy(False)
                if unknown.any():
                    places.refuse(
                        "unknown skill: the dictionaries lack the question or its tags",
                        row[unknown],
                        "Add it to the dictionaries, or give ⟦on_bad_row⟧ drop.",
                        int(lists.values[1][int(unknown.argmax())]),
                    )
                columns = {"student": np.repeat(who, count), "item": item, "skill": skill,
                           "correct": lists.values[2]}  # fmt: skip
                batch = pa.RecordBatch.from_pydict(columns).filter(pa.array(~unknown))
                if batch.num_rows:
                    yield places.piece(batch, row[~unknown])

        taken = {"student": "its place in the file", "item": LINES[2], "skill": self.skills,
                "correct": LINES[3]}  # fmt: skip
        separator = ";" if self.skills == "tags" else ""
        return Reading(pieces(), tuple(sources), taken, separator=separator)
