"""One door for every format, and every kind of store told apart, opened and described."""

import ast
import json
import runpy
from pathlib import Path
from typing import Any

import pytest

from tests.datasets.importers.events.test_log import LOG
from tests.essays import write_answers, write_essays
from torchedu.datasets import Store, StoreWriter, importers
from torchedu.datasets.importers import Importer, describe_data, formats, import_data
from torchedu.errors import ConfigError, DataError

NAMES = ("class", "enrolment", "event", "text", "lesson", "chat")


@pytest.fixture(scope="module")
def stores(
    class_store: Path,
    enrolment_store: Path,
    lesson_store: Path,
    chat_store: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Path]:
    """Give a store of each kind."""
    folder = tmp_path_factory.mktemp("kinds")
    (folder / "log.csv").write_text(LOG)
    import_data("events", str(folder / "log.csv"), str(folder / "event"))
    import_data("texts", write_essays(folder / "e.csv"), folder / "text", {"groups": ["sex"]})
    made = (class_store, enrolment_store, folder / "event", folder / "text")
    return dict(zip(NAMES, (*made, lesson_store, chat_store), strict=True))


@pytest.mark.parametrize("name", NAMES)
def test_a_store_opens_as_its_own_kind_and_no_other(name: str, stores: dict[str, Path]) -> None:
    kinds = dict.fromkeys(importer.store for importer in formats().values())
    (own,) = (kind for kind in kinds if Store(stores[name]).is_kind(kind))
    assert own(stores[name]).summary
    for kind in kinds.keys() - {own}:
        with pytest.raises(DataError, match=f"holds no {kind.holds}") as caught:
            kind(stores[name])
        assert kind.made_by in formats(kind)
        assert f"data import {kind.made_by} RAW" in caught.value.remedy


@pytest.mark.parametrize(
    ("name", "wanted", "of", "spread"),
    [
        ("class", {"students": 80}, None, ("answers_per_student", "answers_per_item")),
        ("enrolment", {"courses": 30}, ("gender", "1"), ("students_per_course",)),
        ("event", {"enrolments": 4, "courses": 2}, ("outcome", "Pass"), ("events_per_enrolment",)),
        ("text", {"texts": 160, "prompts": 2}, ("prompt", "cats"), ("words_per_text",)),
        ("lesson", {"lessons": 20, "speakers": 3}, ("role", "student"), ("sentences_per_lesson",)),
        ("chat", {"conversations": 60, "problems": 60}, ("part", "train"), ("words_per_message",)),
    ],
)
def test_every_kind_is_described(
    name: str,
    wanted: dict[str, int],
    of: tuple[str, str] | None,
    spread: tuple[str, ...],
    stores: dict[str, Path],
) -> None:
    found: dict[str, Any] = describe_data(stores[name])
    assert json.loads(json.dumps(found)) == found
    assert wanted.items() <= found.items()
    for one in spread:
        quantiles, mean = found[one]["quantiles"], found[one]["mean"]
        assert quantiles["0"] <= quantiles["0.5"] <= quantiles["1"]
        assert quantiles["0"] <= mean <= quantiles["1"]
    if of is not None:
        attribute, group = of
        assert 0 < found["groups"][attribute][group] <= found[f"{found['unit']}"]


def test_counts_are_those_of_the_files(stores: dict[str, Path], tmp_path: Path) -> None:
    texts = describe_data(stores["text"])
    assert texts["groups"] == {"prompt": {"cats": 80, "hats": 80}, "sex": {"f": 80, "m": 80}}
    lessons = describe_data(stores["lesson"])
    tagged = [sum(lessons["groups"][f"{role}'s tag"].values()) for role in ("teacher", "student")]
    assert tagged == list(lessons["groups"]["role"].values())
    labels = import_data("semeval2013", write_answers(tmp_path / "raw"), tmp_path / "s")
    assert sum(describe_data(labels.path)["groups"]["label"].values()) == labels.num_texts


def test_what_is_no_data_for_people_is_told(tmp_path: Path) -> None:
    with StoreWriter(tmp_path / "s"):
        pass
    assert Store(tmp_path / "s").summary == ""
    with pytest.raises(DataError, match="in no form for people"):
        describe_data(tmp_path / "s")


def test_a_place_that_is_no_store_is_told_before_anything_is_read(tmp_path: Path) -> None:
    (tmp_path / "thesis").write_text("years")
    with pytest.raises(ConfigError, match="thesis exists and is not a store"):
        import_data("csv", tmp_path / "none.csv", tmp_path / "thesis")
    with pytest.raises(ConfigError, match="/ exists and is not a store"):
        import_data("csv", tmp_path / "none.csv", "/")


def test_a_format_or_option_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="'talkmove' is not known") as caught:
        import_data("talkmove", "raw", str(tmp_path / "s"), {})
    assert "Did you mean talkmoves?" in caught.value.remedy
    with pytest.raises(ConfigError, match="gsm8k has no option groups"):
        import_data("gsm8k", "raw", str(tmp_path / "s"), {"groups": ["sex"]})
    with pytest.raises(ConfigError, match="texts has no option answer_id") as caught:
        import_data("texts", "raw", str(tmp_path / "s"), {"answer_id": "id"})
    assert "traits" in caught.value.remedy


OWN = (
    *("csv", "parquet", "jsonl", "enrolments", "events", "xapi", "texts", "transcripts", "chats"),
    *("wide", "moodle", "canvas", "forms", "students", "gradebook", "recordings"),
    *("moodle_log", "open_edx", "spoken"),
)
"""Formats of data of one's own, which nobody is to cite."""


def shipped() -> dict[str, type[Importer]]:
    """Return the formats of torchedu itself; tests may have made more."""
    return {
        name: kind for name, kind in formats().items() if kind.__module__.startswith("torchedu.")
    }


def test_every_format_says_what_it_is() -> None:
    for name, kind in shipped().items():
        assert kind.name == name
        assert kind.reads
        assert bool(kind.citation) == (name not in OWN)


def test_there_is_one_abstract_base_of_importers() -> None:
    folder = Path(importers.__file__).parent
    classes = [
        (node.name, [ast.unparse(base) for base in node.bases])
        for file in folder.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.ClassDef)
    ]
    assert [name for name, bases in classes if "ABC" in bases] == ["Importer"]
    assert all(issubclass(kind, Importer) for kind in shipped().values())


def test_the_page_for_people_shows_every_format() -> None:
    root = Path(__file__).parents[3]
    page = (root / "docs" / "data.md").read_text("utf-8")
    script = runpy.run_path(str(root / "scripts" / "formats_page.py"))
    assert script["written"](page) == page, "run scripts/formats_page.py"
    for option in {option for kind in shipped().values() for option in kind.options()}:
        assert f"`{option}`" in page
