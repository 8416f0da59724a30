"""The release of TalkMoves: workbooks, one table of all, pairs, and its many spellings."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.datasets.importers.transcripts.test_importer import tags_of
from tests.datasets.lesson_files import HEADINGS, lesson, write_release, write_workbook
from torchedu.datasets.importers import guess_format, import_data
from torchedu.datasets.transcripts import TranscriptStore
from torchedu.errors import DataError
from torchedu.schema import TAG


def test_the_releases_folder_is_read_with_its_split(tmp_path: Path) -> None:
    raw = write_release(tmp_path / "data")
    write_workbook(raw / "train_data_504.xlsx", [], ("unlike", "lessons"))
    write_workbook(raw / "Subset1_WithDialogActs" / "x.xlsx", [], ("unlike", "lessons"))
    store = import_data("talkmoves", raw, tmp_path / "s")
    assert store.lesson_names(range(4)) == ["Benson.Fall 3", "Lesson 0", "Lesson 1", "Lesson 2"]
    assert store.part.tolist() == [2, 0, 0, 0]
    assert tags_of(store, 1) == [
        ("providing evidence or reasoning" if str(row[6])[0] == "5" else
         (row[5] or row[6]).partition(" - ")[2])
        for row in lesson(0)
    ]  # fmt: skip
    assert store.column("role")[store.lesson_offsets[1]] == 0


SPELLINGS = {
    "teacher": {
        "1.0": "none", "3 - getting SS to relate": "getting students to relate",
        "8 - PreStudents for Accuracy": "press for accuracy", "7\\": None, "7 - context": None,
        "4 - resSuzannang": "restating", "press for reasoning": "press for reasoning",
    },
    "student": {
        "\\": None, "5 - Providing Evidence / Explaining Reasoning":
        "providing evidence or reasoning", "4 - making a cDavid": "making a claim",
        "2.0": "relating to another student",
    },
}  # fmt: skip


def test_one_spelling_stands_for_many(tmp_path: Path) -> None:
    rows = {"transcript": [], "speaker": [], "sentence": [], "teacher_tag": [], "student_tag": []}
    wanted = []
    for role, spellings in SPELLINGS.items():
        for given, meant in spellings.items():
            other = "student" if role == "teacher" else "teacher"
            for name, value in (("transcript", "x"), ("speaker", role), ("sentence", "So it is."),
                                (f"{role}_tag", given), (f"{other}_tag", "")):  # fmt: skip
                rows[name].append(value)
            wanted.append(meant or "<padding>")
    for name, value in zip(rows, ("x", "teacher", "(...)", "1 - none", ""), strict=True):
        rows[name].append(value)  # nothing was said
    pq.write_table(pa.table(rows), tmp_path / "x.parquet")
    store = import_data("talkmoves", tmp_path / "x.parquet", tmp_path / "s")
    assert tags_of(store, 0) == wanted


def test_a_tag_of_another_scheme_is_told_with_the_nearest(tmp_path: Path) -> None:
    rows = [*lesson(0), (99, "", 99, "T", "Why?", "press for reason", None)]
    raw = write_workbook(tmp_path / "x.xlsx", rows, HEADINGS)
    with pytest.raises(DataError, match="the teacher's tag is not of TalkMoves") as caught:
        import_data("talkmoves", raw, tmp_path / "s")
    assert "Did you mean press for reasoning?" in caught.value.remedy
    assert caught.value.row == len(rows) + 1
    store = import_data("talkmoves", raw, tmp_path / "s", {"on_bad_row": "drop"})
    assert store.num_sentences == len(rows) - 1


def test_pairs_stand_in_a_row_again(tmp_path: Path) -> None:
    pairs = (
        "text_a\ttext_b\tlabels\nIs it Cassie\tMmm\t0.0\nMmm\tWe looked\t3.0\n"
        "Why\tBecause\t4.0\n\tYes\t0.0\n"
    )
    (tmp_path / "train_student.tsv").write_text(pairs)
    (tmp_path / "test_student.tsv").write_text("text_a\ttext_b\tlabels\nOkay\tIt is 4\t3.0\n")
    store = import_data("talkmoves", tmp_path, tmp_path / "s")
    assert store.lesson_names([0, 1]) == ["test_student 1", "train_student 1"]
    assert store.part.tolist() == [2, 0]
    said = ["Is it Cassie", "Mmm", "We looked", "Why", "Because", "Yes"]
    assert store.sentences(range(2, 8)) == said
    assert store.column("role")[2:].tolist() == [0, 1, 1, 0, 1, 1]
    assert tags_of(store, 1) == ["<padding>", "none", "making a claim", "<padding>",
                                 "providing evidence or reasoning", "none"]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("pairs.tsv", "text_a\ttext_b\tlabels\na\tb\t0\n", "does not say whose pairs"),
        ("train_student.tsv", "text_a\ttext_b\na\tb\n", "row 1: it has no column 'labels'"),
        ("train_student.tsv", "text_a\ttext_b\tlabels\na\tb\t9\n", "row 2: the label is not of"),
    ],
)
def test_pairs_that_are_none_are_told(name: str, text: str, problem: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=problem):
        import_data("talkmoves", tmp_path / name, tmp_path / "s")


def test_the_real_release_has_the_published_test_part(real_data: Path, tmp_path: Path) -> None:
    store = import_data("talkmoves", real_data / "transcript" / "talkmoves", tmp_path / "s")
    assert (store.part == 2).sum() == 63
    tags = store.vocabulary[TAG + "student"]
    held = [row for row, part in enumerate(store.part.tolist()) if part == 2]
    counted = dict.fromkeys(tags, 0)
    for row in held:
        begin, end = store.lesson_offsets[row : row + 2]
        mine = store.column("tag")[begin:end][store.column("role")[begin:end] == 1]
        for tag in mine[mine > 0].tolist():
            counted[tags.name(tag)] += 1
    # As test_student.tsv has them; of those without a move it keeps more that say nothing.
    assert counted["making a claim"] == 2442
    assert counted["providing evidence or reasoning"] == 853  # a teacher says one, here
    assert counted["relating to another student"] == 476
    assert counted["asking for more information"] == 146


def test_speakers_under_s_and_a_sum_at_the_foot_are_read(tmp_path: Path) -> None:
    raw = write_release(tmp_path / "data")
    whole = import_data("talkmoves", raw, tmp_path / "whole")
    first = raw / "Subset 1" / "Lesson 1.xlsx"
    headings = ["S" if heading == "Speaker" else heading for heading in HEADINGS]
    assert "S" in headings
    foot = [None] * (len(HEADINGS) - 1) + ["45"]
    write_workbook(first, [*lesson(1), foot], headings)
    store = import_data("talkmoves", raw, tmp_path / "s")
    assert store.manifest["files"] == whole.manifest["files"]
    told = store.about["dropped"]["rows without a sentence, such as sums"]
    assert told["rows"] == 1
    assert first.name in told["first"][0]
    assert guess_format(raw, TranscriptStore) == "talkmoves"


def test_a_remedy_names_no_option_that_the_format_lacks(tmp_path: Path) -> None:
    raw = write_release(tmp_path / "data")
    headings = ["who says it" if heading == "Speaker" else heading for heading in HEADINGS]
    write_workbook(raw / "Subset 1" / "Lesson 1.xlsx", lesson(1), headings)
    with pytest.raises(DataError, match="no column holds the speaker") as caught:
        import_data("talkmoves", raw, tmp_path / "s")
    assert "columns" not in caught.value.remedy
    assert "transcripts" in caught.value.remedy
