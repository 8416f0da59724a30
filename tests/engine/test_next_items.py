"""What comes next: near the target, long ago practised, never before what it requires."""

from typing import Any

import numpy as np
import pytest
import torch

from torchedu.batch import Asked
from torchedu.datasets.prerequisites import Prerequisites
from torchedu.engine.next_items import NextItems, latest, nothing_practised
from torchedu.errors import ConfigError
from torchedu.models.kt_model import KTModel, State

SKILL_NS = torch.tensor([[0, 0], [0, 0], [2, 0], [2, 0], [3, 0], [4, 0], [3, 4]])
"""Items 2 to 6 of skills 2 to 4."""


class Foretold(KTModel):
    """Gives each item a chance, and each skill a mastery, that a test has chosen."""

    def __init__(self, of_item: list[float], of_skill: list[float]) -> None:
        super().__init__()
        self.num_items, self.num_skills = 2 + len(of_item), 2 + len(of_skill)
        self.of_item = torch.tensor([0.0, 0.0, *of_item])
        self.of_skill = torch.tensor([0.0, 0.0, *of_skill])

    def forward(self, batch: Any) -> Any:
        raise NotImplementedError

    def initial_state(self, batch_size: int) -> State:
        return (torch.zeros(batch_size, 1),)

    def predict(self, state: State, asked: Asked) -> torch.Tensor:
        chance_B = self.of_item[asked.item_B]
        unseen_B = asked.item_B == 1
        chance_B = torch.where(unseen_B, self.of_skill[asked.skill_BS[:, 0]], chance_B)
        return chance_B.logit() + state[0][:, 0]

    def step(self, state: State, answered: Any) -> State:
        return state


def order(
    rule: NextItems,
    of_item: list[float],
    of_skill: tuple[float, ...] = (0.5, 0.5, 0.5),
    done: tuple[int, ...] = (),
) -> list[int]:
    """Return the ids of items in the order of a rule, after answers to some."""
    recent = nothing_practised(1)
    for item in done:
        recent = latest(recent, torch.tensor([item]))
    net = Foretold(of_item, list(of_skill))
    asked = Asked(torch.arange(2, 7), SKILL_NS[2:])
    (best,) = rule.chosen(net, net.initial_state(1), asked, SKILL_NS, recent)
    assert [chance for _, chance in best] == pytest.approx([of_item[i] for i, _ in best])
    return [2 + place for place, _ in best]


def test_the_chance_nearest_to_the_target_comes_first() -> None:
    rule = NextItems(target=0.7, count=5)
    assert order(rule, [0.9, 0.72, 0.55, 0.3, 0.1]) == [3, 4, 2, 5, 6]
    assert order(NextItems(target=0.1, count=2), [0.9, 0.72, 0.55, 0.3, 0.1]) == [6, 5]


def test_of_chances_as_near_the_skill_that_was_practised_longest_ago_comes_first() -> None:
    rule, near = NextItems(count=5), [0.70, 0.71, 0.72, 0.73, 0.74]
    assert order(rule, near) == [2, 3, 4, 5, 6]
    # Skill 2 was practised last, skill 4 before it, skill 3 never: item 6 has 3 and 4.
    assert order(rule, near, done=(5, 2)) == [4, 6, 5, 3, 2]
    # Much nearer is before what was practised long ago.
    assert order(rule, [0.7, 0.1, 0.1, 0.1, 0.1], done=(2,))[0] == 2


def test_what_was_practised_before_the_latest_answers_is_long_ago() -> None:
    rule, near = NextItems(count=1), [0.70, 0.71, 0.72, 0.73, 0.74]
    kept = nothing_practised(1).shape[1]
    assert order(rule, near, done=(2, *[6] * (kept - 1))) == [3]
    assert order(rule, near, done=(2, *[6] * kept)) == [2]


def test_what_requires_a_skill_that_is_not_mastered_is_never_chosen() -> None:
    needs = Prerequisites(np.array([[3, 2], [4, 3]]), 5)
    rule, near = NextItems(count=5, prerequisites=needs, mastered=0.8), [0.7] * 5
    assert order(rule, near, (0.79, 0.9, 0.9)) == [2, 3, 5]
    assert order(rule, near, (0.81, 0.2, 0.9)) == [2, 3, 4]
    assert order(rule, near, (0.81, 0.9, 0.0)) == [2, 3, 4, 5, 6]
    closed = NextItems(prerequisites=Prerequisites(np.array([[s, 1] for s in (2, 3, 4)]), 5))
    assert len(order(closed, near)) == 1  # what the network has no name for is required in vain


def test_each_student_has_an_order_of_ones_own() -> None:
    net = Foretold([0.95, 0.6, 0.4], [0.5])
    state = (torch.tensor([[0.0], [-2.0]]),)
    skill_NS = torch.tensor([[0], [0], [2], [2], [2]])
    asked = Asked(torch.arange(2, 5), skill_NS[2:])
    best = NextItems(count=1).chosen(net, state, asked, skill_NS, nothing_practised(2))
    assert [[place for place, _ in own] for own in best] == [[1], [0]]


@pytest.mark.parametrize("wrong", [{"target": 1.5}, {"mastered": -0.1}, {"count": 0}])
def test_a_rule_that_cannot_be_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        NextItems(**wrong)
