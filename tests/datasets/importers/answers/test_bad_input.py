"""Every kind of bad input: two lines and exit code 2, or a counted drop; never a half store."""

import contextlib
import io
import json
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from tests.datasets.importers.fake import (
    MEMORY,
    Row,
    answers,
    write_csv,
    write_ednet,
    write_jsonl,
    write_kt1,
    write_tsv,
)
from torchedu.cli import main
from torchedu.datasets import AnswerStore
from torchedu.datasets.importers import formats, import_data
from torchedu.errors import DataError

# Examples are small as they come; shrinking would run the whole command hundreds of times more.
TIMES = settings(max_examples=30, phases=(Phase.explicit, Phase.generate))
rows_of = st.builds(answers, st.integers(1, 5), st.integers(2, 6), st.integers(0, 99))


class Kept(NamedTuple):
    """What a store holds when bad rows were dropped."""

    answers: int
    students: list[str]
    items: list[str]
    notes: list[str]


def refuse(write: Callable[[Path], list[str]], *said: str) -> str:
    """Import what ``write`` makes, and check how it is refused; return what was said."""
    with TemporaryDirectory(dir=MEMORY) as place:
        folder = Path(place)
        arguments = write(folder)
        before = sorted(folder.rglob("*"))
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stderr(err), contextlib.redirect_stdout(out):
            code = main(["data", "import", *arguments[:2], str(folder / "out"), *arguments[2:]])
        assert code == 2, out.getvalue() + err.getvalue()
        lines = err.getvalue().splitlines()
        assert len(lines) == 2, lines
        assert sorted(folder.rglob("*")) == before, "something was left behind"
        for text in said:
            assert text in err.getvalue(), err.getvalue()
        return err.getvalue()


def drop(write: Callable[[Path], list[str]], *reasons: str) -> Kept:
    """Import what ``write`` makes with bad rows dropped; check which reasons are counted."""
    with TemporaryDirectory(dir=MEMORY) as place:
        folder = Path(place)
        arguments = write(folder)
        with contextlib.redirect_stdout(io.StringIO()):
            words = [*arguments[:2], str(folder / "out"), *arguments[2:], "--on_bad_row", "drop"]
            assert main(["data", "import", *words]) == 0
        store = AnswerStore(folder / "out")
        assert sorted(store.about["dropped"]) == sorted(reasons)
        store.verify()
        assert len(store.answers().item) == store.num_answers
        names = store.student_names(range(store.num_students))
        return Kept(store.num_answers, names, list(store.vocabulary["item"]), store.about["notes"])


def as_csv(rows: list[Row], *options: str) -> Callable[[Path], list[str]]:
    return lambda folder: ["csv", str(write_csv(folder / "a.csv", rows)), *options]


def as_jsonl(rows: list[Row], *options: str) -> Callable[[Path], list[str]]:
    return lambda folder: ["jsonl", str(write_jsonl(folder / "a.jsonl", rows)), *options]


def as_parquet(rows: list[Row], *options: str) -> Callable[[Path], list[str]]:
    def write(folder: Path) -> list[str]:
        pq.write_table(pa.Table.from_pylist(rows), folder / "a.parquet")
        return ["parquet", str(folder / "a.parquet"), *options]

    return write


TABLES = {"csv": as_csv, "jsonl": as_jsonl, "parquet": as_parquet}
tables = st.sampled_from(sorted(TABLES))


def where(kind: str, index: int) -> str:
    """Return how the row of an answer is told: below the headings, by line, or by number."""
    return f"row {index + 2}:" if kind == "csv" else f"row {index + 1}:"


@TIMES
@given(
    rows_of, tables, st.sampled_from(["student", "item", "correct"]), st.text("abcxyz", min_size=9)
)
def test_missing_column(rows: list[Row], kind: str, column: str, other: str) -> None:
    renamed = [
        {other if name == column else name: value for name, value in row.items()} for row in rows
    ]
    refuse(TABLES[kind](renamed), f"no column holds the {column}", f"--columns.{column}")


