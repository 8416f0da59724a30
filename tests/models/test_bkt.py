from itertools import pairwise, product

import numpy as np
import pytest
import torch
from torch.nn import functional as F
from torch.special import logit

from torchedu.batch import AnswerBatch
from torchedu.models import BKT
from torchedu.models.bkt import MOST

PRIOR, LEARN, GUESS, SLIP = 0.3, 0.15, 0.2, 0.1


def built() -> BKT:
    net = BKT(5, 4)
    chances = torch.tensor([PRIOR, LEARN, 2 * GUESS, 2 * SLIP])
    with torch.no_grad():
        net.skill.weight[2] = logit(chances)
        net.skill.weight[3] = logit(1 - chances)
    return net.eval()


def histories(marks: list[list[float]], skills: list[int]) -> AnswerBatch:
    skill_BLS = torch.tensor(skills)[None, :, None].expand(len(marks), -1, 1)
    ones = torch.ones(len(marks))
    return AnswerBatch(
        torch.full(skill_BLS.shape[:2], 2), skill_BLS, torch.tensor(marks),
        torch.ones(skill_BLS.shape[:2], dtype=torch.bool), ones.long(), ones.long(), ones,
    )  # fmt: skip


def likelihood(marks: tuple[float, ...]) -> float:
    """Add up over all ways in which a skill may be known at each answer, once and for all."""
    total = 0.0
    for known in product((False, True), repeat=len(marks)):
        chance = PRIOR if known[0] else 1 - PRIOR
        for before, after in pairwise(known):
            chance *= float(after) if before else (LEARN if after else 1 - LEARN)
        for knows, mark in zip(known, marks, strict=True):
            right = 1 - SLIP if knows else GUESS
            chance *= right if mark else 1 - right
        total += chance
    return total


@pytest.mark.parametrize("marks", [*product((0.0, 1.0), repeat=4)])
def test_chances_are_those_of_the_hidden_markov_model(marks: tuple[float, ...]) -> None:
    with torch.no_grad():
        chance_BL = built()(histories([list(marks)], [2] * 4)).sigmoid()
    for t in range(4):
        wanted = likelihood((*marks[:t], 1.0)) / likelihood(marks[:t]) if t else likelihood((1.0,))
        assert float(chance_BL[0, t]) == pytest.approx(wanted, abs=1e-5)


def test_each_skill_is_followed_by_itself() -> None:
    net = built()
    with torch.no_grad():
        chance_BL = net(histories([[1.0, 0.0, 1.0], [0.0, 0.0, 1.0]], [2, 3, 3]))
    assert torch.equal(chance_BL[0], chance_BL[1])


def test_training_climbs_to_the_parameters_that_made_the_answers() -> None:
    drawn = np.random.default_rng(0)
    known, marks = drawn.random(2000) < PRIOR, np.zeros((2000, 12), np.float32)
    for t in range(12):
        marks[:, t] = drawn.random(2000) < np.where(known, 1 - SLIP, GUESS)
        known |= drawn.random(2000) < LEARN
    batch = histories(marks.tolist(), [2] * 12)
    with torch.no_grad():
        best = F.binary_cross_entropy_with_logits(built()(batch), batch.correct_BL)
    torch.manual_seed(0)
    net = BKT(5, 4)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.1)
    for _ in range(150):
        optimizer.zero_grad()
        loss = F.binary_cross_entropy_with_logits(net(batch), batch.correct_BL)
        loss.backward()
        optimizer.step()
    assert loss.item() < best.item() + 1e-4
    prior, learn, guess, slip = net.skill.weight[2].detach().sigmoid().tolist()
    found = [prior, learn, MOST * guess, MOST * slip]
    assert found == pytest.approx([PRIOR, LEARN, GUESS, SLIP], abs=0.03)
