from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from lightning import Trainer, seed_everything
from sklearn.metrics import roc_auc_score
from torch.nn import functional as F

import torchedu
from torchedu.batch import AnswerBatch
from torchedu.datamodules import Interactions
from torchedu.datamodules.stream import BatchStream
from torchedu.datasets import AnswerStore, AnswerWriter
from torchedu.datasets.simulator import simulate
from torchedu.errors import CheckpointError, ConfigError
from torchedu.metrics import scores
from torchedu.models import AKT, BKT, DKT, DKVMN, IRT, SAKT, ItemDKT, LogisticDKT
from torchedu.optimizers import RowAdagrad
from torchedu.prediction.stream import predicted
from torchedu.schema import ITEM, SKILL, Names, Vocabulary
from torchedu.tasks import KnowledgeTracing, open_task
from torchedu.testing.kinds import NetworkSubject

BUILD = partial(ItemDKT, dim=6)


def stock_trainer(epochs: int = 1, **other: object) -> Trainer:
    return Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        **other,  # type: ignore[arg-type]
    )


def a_batch() -> AnswerBatch:
    """Return windows of lengths 2, 5, 8, ... whose first answer is there as history alone."""
    batch = NetworkSubject(BUILD).batch(rows=4, steps=12)
    seen_BL = torch.arange(12) < torch.tensor([[2], [5], [8], [12]])
    scored_BL = seen_BL & (torch.arange(12) > 0)
    return batch._replace(
        item_BL=batch.item_BL * seen_BL, scored_BL=scored_BL, mean_over_B=torch.full((4,), 23.0)
    )


def test_the_loss_is_of_scored_answers_alone_each_counted_once() -> None:
    task, batch = KnowledgeTracing(BUILD, 20, 9).eval(), a_batch()
    loss_B, count_B = task.loss(batch)
    where = batch.scored_BL
    each = F.binary_cross_entropy_with_logits(
        task(batch)[where], batch.correct_BL[where], reduction="none"
    )
    assert count_B.tolist() == where.sum(1).tolist() == [1, 4, 7, 11]
    torch.testing.assert_close(loss_B, torch.stack([e.sum() for e in each.split([1, 4, 7, 11])]))
    turned = batch._replace(correct_BL=torch.where(where, batch.correct_BL, 0.5))
    # The history's marks count as input; the marks of padded slots count in no way.
    turned.correct_BL[:, 0] = batch.correct_BL[:, 0]
    torch.testing.assert_close(task.loss(turned)[0], loss_B)


def test_a_step_is_the_mean_over_its_answers_plus_the_penalty() -> None:
    task, batch = KnowledgeTracing(partial(BUILD, item_penalty=0.7), 20, 9).eval(), a_batch()
    loss_B, count_B = task.loss(batch)
    mean = loss_B.sum() / count_B.sum()
    loss = task.training_step(batch, 0)
    torch.testing.assert_close(loss, mean + task.net.penalty())
    assert loss > mean
    torch.testing.assert_close(task.mean_loss.float(), mean)


def test_a_loss_that_is_not_finite_makes_every_gradient_so() -> None:
    task, batch = KnowledgeTracing(BUILD, 20, 9).eval(), a_batch()
    clean = task.training_step(batch, 0)
    clean.backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in task.parameters())
    with torch.no_grad():
        task.net.penalty = lambda: torch.tensor(float("inf"))  # type: ignore[method-assign]
    task.training_step(batch, 0).backward()
    assert all(p.grad is None or p.grad.isnan().all() for p in task.net.lstm.parameters())


def test_windows_are_named_by_row_and_position_and_not_by_name() -> None:
    batch = a_batch()._replace(student_B=torch.tensor([7, 3, 9, 4]), start_B=torch.full((4,), 5))
    named = KnowledgeTracing(BUILD, 20, 9).pseudonyms(batch)
    assert named[:2] == ["student row 7 (answers 6 to 6)", "student row 3 (answers 6 to 9)"]


def test_part_of_the_marks_is_part_of_the_loss() -> None:
    task, batch = KnowledgeTracing(BUILD, 20, 9).eval(), a_batch()
    one = batch._replace(scored_BL=batch.scored_BL & (torch.arange(12) == 1))
    losses = []
    for mark in (0.0, 0.25, 1.0):
        marks_BL = one.correct_BL.clone()
        marks_BL[:, 1] = mark
        losses.append(task.loss(one._replace(correct_BL=marks_BL))[0])
    torch.testing.assert_close(losses[1], 0.75 * losses[0] + 0.25 * losses[2])


def test_predictions_are_of_scored_answers_by_student_and_position() -> None:
    task, batch = KnowledgeTracing(BUILD, 20, 9).eval(), a_batch()
    batch = batch._replace(
        student_B=torch.tensor([7, 3, 9, 4]), start_B=torch.tensor([0, 30, 5, 1])
    )
    student, position, probability, correct = task.predict_step(batch, 0)
    assert student.tolist() == [7] + [3] * 4 + [9] * 7 + [4] * 11
    assert position[:6].tolist() == [1, 31, 32, 33, 34, 6]
    torch.testing.assert_close(probability, task(batch)[batch.scored_BL].sigmoid())
    assert torch.equal(correct, batch.correct_BL[batch.scored_BL])


