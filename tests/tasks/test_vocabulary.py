"""The same names give the same predictions, whatever ids a data set has for them."""

import random
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from lightning import Trainer

from tests.datasets.importers.fake import Row, answers, write_csv
from torchedu.datamodules import Interactions
from torchedu.datasets import AnswerStore, AnswerWriter
from torchedu.datasets.importers import import_data
from torchedu.models import DKT, SAKT, ItemDKT
from torchedu.prediction.stream import predicted
from torchedu.schema import ITEM, RESERVED, SKILL, Names, Vocabulary
from torchedu.tasks import KnowledgeTracing, open_task

Predictions = dict[tuple[str, int, str], float]

SMALL = {
    "DKT": partial(DKT, dim=6),
    "ItemDKT": partial(ItemDKT, dim=6),
    "SAKT": partial(SAKT, dim=6, heads=2, max_history=20),
}


def stock_trainer(epochs: int = 1) -> Trainer:
    return Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )


def interactions(path: Path) -> Interactions:
    return Interactions(str(path), batch_size=8, window=20, context=10)


def imported(folder: Path, rows: Sequence[Row]) -> Path:
    folder.mkdir()
    return import_data("csv", write_csv(folder / "a.csv", rows), folder / "a.store").path


def class_rows() -> list[Row]:
    """Return the answers of 30 students, an item's skills the same in every row."""
    return answers(students=30, each=8)


def predictions(task: KnowledgeTracing, path: Path) -> Predictions:
    """Predict every answer; the keys are student, position in the history and item, by name."""
    data = interactions(path)
    columns = predicted(task, data, None, stock_trainer())
    store = data.store
    students = store.student_names(columns["student"])
    place = store.history_offsets[columns["student"]] + columns["position"]
    items = [store.vocabulary[ITEM].name(i) for i in store.item[place].tolist()]
    keys = zip(students, columns["position"].tolist(), items, strict=True)
    return dict(zip(keys, columns["probability"].tolist(), strict=True))


def assert_equal(known: Predictions, others: Predictions) -> None:
    """Compare; batches hold other students, so that sums may differ in the last places."""
    assert known.keys() == others.keys()
    for key, probability in known.items():
        assert others[key] == pytest.approx(probability, abs=1e-6), key


@pytest.fixture(scope="module", params=sorted(SMALL))
def trained(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path]:
    """Give a store and the checkpoint of a network trained on it."""
    folder = tmp_path_factory.mktemp("trained")
    store = imported(folder / "data", class_rows())
    torch.manual_seed(0)
    data = interactions(store)
    task = KnowledgeTracing(SMALL[request.param], data.num_items, data.num_skills, lr=0.03)
    trainer = stock_trainer(epochs=2)
    trainer.fit(task, datamodule=data)
    trainer.save_checkpoint(folder / "net.ckpt")
    return store, folder / "net.ckpt"


@pytest.fixture
def task(trained: tuple[Path, Path]) -> KnowledgeTracing:
    opened = open_task(trained[1])
    assert isinstance(opened, KnowledgeTracing)
    return opened


def test_the_order_of_rows_changes_no_prediction(
    trained: tuple[Path, Path], task: KnowledgeTracing, tmp_path: Path
) -> None:
    rows = class_rows()
    random.Random(1).shuffle(rows)  # the column of times says in which order they happened
    again = imported(tmp_path / "again", rows)
    assert_equal(predictions(task, trained[0]), predictions(task, again))


def test_other_ids_for_the_same_names_change_no_prediction(
    trained: tuple[Path, Path], task: KnowledgeTracing, tmp_path: Path
) -> None:
    turned = with_ids_turned(AnswerStore(trained[0]), tmp_path / "turned.store")
    own, other = AnswerStore(trained[0]).vocabulary, turned.vocabulary
    assert all(own[kind].ids(own[kind]) != other[kind].ids(own[kind]) for kind in (ITEM, SKILL))
    assert_equal(predictions(task, trained[0]), predictions(task, turned.path))


def test_new_items_change_no_prediction_from_before_them(
    trained: tuple[Path, Path], task: KnowledgeTracing, tmp_path: Path
) -> None:
    # New names come first in the order of names, and so move every id.
    new = [
        {
            **row,
            "student": f"a{row['student']}",
            "item": f"a{row['item']}",
            "skill": f"a;{row['skill']}",
        }
        for row in answers(students=5, each=8, seed=2)
    ]
    late = [
        {**row, "item": "a new one", "skill": "a", "time": int(row["time"]) + 10**6}
        for row in class_rows()[-7:]
    ]
    larger = imported(tmp_path / "larger", [*new, *late, *class_rows()])
    known, now = predictions(task, trained[0]), predictions(task, larger)
    assert AnswerStore(larger).vocabulary[ITEM].id("q0") != task.vocabulary[ITEM].id("q0")
    assert_equal(known, {key: p for key, p in now.items() if key in known})
    added = [p for key, p in now.items() if key not in known]
    assert len(added) == 47
    assert all(0 < p < 1 for p in added)