def test_missing_column_names_the_nearest_heading() -> None:
    renamed = [{"corect": row.pop("correct"), **row} for row in answers()]
    refuse(as_csv(renamed), "Did you mean corect?")
    refuse(as_csv(answers(), "--columns.correct=corect"), "no column is called 'corect'")
    refuse(as_csv(answers(), "--groups=gnder"), "'gnder'", "Did you mean gender?")
    refuse(
        as_csv(answers(), "--columns.corect=x"), "columns.corect", "Did you mean --columns.correct?"
    )


scores_outside = st.one_of(
    st.floats(1.0001, 1e9), st.floats(-1e9, -1e-4), st.sampled_from([2, 100, -1, 10**30])
)


@TIMES
@given(rows_of, tables, st.data(), scores_outside)
def test_score_outside(rows: list[Row], kind: str, data: st.DataObject, score: float) -> None:
    index = data.draw(st.integers(0, len(rows) - 1))
    for row in rows:
        row["correct"] = float(row["correct"])
    rows[index]["correct"] = float(score)
    said = refuse(TABLES[kind](rows), "correct is outside 0..1", where(kind, index))
    assert ("--full_mark" in said) == (score > 1)
    if score > 1:  # without these rows, the others would be marks of another scale
        assert "drop" not in said
        refuse(TABLES[kind](rows, "--on_bad_row", "drop"), "correct is outside 0..1")
    # Who says that 1 is the highest knows the others for bad rows.
    store = drop(TABLES[kind](rows, "--full_mark", "1"), "correct is outside 0..1")
    assert store.answers == len(rows) - 1


@TIMES
@given(rows_of, st.data(), st.sampled_from(["inf", "-inf", "so so", "A", "1/0", "Infinity", "١"]))
def test_score_that_is_no_number(rows: list[Row], data: st.DataObject, score: str) -> None:
    index = data.draw(st.integers(0, len(rows) - 1))
    rows[index]["correct"] = score
    refuse(as_csv(rows), "correct is no mark", where("csv", index), repr(score), "--right")
    refuse(as_jsonl(rows), "correct is no mark", where("jsonl", index))


@TIMES
@given(
    rows_of,
    tables,
    st.data(),
    st.sampled_from(["student", "item", "correct"]),
    st.sampled_from(["", None]),
)
def test_empty_value(
    rows: list[Row], kind: str, data: st.DataObject, column: str, value: str | None
) -> None:
    index = data.draw(st.integers(0, len(rows) - 1))
    for row in rows:
        row["correct"] = str(row["correct"])
    rows[index][column] = value
    refuse(TABLES[kind](rows), f"{column} is missing", where(kind, index))


@pytest.mark.parametrize("value", ["NaN", "nan", "NA", "null", ""])
def test_score_that_says_there_is_none(value: str) -> None:
    rows = answers()
    rows[7]["correct"] = value
    refuse(as_csv(rows), "correct is missing", "row 9:")


@TIMES
@given(rows_of, tables, st.data(), st.booleans())
def test_unknown_skill(rows: list[Row], kind: str, data: st.DataObject, of_item: bool) -> None:
    index = data.draw(st.integers(0, len(rows) - 1))
    rows[index]["item" if of_item else "skill"] = "never seen"

    def write(folder: Path) -> list[str]:
        table = [{"item": f"q{i}", "skill": f"k{i % 3};k{i % 5}"} for i in range(12)]
        write_csv(folder / "skills.csv", table)
        return [*TABLES[kind](rows)(folder), "--item_skills", str(folder / "skills.csv")]

    refuse(write, "unknown skill", where(kind, index), "never seen")
    reason = "unknown skill: the table has none for the item" if of_item else "unknown skill"
    assert drop(write, reason).answers == len(rows) - 1


