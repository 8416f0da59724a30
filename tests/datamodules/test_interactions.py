import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
import torch
from lightning import Trainer
from lightning.pytorch.callbacks import GradientAccumulationScheduler
from lightning.pytorch.trainer.states import TrainerFn

from tests.datasets.importers.fake import answers, write_csv
from torchedu.baselines import StreamingLR
from torchedu.batch import AnswerBatch
from torchedu.datamodules import Interactions, interactions
from torchedu.datamodules.stream import BatchStream
from torchedu.datasets import AnswerStore
from torchedu.datasets.answers import stretch_index
from torchedu.errors import ConfigError, DataError, command_line
from torchedu.models import LogisticDKT
from torchedu.readers.histories import Past
from torchedu.schema import ITEM, SKILL, Names, Vocabulary

Key = tuple[int, int]


def small(path: Path, **other: object) -> Interactions:
    return Interactions(
        str(path),
        **{"batch_size": 7, "window": 9, "context": 4, **other},  # type: ignore[arg-type]
    )


def scored(batches: Iterable[AnswerBatch]) -> list[Key]:
    """Return student and position of every scored answer."""
    keys = []
    for batch in batches:
        row, step = batch.scored_BL.nonzero(as_tuple=True)
        position = batch.start_B[row] + step
        keys += list(zip(batch.student_B[row].tolist(), position.tolist(), strict=True))
    return keys


def same(one: Iterable[AnswerBatch], other: Iterable[AnswerBatch]) -> bool:
    return all(
        a is b or torch.equal(a, b)
        for x, y in zip(one, other, strict=True)
        for a, b in zip(x, y, strict=True)
    )


def part_of(data: Interactions, name: str) -> list[Key]:
    part = data.parts[name]
    return [
        (student, position)
        for student, first, stop in zip(*(column.tolist() for column in part), strict=True)
        for position in range(first, stop)
    ]


@pytest.mark.parametrize("by", ["student", "time"])
def test_each_loader_scores_its_part_once(class_store: Path, by: str) -> None:
    data = small(class_store, split=by)
    loaders = {
        "train": data.train_dataloader(),
        "val": data.val_dataloader(),
        "test": data.test_dataloader(),
    }
    for name, loader in loaders.items():
        assert sorted(scored(loader)) == part_of(data, name)
        assert len(list(loader)) == len(loader)


