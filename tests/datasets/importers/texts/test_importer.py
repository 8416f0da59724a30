"""Essays and short answers come into the store as their files tell, or not at all."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from torchedu.cli import main
from torchedu.datasets.importers import import_data
from torchedu.datasets.importers.texts.importer import MOST_WORDS
from torchedu.datasets.importers.texts.table import ELLIPSE_TRAITS
from torchedu.datasets.texts import TextStore, split_texts
from torchedu.errors import ConfigError, DataError
from torchedu.schema import GROUP, LABEL, PART, PROMPT

QUESTION = """<?xml version="1.0"?>
<question id="{name}" module="M">
  <questionText>Why is bulb {name} on?</questionText>
  <referenceAnswers>
    <referenceAnswer category="BEST">The path is closed</referenceAnswer>
    <referenceAnswer category="MINIMAL">closed</referenceAnswer>
  </referenceAnswers>
  <studentAnswers>{answers}</studentAnswers>
</question>
"""
ANSWER = '<studentAnswer id="{id}" accuracy="{label}">{text}</studentAnswer>'
ESSAYS = [
    {"essay": "One. Two, three!", "mark": 3, "task": "b", "grammar": 2.5, "sex": "f"},
    {"essay": "Nothing to say", "mark": 1, "task": "b", "grammar": 1, "sex": "m"},
    {"essay": "A \"quoted\" line,\nand another", "mark": 12, "task": "a", "grammar": "", "sex": ""},
    {"essay": "Short", "mark": 2, "task": "a", "grammar": 4, "sex": "f"},
]  # fmt: skip
COLUMNS = {"text": "essay", "score": "mark", "prompt": "task"}


def write(file: Path, rows: list[dict[str, Any]], encoding: str = "utf-8") -> Path:
    with file.open("w", newline="", encoding=encoding) as stream:
        writer = csv.DictWriter(
            stream, list(rows[0]), delimiter="\t" * (file.suffix == ".tsv") or ","
        )
        writer.writeheader()
        writer.writerows(rows)
    return file


def write_questions(folder: Path) -> Path:
    """Write two questions with answers to train on, and answers to test with."""
    for part, name, labels in (
        ("train", "q1", ("correct", "incorrect", "contradictory")),
        ("train", "q2", ("correct", "incorrect", "incorrect")),
        ("test/test-unseen-answers", "q1", ("correct", "contradictory")),
        ("test/test-unseen-questions", "q3", ("incorrect", "correct")),
    ):
        answers = "".join(
            ANSWER.format(
                id=f"{part}{name}{i}", label=label, text=f"bulb {name} <b>is</b> {label} {i}"
            )
            for i, label in enumerate(labels)
        )
        file = folder / part / f"{name}.xml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(QUESTION.format(name=name, answers=answers), "utf-8")
    return folder


def test_a_table_of_essays(tmp_path: Path) -> None:
    file = write(tmp_path / "essays.csv", ESSAYS)
    store = import_data(
        "texts",
        file,
        tmp_path / "out",
        {"columns": COLUMNS, "groups": ["sex"], "traits": ["grammar"]},
    )
    assert store.all_texts == [row["essay"] for row in ESSAYS]
    assert store.score_names == ("score", "grammar")
    assert [store.vocabulary[PROMPT].name(i) for i in store.prompt] == ["b", "b", "a", "a"]
    np.testing.assert_allclose(store.scores[:, 0], [3, 1, 12, 2])
    np.testing.assert_allclose(store.scores[:, 1], [2.5, 1, np.nan, 4])
    np.testing.assert_allclose(store.ranges[2:, 0], [[2, 12, 1], [1, 3, 1]])
    np.testing.assert_allclose(store.ranges[3, 1], [1, 2.5, 0.5])
    np.testing.assert_allclose(store.target[:, 0], [1, 0, 1, 0])
    assert np.isnan(store.target[2, 1])
    assert [store.vocabulary[GROUP + "sex"].name(i) for i in store.group("sex")[:2]] == ["f", "m"]
    assert store.names([0]) == ["text 1"]
    store.verify()


def test_ranges_and_raters_are_taken_where_the_file_tells_them(tmp_path: Path) -> None:
    rows = [
        {"text": f"t{i}", "score": i, "low": 0, "high": 6, "rater1": i, "rater2": 1} for i in (2, 3)
    ]
    store = import_data("texts", write(tmp_path / "e.csv", rows), tmp_path / "out")
    np.testing.assert_allclose(store.ranges[2, 0], [0, 6, 1])
    assert store.raters is not None
    assert store.raters.tolist() == [[2, 1], [3, 1]]


def test_asap_with_its_encoding_and_published_folds(tmp_path: Path) -> None:
    rows = [
        {
            "essay_id": i, "essay_set": 1 + i % 2, "essay": f"It’s essay {i}",
            "rater1_domain1": 1, "rater2_domain1": 2, "domain1_score": 2 + i % 4,
        }
        for i in range(1, 11)
    ]  # fmt: skip
    write(tmp_path / "training_set_rel3.tsv", rows, "cp1252")
    for fold in range(5):
        folder = tmp_path / "nea_folds" / f"fold_{fold}"
        folder.mkdir(parents=True)
        (folder / "test_ids.txt").write_text(f"{2 * fold + 1}\n{2 * fold + 2}\n")
    store = import_data("asap", tmp_path, tmp_path / "out")
    assert store.all_texts[0] == "It’s essay 1"
    np.testing.assert_allclose(store.ranges[2:4, 0, :2], [[2, 12], [1, 6]])
    parts = split_texts(store, "fold", fold=1)
    assert {name: rows.tolist() for name, rows in parts.items()} == {
        "train": [4, 5, 6, 7, 8, 9], "val": [0, 1], "test": [2, 3],
    }  # fmt: skip
    with pytest.raises(ConfigError, match="fold 5 of 5"):
        split_texts(store, "fold", fold=5)


def test_the_real_essays(real_data: Path, tmp_path: Path) -> None:
    store = import_data("asap", real_data / "essay" / "asap", tmp_path / "out")
    assert store.num_texts == 12978
    assert len(store.vocabulary[PROMPT]) == 10
    assert store.ranges[2:, 0, :2].tolist()[-1] == [0, 60]
    tests = [split_texts(store, "fold", fold=fold)["test"] for fold in range(5)]
    assert sorted(np.concatenate(tests).tolist()) == list(range(12978))


@pytest.mark.parametrize(
    ("format", "row", "scores"),
    [
        ("ellipse", {"text_id": "x", "full_text": "a b", "Overall": 3.5, "prompt": "p",
                     **dict.fromkeys(ELLIPSE_TRAITS, 2.5)}, 7),
        ("persuade", {"essay_id_comp": "x", "full_text": "a b", "holistic_essay_score": 3,
                      "prompt_name": "p", "competition_set": "train", "gender": "F",
                      "race_ethnicity": "X", "ell_status": "No", "assignment": "Write.",
                      "economically_disadvantaged": "", "student_disability_status": ""}, 1),
    ],
)  # fmt: skip
def test_published_tables(format: str, row: dict[str, Any], scores: int, tmp_path: Path) -> None:
    key = next(iter(row))
    rows = [row, {**row, key: "y", "full_text": "other"}, row]
    store = import_data(format, write(tmp_path / "e.csv", rows), tmp_path / "out")
    assert (store.num_texts, len(store.score_names)) == (2, scores)  # a repeated row counts once
    assert store.names([0, 1]) == ["x", "y"]
    assert store.vocabulary[PROMPT].name(2) == "p"


def test_short_answers_with_their_references(tmp_path: Path) -> None:
    raw = write_questions(tmp_path / "beetle")
    store = import_data("semeval2013", raw, tmp_path / "out")
    assert store.num_texts == 10
    assert store.label_names == ("contradictory", "correct", "incorrect")
    assert list(store.vocabulary[PART]) == ["train", "unseen-answers", "unseen-questions"]
    assert store.references is not None
    assert set(store.references) == {"The path is closed"}
    assert store.questions is not None
    assert "Why is bulb q1 on?" in store.questions
    assert "bulb q1 is correct 0" in store.all_texts
    parts = split_texts(store, val=0.2)
    assert len(parts["test"]) == 4
    assert len(parts["train"]) + len(parts["val"]) == 6
    assert store.label.min() == 0
    assert LABEL in store.vocabulary.kinds


BOMB = '<!DOCTYPE q [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><question id="q">&b;</question>'


@pytest.mark.parametrize(
    ("rows", "options", "said"),
    [
        ([{"text": "a", "score": 1}, {"text": "  ", "score": 2}], {}, "row 3: the text is empty"),
        ([{"text": "a", "score": 1}, {"text": "w " * 100_000, "score": 2}], {},
         f"row 3: the text has more than {MOST_WORDS:,} words (100000)"),
        ([{"text": "a", "score": 7, "high": 6}], {},
         "row 2: the score is above the prompt's range, which ends at 6.0 ('7')"),
        ([{"text": "a", "score": -1, "low": 0}], {},
         "row 2: the score is below the prompt's range"),
        ([{"text": "a", "score": "good"}], {}, "row 2: the score is no number ('good')"),
        ([{"text": "a", "score": ""}], {}, "row 2: the score is missing"),
        ([{"text": "a", "label": ""}], {}, "row 2: the label is missing"),
        ([{"text": "a", "score": 1, "prompt": ""}], {}, "row 2: the prompt is missing"),
        ([{"text": "a", "id": 1, "score": 1}, {"text": "b", "id": 1, "score": 1}], {},
         "row 3: the id stands at another text too ('1, a in essays.csv, row 2, and b here')"),
        ([{"text": "a"}], {}, "no column holds a score or a label"),
        ([{"words": "a", "score": 1}], {}, "no column holds the text"),
        ([{"text": "a", "score": 1}], {"traits": ["grammr"]}, "no column is called 'grammr'"),
    ],
)  # fmt: skip
def test_bad_rows_are_told_with_their_place(
    rows: list[dict[str, Any]], options: dict[str, Any], said: str, tmp_path: Path
) -> None:
    file = write(tmp_path / "essays.csv", rows)
    with pytest.raises(DataError) as told:
        import_data("texts", file, tmp_path / "out", options)
    assert said in str(told.value)
    assert len(str(told.value).splitlines()) == 2
    assert not (tmp_path / "out").exists()


def test_bad_rows_may_be_dropped_and_are_counted(tmp_path: Path) -> None:
    rows = [
        {"text": text, "score": score} for text, score in (("a", 1), ("", 1), ("b", "x"), ("c", 2))
    ]
    file = write(tmp_path / "essays.csv", rows)
    store = import_data("texts", file, tmp_path / "out", {"on_bad_row": "drop"})
    assert store.all_texts == ["a", "c"]
    assert {reason: one["rows"] for reason, one in store.about["dropped"].items()} == {
        "the text is empty": 1, "the score is no number": 1,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("e.csv", "text,score\nna\xefve,1\n".encode("latin-1"), "row 2: the text is not utf-8"),
        ("q.xml", BOMB.encode(), "declares entities"),
        ("q.xml", b"<question><b></question>", "row 1: the file is no XML"),
        ("q.xml", b"<other/>", "the XML holds <other>"),
        ("q.xml", b"<q>" + b" " * (17 << 20) + b"</q>", "over 16 MiB"),
        ("none", b"", "no .xml file"),
    ],
)
def test_files_that_cannot_be_read_end_with_two_lines(
    name: str, content: bytes, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "raw"
    folder.mkdir()
    (folder / name).write_bytes(content)
    raw, format = (folder / name, "texts") if name == "e.csv" else (folder, "semeval2013")
    assert main(["data", "import", format, str(raw), str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert len(error.strip().splitlines()) == 2


def test_a_store_of_something_else_is_told(class_store: Path) -> None:
    with pytest.raises(DataError, match="holds no graded texts"):
        TextStore(class_store)


def test_parts_by_chance_do_not_depend_on_the_order_of_rows(tmp_path: Path) -> None:
    rows = [{"text": f"text number {i}", "score": i % 4} for i in range(40)]
    parts = []
    for name, some in (("a", rows), ("b", rows[::-1])):
        store = import_data("texts", write(tmp_path / f"{name}.csv", some), tmp_path / name)
        divided = split_texts(store, seed=1)
        parts.append({part: {store.all_texts[i] for i in r} for part, r in divided.items()})
        assert [len(divided[part]) for part in ("train", "val", "test")] == [28, 4, 8]
    assert parts[0] == parts[1]
    with pytest.raises(ConfigError, match="leave no part"):
        split_texts(store, val=0.5, test=0.6)
    with pytest.raises(ConfigError, match="is not known"):
        split_texts(store, "student")


def test_an_id_that_is_given_two_labels_or_parts_is_refused_and_both_rows_named(
    tmp_path: Path,
) -> None:
    row = {"id": "a1", "prompt": "q1", "text": "T", "label": "correct", "part": "train"}
    rows = [row, {**row, "label": "incorrect"}, {**row, "part": "test"}, row,
            {**row, "id": "a2", "label": "incorrect"}]  # fmt: skip
    raw = write(tmp_path / "t.csv", rows)
    with pytest.raises(DataError, match=r"row 3: .*another label .*correct in t\.csv, row 2, and"):
        import_data("texts", raw, tmp_path / "out")
    store = import_data("texts", raw, tmp_path / "out", {"on_bad_row": "drop"})
    dropped = {reason: one["rows"] for reason, one in store.about["dropped"].items()}
    assert dropped == {
        "the id stands at another label too": 1,
        "the id stands at another part too": 1,
        "the row repeats another one": 1,
    }
    assert store.num_texts + sum(dropped.values()) == len(rows)
