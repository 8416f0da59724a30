"""What pages of predictions are, and the tables that they are made of, read again."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from torchedu.datasets.formulas import unguarded
from torchedu.run_folder import RunFolder
from torchedu.sections import Number, Section

MOST = 5000
"""People who get a page; the first ones where there are more."""

Rows = list[dict[str, Any]]
Cells = list[list[str | Number]]


class Page(NamedTuple):
    """What a page says.

    Attributes:
        title: Its heading.
        lead: What it comes to, in a sentence.
        sections: The rest.
    """

    title: str
    lead: str
    sections: Sequence[Section]


class Pages(NamedTuple):
    """The pages of a folder of predictions.

    Attributes:
        noun: Who or what has a page: the heading of a table's column that names them.
        classes: A page each, by what it is called.
        people: A page each, by name.
        left_out: How many have none, beyond ``MOST``.
    """

    noun: str
    classes: dict[str, Page]
    people: dict[str, Page]
    left_out: int


def together(noun: str, classes: dict[str, Page], people: dict[str, Page]) -> Pages:
    """Return pages, of no more people than ``MOST``."""
    kept = dict(list(people.items())[:MOST])
    return Pages(noun, classes, kept, len(people) - len(kept))


def table_in(folder: Path, name: str) -> Path | None:
    """Return the file of a table in a folder; None where there is none."""
    files = (RunFolder(folder).table(name, form) for form in RunFolder.FORMS)
    return next((file for file in files if file.is_file()), None)


def by(folder: Path, name: str, key: str) -> Iterator[tuple[str, Rows]]:
    """Yield the rows of a table by what stands in a column, in the order in which it first does."""
    file = table_in(folder, name)
    if file is None:
        return
    if file.suffix == ".json":
        table = pa.Table.from_pylist(json.loads(file.read_text("utf-8")))
    elif file.suffix == ".csv":
        convert = pa_csv.ConvertOptions(column_types={key: pa.string(), "student": pa.string()})
        table = unguarded(pa_csv.read_csv(file, convert_options=convert))
    else:
        table = pq.read_table(file)
    if not len(table):
        return
    codes = pc.dictionary_encode(table[key].cast(pa.string())).combine_chunks()
    place = codes.indices.to_numpy(zero_copy_only=False)
    order = np.argsort(place, kind="stable")
    ends = np.cumsum(np.bincount(place, minlength=len(codes.dictionary)))
    table = table.take(pa.array(order))
    for value, begin, end in zip(codes.dictionary.to_pylist(), [0, *ends], ends, strict=False):
        yield value, table.slice(begin, end - begin).to_pylist()


def groups(rows: Rows, key: str) -> Iterator[tuple[str, Rows]]:
    """Yield the rows by what stands under a heading."""
    for value in dict.fromkeys(row[key] for row in rows):
        yield value, [row for row in rows if row[key] == value]


def share(flags: Any) -> float | None:
    """Return the share of what is true; None of nothing."""
    return float(np.mean(flags)) if len(flags) else None
