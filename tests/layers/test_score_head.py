"""Every head tells the scores that it was taught, on scales of several lengths."""

import pytest
import torch

from torchedu.layers.score_head import KINDS


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_head_learns_two_scales_at_once(kind: str) -> None:
    torch.manual_seed(0)
    head = KINDS[kind](2, 4, 4, 1, 5)
    state_MBD = torch.randn(1, 64, 4).expand(2, -1, -1)
    prompt_B = torch.arange(64) % 2 + 2
    steps_BY = torch.where(prompt_B == 2, 5.0, 2.0).unsqueeze(1)
    target_BY = ((state_MBD[0, :, :1] > 0) * steps_BY / steps_BY).round()
    optimizer = torch.optim.Adam(head.parameters(), 0.05)
    for _ in range(150):
        loss = head.loss(head(state_MBD, prompt_B), target_BY, steps_BY)
        assert loss.shape == (2, 64, 1)
        optimizer.zero_grad()
        loss.mean().backward()
        optimizer.step()
    value_MBY = head.value(head(state_MBD, prompt_B), steps_BY)
    assert value_MBY.shape == (2, 64, 1)
    assert ((value_MBY > 0.5) == (target_BY > 0.5)).float().mean() > 0.95


@pytest.mark.parametrize("kind", ["ordinal", "classes"])
def test_steps_that_a_scale_lacks_change_nothing(kind: str) -> None:
    head = KINDS[kind](1, 4, 3, 1, 5)
    raw = torch.randn(1, 8, 1, head.width)
    steps_BY, target_BY = torch.full((8, 1), 2.0), torch.rand(8, 1).round()
    other = raw.clone()
    other[..., 2 if kind == "ordinal" else 3 :] = 7.0
    for tell in (lambda r: head.value(r, steps_BY), lambda r: head.loss(r, target_BY, steps_BY)):
        torch.testing.assert_close(tell(raw), tell(other))
