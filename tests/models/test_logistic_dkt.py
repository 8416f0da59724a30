"""The network that adds to a logistic regression, beside what the contract of all networks asks."""

from pathlib import Path

import numpy as np
import pytest
import torch

import torchedu
from torchedu.baselines import StreamingLR
from torchedu.batch import AnswerBatch
from torchedu.models import LogisticDKT


@pytest.fixture
def data(class_store: Path) -> torchedu.Interactions:
    return torchedu.Interactions(str(class_store), window=20, context=5)


def met(data: torchedu.Interactions) -> LogisticDKT:
    """Return a network that has met data, and is not yet trained."""
    net = LogisticDKT(data.num_items, data.num_skills, dim=8)
    data.suit(net)
    net.learn(data.facts(net), fresh=True)
    return net.eval()


@torch.no_grad()
def logits(
    net: LogisticDKT, data: torchedu.Interactions, part: str
) -> dict[tuple[int, int], float]:
    """Return the log odds of each scored answer of a part, by student and place."""
    batches, order = data.evaluation(part)
    found = {}
    for index in order.epoch(0):
        batch = batches(index)
        logit_BL = net(batch)
        for row, step in batch.scored_BL.nonzero().tolist():
            who, place = int(batch.student_B[row]), int(batch.start_B[row]) + step
            found[who, place] = float(logit_BL[row, step])
    return found


def test_without_its_gate_it_is_the_regression_over_whole_histories(
    data: torchedu.Interactions,
) -> None:
    net = met(data)
    net.gate.data.zero_()
    train, val = data.parts["train"], data.parts["val"]
    model = StreamingLR().fit(data.store.answers(train.student, train.stop))
    wanted = model.predict(data.store.answers(val.student, val.stop))
    found = logits(net, data, "val")  # in windows of 20 answers
    ours = [1 / (1 + np.exp(-found[key])) for key in sorted(found)]
    order = np.argsort(val.student, kind="stable")
    ends = np.cumsum(val.stop)
    theirs = np.concatenate([wanted[ends[i] - val.stop[i] : ends[i]] for i in order])
    np.testing.assert_allclose(ours, theirs, atol=2e-3)


def test_gate_and_pace_open_with_the_number_of_answers(data: torchedu.Interactions) -> None:
    task = torchedu.KnowledgeTracing(LogisticDKT, data.num_items, data.num_skills, lr=5e-3)
    task.agree(data, training=True)
    answers = data.parts["train"].num_answers
    share = answers**2 / (answers**2 + 30_000**2)
    assert met(data).gate.item() == pytest.approx(share)
    (group,) = task.parameter_groups()
    assert group["lr"] == pytest.approx(task.lr * share)
    assert LogisticDKT(5, 5).lr_share == 1.0  # where no data was met


def test_a_few_students_are_left_to_the_regression(
    data: torchedu.Interactions, tmp_path: Path
) -> None:
    task = torchedu.KnowledgeTracing(
        LogisticDKT, data.num_items, data.num_skills, lr=5e-3, schedule="one_cycle"
    )
    trainer = torchedu.trainer(str(tmp_path / "run"), max_epochs=8, accelerator="cpu")
    trainer.fit(task, datamodule=data)
    trained = logits(task.net.eval(), data, "val")
    task.net.gate.data.zero_()
    alone = logits(task.net, data, "val")
    assert trained != alone
    assert max(abs(trained[key] - alone[key]) for key in trained) < 0.02


def test_training_leaves_the_regression_as_it_is(
    data: torchedu.Interactions, tmp_path: Path
) -> None:
    task = torchedu.KnowledgeTracing(LogisticDKT, data.num_items, data.num_skills)
    trainer = torchedu.trainer(str(tmp_path / "run"), max_epochs=1, accelerator="cpu")
    trainer.fit(task, datamodule=data)
    fresh = met(data)
    for name, value in fresh.named_parameters():
        same = torch.equal(value, task.net.get_parameter(name))
        assert same is not value.requires_grad, name


def test_training_takes_off_what_a_students_own_marks_have_moved(
    data: torchedu.Interactions,
) -> None:
    net = met(data)
    net.gate.data.zero_()
    batches, order = data.training()
    batch = batches(next(iter(order.epoch(0))))
    moved_BL = batch.moved_BL
    assert moved_BL is not None
    assert (moved_BL[batch.item_BL == 0] == 0).all()
    with torch.no_grad():
        apart_BL = net(batch._replace(moved_BL=None)) - net(batch)
    torch.testing.assert_close(apart_BL * batch.scored_BL, moved_BL, atol=1e-4, rtol=0)
    # Right answers have raised what they are now predicted by, wrong ones lowered it.
    same = (moved_BL > 0) == (batch.correct_BL > 0.5)
    assert same[batch.scored_BL].float().mean() > 0.6
    batches, order = data.evaluation("val")
    assert batches(next(iter(order.epoch(0)))).moved_BL is None


def batch_of(correct: list[float]) -> AnswerBatch:
    correct_BL = torch.tensor([correct])
    item_BL = torch.full_like(correct_BL, 2, dtype=torch.int64)
    one_B = torch.ones(1)
    scored_BL = torch.ones_like(item_BL, dtype=torch.bool)
    return AnswerBatch(
        item_BL, item_BL.unsqueeze(2), correct_BL, scored_BL, one_B.long(), one_B.long(), one_B
    )


def test_its_own_loss_compares_one_students_answers() -> None:
    net = LogisticDKT(5, 5, dim=4, pairwise=0.5)
    right_first, batch = torch.tensor([[2.0, -1.0]]), batch_of([1.0, 0.0])
    expected = 0.5 * 2 * torch.nn.functional.softplus(torch.tensor([-3.0]))
    torch.testing.assert_close(net.own_loss(batch, right_first), expected)
    assert net.own_loss(batch_of([1.0, 1.0]), right_first) == 0
    half = net.own_loss(batch_of([1.0, 0.5]), right_first)
    torch.testing.assert_close(half, expected)  # a mean over pairs, weighed by how far they differ


def test_a_state_is_small_whatever_the_number_of_items() -> None:
    sizes = {items: LogisticDKT(items, 100).state_bytes for items in (100, 50_000)}
    assert sizes[100] == sizes[50_000] <= 4096