@TIMES
@given(st.lists(st.integers(0, 3), min_size=1, max_size=9), st.sampled_from([4, 5, 77, -1]))
def test_item_without_skill_in_the_q_matrix(items: list[int], unknown: int) -> None:
    rows = [(1, item, step, 1, 0) for step, item in enumerate([*items, unknown])]

    def write(folder: Path) -> list[str]:
        return ["tsv", str(write_tsv(folder / "raw", rows)), "--skills", "q_mat"]

    refuse(write, "unknown skill", f"row {len(rows) + 1}:")
    assert drop(write, "unknown skill: the item has none in q_mat.npz").answers == len(items)


@pytest.mark.parametrize("format", sorted(formats(AnswerStore)))
@given(st.sampled_from([b"", b"\n", b"\n\n  \n", b"\xef\xbb\xbf", b"\r\n"]))
@settings(max_examples=5)
def test_empty_file(format: str, data: bytes) -> None:
    def write(folder: Path) -> list[str]:
        raw = folder / "raw"
        if format == "ednet_kt1":
            write_kt1(raw, {})
            (raw / "KT1" / "u1.csv").write_bytes(data)
            return [format, str(raw)]
        if format == "ednet":
            write_ednet(raw, [])
            raw /= "data.txt"
        raw.write_bytes(data)
        return [format, str(raw)]

    refuse(write)


@TIMES
@given(rows_of, st.sampled_from(["csv", "jsonl", "parquet"]))
def test_headings_without_rows(rows: list[Row], kind: str) -> None:
    def write(folder: Path) -> list[str]:
        arguments = TABLES[kind](rows)(folder)
        file = Path(arguments[1])
        if kind == "parquet":
            pq.write_table(pa.Table.from_pylist(rows)[:0], file)
        else:
            file.write_bytes(file.read_bytes().split(b"\n")[0] + b"\n" if kind == "csv" else b"\n")
        return arguments

    refuse(write)


@TIMES
@given(rows_of, st.sampled_from(["csv", "jsonl", "ednet", "tsv", "kt1"]), st.data())
def test_cut_line(rows: list[Row], kind: str, data: st.DataObject) -> None:
    def write(folder: Path) -> list[str]:
        if kind == "ednet":
            write_ednet(folder / "raw", [[(1, 0), (2, 1), (3, 1)], [(4, 1), (1, 0)]])
            file, arguments = folder / "raw" / "data.txt", ["ednet", str(folder / "raw")]
        elif kind == "tsv":
            write_tsv(folder / "raw", [(1, i % 5, i, 1, 0) for i in range(6)])
            file = folder / "raw" / "preprocessed_data.csv"
            arguments = ["tsv", str(folder / "raw")]
        elif kind == "kt1":
            write_kt1(folder / "raw", {"u1": [(10**12 + i, "q1", "b", 5) for i in range(4)]})
            file, arguments = folder / "raw" / "KT1" / "u1.csv", ["ednet_kt1", str(folder / "raw")]
        else:
            arguments = TABLES[kind](rows)(folder)
            file = Path(arguments[1])
        lines = file.read_text().splitlines()
        headed = kind in ("csv", "tsv", "kt1")
        index = data.draw(st.integers(int(headed), len(lines) - 1), "line")
        if headed:
            separator = "\t" if kind == "tsv" else ","
            fields = lines[index].split(separator)
            keep = data.draw(st.integers(1, len(fields) - 1), "fields")
            lines[index] = separator.join(fields[:keep])
        else:
            keep = data.draw(st.integers(1, len(lines[index]) - 1), "characters")
            lines[index] = lines[index][:keep]
        file.write_text("\n".join(lines) + "\n")
        where_cut.append(index + 1)
        return arguments

    where_cut: list[int] = []
    said = refuse(write)
    assert f"row {where_cut[-1]}:" in said


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_a_delimiter_that_divides_all_lines_alike_is_found(tmp_path: Path, delimiter: str) -> None:
    rows = [row | {"skill": "k"} for row in answers()]
    store, plain = (
        import_data("csv", write_csv(tmp_path / f"{name}.csv", rows, mark), tmp_path / name)
        for name, mark in (("a", delimiter), ("b", ","))
    )
    assert store.manifest["files"] == plain.manifest["files"]


