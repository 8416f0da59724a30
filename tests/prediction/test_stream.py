"""Predictions are the same rows in the same order, whatever ranks and disks they came by."""

import os
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import numpy as np
import pytest
import torch
from lightning import Trainer
from torch import Tensor

from torchedu import ItemDKT, KnowledgeTracing
from torchedu.datamodules import Interactions
from torchedu.prediction import stream
from torchedu.prediction.stream import Columns, predicted
from torchedu.testing.launch import LaunchServer


def trainer_in(folder: Path, ranks: int = 1) -> Trainer:
    return Trainer(
        accelerator="cpu",
        devices=ranks,
        strategy="ddp" if ranks > 1 else "auto",
        default_root_dir=folder,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )


def built(store: Path, kind: type[KnowledgeTracing] = KnowledgeTracing) -> tuple[Any, Interactions]:
    torch.manual_seed(0)
    data = Interactions(str(store), batch_size=4, window=8, context=3)
    return kind(ItemDKT, data.num_items, data.num_skills), data


def on_ranks(store: Path, folder: Path, unseen: int = -1) -> tuple[Columns, list[str]]:
    """Predict on as many ranks as there are, of which one does not see the first one's disk."""
    ranks = int(os.environ.get("WORLD_SIZE", "1"))
    sees = stream._sees if int(os.environ.get("RANK", "0")) != unseen else lambda *_: False
    task, data = built(store)
    with mock.patch.object(stream, "_sees", sees):
        found = predicted(task, data, "test", trainer_in(folder, ranks))
    left = [file.name for file in folder.iterdir()]
    return {name: np.array(column) for name, column in found.items()}, left


@pytest.mark.parametrize("unseen", [-1, 1])
def test_two_ranks_predict_as_one(
    class_store: Path, tmp_path: Path, launch: LaunchServer, unseen: int
) -> None:
    one, _ = on_ranks(class_store, tmp_path)
    both = launch.start(on_ranks, class_store, tmp_path, unseen, ranks=2)
    assert both.wait(120) == [0, 0], both.output() + both.output(1)
    first, left = both.result()
    assert not left
    for name, column in one.items():
        np.testing.assert_array_equal(first[name], column)
    second, _ = both.result(1)
    assert {name: column.shape for name, column in second.items()} == dict.fromkeys(one, (0,))


def test_rows_come_in_the_order_of_the_keys_and_outlive_their_files(
    class_store: Path, tmp_path: Path
) -> None:
    task, data = built(class_store)
    found = predicted(task, data, None, trainer_in(tmp_path))
    assert not list(tmp_path.iterdir())  # nothing is left behind
    order = np.lexsort((found["position"], found["student"]))
    np.testing.assert_array_equal(order, np.arange(data.store.num_answers))
    assert found["probability"].dtype == np.float32
    with torch.no_grad():
        batches, _ = data.evaluation(None)
        batch = batches(np.arange(3))
        wanted = task.eval().predict_step(batch, 0)
    student, position = wanted.student.numpy(), wanted.position.numpy()
    place = data.store.history_offsets[student] + position
    np.testing.assert_allclose(found["probability"][place], wanted.probability, atol=1e-6)


@pytest.mark.parametrize("rows", [1, 7, 100, 4096])
def test_rows_that_memory_does_not_hold_come_in_the_same_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: int
) -> None:
    draw = np.random.default_rng(rows)
    columns = {
        "student": draw.integers(0, 40, 2000), "position": draw.integers(0, 9, 2000),
        "chances": draw.random((2000, 3), np.float32),
    }  # fmt: skip
    order = np.lexsort((columns["position"], columns["student"]))
    monkeypatch.setattr(stream, "SORTED", rows)
    monkeypatch.setattr(stream, "ROWS", 33)
    ordered = stream._ordered(tmp_path, dict(columns), ("student", "position"))
    for name, column in columns.items():
        np.testing.assert_array_equal(ordered[name], column[order])
    assert {file.name for file in tmp_path.iterdir()} == {f"{name}.ordered" for name in columns}


class Wide(NamedTuple):
    student: Tensor
    position: Tensor
    chances: Tensor


class WideTask(KnowledgeTracing):
    """A task whose predictions have several numbers a row, in sixteen bits."""

    keys = ()

    def predict_step(self, batch: Any, batch_idx: int) -> Wide:
        """Return three numbers a row."""
        found = super().predict_step(batch, batch_idx)
        chances = torch.stack([found.probability, 1 - found.probability, found.probability], 1)
        return Wide(found.student, found.position, chances.bfloat16())


def test_rows_of_several_numbers_keep_their_shape(class_store: Path, tmp_path: Path) -> None:
    task, data = built(class_store, WideTask)
    found = predicted(task, data, "val", trainer_in(tmp_path))
    assert found["chances"].shape == (data.parts["val"].num_answers, 3)
    assert found["chances"].dtype == np.float32
    assert (np.diff(found["student"]) >= 0).all()  # the first column orders where no key is named
    np.testing.assert_allclose(found["chances"][:, :2].sum(1), 1, atol=0.01)


def test_where_no_file_can_be_written_beside_the_run_the_temporary_folder_serves(
    class_store: Path, tmp_path: Path
) -> None:
    file = tmp_path / "file"
    file.touch()
    task, data = built(class_store)
    found = predicted(task, data, "val", trainer_in(file / "run"))
    assert len(found["student"]) == data.parts["val"].num_answers


@pytest.mark.skipif(os.name != "posix", reason="files are limited as POSIX systems do")
def test_a_disk_that_takes_no_more_is_told_and_no_row_is_lost(
    class_store: Path, tmp_path: Path
) -> None:
    import resource

    task, data = built(class_store)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64, before[1]))  # less than any column takes
    try:
        with pytest.raises(OSError, match="too large"):
            predicted(task, data, "val", trainer_in(tmp_path))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not [file for file in tmp_path.iterdir() if file.name.startswith(".predictions")]
