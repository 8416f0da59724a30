from contextlib import nullcontext

import pytest
import torch

from torchedu import SAKT
from torchedu.batch import AnswerBatch
from torchedu.models.sasrec import SASRec
from torchedu.parallel.stages import Stage, blocks_of, on_meta, rows_of, shapes_between, stages_of

ROWS = 5


def a_batch() -> AnswerBatch:
    draw = torch.Generator().manual_seed(0)
    skill_BLS = torch.randint(2, 6, (ROWS, 7, 2), generator=draw)
    correct_BL = torch.rand(ROWS, 7, generator=draw).round()
    scored_BL = torch.ones(ROWS, 7, dtype=torch.bool)
    row_B = torch.arange(ROWS)
    return AnswerBatch(
        skill_BLS[..., 0], skill_BLS, correct_BL, scored_BL, row_B, row_B * 0, row_B.float() + 1
    )


def a_net() -> SAKT:
    torch.manual_seed(0)
    return SAKT(9, 6, dim=8, heads=2, blocks=4, dropout=0.0)


def test_every_parameter_is_used_by_the_stages_that_the_plan_says() -> None:
    net = a_net()
    assert len(blocks_of(net)) == 4
    for name, stages in {
        "answered.weight": {0},
        "position": {0},
        "attention.0.query.weight": {0},
        "attention.1.query.weight": {0},
        "attention.2.out.bias": {1},
        "out.weight": {1},
        "a_head_that_a_loss_uses": {1},
    }.items():
        assert stages_of(name, net, 2) == stages, name
    courses = SASRec(9, 3, 2, 2, dim=8, blocks=4)
    assert stages_of("course.weight", courses, 4) == {0, 3}
    assert stages_of("start", courses, 4) == {0}


def test_stages_one_after_the_other_are_the_network() -> None:
    net, batch = a_net().eval(), a_batch()
    x: tuple[torch.Tensor, ...] = ()
    for index in range(4):
        stage = Stage(net, index, 4, list(net.parameters()), nullcontext)
        stage.batch = batch
        x = stage(*x, row=torch.tensor([3, 4, 5]))  # row 5 is past the end: the last one again
    assert torch.equal(x, net(rows_of(batch, torch.tensor([3, 4, 4]))))


@pytest.mark.parametrize("rows", [1, 3])
def test_shapes_are_known_without_computing(rows: int) -> None:
    net, batch = a_net(), a_batch()
    shadow = on_meta(net)
    assert all(one.is_meta for one in shadow.parameters())
    assert not any(one.is_meta for one in net.parameters())
    between = shapes_between(shadow, batch, rows, torch.float32)
    inside = net.through(net.attention, net.enter(rows_of(batch, torch.arange(rows))), batch)
    assert [one.shape for one in between] == [one.shape for one in inside]
    assert all(one.is_meta and one.requires_grad for one in between)


def test_what_a_stage_hands_on_is_not_what_it_was_given() -> None:
    net = a_net()
    stage = Stage(net, 1, 4, list(net.parameters()), nullcontext)
    stage.batch = a_batch()
    given = tuple(torch.randn(2, 7, 8, requires_grad=True) for _ in range(2))
    _, memory_BMD = stage(*given, row=torch.arange(2))
    assert memory_BMD is not given[1]
    assert torch.equal(memory_BMD, given[1])