def test_a_delimiter_that_lines_have_unlike_often_is_asked_for() -> None:
    def write(folder: Path) -> list[str]:
        (folder / "a.csv").write_text("student;item;correct\na;q1;1\nb;q1;0\n")
        return ["csv", str(folder / "a.csv"), "--delimiter", ","]

    refuse(write, "only one column", "there are 3", "--delimiter ';'")


@TIMES
@given(rows_of, st.data(), st.sampled_from(["cp1252", "latin-1", "utf-16", "utf-16-le"]))
def test_wrong_encoding(rows: list[Row], data: st.DataObject, encoding: str) -> None:
    index = data.draw(st.integers(0, len(rows) - 1))
    rows[index]["item"] = "Größe"

    def write(folder: Path) -> list[str]:
        arguments = as_csv(rows)(folder)
        file = Path(arguments[1])
        file.write_bytes(file.read_text("utf-8").encode(encoding))
        return arguments

    if encoding.startswith("utf-16"):
        refuse(write)
    else:
        refuse(write, "not utf-8", f"row {index + 2}:", "byte 0xf6", "--encoding")

    def with_encoding(folder: Path) -> list[str]:
        return [*write(folder), "--encoding", encoding]

    assert "Größe" in drop(with_encoding).items


@TIMES
@given(
    rows_of.filter(lambda rows: len(rows) > 3),
    tables,
    st.data(),
    st.sampled_from(["ms", "date", "zone"]),
)
def test_mixed_time_units(rows: list[Row], kind: str, data: st.DataObject, other: str) -> None:
    index = data.draw(st.integers(0, len(rows) - 1))
    if other == "ms":
        rows[index]["time"] *= 1000
    else:
        for row in rows if other == "zone" else rows[index : index + 1]:
            row["time"] = f"2021-01-0{1 + row['time'] % 7} 10:00:00"
        if other == "zone":
            rows[index]["time"] += "+01:00"
        if kind == "parquet":  # a typed column holds one kind of value
            for row in rows:
                row["time"] = str(row["time"])
    refuse(TABLES[kind](rows), f"mixed time {'zones' if other == 'zone' else 'units'}")
    if other != "date":
        return
    store = drop(TABLES[kind](rows), "mixed time units: most times are seconds, this one is not")
    assert store.answers == len(rows) - 1


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_time_that_the_unit_given_makes_absurd(unit: str) -> None:
    rows = answers()
    rows[3]["time"] = 10**23
    refuse(as_csv(rows, "--time_unit", unit), "mixed time units", "row 5:")


@TIMES
@given(rows_of, tables, st.data())
def test_time_missing_in_some_rows(rows: list[Row], kind: str, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(rows) - 1))
    rows[index]["time"] = None
    if len({row["time"] for row in rows}) < 3:
        return  # one time for all others is no time at all
    refuse(TABLES[kind](rows), "the time is missing", where(kind, index))
    assert drop(TABLES[kind](rows), "the time is missing").answers == len(rows) - 1


@TIMES
@given(
    rows_of,
    st.data(),
    st.sampled_from(["yesterday", "2021-13-01", "13/13/2021", "2021-01-01 25:00:00", "12h"]),
)
def test_time_that_cannot_be_read(rows: list[Row], data: st.DataObject, time: str) -> None:
    index = data.draw(st.integers(0, len(rows) - 1))
    rows[index]["time"] = time
    refuse(as_csv(rows), "the time cannot be read", where("csv", index), repr(time))


@TIMES
@given(rows_of, tables, st.data())
def test_student_without_answers(rows: list[Row], kind: str, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(rows)))
    rows.insert(index, {**rows[0], "student": "lonely", "item": None, "correct": None})
    refuse(TABLES[kind](rows), "the student has no answer ('lonely')", where(kind, index))
    store = drop(TABLES[kind](rows), "the student has no answer")
    assert "lonely" not in store.students


