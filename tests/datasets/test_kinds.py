"""Every kind of store is told apart, opened as what it is, and described."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.datasets.importers.test_event_log import LOG
from tests.essays import write_answers, write_essays
from torchedu.datasets import Store, StoreWriter
from torchedu.datasets.importers.formats import import_events
from torchedu.datasets.importers.graded_texts import import_texts
from torchedu.datasets.kinds import KINDS, describe_data, import_data
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
    """Give a store of each kind, in the order of ``KINDS``."""
    folder = tmp_path_factory.mktemp("kinds")
    (folder / "log.csv").write_text(LOG)
    import_events("events", str(folder / "log.csv"), str(folder / "event"))
    import_texts("texts", write_essays(folder / "e.csv"), folder / "text", groups=["sex"])
    made = (class_store, enrolment_store, folder / "event", folder / "text")
    return dict(zip(NAMES, (*made, lesson_store, chat_store), strict=True))


@pytest.mark.parametrize("name", NAMES)
def test_a_store_opens_as_its_own_kind_and_no_other(name: str, stores: dict[str, Path]) -> None:
    for own, kind in zip(NAMES, KINDS, strict=True):
        if own == name:
            assert kind.store(stores[name]).summary
        else:
            with pytest.raises(DataError, match=f"holds no {kind.store.holds}") as caught:
                kind.store(stores[name])
            assert kind.store.made_by in kind.formats
            assert f"data import {kind.store.made_by} RAW" in caught.value.remedy


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
    labels = import_texts("semeval2013", write_answers(tmp_path / "raw"), tmp_path / "s")
    assert sum(describe_data(labels.path)["groups"]["label"].values()) == labels.num_texts


def test_what_is_no_data_for_people_is_told(tmp_path: Path) -> None:
    with StoreWriter(tmp_path / "s"):
        pass
    assert Store(tmp_path / "s").summary == ""
    with pytest.raises(DataError, match="in no form for people"):
        describe_data(tmp_path / "s")


def test_a_format_or_option_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="'talkmove' is not known") as caught:
        import_data("talkmove", "raw", str(tmp_path / "s"), {})
    assert "Did you mean talkmoves?" in caught.value.remedy
    with pytest.raises(ConfigError, match="gsm8k has no option groups"):
        import_data("gsm8k", "raw", str(tmp_path / "s"), {"groups": ["sex"]})
    with pytest.raises(ConfigError, match="texts has no option answer_id") as caught:
        import_data("texts", "raw", str(tmp_path / "s"), {"answer_id": "id"})
    assert "traits" in caught.value.remedy
