import math

import torch

from torchedu.batch import Answered, Asked
from torchedu.models import IRT


def asked(item: int) -> Asked:
    return Asked(torch.tensor([item]), torch.tensor([[0]]))


def built() -> IRT:
    net = IRT(6, 4)
    with torch.no_grad():
        net.item.weight[2:] = torch.tensor([[1.0, 0.0], [-0.5, 0.4], [0.3, -0.3], [0.0, 0.0]])
    return net.eval()


def chance_by_hand(net: IRT, answers: list[tuple[int, float]], item: int) -> float:
    """Integrate over abilities, in many small steps."""
    top = bottom = 0.0
    for step in range(-4000, 4001):
        ability = step / 500
        weight = math.exp(-(ability**2) / 2)

        def right(item: int, ability: float = ability) -> float:
            easy, sharp = net.item.weight[item].tolist()
            return 1 / (1 + math.exp(-(math.exp(sharp) * ability + easy)))

        for past, mark in answers:
            weight *= right(past) ** mark * (1 - right(past)) ** (1 - mark)
        top += weight * right(item)
        bottom += weight
    return top / bottom


def test_a_chance_is_the_mean_over_what_is_known_of_an_ability() -> None:
    net, answers = built(), [(2, 1.0), (3, 0.0), (4, 0.5)]
    state = net.initial_state(1)
    for done in range(4):
        with torch.no_grad():
            said = float(net.predict(state, asked(5)).sigmoid())
        assert abs(said - chance_by_hand(net, answers[:done], 5)) < 1e-3
        if done < 3:
            item, mark = answers[done]
            given = Answered(torch.tensor([item]), torch.tensor([[0]]), torch.tensor([mark]))
            state = net.step(state, given)


def test_an_item_that_is_not_known_is_judged_by_its_skills() -> None:
    net = built()
    with torch.no_grad():
        net.skill.weight[2] = torch.tensor([2.0, 0.0])
    unknown = Asked(torch.tensor([1]), torch.tensor([[2]]))
    known = Asked(torch.tensor([5]), torch.tensor([[2]]))
    state = net.initial_state(1)
    assert torch.equal(net.predict(state, unknown), net.predict(state, known))
    assert float(net.predict(state, unknown).detach()) > 1
