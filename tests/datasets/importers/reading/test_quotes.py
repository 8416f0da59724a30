"""A quote that is left open takes its own line and no other."""

import csv
import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from torchedu.datasets.importers import import_data
from torchedu.datasets.importers.reading.quotes import without_lone_quotes
from torchedu.datasets.importers.reading.text import Block
from torchedu.errors import DataError

fields = st.text(st.characters(exclude_categories=("C",)) | st.sampled_from('\n",;'), max_size=6)


def lone(data: bytes, fields: int = 3, delimiter: str = ",") -> tuple[bytes, list[int]]:
    block, lines, _ = without_lone_quotes(Block(10, data), fields, delimiter)
    assert block.line == 10
    assert block.data.count(b"\n") == data.count(b"\n")
    return block.data, lines.tolist()


@given(st.lists(st.lists(fields, min_size=3, max_size=3), min_size=1, max_size=8), st.booleans())
def test_what_a_writer_writes_is_left_as_it_is(rows: list[list[str]], every: bool) -> None:
    stream = io.StringIO()
    quoting = csv.QUOTE_ALL if every else csv.QUOTE_MINIMAL
    csv.writer(stream, lineterminator="\n", quoting=quoting).writerows(rows)
    data = stream.getvalue().encode()
    assert lone(data) == (data, [])


@pytest.mark.parametrize(
    ("data", "left", "lines"),
    [
        (b'a,"b,1\nc,d,2\ne,"f,3\ng,h,4\n', b"\nc,d,2\n\ng,h,4\n", [10, 12]),
        (b'a,b,1\n"c,d,2\ne,f,3\n', b"a,b,1\n\ne,f,3\n", [11]),
        (b'a,b,"1\n', b"\n", [10]),
        (b'"a" b,c,1\nd,e,2\n', b"\nd,e,2\n", [10]),
        (b'a,5" pipe,1\nb,c,2\n', b'a,5" pipe,1\nb,c,2\n', []),
        (b'a,"x\ny",1\n', b'a,"x\ny",1\n', []),
        (b'"",b,1\n"c ""d""",e,2\n', b'"",b,1\n"c ""d""",e,2\n', []),
    ],
)
def test_lines_with_an_open_quote_are_taken_out(data: bytes, left: bytes, lines: list[int]) -> None:
    assert lone(data) == (left, lines)


def test_a_field_that_holds_rows_has_swallowed_them() -> None:
    rows = b"".join(b"s%d,q,1\n" % i for i in range(5))
    data = b's,",1\n' + rows + b's,",0\n'
    found, lines = lone(data)
    assert rows in found
    assert lines == [10, 16]


def test_other_delimiters_and_letters() -> None:
    assert lone('é\t"ü\t1\nß\tb\t2\n'.encode(), 3, "\t")[1] == [10]
    assert np.array_equal(lone(b'"a|b|c\n', 3, "|")[1], [10])


@pytest.mark.parametrize(("format", "delimiter"), [("csv", ","), ("csv", "\t"), ("texts", ",")])
def test_two_lone_quotes_cost_two_rows_at_most(format: str, delimiter: str, tmp_path: Path) -> None:
    heads = (
        ("id", "prompt", "score", "text") if format == "texts" else ("student", "item", "correct")
    )
    rows = [
        [f"a{i}", f"q{i % 7}", str(i % 2), *([f"words {i}"] * (format == "texts"))]
        for i in range(40)
    ]
    for i in (12, 30):
        rows[i][-3] = f'"{rows[i][-3]}'
    file = tmp_path / ("x.tsv" if delimiter == "\t" else "x.csv")
    file.write_text("\n".join(delimiter.join(row) for row in [heads, *rows]) + "\n", "utf-8")
    with pytest.raises(DataError, match=r"row 1[34]|line 1[34]"):
        import_data(format, file, tmp_path / "x.store")
    store = import_data(format, file, tmp_path / "x.store", {"on_bad_row": "drop"})
    named = sum(one["rows"] for one in store.about["dropped"].values())
    kept = store.num_texts if format == "texts" else store.num_answers
    assert (kept, named) == (38, 2)
