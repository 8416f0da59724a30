"""Attention in chunks is attention under a band of the whole matrix."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from torchedu.layers import LocalAttentionBlock


def built(window: int) -> LocalAttentionBlock:
    torch.manual_seed(0)
    block = LocalAttentionBlock(8, 2, window, 0.0).eval()
    torch.nn.init.normal_(block.near)
    torch.nn.init.normal_(block.same)
    return block


def whole(block: LocalAttentionBlock, x_BLD: Tensor, who_BL: Tensor, seen_BL: Tensor) -> Tensor:
    """Attend with the whole matrix of steps, as the definition says."""
    steps = x_BLD.shape[1]
    normed = block.norm_attention(x_BLD)
    q, k, v = (
        one.unflatten(-1, (2, 4)).transpose(1, 2)
        for one in block.query_key_value(normed).chunk(3, -1)
    )
    far = torch.arange(steps) - torch.arange(steps).unsqueeze(1)
    bias = block.near[:, far.clamp(-block.window, block.window) + block.window]
    same = (who_BL.unsqueeze(1) == who_BL.unsqueeze(2)).unsqueeze(1)
    bias = bias + block.same.view(2, 1, 1) * same
    there = seen_BL[:, None, None] & (far.abs() <= block.window)
    bias = bias.masked_fill(~there & (far != 0), -torch.inf)
    found = ((q @ k.transpose(-1, -2)) / 2 + bias).softmax(-1) @ v
    x_BLD = x_BLD + block.out(found.transpose(1, 2).flatten(2))
    return x_BLD + block.feed(block.norm_feed(x_BLD))


@pytest.mark.parametrize(("steps", "window"), [(1, 3), (3, 3), (7, 3), (12, 4), (5, 9)])
def test_chunks_give_what_the_whole_matrix_gives(steps: int, window: int) -> None:
    block = built(window)
    x_BLD, who_BL = torch.randn(3, steps, 8), torch.randint(0, 2, (3, steps))
    seen_BL = torch.arange(steps) < torch.tensor([[steps], [max(1, steps // 2)], [1]])
    with torch.no_grad():
        found = block(x_BLD, who_BL, seen_BL)
        wanted = whole(block, x_BLD, who_BL, seen_BL)
    assert torch.allclose(found[seen_BL], wanted[seen_BL], atol=1e-5)
    assert found.isfinite().all()


def test_a_step_sees_no_farther_than_its_window() -> None:
    block, x_BLD = built(3), torch.randn(1, 20, 8)
    who_BL, seen_BL = torch.zeros(1, 20, dtype=torch.int64), torch.ones(1, 20, dtype=torch.bool)
    x_BLD.requires_grad_()
    block(x_BLD, who_BL, seen_BL)[0, 10].sum().backward()
    assert x_BLD.grad is not None
    reached = x_BLD.grad[0].abs().sum(-1).nonzero().flatten().tolist()
    assert reached == list(range(7, 14))


def test_all_of_it_learns() -> None:
    block, x_BLD = built(2), torch.randn(2, 6, 8)
    who_BL = torch.arange(6).expand(2, 6) % 2
    out = block(x_BLD, who_BL, torch.ones(2, 6, dtype=torch.bool))
    F.mse_loss(out, torch.randn_like(out)).backward()
    assert all(p.grad is not None and p.grad.any() for p in block.parameters())