def test_a_network_opens_as_it_was_and_runs_no_code(
    trained: tuple[Path, Path], task: KnowledgeTracing
) -> None:
    again = KnowledgeTracing.load_from_checkpoint(trained[1], weights_only=True)
    assert type(again.net) is type(task.net)
    assert again.net.arguments() == task.net.arguments()
    assert again.vocabulary == task.vocabulary == AnswerStore(trained[0]).vocabulary
    for name, tensor in task.net.state_dict().items():
        assert torch.equal(again.net.state_dict()[name], tensor)


def test_growing_keeps_known_names_and_their_predictions(
    trained: tuple[Path, Path], task: KnowledgeTracing
) -> None:
    vocabulary = Vocabulary({ITEM: Names(["new 1", "q3", "new 2"]), SKILL: Names(["k0", "new"])})
    torch.manual_seed(1)
    grown = task.grown(vocabulary)
    assert task.vocabulary is not None
    assert grown.vocabulary is not None
    for kind, new in ((ITEM, ["new 1", "new 2"]), (SKILL, ["new"])):
        assert list(grown.vocabulary[kind]) == [*task.vocabulary[kind], *new]
    assert grown.net.num_items == task.net.num_items + 2
    assert grown.net.num_skills == task.net.num_skills + 1
    grown_weights = grown.net.state_dict()
    for name, old in task.net.state_dict().items():
        rows = slice(None) if grown_weights[name].shape == old.shape else slice(len(old))
        assert torch.equal(grown_weights[name][rows], old), name
    assert grown.hparams["num_items"] == grown.net.num_items
    assert_equal(predictions(task, trained[0]), predictions(grown, trained[0]))


def test_training_goes_on_with_the_names_of_two_years(
    trained: tuple[Path, Path], task: KnowledgeTracing, tmp_path: Path
) -> None:
    rows = [{**row, "item": f"{row['item']} of next year"} for row in answers(20, 8, seed=5)]
    second = imported(tmp_path / "second", rows)
    data = interactions(second)
    grown = task.grown(data.vocabulary)
    trainer = stock_trainer()
    trainer.fit(grown, datamodule=data)
    trainer.save_checkpoint(tmp_path / "grown.ckpt")
    opened = open_task(tmp_path / "grown.ckpt")
    assert isinstance(opened, KnowledgeTracing)
    assert opened.vocabulary == task.vocabulary.grown(data.vocabulary)  # type: ignore[union-attr]
    for path in (trained[0], second):
        assert_equal(predictions(grown, path), predictions(opened, path))


def test_names_that_a_network_lacks_are_counted_and_said(
    task: KnowledgeTracing, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rows = [
        {**row, "item": row["item"] + "!"} if row["item"] == "q1" else row for row in class_rows()
    ]
    data = interactions(imported(tmp_path / "other", rows))
    with caplog.at_level("INFO"):
        task.agree(data, training=False)
    assert [record.getMessage() for record in caplog.records] == [
        "1 of 12 items are unknown to the network, such as 'q1!'."
    ]


def with_ids_turned(store: AnswerStore, path: Path) -> AnswerStore:
    """Write a store again with the ids of items and skills in the opposite order."""
    names = {kind: list(store.vocabulary[kind])[::-1] for kind in (ITEM, SKILL)}
    item_id, skill_id = (
        np.array([0, 1, *range(RESERVED + len(names[kind]) - 1, RESERVED - 1, -1)])
        for kind in (ITEM, SKILL)
    )
    lists = np.split(skill_id[store.skill], store.skill_offsets[1:-1])
    lists = [lists[i] for i in item_id]  # turning twice gives the same
    lengths, values = [len(some) for some in lists], np.concatenate(lists)
    vocabulary = Vocabulary({kind: Names(some) for kind, some in names.items()})
    with AnswerWriter(path, vocabulary, (lengths, values)) as writer:
        writer.append(
            store.student_names(range(store.num_students)),
            np.diff(store.history_offsets),
            {"item": item_id[store.item], "correct": store.correct},
        )
    return AnswerStore(path)