def test_a_stock_trainer_fits_and_scores_the_whole_part(class_store: Path) -> None:
    seed_everything(0, verbose=False)
    data = Interactions(str(class_store), batch_size=5, window=12, context=5)
    task = KnowledgeTracing(BUILD, data.num_items, data.num_skills, lr=0.02)
    trainer = stock_trainer(epochs=3)
    trainer.fit(task, datamodule=data)
    (logged,) = trainer.test(task, datamodule=data, verbose=False)
    columns = predicted(task, data, "test", stock_trainer())
    assert len(columns["correct"]) == data.parts["test"].num_answers
    auc = roc_auc_score(columns["correct"], columns["probability"])
    assert logged["test/auc"] == pytest.approx(auc, abs=1e-6)
    wanted = scores(columns["probability"], columns["correct"])
    for name, value in wanted.items():
        assert logged[f"test/{name}"] == pytest.approx(value, abs=1e-6)
    assert auc > 0.55
    assert task.vocabulary == data.vocabulary


def test_ten_lines_of_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    store = simulate("class.store", students=40, skills=3, items=12, answers=10).path
    data = torchedu.Interactions(str(store))
    task = torchedu.KnowledgeTracing(torchedu.DKT, data.num_items, data.num_skills)
    trainer = torchedu.trainer("run", max_epochs=1, accelerator="cpu")
    trainer.fit(task, datamodule=data)
    evaluation = torchedu.evaluate(task, data, trainer, folder="run")
    assert [row["name"] for row in evaluation["scores"]][:2] == ["DKT", "item mean"]
    assert (tmp_path / "run" / "evaluation.json").is_file()
    assert (tmp_path / "run" / "checkpoints" / "best.ckpt").is_file()


def several_skills(path: Path, students: int = 40) -> AnswerStore:
    """Write a class whose items have 1 to 4 skills."""
    draw = np.random.default_rng(0)
    vocabulary = Vocabulary({ITEM: Names("abcdefgh"), SKILL: Names("klmn")})
    lengths = [0, 0, *[1 + i % 4 for i in range(8)]]
    skills = np.concatenate([np.arange(2, 2 + n) for n in lengths if n])
    with AnswerWriter(path, vocabulary, (lengths, skills)) as writer:
        writer.append(
            [f"s{i}" for i in range(students)],
            [15] * students,
            {
                "item": draw.integers(2, 10, 15 * students),
                "correct": draw.integers(0, 2, 15 * students),
            },
        )
    return AnswerStore(path)


@pytest.mark.parametrize("build", [BUILD, partial(DKT, dim=6), partial(SAKT, dim=6, heads=1)])
def test_an_answer_with_several_skills_is_scored_once(tmp_path: Path, build: partial[DKT]) -> None:
    store = several_skills(tmp_path / "a.store")
    data = Interactions(str(store.path), batch_size=8, window=10, context=4)
    task = KnowledgeTracing(build, data.num_items, data.num_skills)
    trainer = stock_trainer()
    trainer.fit(task, datamodule=data)
    columns = predicted(task, data, None, trainer)
    keys = list(zip(columns["student"].tolist(), columns["position"].tolist(), strict=True))
    assert keys == [(student, position) for student in range(40) for position in range(15)]
    assert columns["correct"].tolist() == store.correct.tolist()


def with_marks(store: AnswerStore, correct: np.ndarray, path: Path) -> AnswerStore:
    """Write a store again with other marks."""
    lengths = np.diff(store.skill_offsets)
    vocabulary = Vocabulary({kind: store.vocabulary[kind] for kind in (ITEM, SKILL)})
    with AnswerWriter(path, vocabulary, (lengths, store.skill)) as writer:
        writer.append(
            store.student_names(range(store.num_students)),
            np.diff(store.history_offsets),
            {"item": store.item, "correct": correct},
        )
    return AnswerStore(path)


def test_shuffled_marks_are_not_foretold(tmp_path: Path) -> None:
    store = simulate(tmp_path / "a.store", students=500, skills=3, items=12, answers=25)
    correct = np.random.default_rng(0).permutation(store.correct)
    shuffled = with_marks(store, correct, tmp_path / "b.store")
    aucs = {}
    for name, path in (("real", store.path), ("shuffled", shuffled.path)):
        seed_everything(0, verbose=False)
        data = Interactions(str(path), batch_size=32, window=60, context=30, test=0.4)
        task = KnowledgeTracing(partial(DKT, dim=16), data.num_items, data.num_skills, lr=0.01)
        trainer = stock_trainer(epochs=3)
        trainer.fit(task, datamodule=data)
        (logged,) = trainer.test(task, datamodule=data, verbose=False)
        aucs[name] = logged["test/auc"]
    # About 5,500 answers are scored: the standard error of an AUC of chance is .008.
    assert abs(aucs["shuffled"] - 0.5) < 0.025
    assert aucs["real"] > 0.65


