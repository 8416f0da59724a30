"""The loss of students at risk: weighed by group, and held to equal treatment."""

import pytest
import torch

from tests.models.test_event_gru import drawn
from torchedu.batch import RiskBatch
from torchedu.tasks import AtRisk

NET = {"class_path": "torchedu.models.EventGRU", "init_args": {"dim": 4, "dropout": 0.0}}


def grouped() -> RiskBatch:
    batch = drawn(6)
    return batch._replace(
        group_B=torch.tensor([0, 0, 1, 1, -1, 1]), at_risk_B=torch.tensor([0.0, 1, 0, 1, 1, 1])
    )


@torch.no_grad()
def disparity(task: AtRisk, batch: RiskBatch) -> float:
    return float(task._disparity(task(batch)[..., 0].mean(-1), batch))


def test_a_students_weight_is_that_of_the_loss() -> None:
    task, batch = AtRisk(NET, 5, 6), grouped()
    weight_B = torch.tensor([0.0, 1, 2, 1, 1, 1])
    once, count = task.loss(batch)
    weighed, same = task.loss(batch._replace(weight_B=weight_B))
    assert torch.allclose(weighed, once * weight_B)
    assert torch.equal(count, same)


def test_training_on_the_penalty_brings_groups_together() -> None:
    torch.manual_seed(0)
    plain, task, batch = AtRisk(NET, 5, 6), AtRisk(NET, 5, 6, parity_weight=50.0), grouped()
    task.load_state_dict(plain.state_dict())
    assert (task.loss(batch)[0] > plain.loss(batch)[0]).all()
    gap = disparity(task, batch)
    optimizer = torch.optim.Adam(task.parameters(), 0.01)
    for _ in range(30):
        optimizer.zero_grad()
        task.loss(batch)[0].mean().backward()
        optimizer.step()
    assert disparity(task, batch) < gap / 4


def test_without_known_groups_the_penalty_is_nothing() -> None:
    task, batch = AtRisk(NET, 5, 6, parity_weight=1.0), grouped()
    nobody = batch._replace(group_B=torch.full((6,), -1))
    plain = AtRisk(NET, 5, 6)
    plain.load_state_dict(task.state_dict())
    assert torch.allclose(task.loss(nobody)[0], plain.loss(nobody)[0])
    assert task.hparams["parity_weight"] == pytest.approx(1.0)
