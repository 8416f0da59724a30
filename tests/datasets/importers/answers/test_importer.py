import gzip
import json
import os
import random
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pyarrow.csv as arrow_csv
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.datasets.importers.fake import (
    MEMORY,
    Row,
    answers,
    contents,
    skills,
    told,
    write_csv,
    write_jsonl,
)
from torchedu.datasets import AnswerStore, grouping
from torchedu.datasets.importers import guess_format, import_data
from torchedu.datasets.importers.reading import text
from torchedu.errors import ConfigError, DataError


def expected(rows: list[Row]) -> dict[str, list[tuple[str, float]]]:
    by_student: dict[str, list[Row]] = {}
    for row in rows:
        by_student.setdefault(row["student"], []).append(row)
    return {
        name: [(row["item"], row["correct"]) for row in sorted(mine, key=lambda row: row["time"])]
        for name, mine in sorted(by_student.items())
    }


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_generic_formats_say_the_same(tmp_path: Path, kind: str) -> None:
    rows = answers(students=9, each=7)
    raw = tmp_path / f"a.{kind}"
    if kind == "parquet":
        lists = [{**row, "skill": row["skill"].split(";")} for row in rows]
        pq.write_table(pa.Table.from_pylist(lists), raw, row_group_size=10)
    else:
        {"csv": write_csv, "jsonl": write_jsonl}[kind](raw, rows)
    assert guess_format(raw, AnswerStore) == kind
    store = import_data(kind, raw, tmp_path / "out", {"groups": ["gender"]})
    store.verify()
    assert told(store) == expected(rows)
    want = {row["item"]: sorted(set(row["skill"].split(";"))) for row in rows}
    assert skills(store) == dict(sorted(want.items(), key=lambda pair: int(pair[0][1:])))
    genders = [store.vocabulary["group.gender"].name(i) for i in store.group("gender").tolist()]
    assert genders == ["fm"[i % 2] for i in range(9)]
    assert store.correct.dtype == np.uint8
    by_time = [row for name in told(store) for row in rows if row["student"] == name]
    assert store.answer_column("time").tolist() == [row["time"] * 1000 for row in by_time]
    assert store.answer_column("response_time").tolist() == [r["response_time"] for r in by_time]
    assert not store.has("attempt")
    assert store.about["time_unit"] == "seconds"


@settings(max_examples=20)
@given(st.integers(0, 10**6), st.booleans())
def test_store_does_not_depend_on_the_order_of_students(seed: int, timed: bool) -> None:
    """Rows of different students may come in any order: the same bytes are stored."""
    rows = answers(students=12, each=6)
    if not timed:
        rows = [{name: value for name, value in row.items() if name != "time"} for row in rows]
    draw = random.Random(seed)
    queues: dict[str, list[Row]] = {}
    for row in rows:
        queues.setdefault(row["student"], []).append(row)
    mixed = []
    while queues:
        name = draw.choice(sorted(queues))
        mixed.append(queues[name].pop(0))
        if not queues[name]:
            del queues[name]
    if timed:
        draw.shuffle(mixed)
    with TemporaryDirectory(dir=MEMORY) as folder:
        stores = []
        for name, order in (("a", rows), ("b", mixed)):
            raw = write_csv(Path(folder) / f"{name}.csv", order)
            import_data("csv", raw, Path(folder) / name, {"groups": ["gender"]})
            stores.append(contents(Path(folder) / name))
        assert stores[0] == stores[1]


def test_small_chunks_give_the_same_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = write_csv(tmp_path / "a.csv", answers(students=30, each=20))
    import_data("csv", raw, tmp_path / "whole", {"groups": ["gender"]})
    monkeypatch.setattr(text, "BLOCK_BYTES", 257)
    monkeypatch.setattr(grouping, "CHUNK_ROWS", 13)
    seen: list[int] = []
    import_data("csv", raw, tmp_path / "bits", {"groups": ["gender"]}, progress=seen.append)
    assert contents(tmp_path / "whole") == contents(tmp_path / "bits")
    assert len(seen) > 50
    assert seen[-1] == 600