def test_sizes_that_are_not_the_data_s_are_told(class_store: Path) -> None:
    data = Interactions(str(class_store))
    task = KnowledgeTracing(BUILD, data.num_items + 1, data.num_skills)
    with pytest.raises(ConfigError, match="the network has num_items 15, the data 14"):
        stock_trainer().fit(task, datamodule=data)


def test_windows_longer_than_the_network_s_are_told(class_store: Path) -> None:
    data = Interactions(str(class_store), window=30, context=3)
    build = partial(SAKT, dim=4, heads=1, max_history=20)
    task = KnowledgeTracing(build, data.num_items, data.num_skills)
    with pytest.raises(ConfigError, match="window of 30 is longer than the network's 20 steps"):
        stock_trainer().fit(task, datamodule=data)


@pytest.fixture
def checkpoint(class_store: Path, tmp_path: Path) -> Path:
    data = Interactions(str(class_store))
    task = KnowledgeTracing(BUILD, data.num_items, data.num_skills)
    trainer = stock_trainer(limit_train_batches=1, limit_val_batches=0)
    trainer.fit(task, datamodule=data)
    trainer.save_checkpoint(tmp_path / "net.ckpt")
    return tmp_path / "net.ckpt"


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("torch.nn.modules.linear.Linear", "names 'torch.nn.modules.linear.Linear', which is no"),
        ("torchedu.models.KTModels", "'torchedu.models.KTModels' cannot be imported"),
        ("nowhere.Net", "'nowhere.Net', whose code is not torchedu's"),
        ("Net", "'Net' and not an import path"),
        ("os.system", "names 'os.system', which is no network"),
    ],
)
def test_a_checkpoint_that_names_another_kind_of_class_is_refused(
    checkpoint: Path, path: str, told: str
) -> None:
    content = torch.load(checkpoint, weights_only=True)
    content["hyper_parameters"]["net"]["class_path"] = path
    torch.save(content, checkpoint)
    with pytest.raises(CheckpointError, match=told):
        open_task(checkpoint)


def test_a_checkpoint_without_names_is_refused(checkpoint: Path) -> None:
    content = torch.load(checkpoint, weights_only=True)
    del content["companions"]
    torch.save(content, checkpoint)
    with pytest.raises(CheckpointError, match="no names of ids"):
        open_task(checkpoint)


def test_going_on_with_other_names_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    store = simulate(tmp_path / "b.store", students=40, skills=3, items=15, answers=10)
    data = Interactions(str(store.path))
    task = KnowledgeTracing(BUILD, data.num_items, data.num_skills)
    with pytest.raises(CheckpointError, match="other data than this: item none there") as caught:
        stock_trainer(epochs=2).fit(task, datamodule=data, ckpt_path=checkpoint, weights_only=True)
    assert "init_from" in str(caught.value)


@pytest.mark.parametrize("net", [partial(DKT, dim=6), partial(SAKT, dim=8, heads=2)])
def test_sparse_tables_start_from_the_same_gradients(net: partial[DKT | SAKT]) -> None:
    found = []
    for sparse in (False, True):
        seed_everything(0, verbose=False)
        task = KnowledgeTracing(net, 20, 9, sparse=sparse).eval()
        task.training_step(a_batch(), 0).backward()
        found.append({name: p.grad for name, p in task.net.named_parameters()})
        assert isinstance(task.configure_optimizers(), RowAdagrad) == sparse
    dense, sparse_ones = found
    tables = [name for name, gradient in sparse_ones.items() if gradient.is_sparse]
    assert {"answered.weight", "asked.weight"} <= set(tables)
    for name, gradient in dense.items():
        torch.testing.assert_close(sparse_ones[name].to_dense(), gradient)


@pytest.mark.parametrize("net", [LogisticDKT, ItemDKT, AKT, DKVMN, IRT, BKT])
def test_a_step_s_gradient_in_double_precision_is_the_same_however_it_is_divided(
    net: type[torch.nn.Module], class_store: Path
) -> None:
    data = Interactions(str(class_store), batch_size=32, window=40, context=0)
    task = KnowledgeTracing(net, data.num_items, data.num_skills).eval()
    task.agree(data, training=True)
    task.double()

    def gradient(accumulate: int) -> torch.Tensor:
        task.zero_grad()
        for batch in islice(BatchStream(*data.training(), accumulate=accumulate), accumulate):
            columns = (x if x is None or not x.is_floating_point() else x.double() for x in batch)
            precise = type(batch)(*columns)
            (task.share(precise, task.loss(precise)[0]) / accumulate).backward()
        return torch.cat([x.grad.flatten() for x in task.parameters() if x.grad is not None])

    whole = gradient(1)
    for parts in (2, 4):
        assert float((gradient(parts) - whole).norm() / whole.norm()) < 1e-9
