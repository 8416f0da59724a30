import torch

from torchedu.batch import AnswerBatch, Asked
from torchedu.models import DKT
from torchedu.testing.kinds import NetworkSubject


def batch(skills: int) -> AnswerBatch:
    return NetworkSubject(DKT).batch(rows=3, steps=7, width=skills)


def test_with_one_skill_it_is_the_network_of_the_paper() -> None:
    net, one = DKT(20, 9, dim=5).eval(), batch(1)
    skill_BL = one.skill_BLS[..., 0]
    wrong, right = net.answered(skill_BL).chunk(2, dim=-1)
    h_BLD, _ = net.lstm(torch.where(one.correct_BL[..., None] == 1, right, wrong))
    # The output layer gives every skill at once; the next answer's skill picks its row.
    logit_BLK = h_BLD @ net.asked.weight.T + net.prior.weight.squeeze(-1)
    wanted = logit_BLK[:, :-1].gather(2, skill_BL[:, 1:, None]).squeeze(-1)
    torch.testing.assert_close(net(one)[:, 1:], wanted)
    torch.testing.assert_close(net(one)[:, 0], net.prior(skill_BL[:, 0]).squeeze(-1))


def test_several_skills_are_predicted_by_the_mean_of_their_outputs() -> None:
    net = DKT(20, 9, dim=5).eval()
    state = tuple(torch.randn(1, 5) for _ in range(2))
    item = torch.tensor([2])
    both = net.predict(state, Asked(item, torch.tensor([[3, 4]])))
    apart = [net.predict(state, Asked(item, torch.tensor([[skill, 0]]))) for skill in (3, 4)]
    torch.testing.assert_close(both, (apart[0] + apart[1]) / 2)


def test_it_does_not_look_at_the_item() -> None:
    net, one = DKT(20, 9, dim=5).eval(), batch(2)
    assert torch.equal(net(one), net(one._replace(item_BL=one.item_BL.flip(1))))
