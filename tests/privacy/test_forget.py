"""Nothing of a student is left, of six kinds of data, and all else is as it was."""

import json
import platform
import shutil
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest

from torchedu.cli import main
from torchedu.datasets import Store
from torchedu.datasets.importers import import_data
from torchedu.datasets.importers.registry import open_store
from torchedu.errors import ConfigError, DataError
from torchedu.files import write_whole
from torchedu.people import People
from torchedu.privacy import forget
from torchedu.run_folder import RunFolder

NAME = "Zorblax Quint"


class Kind(NamedTuple):
    """Data of one kind, in which ``NAME`` stands.

    Attributes:
        format: How it is imported.
        raw: What its raw file holds.
        rows: How many rows of the main table are another's.
        column: What a table of predictions calls a person.
    """

    format: str
    raw: str
    rows: int
    column: str = "student"


def chat(problem: str, said: str) -> str:
    messages = [{"role": "user", "content": problem}, {"role": "assistant", "content": said}]
    return json.dumps({"messages": messages, "answer": "2"}) + "\n"


KINDS = {
    "answers": Kind(
        "csv",
        "student,item,correct,form\n"
        + "".join(f"{s},i{i},{i % 2},{s[0]}\n" for s in ("ann", NAME, "bob") for i in range(4)),
        2,
    ),
    "enrolments": Kind(
        "enrolments",
        "student,course\n" + "".join(f"{s},c{i}\n" for s in (NAME, "ann", "bob") for i in range(4)),
        2,
    ),
    "events": Kind(
        "events",
        "course,event,day,student,work,value,type\nmaths,starts,0,,,,\nmaths,ends,90,,,,\n"
        "maths,due,10,,essay,50,TMA\n"
        + "".join(
            f"maths,registered,0,{s},,,\nmaths,submitted,9,{s},essay,0.5,\n"
            f"maths,outcome,90,{s},,{end},\n"
            for s, end in (("ann", "Pass"), (NAME, "Fail"), ("bob", "Fail"))
        ),
        2,
    ),
    "texts": Kind(
        "texts",
        "id,text,score,writer\n1,My own words.,3,ann\n2,What I did.,4,"
        f"{NAME}\n3,I played with {NAME} today.,2,bob\n4,More of mine.,1,{NAME}\n",
        2,
        "text",
    ),
    "lessons": Kind(
        "transcripts",
        "transcript,speaker,sentence,role,tag\n"
        f"one,Ms T,Good morning.,teacher,a\none,{NAME},I know it.,student,b\n"
        f'one,Ms T,"Well done, {NAME}!",teacher,a\none,Bob,Me too.,student,b\n'
        f"two,{NAME},I am alone here.,student,b\nthree,Ms T,Goodbye.,teacher,a\n",
        2,
        "speaker",
    ),
    "chats": Kind(
        "chats",
        chat("1 + 1?", "It is 2.") + chat(f"I am {NAME}. 1 + 1?", "2.") + chat("2?", "Two."),
        2,
        "prompt",
    ),
}


class Case(NamedTuple):
    """A store, the run that was trained on it, and what both were before."""

    kind: Kind
    home: Path
    store: Path
    run: Path
    before: Path


@pytest.fixture(params=KINDS)
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Case:
    kind = KINDS[request.param]
    raw = tmp_path / f"raw.{'jsonl' if kind.format == 'chats' else 'csv'}"
    raw.write_text(kind.raw, "utf-8")
    home = tmp_path / "home"
    groups = {"texts": {"groups": ["writer"]}, "csv": {"groups": ["form"]}}.get(kind.format, {})
    store = import_data(kind.format, raw, home / "class.store", groups)
    shutil.copytree(store.path, tmp_path / "before.store")
    rows = np.arange(store.num_rows(store.mark[0]))
    run = RunFolder(home / "runs" / "mine")
    stop = np.ones(len(rows), np.int64)
    People.of({"train": (store.known_as(rows), stop), "val": ([], stop[:0])}).write(run.people)
    prompt = f"Who is {NAME}?" if kind.column == "prompt" else NAME
    table = pa.table({kind.column: ["ann", prompt, "bob"], "item": ["x", "y", "z"]})
    run.path.mkdir(exist_ok=True)
    pq.write_table(table, run.table("predictions"))
    pa_csv.write_csv(table, run.table("mastery", "csv"))
    sections = [{"title": "Example", "sentence": f"{NAME} said so.", "forms": []}]
    write_whole(run.evaluation, json.dumps({"sections": sections}).encode())
    return Case(kind, home, store.path, run.path, tmp_path / "before.store")


def holding(folder: Path, words: str) -> list[Path]:
    return [f for f in folder.rglob("*") if f.is_file() and words.encode() in f.read_bytes()]


