"""pyKT's tables, XES3G5M among them: a row a student, or a window of one, of lists."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from torchedu.datasets.importers.answers.importer import AnswerImporter
from torchedu.datasets.importers.reading.columns import ANSWER_ID, ColumnMap
from torchedu.datasets.importers.reading.csv import Table
from torchedu.datasets.importers.reading.rows import BadRows, FileRows, Piece, Reading
from torchedu.datasets.importers.reading.text import inside, is_folder, locate
from torchedu.errors import DataError
from torchedu.schema import GROUP

PAIRS = [
    (f"{folder}{train}.csv", f"{folder}{test}.csv")
    for folder in ("", "question_level/", "kc_level/")
    for train, test in (
        ("train_valid_sequences_quelevel", "test_quelevel"), ("train_valid_quelevel",
        "test_quelevel"), ("train_valid_sequences", "test"), ("train_valid", "test"),
        ("train_valid_sequences", "test_sequences"),
    )
]  # fmt: skip
"""Files of a folder that hold all of its answers once, the first such pair that is there."""
LISTS = {"questions": "item", "concepts": "skill", "responses": "correct", "timestamps": "time",
         "usetimes": "response_time", "is_repeat": "again"}  # fmt: skip


class PyKT(AnswerImporter):
    """The tables that pyKT makes of data sets; folds become the attribute ``fold``.

    The attribute ``part`` is ``test`` for students of the published test file, else ``train``.
    """

    name = "pykt"
    reads = "pyKT's train_valid and test tables (with sequences or not), as of XES3G5M"
    citation = (
        "Liu et al. (2022), pyKT, NeurIPS; Liu et al. (2023), XES3G5M, NeurIPS; and the data's own"
    )
    licence = "that of the data"
    told_by = ("fold uid concepts responses", "fold uid questions responses")
    suffixes = ("train_valid_sequences.csv", "train_valid_sequences_quelevel.csv")
    in_folders = True

    def read(self, raw: str, bad: BadRows) -> Reading:
        """Begin to read a table, or a folder's for training and for test; see ``Importer.read``.

        Rows that tell an answer again for another of its concepts are one answer. Where the
        questions are not told, concepts stand for them.

        Raises:
            DataError: The folder holds no such tables, or a column is missing.
        """
        place = locate(raw)
        sources = [place]
        if is_folder(place):
            pairs = [[inside(place, name) for name in pair] for pair in PAIRS]
            pair = max(pairs, key=lambda pair: (pair[0] is not None, pair[1] is not None))
            sources = [file for file in pair if file is not None]
        if not sources:
            raise DataError(
                "the folder holds no train_valid or train_valid_sequences.csv.",
                "Name the file itself.", file=raw,
            )  # fmt: skip
        tables = [Table(source, None, "utf-8") for source in sources]
        lists = [name for name in LISTS if all(name in t.headings for t in tables)]
        if "questions" in lists and not any(_told(table) for table in tables):
            lists.remove("questions")
        for table in tables:
            lacking = {"uid", "responses"} - set(table.headings)
            if lacking or not {"questions", "concepts"} & set(lists):
                raise table.source.fault(
                    f"no column {min(lacking, default='concepts')!r}.",
                    "pyKT's tables have fold, uid, questions, concepts and responses.",
                    table.heading_row,
                )

        def pieces() -> Iterator[Piece]:
            done = 0
            for table in tables:
                rows = bad.of(table.source)
                wanted = {name: name for name in ("uid", "fold", *lists) if name in table.headings}
                for batch, place in table.pieces(ColumnMap(wanted, ()), bad):
                    columns, where = _flat(batch, lists, rows, place, done)
                    done += len(where)
                    yield Piece(columns, where)

        taken = {LISTS[name]: name for name in lists if LISTS[name] != "again"} | {"student": "uid"}
        taken |= {} if "questions" in lists else {"item": "concepts"}
        taken |= {ANSWER_ID: "is_repeat"} if "is_repeat" in lists else {}
        taken |= {GROUP + "fold": "fold", GROUP + "part": "fold"}
        return Reading(
            pieces(), tuple(sources), taken, separator="_", unit="ms", response_time_unit="ms"
        )


def _told(table: Table) -> bool:
    """Say whether questions are told, and not -1 or NA alone."""
    column = table.whole({"questions": "questions"})["questions"]
    return any(set((text or "").split(",")) - {"-1", "NA", ""} for text in column)


def _flat(
    batch: pa.RecordBatch, lists: list[str], rows: FileRows, place: NDArray[np.int64], done: int
) -> tuple[pa.RecordBatch, NDArray[np.int64]]:
    """Return a row an answer, and where each stands."""
    split = {name: pc.split_pattern(pc.fill_null(batch.column(name), ""), ",") for name in lists}
    length = pc.list_value_length(split["responses"]).to_numpy(False)
    whole = np.ones(len(length), bool)
    missing = {"NA", ""}
    for name, column in split.items():
        own = pc.list_value_length(column).to_numpy(False)
        first = pc.list_element(column, 0).to_pylist()
        absent = np.array([cell in missing for cell in first]) & (own == 1)
        differs = (own != length) & ~absent
        if differs.any():
            number = np.array([rows.bad.places.name(int(p))[1] for p in place[differs & whole]])
            reason = f"the list of {name} does not have as many values as that of responses"
            rows.refuse(reason, number.astype(np.int64))
        whole &= ~differs
    row = np.repeat(np.flatnonzero(whole), length[whole])
    flat: dict[str, pa.Array] = {}
    for name, column in split.items():
        own = pc.list_value_length(column).to_numpy(False)
        begin = np.cumsum(own) - own
        step = np.arange(len(row)) - np.repeat(np.cumsum(length[whole]) - length[whole],
                                               length[whole])  # fmt: skip
        at = np.where(own[row] == length[row], begin[row] + step, begin[row])
        text = column.flatten().take(pa.array(at))
        null = pc.is_in(text, pa.array(["NA", "", *(["-1"] * (name != "concepts"))]))
        flat[LISTS[name]] = pc.if_else(null, pa.scalar(None, pa.string()), text)
    flat.setdefault("item", flat.get("skill"))
    kept = flat["correct"].is_valid()
    again = flat.pop("again", None)
    if again is not None:
        new = pc.not_equal(pc.fill_null(again, "0"), "1").to_numpy(False)
        flat[ANSWER_ID] = pa.array(done + np.cumsum(new)).cast(pa.string())
    fold = pc.fill_null(batch.column("fold"), "-1") if "fold" in batch.schema.names else None
    fold = pa.array(["-1"] * len(length)) if fold is None else fold
    of_row = pa.array(row)
    flat |= {
        "student": batch.column("uid").take(of_row),
        GROUP + "fold": fold.take(of_row),
        GROUP + "part": pc.if_else(pc.equal(fold.take(of_row), "-1"), "test", "train"),
    }
    table = pa.RecordBatch.from_pydict(flat).filter(kept)
    return table, place[row][kept.to_numpy(False)]