def test_names_are_kept_as_names(tmp_path: Path) -> None:
    rows = [
        {"student": " 007 ", "item": "q,1", "skill": "α; β", "correct": "1.0"},
        {"student": "7", "item": 'say "no"\nnow', "skill": "", "correct": "0"},
        {"student": "10", "item": "NA", "skill": "β", "correct": "true"},
    ]
    store = import_data("csv", write_csv(tmp_path / "a.csv", rows), tmp_path / "out")
    assert told(store) == {
        "007": [("q,1", 1)],
        "7": [('say "no"\nnow', 0)],
        "10": [("NA", 1)],
    }
    nameless = 'say "no"\nnow'
    assert skills(store) == {
        "NA": ["β"],
        "q,1": ["α", "β"],
        nameless: ["(no skill named)", nameless],
    }


def test_numbers_are_the_same_names_in_every_format(tmp_path: Path) -> None:
    columns = {"user_id": [3, 20, 3], "problem_id": [1.0, 2.0, None], "score": [1.0, 0.5, 0.0]}
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    lines = ['{"user": 3, "item": 1, "score": true}', '{"user": "20", "item": 2.0, "score": 0.5}']
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    one = import_data("parquet", tmp_path / "a.parquet", tmp_path / "1", {"on_bad_row": "drop"})
    two = import_data("jsonl", tmp_path / "a.jsonl", tmp_path / "2")
    assert told(one) == told(two) == {"3": [("1", 1.0)], "20": [("2", 0.5)]}
    assert one.correct.dtype == np.float32
    assert one.about["dropped"]["the item is missing"]["rows"] == 1


def test_folder_of_files_is_one_data_set(tmp_path: Path) -> None:
    rows = answers()
    (tmp_path / "raw").mkdir()
    write_csv(tmp_path / "raw" / "b.csv", rows[10:])
    write_csv(tmp_path / "raw" / "a.csv", rows[:10])
    whole = write_csv(tmp_path / "whole.csv", rows)
    import_data("csv", tmp_path / "raw", tmp_path / "1")
    import_data("csv", whole, tmp_path / "2")
    assert contents(tmp_path / "1") == contents(tmp_path / "2")


def test_packed_file_and_uri(tmp_path: Path) -> None:
    raw = write_csv(tmp_path / "a.csv", answers())
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(raw.read_bytes()))
    import_data("csv", raw, tmp_path / "1")
    import_data("csv", f"file://{raw}.gz", tmp_path / "2")
    assert contents(tmp_path / "1") == contents(tmp_path / "2")


def test_answer_id_merges_rows_of_one_answer(tmp_path: Path) -> None:
    rows = []
    for number, row in enumerate(answers()):
        rows += [
            {**row, "skill": skill, "log": f"id{number}"}
            for skill in dict.fromkeys(row["skill"].split(";"))
        ]
    raw = write_csv(tmp_path / "a.csv", rows)
    store = import_data("csv", raw, tmp_path / "out", {"answer_id": "log"})
    assert told(store) == expected(answers())
    assert store.about["notes"][-1].startswith(f"{len(rows) - 20} rows")
    want = {row["item"]: sorted(set(row["skill"].split(";"))) for row in answers()}
    assert skills(store) == {name: want[name] for name in skills(store)}


def test_answers_given_again_later_are_not_duplicates(tmp_path: Path) -> None:
    rows = [
        {"student": "a", "item": "q", "correct": 1, "time": f"2024-01-0{day}"}
        for day in (1, 1, 2, 2)
    ]
    store = import_data("csv", write_csv(tmp_path / "a.csv", rows), tmp_path / "out")
    assert store.num_answers == 4  # days are too coarse to tell a duplicate from a second try


