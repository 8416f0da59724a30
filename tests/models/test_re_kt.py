from functools import partial

import torch

from torchedu.models import ReKT
from torchedu.testing import check_network
from torchedu.testing.kinds import NetworkSubject


def test_a_short_history_keeps_the_contract() -> None:
    check_network(partial(ReKT, dim=8, max_history=15))


def test_an_item_is_known_apart_from_its_skill_and_from_all() -> None:
    """After answers to other items, what is left tells which item was answered right."""
    subject = NetworkSubject(partial(ReKT, dim=8))
    net, batch = subject.net(), subject.batch(rows=1, steps=2)
    batch = batch._replace(item_BL=torch.tensor([[3, 3]]))
    with torch.no_grad():
        again = net.predict(
            net.step(net.initial_state(1), batch.answered(0)), batch.answered(1).asked
        )
        state = net.step(net.initial_state(1), batch.answered(0))
        without = net.predict((torch.zeros_like(state[0]), *state[1:]), batch.answered(1).asked)
    assert not torch.allclose(again, without)


def test_after_max_history_an_item_is_met_anew() -> None:
    subject = NetworkSubject(partial(ReKT, dim=8, max_history=3))
    net, batch = subject.net(), subject.batch(rows=1, steps=5)
    state = net.initial_state(1)
    for t in range(5):
        state = net.step(state, batch.answered(t))
    assert state[0].tolist() == batch.item_BL[:, 2:].tolist()