@TIMES
@given(
    st.lists(
        st.lists(st.tuples(st.integers(0, 7), st.integers(0, 1)), max_size=4),
        min_size=2,
        max_size=5,
    )
)
@example([[], [(1, 1)]])
def test_student_without_answers_in_lists(histories: list[list[tuple[int, int]]]) -> None:
    histories = [*histories, *[[(0, 1)]] * len(histories)]  # most rows are never dropped
    empty = [i for i, history in enumerate(histories) if not history]

    def write(folder: Path) -> list[str]:
        return ["ednet", str(write_ednet(folder / "raw", histories))]

    if not empty:
        assert len(drop(write).students) == len(histories)
        return
    refuse(write, "the student has no answer", f"row {4 * empty[0] + 1}:")
    store = drop(write, "the student has no answer")
    # A student is named by the place in the file, whoever was dropped before.
    assert store.students == [str(i + 1) for i, history in enumerate(histories) if history]


@TIMES
@given(rows_of, tables, st.data())
def test_duplicate_row(rows: list[Row], kind: str, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(rows) - 1))
    later = data.draw(st.integers(index + 1, len(rows)))
    rows.insert(later, dict(rows[index]))
    refuse(TABLES[kind](rows), "the row is a duplicate", where(kind, later))
    reason = "the row is a duplicate: same student, item, time and mark as an earlier one"
    assert drop(TABLES[kind](rows), reason).answers == len(rows) - 1


@TIMES
@given(rows_of, tables, st.data(), st.booleans())
def test_row_for_each_skill(rows: list[Row], kind: str, data: st.DataObject, timed: bool) -> None:
    index = data.draw(st.integers(0, len(rows) - 1))
    rows.insert(index + 1, {**rows[index], "skill": "another"})
    if not timed:
        rows = [{name: value for name, value in row.items() if name != "time"} for row in rows]
    refuse(TABLES[kind](rows), "one for each skill", where(kind, index + 1), "--answer_id")
    merged = drop(TABLES[kind](rows, "--merge_skill_rows", "true"))
    assert merged.answers == len(rows) - 1
    assert "1 rows" in merged.notes[-1]


@TIMES
@given(st.binary(max_size=300), st.sampled_from(sorted(formats(AnswerStore))))
def test_bytes_of_any_kind(data: bytes, format: str) -> None:
    def write(folder: Path) -> list[str]:
        raw = folder / "raw"
        raw.write_bytes(data)
        return [format, str(raw)]

    if format != "dkt_synthetic" or not set(data) <= set(b"01,\n"):
        refuse(write)


@TIMES
@given(st.text(max_size=200), st.sampled_from(["csv", "jsonl"]))
def test_text_of_any_kind_below_good_headings(text: str, kind: str) -> None:
    """Whatever is written, the import either works or is refused in two lines."""

    def write(folder: Path) -> list[str]:
        arguments = TABLES[kind](answers())(folder)
        with Path(arguments[1]).open("ab") as stream:
            stream.write(text.encode("utf-8", "replace") + b"\n")
        return arguments

    if text.strip():
        refuse(write)


@pytest.mark.parametrize("cut", [1, 4, 100, -1, -5, -40])
def test_cut_parquet(cut: int) -> None:
    def write(folder: Path) -> list[str]:
        arguments = as_parquet(answers())(folder)
        file = Path(arguments[1])
        file.write_bytes(file.read_bytes()[:cut])
        return arguments

    refuse(write, "a.parquet")


@pytest.mark.parametrize("delimiter", [",,", '"', "é", "\n"])
def test_delimiter_that_cannot_be_one(delimiter: str) -> None:
    refuse(as_csv(answers(), "--delimiter", delimiter), "not one plain character")


@pytest.mark.parametrize("end", ["\r", "\r\n"])
def test_line_ends_of_other_systems(end: str) -> None:
    rows = answers()

    def write(folder: Path) -> list[str]:
        file = write_csv(folder / "a.csv", rows)
        file.write_bytes(file.read_bytes().replace(b"\n", end.encode()))
        return ["csv", str(file)]

    assert drop(write).answers == 20
    rows[7]["correct"] = 7
    refuse(write, "row 9:")