@pytest.mark.parametrize("by", ["student", "time"])
def test_it_counts_the_training_answers_of_each_item(
    class_store: Path, by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(interactions, "COUNTED", 7)
    data, store = small(class_store, split=by), AnswerStore(class_store)
    begins = store.history_offsets
    items = [int(store.item[begins[student] + at]) for student, at in part_of(data, "train")]
    assert data.answered.tolist() == np.bincount(items, minlength=data.num_items).tolist()
    turned = Names(list(store.vocabulary[ITEM])[:0:-1])  # the first is not known
    data.use(data.own.to(Vocabulary({ITEM: turned, SKILL: store.vocabulary[SKILL]})))
    ids = data.vocabulary[ITEM].ids(store.vocabulary[ITEM].name(item) for item in items)
    assert data.answered.tolist() == np.bincount(ids, minlength=len(turned)).tolist()


def test_the_best_epoch_is_chosen_by_some_of_very_many_answers(
    class_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(interactions, "CHOOSING", 60)
    data, stated = small(class_store), Trainer(accelerator="cpu", logger=False)
    every = scored(data.val_dataloader())
    data.trainer = stated
    stated.state.fn = TrainerFn.VALIDATING
    assert scored(data.val_dataloader()) == every
    stated.state.fn = TrainerFn.FITTING
    some = scored(data.val_dataloader())
    assert 60 <= len(some) < len(every)
    students = {student for student, _ in some}
    assert set(some) == {key for key in every if key[0] in students}
    assert scored(small(class_store).val_dataloader()) == every


def test_predictions_are_of_everyone_or_of_a_part(class_store: Path) -> None:
    data = small(class_store)
    assert len(scored(data.predict_dataloader())) == data.store.num_answers
    assert sorted(scored(data.part_dataloader("val"))) == part_of(data, "val")


def test_batches_are_the_same_for_any_number_of_workers(class_store: Path) -> None:
    plain = small(class_store)
    for workers in (1, 2):
        data = small(class_store, num_workers=workers)
        assert same(plain.train_dataloader(), data.train_dataloader())
    assert same(plain.test_dataloader(), data.test_dataloader())


@pytest.mark.parametrize("world_size", [2, 3])
def test_ranks_together_have_the_global_batches(class_store: Path, world_size: int) -> None:
    whole = small(class_store).train_dataloader().stream
    ranks = [BatchStream(whole.batches, whole.order, r, world_size) for r in range(world_size)]
    assert {len(rank) for rank in ranks} == {len(whole)}
    for batch, *shares in zip(whole, *ranks, strict=True):
        assert sorted(scored([batch])) == sorted(scored(shares))


@pytest.mark.parametrize(("world_size", "accumulate"), [(1, 1), (2, 1), (1, 3), (3, 2)])
def test_every_part_of_a_step_divides_by_the_same_share_of_its_answers(
    class_store: Path, world_size: int, accumulate: int
) -> None:
    stream = small(class_store).train_dataloader().stream
    ranks = [
        list(BatchStream(stream.batches, stream.order, r, world_size, accumulate))
        for r in range(world_size)
    ]
    assert {len(rank) for rank in ranks} == {len(stream) * accumulate}
    for i, whole in enumerate(stream):
        first = i * accumulate
        step = [batch for rank in ranks for batch in rank[first : first + accumulate]]
        assert sorted(scored(step)) == sorted(scored([whole]))
        answers = sum(int(batch.scored_BL.sum()) for batch in step)
        (share,) = {float(share) for batch in step for share in batch.mean_over_B}
        assert share == pytest.approx(answers / (world_size * accumulate))


@pytest.mark.parametrize("world_size", [2, 3, 5])
def test_in_evaluation_ranks_share_whole_batches(class_store: Path, world_size: int) -> None:
    whole = small(class_store).test_dataloader().stream
    ranks = [
        list(BatchStream(whole.batches, whole.order, r, world_size)) for r in range(world_size)
    ]
    assert len({len(rank) for rank in ranks}) == 1
    assert sorted(scored(whole)) == sorted(key for rank in ranks for key in scored(rank))
    in_turn = [batch for step in zip(*ranks, strict=True) for batch in step]
    assert same(whole, in_turn[: len(whole)])
    assert not scored(in_turn[len(whole) :])


def test_training_has_another_order_each_epoch(class_store: Path) -> None:
    loader = small(class_store).train_dataloader()
    first = scored(loader)
    loader.stream.epoch = 1
    second = scored(loader.stream)
    assert first != second
    assert sorted(first) == sorted(second)


def test_a_raw_file_is_imported_once(tmp_path: Path) -> None:
    raw = write_csv(tmp_path / "class.csv", answers(students=8))
    data = Interactions(str(raw), groups=["gender"])
    data.prepare_data()
    manifest = tmp_path / "class.store" / "manifest.json"
    made = manifest.stat().st_mtime_ns
    assert data.store.num_students == 8
    assert data.store.vocabulary.groups == ("gender",)
    assert data.num_items == 2 + len({row["item"] for row in answers(students=8)})
    assert data.name == "class"
    Interactions(str(raw), groups=["gender"]).prepare_data()
    assert manifest.stat().st_mtime_ns == made


def test_headings_can_be_mapped(tmp_path: Path) -> None:
    rows = [{"wer": row["student"], "was": row["item"], "ok": row["correct"]} for row in answers(8)]
    raw = write_csv(tmp_path / "class.csv", rows)
    data = Interactions(str(raw), columns={"student": "wer", "item": "was", "correct": "ok"})
    # The reserved ids, one skill of its own for each item, and the one that all share.
    assert data.num_skills == data.num_items + 1
    assert len(scored(data.train_dataloader())) > 0


def test_without_a_path_a_class_is_simulated_and_goes_with_the_object() -> None:
    data = Interactions(seed=3)
    assert "simulator" in data.store.about
    folder = data.store.path.parent
    assert folder.is_dir()
    del data
    assert not folder.exists()


def test_it_can_be_printed(class_store: Path) -> None:
    assert str(small(class_store)).startswith("Interactions: class, 80 students, 1,")


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        ({"batch_size": 0}, "batch_size is 0"),
        ({"window": 1, "context": 0}, "window is 1"),
        ({"context": -1}, "context is -1"),
        ({"num_workers": -2}, "num_workers is -2"),
        ({"context": 9}, "context 9 leaves no answer to score in a window of 9"),
    ],
)
def test_values_out_of_range_are_told(
    class_store: Path, wrong: dict[str, object], problem: str
) -> None:
    with pytest.raises(ConfigError, match=problem):
        small(class_store, **wrong)


