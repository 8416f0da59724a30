"""What every network of lessons promises, for each of them."""

from functools import partial

import pytest
import torch

from torchedu.batch import LessonBatch
from torchedu.errors import ConfigError
from torchedu.models import LessonModel, LessonTransformer, TurnContext

NETS = [
    partial(TurnContext, dim=8, turns=2),
    partial(TurnContext, dim=8, turns=0),
    partial(LessonTransformer, dim=8, heads=2, blocks=2, window=3),
]


def drawn(lengths: tuple[int, ...] = (9, 6, 1), dim: int = 5) -> LessonBatch:
    torch.manual_seed(0)
    length_B = torch.tensor(lengths)
    shape = (len(lengths), int(length_B.max()))
    seen_BL = torch.arange(shape[1]) < length_B.unsqueeze(1)
    turn_BL = torch.randint(0, 2, shape).cumsum(1)
    tag_BL = torch.randint(2, 5, shape) * seen_BL
    return LessonBatch(
        torch.randn(*shape, dim) * seen_BL.unsqueeze(-1),
        torch.randint(0, 2, shape) * seen_BL,
        torch.randint(0, 3, shape).masked_fill(~seen_BL, -1),
        turn_BL.masked_fill(~seen_BL, -1),
        torch.randint(1, 9, shape) * seen_BL.float(),
        tag_BL,
        seen_BL,
        seen_BL,
        seen_BL,
        torch.arange(len(lengths)),
        torch.zeros(len(lengths), dtype=torch.int64),
        torch.full((len(lengths),), float(seen_BL.sum())),
    )


def one(batch: LessonBatch, row: int) -> LessonBatch:
    length = int(batch.seen_BL[row].sum())
    return LessonBatch(
        *(x[row : row + 1, :length] if x.dim() > 1 else x[row : row + 1] for x in batch)
    )


@pytest.fixture(params=NETS, ids=["turns", "no turns", "transformer"])
def net(request: pytest.FixtureRequest) -> LessonModel:
    torch.manual_seed(0)
    built: LessonModel = request.param(5, 6, 5).eval()
    for parameter in built.parameters():  # some begin at nothing
        parameter.data += 0.1 * torch.randn_like(parameter)
    return built


def test_a_score_for_each_tag_of_each_role(net: LessonModel) -> None:
    teacher, student = net(drawn())
    assert teacher.shape == (3, 9, 3)
    assert student.shape == (3, 9, 4)


def test_a_lesson_alone_is_tagged_as_among_others(net: LessonModel) -> None:
    batch = drawn()
    together = net(batch)
    for row in range(3):
        alone, length = net(one(batch, row)), int(batch.seen_BL[row].sum())
        for some, all_ in zip(alone, together, strict=True):
            assert torch.allclose(some[0], all_[row, :length], atol=1e-5)


def test_tags_and_the_numbers_of_turns_and_lessons_are_not_seen(net: LessonModel) -> None:
    batch = drawn()
    later = batch.turn_BL.masked_fill(batch.seen_BL, 0) + (batch.turn_BL + 7) * batch.seen_BL
    other = batch._replace(
        tag_BL=batch.tag_BL * 0, scored_BL=~batch.scored_BL, lesson_B=batch.lesson_B + 3,
        turn_BL=later, start_B=batch.start_B + 4, mean_over_B=batch.mean_over_B * 2,
    )  # fmt: skip
    for before, after in zip(net(batch), net(other), strict=True):
        assert torch.allclose(before[batch.seen_BL], after[batch.seen_BL], atol=1e-6)


@pytest.mark.parametrize("what", ["vector_BLD", "role_BL", "speaker_BL"])
def test_what_stands_beside_a_sentence_is_seen(net: LessonModel, what: str) -> None:
    batch = drawn((9,))
    changed = getattr(batch, what).clone()
    changed[0, 4] = 1 - changed[0, 4] ** 2
    before, after = net(batch)[0], net(batch._replace(**{what: changed}))[0]
    moved = (before - after).abs().sum(-1)[0] > 1e-7
    assert moved[3] | moved[5]


def test_arguments_and_weights_are_all_that_it_is(net: LessonModel) -> None:
    again = type(net)(5, 6, 5, **net.arguments()).eval()
    again.load_state_dict(net.state_dict())
    assert torch.equal(again(drawn())[0], net(drawn())[0])
    with torch.device("meta"):
        assert all(p.is_meta for p in type(net)(5, 6, 5, **net.arguments()).parameters())


def test_every_parameter_learns(net: LessonModel) -> None:
    net.train()
    sum(logit.square().sum() for logit in net(drawn())).backward()
    still = [n for n, p in net.named_parameters() if p.grad is None or not p.grad.any()]
    assert not still


def test_a_transformer_sees_as_far_as_its_blocks_carry() -> None:
    torch.manual_seed(0)
    net = LessonTransformer(5, 6, 5, dim=8, heads=2, blocks=2, window=3).eval()
    batch = drawn((40,))
    batch.vector_BLD.requires_grad_()
    net(batch)[0][0, 20].sum().backward()
    assert batch.vector_BLD.grad is not None
    reached = batch.vector_BLD.grad[0].abs().sum(-1).nonzero().flatten().tolist()
    assert (reached[0], reached[-1]) == (14, 26)


def test_sizes_that_cannot_be_are_refused() -> None:
    with pytest.raises(ConfigError, match="dim is 8 and heads 3"):
        LessonTransformer(5, 6, 5, dim=8, heads=3)
    with pytest.raises(ConfigError, match="turns is -1"):
        TurnContext(5, 6, 5, turns=-1)
    with pytest.raises(ConfigError, match="window is 0"):
        LessonTransformer(5, 6, 5, dim=8, heads=2, window=0)