@pytest.mark.parametrize("indent", [None, 1])
def test_a_json_array_is_read_as_lines_are(indent: int | None, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(answers(), indent=indent))
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, answers())))
    stores = [import_data("jsonl", tmp_path / f"a.{end}", tmp_path / end) for end in
              ("json", "jsonl")]  # fmt: skip
    assert stores[0].manifest["files"] == stores[1].manifest["files"]
    (tmp_path / "a.json").write_text(json.dumps([*answers(), {**answers()[0], "correct": "x"}]))
    with pytest.raises(DataError, match=rf"row {len(answers()) + 1}: correct is no mark"):
        import_data("jsonl", tmp_path / "a.json", tmp_path / "s")


def test_missing_file_names_the_nearest() -> None:
    def write(folder: Path) -> list[str]:
        write_csv(folder / "answers.csv", answers())
        return ["csv", str(folder / "answer.csv")]

    refuse(write, "no such file", "Did you mean answers.csv?")


def test_option_of_another_format() -> None:
    refuse(as_csv(answers(), "--skills", "tags"), "csv has no option skills", "ednet")


def test_most_rows_are_never_dropped() -> None:
    rows = answers()
    for share, action in ((0.4, drop), (0.6, refuse), (1, refuse)):
        bad = int(share * len(rows))
        mixed = [{**row, "correct": "x" if i < bad else 1} for i, row in enumerate(rows)]
        said = f"{bad} of {len(rows)} rows would be dropped"
        if action is refuse:
            refuse(
                as_csv(mixed, "--on_bad_row", "drop"), said, "a.csv, row 2", "correct is no mark"
            )
        else:
            assert drop(as_csv(mixed), "correct is no mark").answers == len(rows) - bad


def test_folders_made_on_the_way_are_removed(tmp_path: Path) -> None:
    raw = write_csv(tmp_path / "a.csv", [{**row, "correct": 7} for row in answers()])
    with contextlib.redirect_stderr(io.StringIO()):
        assert (
            main(["data", "import", "csv", str(raw), str(tmp_path / "new" / "deep" / "out")]) == 2
        )
    assert sorted(tmp_path.iterdir()) == [raw]


def test_an_older_store_stands_when_the_import_fails(tmp_path: Path) -> None:
    good = write_csv(tmp_path / "good.csv", answers())
    bad = write_csv(tmp_path / "bad.csv", [{**row, "correct": 7} for row in answers()])
    out = str(tmp_path / "out")
    with contextlib.redirect_stdout(io.StringIO()):
        assert main(["data", "import", "csv", str(good), out]) == 0
    with contextlib.redirect_stderr(io.StringIO()):
        assert main(["data", "import", "csv", str(bad), out]) == 2
    AnswerStore(out).verify()


def test_out_that_is_no_store_is_left_alone(tmp_path: Path) -> None:
    raw = write_csv(tmp_path / "a.csv", answers())
    out = tmp_path / "thesis"
    out.mkdir()
    (out / "chapter.txt").write_text("years of work")
    with contextlib.redirect_stderr(io.StringIO()) as err:
        assert main(["data", "import", "csv", str(raw), str(out)]) == 2
    assert "is not a store" in err.getvalue()
    assert (out / "chapter.txt").read_text() == "years of work"


@pytest.mark.parametrize("column", ["student", "item", "correct", "time"])
@pytest.mark.parametrize("value", [[1], {"a": 1}, [], {}])
def test_value_that_is_a_list_or_an_object(column: str, value: object) -> None:
    rows = answers()
    rows[0][column] = value
    refuse(as_jsonl(rows), f"the {column} is a list or an object", "row 1:")
    reason = f"the {column} is a list or an object, not one value"
    assert drop(as_jsonl(rows), reason).answers == len(rows) - 1
    if value:
        nested = [{**row, column: value} for row in rows]
        refuse(as_jsonl(nested), f"the {column} is a list or an object", "row 1:")
        refuse(as_parquet(nested), f"the {column} is a list or an object", "row 1:")
