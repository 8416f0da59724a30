from functools import partial

import torch

from torchedu.models import DKVMN
from torchedu.testing.kinds import NetworkSubject


def test_an_answer_changes_the_concepts_that_its_skill_has_to_do_with() -> None:
    net = NetworkSubject(partial(DKVMN, dim=4, concepts=3)).net()
    batch = NetworkSubject(DKVMN).batch(rows=1)
    with torch.no_grad():
        net.key.copy_(torch.eye(4)[:3] * 50)
        net.asked.weight[2:5] = torch.eye(4)[:3] * 50
    one = batch.answered(0)._replace(skill_BS=torch.tensor([[3]]))
    start = net.initial_state(1)
    (after,) = net.step(start, one)
    changed = (after - start[0]).abs().amax(-1)[0]
    assert changed[1] > 1e-3
    assert changed[[0, 2]].max() < 1e-6


def test_a_state_is_a_row_of_numbers_a_concept() -> None:
    assert DKVMN(5, 40, dim=8, concepts=6).state_bytes == 6 * 8 * 4
