from functools import partial

import pytest
import torch

from torchedu.errors import ConfigError
from torchedu.models import SAKT
from torchedu.testing import check_network
from torchedu.testing.kinds import NetworkSubject


def test_more_blocks_keep_the_contract() -> None:
    check_network(partial(SAKT, dim=8, heads=2, blocks=3, max_steps=15))


def test_after_max_steps_the_oldest_answers_are_forgotten() -> None:
    subject = NetworkSubject(partial(SAKT, dim=8, heads=2, max_steps=5))
    net, batch = subject.net(), subject.batch(steps=12)
    state = net.initial_state(6)
    for t in range(11):
        item, skill, correct = batch.item_BL[:, t], batch.skill_BLS[:, t], batch.correct_BL[:, t]
        state = net.step(state, item, skill, correct)
    now = net.predict(state, batch.item_BL[:, 11], batch.skill_BLS[:, 11])
    window = net(type(batch)(*(x[:, 7:] if x.dim() > 1 else x for x in batch)))
    torch.testing.assert_close(now, window[:, -1])


def test_attention_looks_back_from_the_skill_asked() -> None:
    subject = NetworkSubject(partial(SAKT, dim=8, heads=2))
    net, batch = subject.net(), subject.batch()
    assert torch.equal(net(batch), net(batch._replace(item_BL=batch.item_BL.flip(1))))
    moved = batch._replace(correct_BL=1 - batch.correct_BL)
    assert not torch.allclose(net(batch)[:, 1:], net(moved)[:, 1:])


def test_heads_that_do_not_divide_the_width_are_refused() -> None:
    with pytest.raises(ConfigError, match="dim is 10 and heads 4"):
        SAKT(5, 4, dim=10, heads=4)
