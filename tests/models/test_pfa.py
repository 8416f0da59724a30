import torch

from torchedu.models import PFA
from torchedu.testing.kinds import NetworkSubject


def test_skills_add_up_their_easiness_and_what_was_won_and_lost() -> None:
    net = NetworkSubject(PFA).net()
    batch = NetworkSubject(PFA).batch(rows=1, steps=3, width=2)
    batch = batch._replace(
        skill_BLS=torch.tensor([[[2, 0], [3, 0], [2, 3]]]),
        correct_BL=torch.tensor([[1.0, 0.25, 0.0]]),
    )
    with torch.no_grad():
        weight = net.skill.weight
        wanted = weight[2, 0] + weight[2, 1] + weight[3, 0] + 0.25 * weight[3, 1]
        torch.testing.assert_close(net(batch)[0, 2], wanted + 0.75 * weight[3, 2])
