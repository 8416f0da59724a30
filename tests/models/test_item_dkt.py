import torch

from torchedu.batch import Asked
from torchedu.models import ItemDKT
from torchedu.schema import UNKNOWN
from torchedu.testing.kinds import NetworkSubject


def test_an_item_counts_by_one_number() -> None:
    subject = NetworkSubject(ItemDKT)
    net, batch = subject.net(), subject.batch()
    assert net.difficulty.weight.shape == (20, 1)
    unknown = batch._replace(item_BL=torch.full_like(batch.item_BL, UNKNOWN))
    assert not torch.allclose(net(batch), net(unknown))
    with torch.no_grad():
        net.difficulty.weight.zero_()
    torch.testing.assert_close(net(batch), net(unknown))


def test_difficulties_carry_a_gaussian_prior() -> None:
    net = ItemDKT(5, 4, item_penalty=0.5)
    with torch.no_grad():
        net.difficulty.weight[2:] = torch.tensor([[1.0], [2.0], [3.0]])
    assert net.penalty().item() == 0.5 * 14
    assert ItemDKT(5, 4, item_penalty=0.0).penalty().item() == 0


def test_an_easier_item_is_answered_more_often() -> None:
    net = ItemDKT(5, 4, dim=4).eval()
    with torch.no_grad():
        net.asked_shift.weight.zero_()
        net.difficulty.weight[2:] = torch.tensor([[-1.0], [0.0], [1.0]])
    skill = torch.full((3, 1), 2)
    logit = net.predict(net.initial_state(3), Asked(torch.tensor([2, 3, 4]), skill))
    torch.testing.assert_close(logit[1:] - logit[:-1], torch.ones(2))
