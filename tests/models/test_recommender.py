"""Every recommender keeps the contract; they are found, not listed."""

import inspect
import json
import pkgutil
from importlib import import_module

import pytest
import torch

import torchedu.models
from torchedu.batch import EnrolmentBatch
from torchedu.models import GMF, MLP, NeuMF, Recommender

SIZES = (12, 7, 5, 2)


def discovered() -> list[type[Recommender]]:
    kinds = []
    for module in pkgutil.iter_modules(torchedu.models.__path__, "torchedu.models."):
        kinds += [
            kind
            for _, kind in inspect.getmembers(import_module(module.name), inspect.isclass)
            if issubclass(kind, Recommender)
            and kind.__module__ == module.name
            and module.name != "torchedu.models.recommender"
        ]
    return kinds


def a_batch(seed: int = 0, steps: int = 6) -> EnrolmentBatch:
    drawn = torch.Generator().manual_seed(seed)
    item = torch.randint(2, SIZES[0], (4, steps), generator=drawn)
    length = torch.tensor([steps, steps - 1, 3, 1])
    item[torch.arange(steps) >= length.unsqueeze(1)] = 0
    zero = torch.zeros(4, dtype=torch.int64)
    group = torch.randint(2, SIZES[2], (4, 2), generator=drawn)
    return EnrolmentBatch(item, item > 0, item[:, :0], group, zero + 3, zero, zero + 1.0)


def built(kind: type[Recommender]) -> Recommender:
    torch.manual_seed(0)
    net = kind(*SIZES).eval()
    with torch.no_grad():
        for parameter in net.parameters():  # zeros would hide what goes on behind them
            parameter += 0.1 * torch.randn_like(parameter)
    return net


@pytest.mark.parametrize("kind", discovered())
def test_a_slot_sees_the_courses_before_it_alone(kind: type[Recommender]) -> None:
    net, batch = built(kind), a_batch()
    before = net(batch)
    item = batch.item_BL.clone()
    item[:, 3:] = torch.where(item[:, 3:] > 0, 2 + (item[:, 3:] + 3) % 10, 0)
    after = net(batch._replace(item_BL=item))
    assert torch.allclose(before[:, :4], after[:, :4], atol=1e-6)


@pytest.mark.parametrize("kind", discovered())
def test_it_tells_whether_it_reads_history(kind: type[Recommender]) -> None:
    net, batch = built(kind), a_batch()
    other = batch._replace(item_BL=torch.where(batch.item_BL > 0, 13 - batch.item_BL, 0))
    assert torch.equal(net(batch), net(other)) == (not kind.reads_history)


@pytest.mark.parametrize("kind", discovered())
def test_padding_changes_nothing(kind: type[Recommender]) -> None:
    net, batch = built(kind), a_batch()
    short = batch._replace(item_BL=batch.item_BL[2:, :3])._replace(
        group_BG=batch.group_BG[2:], student_B=batch.student_B[2:]
    )
    assert torch.allclose(net(batch)[2, :3], net(short)[0], atol=1e-6)


@pytest.mark.parametrize("kind", discovered())
def test_scores_of_some_courses_are_those_of_all(kind: type[Recommender]) -> None:
    net = built(kind)
    state = net(a_batch())[:, 1]
    every = net.logits(state)
    assert every.shape == (4, SIZES[0])
    some = torch.tensor([[2, 5], [3, 3], [11, 4], [9, 2]])
    assert torch.allclose(net.logits(state, some), every.gather(1, some), atol=1e-5)
    assert torch.allclose(net.logits(state, some[:1]), every[:, some[0]], atol=1e-5)


@pytest.mark.parametrize("kind", discovered())
def test_arguments_build_it_again(kind: type[Recommender]) -> None:
    net = built(kind)
    again = kind(*SIZES, **json.loads(json.dumps(net.arguments())))
    again.load_state_dict(net.state_dict())
    batch = a_batch()
    assert torch.equal(again.eval()(batch), net(batch))
    assert not set(net.arguments()) & {"num_items", "num_students", "num_groups"}


def test_the_library_networks_are_among_those_found() -> None:
    names = {kind.__name__ for kind in discovered()}
    assert names >= {"MF", "GMF", "MLP", "NeuMF", "TwoTower", "SASRec", "GRU4Rec"}
    assert names <= set(torchedu.models.__all__)


def test_neumf_takes_over_what_was_trained_before() -> None:
    gmf, mlp = built(GMF), built(MLP)
    net = built(NeuMF)
    assert net.start_from(gmf)
    assert net.start_from(mlp)
    batch = a_batch()
    expected = (gmf.logits(gmf(batch)[:, 0]) + mlp.logits(mlp(batch)[:, 0])) / 2
    assert torch.allclose(net.logits(net(batch)[:, 0]), expected, atol=1e-5)
    assert not net.start_from(MLP(*SIZES, hidden=(8, 4)))
    assert not gmf.start_from(mlp)
