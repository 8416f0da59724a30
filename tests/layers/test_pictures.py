"""Photographs are set about how dark they are, and varied in training alone."""

import torch

from torchedu.layers.pictures import VariedPictures, levelled

PICTURES = torch.rand(4, 3, 24, 32, generator=torch.Generator().manual_seed(0))
SEEN = torch.ones(4, 24, 32, dtype=torch.bool)
SEEN[0, 16:] = False
PICTURES[0, :, 16:] = 0.0


def test_light_and_padding_change_nothing() -> None:
    level = levelled(PICTURES, SEEN)
    torch.testing.assert_close(level, levelled(0.5 * PICTURES + 0.2, SEEN))
    torch.testing.assert_close(level[:1, :, :16], levelled(PICTURES[:1, :, :16], SEEN[:1, :16]))
    assert not level[0, :, 16:].any()
    torch.testing.assert_close(level[1].mean(), torch.tensor(0.0), atol=1e-5, rtol=0)
    torch.testing.assert_close(level[1].square().mean(), torch.tensor(1.0), atol=1e-4, rtol=0)
    assert levelled(0 * PICTURES + 0.3, SEEN).abs().max() < 1e-4  # of nothing nothing is made


def test_training_alone_varies_each_for_itself() -> None:
    vary = VariedPictures(0.1)
    assert torch.equal(vary.eval()(PICTURES, SEEN), PICTURES)
    assert torch.equal(VariedPictures(0.0).train()(PICTURES, SEEN), PICTURES)
    torch.manual_seed(0)
    same = PICTURES[1:2].expand(4, -1, -1, -1)
    varied = vary.train()(same, SEEN)
    assert varied.shape == same.shape
    assert not torch.allclose(varied[1], varied[2], atol=0.1)
    assert not varied[0, :, 16:].any()


def test_paper_moves_about_its_own_middle() -> None:
    torch.manual_seed(0)
    dot = torch.zeros(64, 3, 40, 60)
    dot[:, :, 9:12, 19:22] = 1.0  # in the middle of what is seen of each
    seen = torch.zeros(64, 40, 60, dtype=torch.bool)
    seen[:, :21, :41] = True
    moved = VariedPictures(0.05).train()(dot, seen)[:, 0].clamp(min=0.3) - 0.3
    down = (moved.sum(2) * torch.arange(40)).sum(1) / moved.sum((1, 2))
    right = (moved.sum(1) * torch.arange(60)).sum(1) / moved.sum((1, 2))
    assert (down - 10).abs().max() < 21 * 0.05
    assert (right - 20).abs().max() < 41 * 0.05
    assert right.std() > 0.2
