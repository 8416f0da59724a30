"""Tables of answers as this field publishes them: each a map of its headings, and what it fixes."""

import codecs
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.compute as pc

from torchedu.datasets.importers.answers.importer import AnswerImporter
from torchedu.datasets.importers.answers.tables import CSVAnswers
from torchedu.datasets.importers.reading import values
from torchedu.datasets.importers.reading.columns import ColumnMap
from torchedu.datasets.importers.reading.csv import Table
from torchedu.datasets.importers.reading.rows import BadRows, Piece, Reading
from torchedu.datasets.importers.reading.text import Source, files, inside, is_folder, locate

AND = " / "
"""What joins the cells of two columns that name an item together."""


class _Joined:
    """A table with columns more, whose names and cells are those of several joined."""

    def __init__(self, table: Table, heads: Sequence[str]) -> None:
        self.source, self.heading_row = table.source, table.heading_row
        self._table, self._heads = table, heads
        self.notes, self.goes_on = table.notes, table.goes_on
        self.headings = [*table.headings, *heads]

    def pieces(self, matched: ColumnMap, bad: BadRows) -> Iterator[Piece]:
        wanted = {head: self._of(head) for head in dict.fromkeys(matched.taken.values())}
        single = {part: part for parts in wanted.values() for part in parts}
        for batch, place in self._table.pieces(ColumnMap(single, ()), bad):
            columns = {
                name: pc.binary_join_element_wise(
                    *(batch.column(part) for part in wanted[head]), AND, null_handling="skip"
                ) if len(wanted[head]) > 1 else batch.column(head)
                for name, head in matched.taken.items()
            }  # fmt: skip
            yield Piece(pa.RecordBatch.from_pydict(columns), place)

    def _of(self, head: str) -> list[str]:
        return head.split(AND) if head in self._heads else [head]


class _Tables(CSVAnswers):
    """Tables of which some columns are joined; no format of its own."""

    heads: Sequence[str] = ()

    def open(self, source: Source) -> Any:
        with source.open() as stream:  # a byte order mark says what a release did not
            marked = bytes(stream.read(3)) == codecs.BOM_UTF8
        table = Table(source, self.delimiter, "utf-8" if marked else self.encoding)
        lacking = [head for head in self.heads if AND in head]
        ours = [head for head in lacking if set(head.split(AND)) <= set(table.headings)]
        return _Joined(table, ours)


class Published(AnswerImporter):
    """A published table of answers: a subclass names its headings.

    Attributes:
        heads: For each column, the headings that hold it in some release, the first that is there.
        answer: The headings of the answer's id, where an answer fills a row for each of its skills.
        in_ms: Headings of response times that are in milliseconds.
        fixes: What else a ``Reading`` of it has.
        tables: The files of a folder that are read, where not all tables are.
    """

    heads: ClassVar[Mapping[str, Sequence[str]]]
    answer: ClassVar[Sequence[str]] = ()
    in_ms: ClassVar[Sequence[str]] = ()
    fixes: ClassVar[Mapping[str, Any]] = {}
    tables: ClassVar[Sequence[str]] = ()
    delimiter: ClassVar[str | None] = None
    encoding: ClassVar[str] = "utf-8"

    def read(self, raw: str, bad: BadRows) -> Reading:
        """Begin to read the file, or the tables of a folder; see ``Importer.read``.

        Raises:
            DataError: A column is missing.
        """
        place = locate(raw)
        named = [inside(place, name) for name in self.tables] if is_folder(place) else []
        sources = [file for file in named if file is not None]
        return self.of(sources or files(place, (".csv", ".tsv", ".txt")), bad)

    def of(self, sources: Sequence[Source], bad: BadRows) -> Reading:
        """Read files of the format; see ``read``."""
        tables = _Tables(delimiter=self.delimiter, encoding=self.encoding)
        tables.heads = [head for heads in self.heads.values() for head in heads]
        there = [set(tables.open(source).headings) for source in sources]
        every = set.intersection(*there)
        present = {
            name: next((head for head in heads if head in every), None)
            for name, heads in self.heads.items()
        }
        tables.columns = {name: head for name, head in present.items() if head is not None}
        tables.answer_id = next((head for head in self.answer if head in every), None)
        unit = "ms" if tables.columns.get("response_time") in self.in_ms else "s"
        fixes: dict[str, Any] = {"response_time_unit": unit, **self.fixes}
        return tables.of(sources, bad)._replace(**fixes)


