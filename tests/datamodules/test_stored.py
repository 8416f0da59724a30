"""A store of raw files is made once, and again where the files or what was said of them change."""

import inspect
import os
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from tests.datasets.importers.fake import answers, write_csv, write_jsonl
from tests.datasets.lesson_files import write_lessons
from tests.datasets.oulad_files import write_oulad
from tests.essays import write_essays
from torchedu.datamodules import (
    CourseEvents,
    Enrolments,
    Essays,
    Interactions,
    Transcripts,
)
from torchedu.datamodules.base import DataModule
from torchedu.datamodules.stored import stored
from torchedu.datasets import AnswerStore, Store
from torchedu.datasets.enrolments import EnrolmentStore
from torchedu.datasets.events import CLICKED, EventStore
from torchedu.datasets.importers import import_data, imported
from torchedu.datasets.simulator import simulate
from torchedu.datasets.texts import TextStore
from torchedu.datasets.transcripts import TranscriptStore
from torchedu.errors import ConfigError, DataError, command_line


def opened(
    kind: type[Store], data: type[DataModule], path: Path, format: str | None = None,
    out: Path | None = None, **options: Any,
) -> Any:  # fmt: skip
    """Open or import as a data module with these options does."""
    place = None if out is None else str(out)
    return stored(kind, str(path), format, options, inspect.signature(data).parameters, place)


open_answers = partial(opened, AnswerStore, Interactions)
open_enrolments = partial(opened, EnrolmentStore, Enrolments)
open_events = partial(opened, EventStore, CourseEvents)
open_texts = partial(opened, TextStore, Essays)
open_transcripts = partial(opened, TranscriptStore, Transcripts)


def number(store: Path) -> int:
    """Return what tells one making of a store from another."""
    return (store / "manifest.json").stat().st_mtime_ns


def test_it_is_made_again_where_anything_changed(tmp_path: Path) -> None:
    raw, out = write_essays(tmp_path / "e.csv"), tmp_path / "e.store"
    made = [(open_texts(raw), number(out))[1]]
    open_texts(raw)
    assert number(out) == made[0]
    open_texts(raw, format="texts")  # as it was taken without being told
    assert number(out) == made[0]
    assert open_texts(raw, groups=["sex"]).vocabulary.groups == ("sex",)
    made.append(number(out))
    raw.write_text(raw.read_text().replace("e0,", "e00,"))
    os.utime(raw, (0, 0))  # older, but of another size
    assert open_texts(raw, groups=["sex"]).names([0]) == ["e00"]
    made.append(number(out))
    os.utime(raw)  # newer, of the same size
    open_texts(raw, groups=["sex"])
    made.append(number(out))
    assert len(set(made)) == 4


def test_a_folder_is_read_again_where_a_file_came_to_it(tmp_path: Path) -> None:
    folder = write_oulad(tmp_path / "oulad")
    open_events(folder)
    made = number(tmp_path / "oulad.store")
    open_events(folder)
    assert number(tmp_path / "oulad.store") == made
    write_oulad(tmp_path / "with", clicks=True)
    (tmp_path / "with" / "studentVle.csv").rename(folder / "studentVle.csv")
    assert (open_events(folder).events.kind == CLICKED).any()


def test_files_that_differ_in_the_ending_alone_have_a_store_each(tmp_path: Path) -> None:
    first, second = write_csv(tmp_path / "a.csv", answers()), tmp_path / "a.jsonl"
    write_jsonl(second, answers()[:5])
    for _ in range(2):  # made, then opened
        assert open_answers(first).num_answers == 20
        assert open_answers(second).num_answers == 5
        assert {p.name for p in tmp_path.glob("*.store")} == {"a.store", "a.jsonl.store"}


def test_a_store_of_another_file_is_never_replaced(tmp_path: Path) -> None:
    for write, opener, kind in (
        (lambda file: write_csv(file, answers()), open_answers, "csv"),
        (write_essays, open_texts, "texts"),
        (lambda file: write_lessons(file, 2), open_transcripts, "transcripts"),
    ):
        folder = tmp_path / kind
        folder.mkdir()
        opener(write(folder / "a.csv"))
        before = number(folder / "a.store")
        (folder / "a.csv").rename(folder / "b.tsv")
        for name in ("b.store", "b.tsv.store"):
            shutil.copytree(folder / "a.store", folder / name)
        with pytest.raises(ConfigError, match=r"b.tsv.store holds other data than b.tsv") as caught:
            opener(folder / "b.tsv")
        assert "⟦data.out⟧" in caught.value.remedy
        assert opener(folder / "b.tsv", out=folder / "c").path == folder / "c"
        if opener is open_answers:  # which reads no folder
            continue
        (folder / "a").mkdir()
        write(folder / "a" / "b.csv")
        with pytest.raises(ConfigError, match=r"a.store holds other data than a\."):
            opener(folder / "a")
        assert number(folder / "a.store") == before


def test_a_simulated_class_is_never_replaced(tmp_path: Path) -> None:
    simulate(tmp_path / "a.store", students=40, skills=3, items=12, answers=10)
    before = number(tmp_path / "a.store")
    made = open_answers(write_csv(tmp_path / "a.csv", answers()))
    assert made.path == tmp_path / "a.csv.store"
    assert number(tmp_path / "a.store") == before


