"""A first look: what files begin with, and which format that tells."""

import gzip
import json
from pathlib import Path

import pytest

from torchedu.datasets.answers import AnswerStore
from torchedu.datasets.chats import ChatStore
from torchedu.datasets.importers import guess_format, import_data
from torchedu.datasets.importers.reading.look import look_at
from torchedu.datasets.store import Store

TABLE = "Schüler;Aufgabe;richtig;Zeit\na;q1;1;2024-01-31 09:30:00\nb;q1;0;2024-01-31 09:31:00\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_a_table_is_seen_in_any_encoding(tmp_path: Path, encoding: str) -> None:
    file = tmp_path / "a.csv"
    file.write_bytes(TABLE.encode(encoding))
    look = look_at(file)
    assert look.headings == ("Schüler", "Aufgabe", "richtig", "Zeit")
    assert look.delimiter == ";"
    assert look.rows[1] == ("b", "q1", "0", "2024-01-31 09:31:00")
    assert guess_format(file, AnswerStore) == "csv"


def test_headings_of_german_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(TABLE, "utf-8")
    store = import_data("csv", tmp_path / "a.csv", tmp_path / "out")
    assert store.about["columns"]["student"] == "Schüler"
    assert store.has("time")


def test_packed_files_and_folders_are_looked_into(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "b.csv.gz").write_bytes(gzip.compress(TABLE.encode()))
    (tmp_path / "in" / "a.pdf").write_bytes(b"%PDF-1.4 \x00\x01")
    assert look_at(tmp_path / "in").headings[0] == "Schüler"
    assert look_at(tmp_path / "in").files[1:] == ("a.pdf", "b.csv.gz")


def test_keys_of_json_are_seen_a_line_or_an_array(tmp_path: Path) -> None:
    objects = [{"student": "a", "item": "q", "correct": 1}] * 3
    lines, array = tmp_path / "a.txt", tmp_path / "b.txt"
    lines.write_text("\n".join(map(json.dumps, objects)))
    array.write_text(json.dumps(objects, indent=1))
    for file in (lines, array):
        assert look_at(file).headings == ("student", "item", "correct")
        assert look_at(file).objects
    assert guess_format(lines, AnswerStore) == "jsonl"
    assert guess_format(lines, ChatStore) is None


def test_what_cannot_be_looked_at_is_left_to_the_import(tmp_path: Path) -> None:
    (tmp_path / "a.xlsx").write_bytes(b"PK\x03\x04 cut")
    assert look_at(tmp_path / "a.xlsx").headings == ()
    assert look_at(tmp_path / "none.csv").headings == ()
    assert guess_format(tmp_path / "none.bin", Store) is None


def test_a_column_of_order_orders_answers_where_no_time_does(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    rows = [("a", f"q{i}", i % 2, 100 - i) for i in range(9)]
    lines = [",".join(map(str, row)) for row in rows]
    file.write_text("\n".join(["student,item,correct,order_id", *lines]))
    store = import_data("csv", file, tmp_path / "out")
    names = store.vocabulary["item"]
    ids = store.answer_column("item")
    assert [names.name(i) for i in ids.tolist()] == [row[1] for row in reversed(rows)]
    assert not store.has("time")
