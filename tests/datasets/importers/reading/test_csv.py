import csv
import io

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from torchedu.datasets.importers.reading.csv import parse
from torchedu.datasets.importers.reading.text import Block

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
