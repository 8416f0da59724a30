"""Speakers are in one part alone, unless that is asked for, and then it is told."""

from pathlib import Path

import numpy as np
import pytest

from tests.spoken_files import write_answers, write_corpus
from torchedu.datasets.importers import import_data
from torchedu.datasets.spoken import SpokenStore
from torchedu.datasets.spoken_splits import split_spoken
from torchedu.errors import ConfigError, DataError
from torchedu.leaks import check


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> SpokenStore:
    folder = tmp_path_factory.mktemp("spoken")
    raw = write_answers(folder / "in")
    return import_data("spoken", raw, folder / "out", {"rate": 8_000})


def whose(store: SpokenStore, rows: np.ndarray) -> set[str]:
    return {store.speakers[row] for row in rows.tolist()}


def test_all_of_a_speaker_is_in_one_part(store: SpokenStore) -> None:
    parts = split_spoken(store)
    assert sorted(np.concatenate([*parts.values()]).tolist()) == list(range(store.num_answers))
    train, val, test = (whose(store, rows) for rows in parts.values())
    assert len(train) + len(val) + len(test) == len(train | val | test) == 8
    assert len(test) == 2
    assert not [finding for finding in check(store, parts) if finding.kind == "grouping"]


def test_each_fold_leaves_a_speaker_out(store: SpokenStore) -> None:
    tested = []
    for fold in range(8):
        parts = split_spoken(store, "fold", folds=8, fold=fold)
        (who,) = whose(store, parts["test"])
        assert who not in whose(store, parts["train"]) | whose(store, parts["val"])
        assert len(parts["val"]) == round(0.1 * (store.num_answers - len(parts["test"])))
        tested.append(who)
    assert len(set(tested)) == 8
    with pytest.raises(DataError, match="8 speakers make no 9 folds"):
        split_spoken(store, "fold", folds=9)


def test_a_split_by_answers_is_told_as_a_leak(store: SpokenStore) -> None:
    parts = split_spoken(store, "random")
    (finding,) = [one for one in check(store, parts) if one.kind == "grouping"]
    assert "have a speaker that is trained on too" in finding.sentence
    assert finding.remedy.startswith("Split by speaker")


def test_the_datas_own_parts_come_first(tmp_path: Path) -> None:
    raw = write_corpus(tmp_path / "corpus", full=True)
    own = import_data("speechocean762", raw, tmp_path / "out", {})
    parts = split_spoken(own)
    assert whose(own, parts["test"]) == {"0002", "0003"}
    assert whose(own, np.concatenate([parts["train"], parts["val"]])) == {"0000", "0001"}


def test_what_cannot_be_divided_is_told(store: SpokenStore) -> None:
    with pytest.raises(DataError, match="names no parts"):
        split_spoken(store, "part")
    with pytest.raises(DataError, match="in which conversation"):
        split_spoken(store, "conversation")
    with pytest.raises(ConfigError, match="split 'voice'"):
        split_spoken(store, "voice")
