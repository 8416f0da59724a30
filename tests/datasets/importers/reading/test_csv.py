import csv
import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from torchedu.datasets.importers.reading.columns import ColumnMap
from torchedu.datasets.importers.reading.csv import Table, dividing, parse
from torchedu.datasets.importers.reading.rows import BadRows, Places
from torchedu.datasets.importers.reading.text import Block, locate

fields = st.text(st.characters(exclude_categories=("C",)) | st.sampled_from('\n",;'), max_size=6)
records = st.lists(st.lists(fields, min_size=3, max_size=3), min_size=1, max_size=8)


@given(records, st.integers(1, 99), st.integers(0, 3))
def test_records_and_their_rows(rows: list[list[str]], line: int, blank: int) -> None:
    """Arrow's fields and our row numbers agree with Python's reader, whatever the fields hold."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n" * (1 + blank), quoting=csv.QUOTE_ALL)
    starts = []
    for row in rows:
        starts.append(line + stream.getvalue().count("\n"))
        writer.writerow(row)
    parsed = parse(Block(line, stream.getvalue().encode()), 3, {"x": 2, "y": 0}, ",", "a.csv")
    assert parsed.rows.tolist() == starts
    assert parsed.batch.column("x").to_pylist() == [row[2] or None for row in rows]
    assert parsed.batch.column("y").to_pylist() == [row[0] or None for row in rows]
    assert len(parsed.cut) == 0


def test_cut_lines_among_blank_ones_and_quotes() -> None:
    data = b'1,2,3\n\n"a\nb",2\n4,5,6\n7\n"c\nd",8,9\n'
    parsed = parse(Block(10, data), 3, {"x": 0}, ",", "a.csv")
    np.testing.assert_array_equal(parsed.cut, [12, 15])
    np.testing.assert_array_equal(parsed.rows, [10, 14, 16])
    assert parsed.first_cut == '"a\nb",2'


def test_one_column_may_be_taken_twice() -> None:
    parsed = parse(Block(1, b"a,b\n"), 2, {"item": 1, "skill": 1}, ",", "a.csv")
    assert parsed.batch.column("item").to_pylist() == ["b"]
    assert parsed.batch.column("skill").to_pylist() == ["b"]


@pytest.mark.parametrize(
    ("text", "headings", "row"),
    [
        ("a,b\n1,2\n", ["a", "b"], 1),
        ("a;b;c\n1;0,5;2\n", ["a", "b", "c"], 1),
        ("a\tb\n1\t2\n", ["a", "b"], 1),
        ("Name, first\tscore\nann\t1\nbob\t2\n", ["Name, first", "score"], 1),
        ("sep=;\na;b\n1;2\n", ["a", "b"], 2),
        ('"sep=,"\n# x\n\na,b\n1,2\n', ["a", "b"], 4),
        ("# by me, today, at 9\na,b\n1,2\n", ["a", "b"], 2),
        ("#student,item\n1,2\n", ["#student", "item"], 1),
        ('"a\nx"|b\n1|2\n', ["a\nx", "b"], 2),
        ("a\n1\n", ["a"], 1),
        ("Class 7b\n\na,b\n1,2\n3,4\n", ["a", "b"], 3),
        ("Klasse 7b;;\nExport vom 01.02.2024;;\na;b;c\n1;0,5;2\n3;1;4\n", ["a", "b", "c"], 3),
    ],
)
def test_headings_are_found_whatever_divides_them_and_stands_above(
    tmp_path: Path, text: str, headings: list[str], row: int
) -> None:
    (tmp_path / "a.csv").write_text(text)
    table = Table(locate(str(tmp_path / "a.csv")), None, "utf-8")
    assert (table.headings, table.heading_row) == (headings, row)
    assert table.whole({"first": headings[0]})["first"][0] in ("1", "ann")


@pytest.mark.parametrize(
    ("text", "delimiter"),
    [
        ("Name;F 1 /2,00;F 2 /2,00\na;1,00;0,50\nb;2,00;1,00\n", ";"),
        ("Name;F 1 /2,00;Nr\na;1,00;3\nb;2,00\nc;0,50;4\n", ";"),
        ("name,q1\na,1\nb\nc,0,1\nd,1\n", ","),
        ("a,b\n1,2\n3,4\n", ","),
        ("id,skills\n1,a;b\n2,a;c\n", ","),
        ("id,text\n1,Well, it is, I think, so\n2,No, it, is, not\n", ","),
    ],
)
def test_what_most_rows_tell_divides_them(text: str, delimiter: str) -> None:
    assert dividing(text, ",") == delimiter


def test_headings_that_stand_again_are_left_out_and_counted(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a,b\n1,2\na,b\n3,b\na,4\n")
    bad = BadRows(Places())
    table = Table(locate(str(tmp_path / "a.csv")), None, "utf-8")
    pieces = list(table.pieces(ColumnMap({"x": "a", "y": "b"}, ()), bad))
    assert pieces[0].batch.to_pydict() == {"x": ["1", "3", "a"], "y": ["2", "b", "4"]}
    assert bad.dropped == {
        "heading lines in the middle of a.csv": {
            "rows": 1, "first": ["a.csv, row 3"]
        }
    }  # fmt: skip
