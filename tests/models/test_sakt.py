from functools import partial

import pytest
import torch

from torchedu.errors import ConfigError
from torchedu.models import SAKT
from torchedu.testing import check_network
from torchedu.testing.kinds import NetworkSubject

LONG = ("item_BL", "skill_BLS", "correct_BL", "scored_BL")


def test_more_blocks_keep_the_contract() -> None:
    check_network(partial(SAKT, dim=8, heads=2, blocks=3, max_history=15))


def test_after_max_history_the_oldest_answers_are_forgotten() -> None:
    subject = NetworkSubject(partial(SAKT, dim=8, heads=2, max_history=5))
    net, batch = subject.net(), subject.batch(steps=12)
    state = net.initial_state(6)
    for t in range(11):
        state = net.step(state, batch.answered(t))
    now = net.predict(state, batch.answered(11).asked)
    last = {name: x[:, 7:] for name, x in batch._asdict().items() if x is not None and x.dim() > 1}
    window = net(batch._replace(**last))
    torch.testing.assert_close(now, window[:, -1])


def test_attention_looks_back_from_the_skill_asked() -> None:
    subject = NetworkSubject(partial(SAKT, dim=8, heads=2))
    net, batch = subject.net(), subject.batch()
    assert torch.equal(net(batch), net(batch._replace(item_BL=batch.item_BL.flip(1))))
    moved = batch._replace(correct_BL=1 - batch.correct_BL)
    assert not torch.allclose(net(batch)[:, 1:], net(moved)[:, 1:])


def test_the_state_is_a_ring_of_one_size() -> None:
    net = SAKT(20, 9, dim=8, heads=2, max_history=5)
    assert net.state_bytes == 4 * (8 * 2 + 4) + 8
    assert [x.shape for x in net.initial_state(3)] == [(3, 4, 8), (3, 4), (3,)]


def test_of_many_skills_the_first_are_seen_by_forward_and_step_alike() -> None:
    net = SAKT(20, 30, dim=8, heads=2, max_history=5).eval()
    subject = NetworkSubject(partial(SAKT, dim=8, heads=2))
    batch = subject.batch()
    many_BLS = torch.arange(2, 14).expand(*batch.item_BL.shape, 12)
    batch = batch._replace(skill_BLS=many_BLS * (batch.item_BL > 0).unsqueeze(-1))
    first, few = batch.answered(0), batch._replace(skill_BLS=batch.skill_BLS[..., :8])
    state = net.step(net.initial_state(len(batch.item_BL)), first)
    whole_BL = net(batch._replace(**{n: x[:, :3] for n, x in batch._asdict().items() if n in LONG}))
    torch.testing.assert_close(net.predict(state, batch.answered(1).asked), whole_BL[:, 1])
    assert torch.equal(whole_BL, net(few._replace(**{n: getattr(few, n)[:, :3] for n in LONG})))


def test_a_history_of_no_answers_is_refused() -> None:
    with pytest.raises(ConfigError, match="max_history is 1"):
        SAKT(5, 4, dim=8, heads=2, max_history=1)


def test_heads_that_do_not_divide_the_width_are_refused() -> None:
    with pytest.raises(ConfigError, match="dim is 10 and heads 4"):
        SAKT(5, 4, dim=10, heads=4)