class ASSISTments(Published):
    """ASSISTments as published for 2009, 2012, 2015 and 2017."""

    name = "assistments"
    reads = "ASSISTments' tables of 2009, 2012, 2015 and 2017, as published"
    citation = "Feng, Heffernan and Koedinger (2009), UMUAI 19(3)"
    licence = "for research, by the terms of ASSISTments"
    told_by = (
        "order_id user_id problem_id correct skill_id",
        "problem_log_id user_id problem_id correct start_time",
        "user_id log_id sequence_id correct",
        "studentid problemid starttime timetaken correct",
    )
    heads: ClassVar[Mapping[str, Sequence[str]]] = {
        "student": ("user_id", "studentId"),
        "item": ("problem_id", "problemId", "sequence_id"),
        "skill": ("skill_name", "skill", "skill_id"),
        "correct": ("correct",),
        "time": ("start_time", "startTime"),
        "order": ("order_id", "log_id", "problem_log_id"),
        "response_time": ("ms_first_response", "timeTaken"),
        "attempt": ("attempt_count", "attemptCount"),
    }
    answer = ("order_id", "problem_log_id")
    in_ms = ("ms_first_response",)
    fixes: ClassVar[Mapping[str, Any]] = {"separator": ""}
    encoding = "cp1252"


class KDDCup(Published):
    """The Algebra and Bridge tables of the KDD Cup 2010; an item is a problem's step."""

    name = "kdd_cup"
    reads = "KDD Cup 2010's tables of Algebra and Bridge (DataShop's step roll-up), by tabs"
    citation = "Stamper et al. (2010), KDD Cup 2010 Educational Data Mining Challenge"
    licence = "for research, by the terms of PSLC DataShop"
    told_by = ("anon_student_id problem_name step_name correct_first_attempt",)
    heads: ClassVar[Mapping[str, Sequence[str]]] = {
        "student": ("Anon Student Id",),
        "item": (f"Problem Name{AND}Step Name",),
        "skill": ("KC(SubSkills)", "KC(Default)", "KC (Default)", "KC(KTracedSkills)", "KC(Rules)"),
        "correct": ("Correct First Attempt",),
        "time": ("First Transaction Time", "Step Start Time"),
        "order": ("Row",),
        "response_time": ("Step Duration (sec)",),
    }
    fixes: ClassVar[Mapping[str, Any]] = {"separator": "~~"}
    delimiter = "\t"


class Junyi(Published):
    """The logs of Junyi Academy of 2015 and of 2018/19."""

    name = "junyi"
    reads = "Junyi Academy's problem logs of 2015 and of 2018/19"
    citation = "Chang, Hsu and Chen (2015), Modeling Exercise Relationships in E-Learning, EDM"
    licence = "for research, by the terms of Junyi Academy"
    told_by = ("user_id exercise time_done correct", "uuid ucid is_correct timestamp_tw")
    heads: ClassVar[Mapping[str, Sequence[str]]] = {
        "student": ("user_id", "uuid"),
        "item": ("exercise", "upid"),
        "skill": ("ucid",),
        "correct": ("correct", "is_correct"),
        "time": ("time_done", "timestamp_TW"),
        "response_time": ("time_taken", "total_sec_taken"),
        "attempt": ("count_attempts", "total_attempt_cnt"),
    }
    fixes: ClassVar[Mapping[str, Any]] = {"separator": ""}