@pytest.mark.parametrize(
    ("times", "unit", "milliseconds"),
    [
        (["2024-01-31T09:30:00Z", "2024-01-31 10:31:00+01:00"], "dates with a zone", 60_000),
        (["2024-01-31", "2024-02-01"], "dates without a zone", 86_400_000),
        (["2024-01-31 09:30", "2024-01-31 09:30:00.250"], "dates without a zone", 250),
        (["1700000000", "1700000001.5"], "seconds", 1500),
        (["1700000000000", "1700000000007"], "milliseconds", 7),
        (["1700000000000000", "1700000000007000"], "microseconds", 7),
        (["1700000000000000000", "1700000000007000064"], "nanoseconds", 7),
        (["0", "77"], "seconds", 77_000),
        (["5", "90000000000"], "milliseconds", 89_999_999_995),
    ],
)
def test_time_units(tmp_path: Path, times: list[str], unit: str, milliseconds: int) -> None:
    rows = [{"student": "a", "item": "q", "correct": 1, "when": time} for time in reversed(times)]
    raw = write_csv(tmp_path / "a.csv", rows)
    store = import_data("csv", raw, tmp_path / "out", {"columns": {"time": "when"}})
    stored = store.answer_column("time")
    assert store.about["time_unit"] == unit
    assert stored[1] - stored[0] == milliseconds


def test_unit_that_only_the_user_can_know(tmp_path: Path) -> None:
    rows = [{"student": "a", "item": "q", "correct": 1, "time": t} for t in (5, 400_000_000)]
    raw = write_csv(tmp_path / "a.csv", rows)
    with pytest.raises(DataError, match="may be seconds or milliseconds"):
        import_data("csv", raw, tmp_path / "out")
    store = import_data("csv", raw, tmp_path / "out", {"time_unit": "ms"})
    assert store.answer_column("time").tolist() == [5, 400_000_000]


def test_the_same_time_everywhere_is_no_time(tmp_path: Path) -> None:
    rows = [{**row, "time": 0} for row in answers()]
    store = import_data("csv", write_csv(tmp_path / "a.csv", rows), tmp_path / "out")
    assert not store.has("time")
    assert "the file's order" in store.about["notes"][0]


def test_about_says_what_was_done_without_a_path(tmp_path: Path) -> None:
    raw = write_csv(tmp_path / "a.csv", [{**row, "noise": 1} for row in answers()])
    store = import_data("csv", raw, tmp_path / "out", {"columns": {"skill": "skill"}})
    about = store.about
    assert about["source"][0]["file"] == "a.csv"
    assert about["source"][0]["bytes"] == raw.stat().st_size
    assert about["ignored_columns"] == ["gender", "noise"]
    assert about["options"] == {"columns": {"skill": "skill"}}
    assert str(tmp_path) not in json.dumps(about)


def test_items_with_other_skills_on_other_rows_have_all(tmp_path: Path) -> None:
    rows = [
        {"student": s, "item": "q", "skill": skill, "correct": 1}
        for s, skill in zip("ab", "xy", strict=True)
    ]
    store = import_data("csv", write_csv(tmp_path / "a.csv", rows), tmp_path / "out")
    assert skills(store) == {"q": ["x", "y"]}
    assert "1 items have different skills on different rows: they have all." in store.about["notes"]


def test_item_skills_from_a_table(tmp_path: Path) -> None:
    rows = [{"student": "a", "item": f"q{i}", "correct": 1} for i in range(3)]
    table = [{"item": f"q{i}", "skill": f"k{i};all"} for i in range(4)]
    store = import_data(
        "csv",
        write_csv(tmp_path / "a.csv", rows),
        tmp_path / "out",
        {"item_skills": str(write_csv(tmp_path / "skills.csv", table))},
    )
    assert skills(store) == {f"q{i}": ["all", f"k{i}"] for i in range(3)}


def test_student_with_several_values_of_a_group_has_the_first(tmp_path: Path) -> None:
    rows = [
        {"student": "a", "item": "q", "correct": 1, "school": school} for school in ("", "x", "y")
    ]
    rows.append({"student": "b", "item": "q", "correct": 1, "school": ""})
    raw = write_csv(tmp_path / "a.csv", rows)
    store = import_data("csv", raw, tmp_path / "out", {"groups": ["school"]})
    assert [store.vocabulary["group.school"].name(i) for i in store.group("school")] == [
        "x",
        "<unknown>",
    ]
    assert any("1 students have several values of school" in n for n in store.about["notes"])


