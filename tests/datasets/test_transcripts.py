"""Lessons are divided whole, by their names or as their source says."""

from pathlib import Path

import numpy as np
import pytest

from tests.datasets.lesson_files import write_lessons, write_release
from torchedu.datasets import Store, StoreWriter
from torchedu.datasets.importers import import_data
from torchedu.datasets.transcripts import TranscriptStore, split_transcripts
from torchedu.errors import ConfigError, DataError


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> TranscriptStore:
    folder = tmp_path_factory.mktemp("lessons")
    return import_data("transcripts", write_lessons(folder / "x.csv", 20), folder / "x.store")


def test_no_lesson_is_in_two_parts(store: TranscriptStore) -> None:
    for by in ("random", "fold"):
        parts = split_transcripts(store, by, val=0.2, test=0.25)
        rows = np.concatenate([part.student for part in parts.values()])
        assert sorted(rows.tolist()) == list(range(20))
        for part in parts.values():
            assert (part.stop == np.diff(store.lesson_offsets)[part.student]).all()
            assert not part.first.any()
    assert [len(part.student) for part in split_transcripts(store, test=0.25).values()] == [
        13,
        2,
        5,
    ]


def test_folds_test_each_lesson_once_and_seeds_differ(store: TranscriptStore) -> None:
    tested = [split_transcripts(store, "fold", fold=i)["test"].student for i in range(5)]
    assert sorted(np.concatenate(tested).tolist()) == list(range(20))
    other = split_transcripts(store, "random", seed=1)["test"].student
    assert other.tolist() != split_transcripts(store, "random")["test"].student.tolist()


def test_the_published_split_is_taken_where_there_is_one(tmp_path: Path) -> None:
    store = import_data("talkmoves", write_release(tmp_path / "data"), tmp_path / "s")
    parts = split_transcripts(store)
    assert parts["test"].student.tolist() == [0]
    assert len(parts["val"].student) == 1
    assert len(parts["train"].student) == 2


def test_splits_that_cannot_be_are_refused(store: TranscriptStore, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="split 'publish' is not known"):
        split_transcripts(store, "publish")
    with pytest.raises(DataError, match="its source names no parts"):
        split_transcripts(store, "published")
    with pytest.raises(ConfigError, match="leave no part"):
        split_transcripts(store, val=0.5, test=0.5)
    with pytest.raises(ConfigError, match="fold 5 of 5"):
        split_transcripts(store, "fold", fold=5)
    few = import_data("transcripts", write_lessons(tmp_path / "x.csv", 2), tmp_path / "s")
    with pytest.raises(DataError, match="the train part has no lesson; there are 2"):
        split_transcripts(few)


def test_a_store_of_something_else_is_refused(tmp_path: Path) -> None:
    with StoreWriter(tmp_path / "s"):
        pass
    assert Store(tmp_path / "s").manifest
    with pytest.raises(DataError, match="holds no transcripts"):
        TranscriptStore(tmp_path / "s")