def test_no_byte_of_a_name_is_left_and_all_others_are_as_they_were(
    case: Case, capsys: pytest.CaptureFixture[str]
) -> None:
    assert holding(case.home, NAME)
    words = ["data", "forget", str(case.store), "--student", NAME]
    assert main([*words, "--runs", str(case.home / "runs")]) == 0
    said = capsys.readouterr().out
    assert f"trained   {case.run}" in said
    assert "raw files raw." in said
    assert not holding(case.home, NAME)
    after, before = open_store(case.store), open_store(case.before)
    after.verify()
    assert after.num_rows(after.mark[0]) == case.kind.rows
    predicted = pq.read_table(case.run / "predictions.parquet")
    if case.kind.column == "prompt":
        assert predicted["prompt"].to_pylist() == ["ann", "Who is [removed]?", "bob"]
    else:
        assert predicted["item"].to_pylist() == ["x", "z"]
    same_others(before, after)
    assert main([*words, "--runs", str(case.home / "elsewhere")]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 2


def same_others(before: Store, after: Store) -> None:
    """Compare the rows of all others, bit by bit, but for the name in what they said."""
    table = before.mark[0]
    names = before.known_as(np.arange(before.num_rows(table)))
    others = [i for i, name in enumerate(names) if name in after.known_as(
        np.arange(after.num_rows(table)))]  # fmt: skip
    assert len(others) >= after.num_rows(table) - 1, "one text names the one who is forgotten"
    kept = {name: row for row, name in enumerate(after.known_as(np.arange(after.num_rows(table))))}
    for column in before.columns(table):
        family, _, rest = column.partition(".")
        for row in others:
            mine = kept[names[row]]
            if rest and f"{table}/{family}.offsets" in before.manifest["files"]:
                if family == "sentence":
                    continue  # of whom some spoke: compared below
                at, now = (s.offsets(table, family) for s in (before, after))
                old = before.values(table, column)[at[row] : at[row + 1]]
                new = after.values(table, column)[now[mine] : now[mine + 1]]
                assert old.tobytes() == new.tobytes(), (column, row)
            else:
                assert before.values(table, column)[row] == after.values(table, column)[mine]
    if table == "lessons":
        assert after.sentences(range(4)) == [
            "Good morning.", "Well done, [removed]!", "Me too.", "Goodbye.",
        ]  # fmt: skip
        speakers = after.speaker_names(after.column("speaker"))
        assert speakers == ["Ms T", "Ms T", "Bob", "Ms T"]
        assert after.lesson_names(range(2)) == ["one", "three"] or set(
            after.lesson_names(range(2))
        ) == {"one", "three"}


def test_what_was_broken_off_leaves_the_old_store_or_goes_on(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    runs = [case.home / "runs"]
    with monkeypatch.context() as context:
        context.setattr("torchedu.datasets.writer.StoreWriter._finish", dies)
        with pytest.raises(KeyboardInterrupt):
            forget(case.store, NAME, runs)
    old = open_store(case.store)
    old.verify()
    assert old.num_rows(old.mark[0]) == Store(case.before).num_rows(old.mark[0])
    # A kill between the store's two renames leaves the old one under a hidden name.
    left = case.home / f".class.store.{platform.node()}-999999-x.old"
    shutil.copytree(case.before, left)
    assert forget(case.store, NAME, runs).trained == [case.run]
    assert not holding(case.home, NAME)


def test_a_student_whose_name_is_part_of_another_s_goes_alone(tmp_path: Path) -> None:
    raw = tmp_path / "raw.csv"
    names = ("a", "aa", "aaa", "Anna", "Anna Maria")
    raw.write_text("student,item,correct\n" + "".join(f"{s},i,1\n{s},j,0\n" for s in names))
    store = import_data("csv", raw, tmp_path / "class.store")
    for name in ("aa", "Anna"):
        assert forget(store.path, name, []).counts == {"students": 1}
    left = open_store(store.path)
    assert sorted(left.known_as(np.arange(left.num_rows("students")))) == ["Anna Maria", "a", "aaa"]
    with pytest.raises(DataError, match="nobody is called 'Ann'"):
        forget(store.path, "Ann", [])


def test_the_only_one_cannot_go(tmp_path: Path) -> None:
    raw = tmp_path / "raw.csv"
    raw.write_text("student,item,correct\nann,i,1\nann,j,0\n")
    store = import_data("csv", raw, tmp_path / "class.store")
    with pytest.raises(ConfigError, match="nobody but 'ann'"):
        forget(store.path, "ann", [])


def test_vectors_of_texts_go_with_them_and_others_stay(tmp_path: Path) -> None:
    from torchedu.features.tokens import text_keys

    raw = tmp_path / "raw.csv"
    raw.write_text(KINDS["texts"].raw, "utf-8")
    store: Any = import_data("texts", raw, tmp_path / "class.store", {"groups": ["writer"]})
    home = tmp_path / "class.features" / "made"
    (home / "tokens-1.store").mkdir(parents=True)
    keys = np.sort(text_keys(store.all_texts))
    vectors = np.arange(len(keys) * 3, dtype=np.float32).reshape(-1, 3)
    for suffix, content in (
        (".keys", keys),
        (".vectors", vectors),
        (".done", np.ones(4, np.uint8)),
    ):
        (home / f"x{suffix}").write_bytes(content.tobytes())
    known = dict(zip(keys.tolist(), vectors.tolist(), strict=True))
    (home / "y.keys").write_bytes(b"of somebody who was stopped")
    (home.with_name("another's")).symlink_to(tmp_path)
    forget(store.path, NAME, [])
    (file,) = home.glob("*.keys")
    left = np.frombuffer(file.read_bytes(), "S32")
    (mine,) = text_keys(["My own words."])
    assert left.tolist() == [mine], "the text that named them is another now"
    assert np.frombuffer(file.with_suffix(".vectors").read_bytes(), "<f4").tolist() == known[mine]
    assert not (home / "tokens-1.store").exists()
