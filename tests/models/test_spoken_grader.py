"""The grader of spoken answers keeps the contract under every fusion, and hears what agrees."""

from functools import partial

import pytest
import torch

from torchedu.errors import ConfigError
from torchedu.layers.fusion import FUSIONS, Late, mismatch
from torchedu.models import SpokenGrader
from torchedu.testing import check_network
from torchedu.testing.kinds import NetworkSubject

SMALL = partial(SpokenGrader, dim=8, heads=2, blocks=1)


@pytest.mark.parametrize("fusion", FUSIONS)
@pytest.mark.parametrize("sizes", [(0, 0, 0), (0, 0, 3), (6, 9, 7)])
def test_it_keeps_the_contract(fusion: str, sizes: tuple[int, int, int]) -> None:
    names = ("text_dim", "speech_dim", "image_dim")
    check_network(partial(SMALL, fusion=fusion), dict(zip(names, sizes, strict=True)))


def test_late_fusion_averages_what_is_there() -> None:
    torch.manual_seed(0)
    late = Late(2, 8, 2, 0.0, 3).eval()
    text, sound = torch.randn(4, 5, 8), torch.randn(4, 7, 8)
    seen, heard = torch.ones(4, 5, dtype=torch.bool), torch.ones(4, 7, dtype=torch.bool)

    def said(*has: bool) -> torch.Tensor:
        return late([(text, seen), (sound, heard)], torch.tensor([has] * 4))

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


def test_any_choice_of_three_channels_is_hidden_as_often() -> None:
    net = NetworkSubject(partial(SMALL, hidden=0.6, dropout=0.0, varied=0.0)).net().train()
    torch.manual_seed(0)
    left = net._hidden(torch.ones(6000, 3, dtype=torch.bool))
    kinds, counts = left.unique(dim=0, return_counts=True)
    assert len(kinds) == 7
    assert left.any(1).all()
    whole = kinds.all(1)
    assert abs(counts[whole] / 6000 - 0.4) < 0.03
    assert (abs(counts[~whole] / 6000 - 0.1) < 0.02).all()
    two = net._hidden(torch.tensor([[True, False, True]] * 1000))
    assert two.any(1).all()
    assert not two[:, 1].any()


def test_weights_of_earlier_names_are_taken() -> None:
    for fusion in FUSIONS:
        net = NetworkSubject(partial(SMALL, fusion=fusion), {"image_dim": 0}).net()
        once = {}
        for name, value in net.state_dict().items():
            former = [old for old, new in net.former.items() if name.startswith(new)]
            former = [old for old in former if old.startswith("join.") == name.startswith("join.")]
            once[(former[0] + name.removeprefix(net.former[former[0]])) if former else name] = value
        assert not [name for name in once if name.startswith("channels.")]
        assert not [name for name in once if name.startswith(("join.each", "join.pairs", "join.in"))
                    and not name.startswith(("join.into_sound", "join.into_text"))]  # fmt: skip
        other = NetworkSubject(partial(SMALL, fusion=fusion), {"image_dim": 0}).net()
        for parameter in other.parameters():
            torch.nn.init.zeros_(parameter)
        other.load_state_dict(once)
        for name, value in other.state_dict().items():
            torch.testing.assert_close(value, net.state_dict()[name])


def test_recordings_are_told_from_each_others_texts() -> None:
    text, sound = torch.eye(4)[[0, 1, 2, 0]], torch.eye(4)[[0, 1, 1, 0]]
    both = torch.tensor([True, True, True, True])
    texts, right = torch.tensor([5, 6, 7, 5]), torch.tensor([True, True, True, False])
    loss = mismatch(text, sound, both, texts, right)
    likely = (
        torch.tensor([1.0, 0.0, 0.0]).div(0.1).log_softmax(0)
    )  # three texts: one is there twice
    torch.testing.assert_close(loss, torch.tensor([-likely[0], -likely[0], -likely[1], 0.0]))
    none = mismatch(text, sound, both & False, texts, right)
    assert not none.any()


def test_a_recording_that_is_right_has_a_loss_of_its_own_in_training() -> None:
    subject = NetworkSubject(partial(SMALL, dropout=0.0, hidden=0.0))
    net, batch = subject.net(), subject.batch()
    right = batch._replace(target_BY=torch.ones_like(batch.target_BY))
    wrong = batch._replace(target_BY=torch.zeros_like(batch.target_BY))
    assert net.own_loss(right, net(right)) == 0.0  # outside training
    net.train()
    said = net(right)
    assert (net.own_loss(right, said) > 0).all()
    assert not net.own_loss(wrong, net(wrong)).any()
    assert net.own_loss(right, said) == 0.0  # what was compared is gone
    for other in (partial(SMALL, matched=0.0), partial(SMALL, fusion="late")):
        still = NetworkSubject(other).net().train()
        assert still.own_loss(right, still(right)) == 0.0


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ConfigError, match="fusion is 'early'"):
        SMALL(1, 2, 9, 0, fusion="early")
    with pytest.raises(ConfigError, match="heads"):
        SMALL(1, 2, 9, 0, heads=3)
