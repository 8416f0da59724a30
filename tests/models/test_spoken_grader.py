"""The grader of spoken answers keeps the contract under every fusion, and hears what agrees."""

from functools import partial

import pytest
import torch

from torchedu.errors import ConfigError
from torchedu.layers.fusion import FUSIONS, Late
from torchedu.models import SpokenGrader
from torchedu.testing import check_network
from torchedu.testing.kinds import NetworkSubject

SMALL = partial(SpokenGrader, dim=8, heads=2, blocks=1)


@pytest.mark.parametrize("fusion", FUSIONS)
@pytest.mark.parametrize("text_dim", [0, 6])
def test_it_keeps_the_contract(fusion: str, text_dim: int) -> None:
    check_network(partial(SMALL, fusion=fusion), {"text_dim": text_dim})


def test_late_fusion_averages_what_is_there() -> None:
    torch.manual_seed(0)
    late = Late(8, 2, 0.0, 3).eval()
    text, sound = torch.randn(4, 5, 8), torch.randn(4, 7, 8)
    seen, heard = torch.ones(4, 5, dtype=torch.bool), torch.ones(4, 7, dtype=torch.bool)

    def said(*has: bool) -> torch.Tensor:
        return late(text, seen, sound, heard, torch.tensor([has] * 4))

    torch.testing.assert_close(said(True, True), (said(True, False) + said(False, True)) / 2)
    assert not said(False, False).any()


def test_one_channel_is_hidden_in_training_alone() -> None:
    subject = NetworkSubject(partial(SMALL, hidden=0.5, dropout=0.0, varied=0.0))
    net, has = subject.net(), torch.ones(1000, 2, dtype=torch.bool)
    assert torch.equal(net._hidden(has), has)
    torch.manual_seed(0)
    hidden = net.train()._hidden(has)
    assert 0.4 < (~hidden).any(1).float().mean() < 0.6
    assert hidden.any(1).all()
    alone = torch.tensor([[True, False]] * 1000)
    assert torch.equal(net._hidden(alone), alone)


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ConfigError, match="fusion is 'early'"):
        SMALL(1, 2, 9, 0, fusion="early")
    with pytest.raises(ConfigError, match="heads"):
        SMALL(1, 2, 9, 0, heads=3)
