"""Files that come as train and test pairs tell their parts by their names."""

from pathlib import Path
from typing import Any

import pytest

from tests.datasets.importers.layouts import table
from torchedu.datasets import splits
from torchedu.datasets.importers import import_data
from torchedu.datasets.importers.reading.parts import part_of
from torchedu.datasets.texts import split_texts
from torchedu.datasets.transcripts import split_transcripts


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("train.csv", "train"), ("builder_train1.csv", "train"), ("assist-Valid.txt", "val"),
        ("x.dev", "val"), ("test.jsonl", "test"), ("latest.csv", None), ("trainer.csv", None),
        ("training_set.tsv", "train"), ("answers.csv", None),
    ],
)  # fmt: skip
def test_the_part_is_a_word_of_the_name(name: str, part: str | None) -> None:
    assert part_of(name) == part


def pair(folder: Path, head: str, rows: list[str], names: tuple[str, ...]) -> Path:
    for i, name in enumerate(names):
        cells = [row.replace("#", f"{i}").split(",") for row in rows]
        table(folder / name, head.split(","), cells)
    return folder


def test_a_pair_of_answers_can_be_divided_as_it_came(tmp_path: Path) -> None:
    rows = [f"s{n}#,q,{n % 2}" for n in range(6)]
    raw = pair(tmp_path / "raw", "student,item,correct", rows, ("train.csv", "test.csv"))
    store = import_data("csv", raw, tmp_path / "s")
    assert store.about["columns"]["group.part"] == "the file's name"
    parts = splits.split(store, by="column", column="part")
    assert store.student_names(parts["test"].student) == [f"s{n}1" for n in range(6)]
    assert not {*parts["train"].student} & {*parts["test"].student}
    for names in (("train.csv", "more.csv"), ("train1.csv", "train2.csv")):
        raw = pair(tmp_path / names[1], "student,item,correct", rows, names)
        assert not import_data("csv", raw, tmp_path / "s").vocabulary.groups


@pytest.mark.parametrize(
    ("form", "head", "rows"),
    [
        ("texts", "id,text,score", [f"t{n}#,some words {n}#,{n % 3}" for n in range(6)]),
        ("transcripts", "lesson,speaker,sentence", [f"l{n}#,T,words {n}" for n in range(6)]),
    ],
)
def test_a_pair_of_other_data_has_its_parts(
    tmp_path: Path, form: str, head: str, rows: list[str]
) -> None:
    raw = pair(tmp_path / "raw", head, rows, ("train.csv", "test.csv"))
    store: Any = import_data(form, raw, tmp_path / "s")
    if form == "texts":
        assert store.about["columns"]["part"] == "the file's name"
        assert len(split_texts(store, by="part")["test"]) == 6
    else:
        assert store.about["columns"]["split"] == "the file's name"
        assert len(split_transcripts(store, by="published")["test"].student) == 6