def test_response_times(tmp_path: Path) -> None:
    rows = [
        {"student": "a", "item": f"q{i}", "correct": 1, "elapsed": value}
        for i, value in enumerate(["1500", "", "-3"])
    ]
    raw = write_csv(tmp_path / "a.csv", rows)
    store = import_data("csv", raw, tmp_path / "out", {"response_time_unit": "ms"})
    times = store.answer_column("response_time")
    assert times[0] == 1.5
    assert np.isnan(times[1:]).all()


def test_format_that_nobody_knows(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="Did you mean jsonl"):
        import_data("json", "a", tmp_path / "out")
    assert guess_format("answers.docx", AnswerStore) is None


KILLED = """
import os, sys
from torchedu.datasets.importers import import_data
import_data("csv", *sys.argv[1:], progress=lambda rows: os._exit(9))
"""


def test_what_a_killed_import_leaves_goes_with_the_next(tmp_path: Path) -> None:
    raw, out = write_csv(tmp_path / "a.csv", answers()), tmp_path / "a.store"
    assert subprocess.run([sys.executable, "-c", KILLED, str(raw), str(out)]).returncode == 9
    assert any(list(left.iterdir()) for left in set(tmp_path.iterdir()) - {raw})
    import_data("csv", raw, out)
    assert set(tmp_path.iterdir()) == {raw, out}


CHILD = """
import sys, threading, time
from torchedu.datasets import grouping
from torchedu.datasets.importers import import_data
from torchedu.datasets.importers.reading import text

def anonymous():
    status = open("/proc/self/status").read()
    return int(status.split("RssAnon:")[1].split()[0]) * 1024

text.BLOCK_BYTES, grouping.CHUNK_ROWS = 1 << 18, 1 << 14
most = [0]
def watch():
    while True:
        most[0] = max(most[0], anonymous())
        time.sleep(0.005)
import_data("csv", sys.argv[1], sys.argv[3])  # what the libraries take for themselves
before = anonymous()
threading.Thread(target=watch, daemon=True).start()
import_data("csv", sys.argv[2], sys.argv[3])
print(most[0] - before)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc")
def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    """A file of many blocks is read in a small, fixed part of its size."""
    small = write_csv(tmp_path / "small.csv", answers())
    number = np.arange(1_000_000)
    columns = {"student": number % 997, "item": number * 7 % 501, "correct": number % 2}
    columns["time"] = 1_600_000_000 + number
    columns["comment"] = 10**17 + number  # makes the file longer, and is not read
    large = tmp_path / "large.csv"
    arrow_csv.write_csv(pa.table(columns), large)
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(small), str(large), str(tmp_path / "out")],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[4])},
    )
    # The text has 39 MB; its columns take 25 bytes a row, 25 MB, twice while they are sorted.
    assert large.stat().st_size > 39e6
    assert int(done.stdout) < 20e6


@pytest.mark.parametrize(
    ("name", "students", "answers_", "items", "skills_"),
    [
        (("ednet", "ednet_pebg5k", "tags"), 5002, 222_141, 10_779, 188),
        (("ednet", "ednet_pebg5k", "joint"), 5002, 222_141, 10_779, 1661),
        (("tsv", "statics2011_ts", "column"), 282, 189_297, 1223, 98),
        (("tsv", "algebra2005_ts_test20", "column"), 114, 129_998, 48_080, 258),
        (("tsv", "algebra2005_ts_test20", "q_mat"), 114, 129_998, 48_080, 111),
    ],
)
def test_real_files(
    real_data: Path,
    tmp_path: Path,
    name: tuple[str, str, str],
    students: int,
    answers_: int,
    items: int,
    skills_: int,
) -> None:
    format, folder, kind = name
    store = import_data(format, real_data / "kt" / folder, tmp_path / "out", {"skills": kind})
    assert (store.num_students, store.num_answers) == (students, answers_)
    assert len(store.vocabulary["item"]) == items + 2
    assert len(store.vocabulary["skill"]) == skills_ + 2
    assert store.about["dropped"] == {}