_ANSWERS = "train_data/train_task_3_4.csv", "train_task_3_4.csv"
_ANSWER_TOLD, _QUESTION_TOLD = (f"{of}_metadata_task_3_4.csv" for of in ("answer", "question"))


class Eedi(Published):
    """Tasks 3 and 4 of the NeurIPS 2020 education challenge, by Eedi."""

    name = "eedi"
    reads = "NeurIPS 2020's Eedi tasks 3 and 4 (NIPS34): train_data and metadata"
    citation = "Wang et al. (2020), Diagnostic Questions: The NeurIPS 2020 Education Challenge"
    licence = "CC BY-NC-ND 4.0"
    suffixes = ("train_task_3_4.csv",)
    told_by = ("questionid userid answerid iscorrect",)
    heads: ClassVar[Mapping[str, Sequence[str]]] = {
        "student": ("UserId",),
        "item": ("QuestionId",),
        "correct": ("IsCorrect",),
        "answer": ("AnswerId",),
    }
    in_folders = True
    tables = _ANSWERS

    def of(self, sources: Sequence[Source], bad: BadRows) -> Reading:
        """Read the answers, with the subjects of questions and the dates of the metadata's."""
        source = sources[0]
        folders = (source.folder, source.folder.folder)
        places = [f"{folder}{{}}" for folder in ("", "metadata/")]
        dates, subjects = (
            next((file for folder in folders for place in places
                  if (file := inside(folder, place.format(name))) is not None), None)
            for name in (_ANSWER_TOLD, _QUESTION_TOLD)
        )  # fmt: skip
        when = _table(dates, "AnswerId", "DateAnswered")
        about = _table(subjects, "QuestionId", "SubjectId")
        table = Table(source, None, self.encoding)
        wanted = {name: heads[0] for name, heads in self.heads.items()}
        lacking = [head for head in wanted.values() if head not in table.headings]
        if lacking:
            raise source.fault(f"no column {lacking[0]!r}.", "Take the file of task 3 and 4.", 1)

        def pieces() -> Iterator[Piece]:
            for batch, place in table.pieces(ColumnMap(wanted, ()), bad):
                columns = {name: batch.column(name) for name in ("student", "item", "correct")}
                columns |= {} if when is None else {"time": _of(batch.column("answer"), *when)}
                columns |= {} if about is None else {"skill": _of(batch.column("item"), *about)}
                yield Piece(pa.RecordBatch.from_pydict(columns), place)

        taken = {name: head for name, head in wanted.items() if name != "answer"}
        taken |= {} if when is None else {"time": "DateAnswered"}
        taken |= {} if about is None else {"skill": "SubjectId"}
        read = tuple(file for file in (source, dates, subjects) if file is not None)
        return Reading(pieces(), read, taken, separator=";")


def _table(source: Source | None, key: str, value: str) -> tuple[pa.Array, pa.Array] | None:
    """Return two columns of a table beside the answers; lists such as ``[3, 32]`` as ``3;32``."""
    if source is None:
        return None
    table = Table(source, None, "utf-8")
    if lacking := [name for name in (key, value) if name not in table.headings]:
        raise source.fault(f"no column {lacking[0]!r}.", "Download it again, or take it away.", 1)
    columns = table.whole({"key": key, "value": value})
    cells = pc.replace_substring_regex(pa.array(columns["value"], pa.string()), r"[\[\] ]", "")
    lists = pc.replace_substring(cells, ",", ";") if value == "SubjectId" else columns["value"]
    keys = pc.replace_substring_regex(pa.array(columns["key"], pa.string()), r"\.0$", "")
    return keys, pa.array(lists, pa.string())


def _of(column: pa.Array, keys: pa.Array, cells: pa.Array) -> pa.Array:
    plain = pc.replace_substring_regex(values.names(column), r"\.0$", "")
    return cells.take(pc.index_in(plain, keys))