def test_a_path_to_nothing_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nothing\.csv"):
        Interactions(str(tmp_path / "nothing.csv")).prepare_data()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("heading", "delimiter", "said"),
    [
        ("student;item;correct", ",", "--data.options.on_bad_row drop"),
        ("who,item,correct", ",", "--data.columns.student HEADING"),
    ],
)
def test_a_raw_file_s_remedy_is_one_that_the_user_of_a_path_can_follow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, heading: str, delimiter: str, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("class.csv").write_text(f"{heading}\na{delimiter}q1{delimiter}1\n")
    with pytest.raises(DataError) as error:
        small(Path("class.csv")).prepare_data()
    assert said in error.value.render(command_line)
    assert [path.name for path in tmp_path.iterdir()] == ["class.csv"]


def test_what_killed_processes_left_in_the_temporary_folder_is_removed(
    class_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    store = AnswerStore(class_store)
    monkeypatch.setattr(interactions, "simulate", lambda folder, seed: store)
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    for name in (f"torchedu-{gone.pid}-a", f"torchedu-{os.getpid()}-b", "torchedu-mine-c"):
        (tmp_path / name).mkdir()
    Interactions().prepare_data()
    assert {file.name for file in tmp_path.iterdir()} >= {
        f"torchedu-{os.getpid()}-b",
        "torchedu-mine-c",
    }
    assert not (tmp_path / f"torchedu-{gone.pid}-a").exists()


def test_a_division_that_changes_is_refused(class_store: Path) -> None:
    data = small(class_store)
    data.trainer = Trainer(
        callbacks=[GradientAccumulationScheduler({0: 1, 1: 2})],
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
    )
    with pytest.raises(ConfigError, match="GradientAccumulationScheduler"):
        data.train_dataloader()


def learned(path: Path, **other: object) -> Interactions:
    """Return data whose batches carry what the default network learns beforehand and reads."""
    data = small(path, **other)
    net = LogisticDKT(data.num_items, data.num_skills, dim=4)
    data.suit(net)
    assert data.facts(net) is not None
    return data


def test_what_came_before_is_the_same_found_for_all_or_batch_by_batch(
    class_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for split in ("student", "time"):
        held = learned(class_store, split=split)
        monkeypatch.setattr(interactions, "HELD", 0)
        found = learned(class_store, split=split)
        assert same(held.train_dataloader(), found.train_dataloader())
        assert same(held.test_dataloader(), found.test_dataloader())
        assert isinstance(found._past, Past)
        monkeypatch.undo()


def test_only_students_who_taught_the_regression_have_moved_its_weights(
    class_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = StreamingLR.__init__
    few = {"most_answers": 300, "most_to_choose": 300}
    monkeypatch.setattr(StreamingLR, "__init__", lambda self, **given: usual(self, **few | given))
    data, whole = learned(class_store), small(class_store)
    train = whole.parts["train"]
    answers = whole.store.answers(train.student, train.stop)
    model = StreamingLR().fit(answers)  # draws the same students itself
    np.testing.assert_array_equal(model.weights.item, data.regression.weights.item)
    moved = np.zeros(whole.store.num_answers, np.float32)
    offsets = whole.store.history_offsets
    moved[stretch_index(offsets[train.student], train.stop)[0]] = model.moved(answers)
    for batch in data.train_dataloader():
        row, step = batch.scored_BL.nonzero(as_tuple=True)
        place = offsets[batch.student_B[row].numpy()] + (batch.start_B[row] + step).numpy()
        assert batch.moved_BL is not None
        np.testing.assert_array_equal(batch.moved_BL[row, step].numpy(), moved[place])
    assert 0 < np.count_nonzero(moved) < 400