@pytest.mark.parametrize(
    ("opener", "form", "heading"),
    [
        (open_enrolments, "enrolments", "student,course"),
        (open_texts, "texts", "text,score"),
        (open_transcripts, "transcripts", "lesson,speaker,sentence"),
    ],
)
def test_a_remedy_names_options_that_there_are(
    tmp_path: Path, opener: Callable[[Path], Store], form: str, heading: str
) -> None:
    raw = tmp_path / "a.csv"
    rest = heading.rpartition(",")[0]
    row = "x," * rest.count(",") + "x,b"
    raw.write_text(f"{rest},other\n{row}\n")
    with pytest.raises(DataError) as caught:
        opener(raw)
    assert "--data.columns." in caught.value.render(command_line)
    raw.write_bytes(f"{heading}\nxé{row[1:-1]}1\n".encode("cp1252"))
    with pytest.raises(DataError) as caught:
        opener(raw)
    assert "--data.options.encoding cp1252" in caught.value.render(command_line)
    made = opener(raw, encoding="cp1252")
    assert made.path == tmp_path / "a.store"
    assert made.about["importer"] == form


def test_one_of_many_that_ask_imports_and_all_open_what_it_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = write_csv(tmp_path / "a.csv", answers())
    made: list[str] = []

    def counted(*given: Any, **more: Any) -> Any:
        made.append(given[1])
        return imported(*given, **more)

    monkeypatch.setattr("torchedu.datamodules.stored.imported", counted)
    together = Barrier(4)

    def ask(_: int) -> tuple[int, int]:
        together.wait()
        store = open_answers(raw)
        return number(store.path), store.num_answers

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(ask, range(4))) == {(number(tmp_path / "a.store"), 20)}
    assert made == [str(raw)]


def test_a_place_and_options_of_the_format_are_given_in_python_and_by_words(tmp_path: Path) -> None:
    raw, out = tmp_path / "a.csv", tmp_path / "kept" / "class"
    raw.write_text("student,item,correct\na,q1,5\na,q2,0\nb,q1,Jo\n")
    with pytest.raises(DataError) as caught:
        _ = Interactions(str(raw), format="csv", options={"right": "Jo"}).store
    assert "--data.options.full_mark 5" in caught.value.render(command_line)
    assert "options.full_mark 5" in str(caught.value)
    for mark, right in ((5, ["Jo"]), ("5", "Jo,Ja")):  # in Python, and as words of a command
        store = Interactions(
            str(raw), options={"full_mark": mark, "right": right}, out=str(out)
        ).store
        assert store.path == out
        assert store.correct.tolist() == [1, 0, 1]
        assert not raw.with_suffix(".store").exists()
    made = number(out)
    _ = Interactions(str(raw), options={"full_mark": "5"}, out=str(out)).store
    assert number(out) == made
    with pytest.raises(ConfigError, match=r"options\.full_mark is 'five'"):
        _ = Interactions(str(raw), options={"full_mark": "five"}).store
    with pytest.raises(ConfigError, match="has no option fullmark"):
        _ = Interactions(str(raw), options={"fullmark": "5"}).store


def test_nothing_is_imported_before_it_is_asked_for(tmp_path: Path) -> None:
    raw = write_csv(tmp_path / "a.csv", answers())
    data = Interactions(str(raw))
    assert list(tmp_path.iterdir()) == [raw]
    data.prepare_data()
    made = number(tmp_path / "a.store")
    assert data.num_items == len(AnswerStore(tmp_path / "a.store").vocabulary["item"])
    assert number(tmp_path / "a.store") == made


def test_options_that_only_an_import_has_do_not_make_it_again(tmp_path: Path) -> None:
    raw = write_csv(tmp_path / "a.csv", [*answers(), {**answers()[0], "correct": "x"}])
    import_data("csv", raw, tmp_path / "a.store", {"on_bad_row": "drop"})
    made = number(tmp_path / "a.store")
    assert open_answers(raw).num_answers == 20
    assert number(tmp_path / "a.store") == made


def test_raw_files_that_are_no_store_and_of_no_format_are_told(tmp_path: Path) -> None:
    (tmp_path / "a.docx").write_text("a")
    for opener, known in ((open_answers, "csv"), (open_texts, "asap")):
        with pytest.raises(ConfigError, match=r"nothing tells the format of .*a.docx") as caught:
            opener(tmp_path / "a.docx")
        said = caught.value.render(command_line).splitlines()[1]
        assert said.startswith("Name it with --data.format: ")
        assert known in said
    with pytest.raises(DataError, match="no such file"):
        open_answers(tmp_path / "nothing")


def _cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-1])


def _flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def test_a_store_is_opened_as_it_was_written_or_told_before_any_of_it_is_believed(
    tmp_path: Path,
) -> None:
    good, bad = tmp_path / "good.store", tmp_path / "bad.store"
    simulate(good, students=12, skills=2, items=6)
    names = [file.relative_to(good) for file in good.rglob("*.*") if file.name != "manifest.json"]
    assert len(names) > 8
    for name in names:
        for damage in (_flip, _cut, Path.unlink):
            shutil.copytree(good, bad)
            damage(bad / name)
            with pytest.raises(DataError, match="The store is damaged") as told_of:
                _ = Interactions(str(bad)).num_items
            assert Path(str(told_of.value.file)) == bad / name
            shutil.rmtree(bad)
    shutil.copytree(good, bad)
    (bad / "manifest.json").unlink()
    with pytest.raises(DataError, match="is missing"):
        _ = Interactions(str(bad)).num_items


def test_checksums_are_compared_once_a_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    simulate(tmp_path / "s.store", students=12, skills=2, items=6)
    _ = Interactions(str(tmp_path / "s.store")).num_items
    monkeypatch.setattr("torchedu.datasets.store.seen", None)
    assert Interactions(str(tmp_path / "s.store")).num_items > 6
