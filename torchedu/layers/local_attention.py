"""Attention within a sliding window, for sequences of thousands of steps."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from torchedu.layers.dropout import Dropout


class LocalAttentionBlock(nn.Module):
    """One pre-norm block: each step attends to those near it, then a feed-forward.

    As in Longformer (Beltagy et al., https://arxiv.org/abs/2004.05150) a step sees ``window`` steps
    on each side, in chunks of that length, so that time and memory grow with the length and not
    with its square. What is learned for each head besides: how much a distance counts, as in T5
    (Raffel et al., https://arxiv.org/abs/1910.10683), beginning with the slopes of ALiBi (Press et
    al., https://arxiv.org/abs/2108.12409), so that some heads look near and others far; and how
    much it counts to be said by the same person.

    Args:
        dim: Width D.
        heads: Number of heads H; a divisor of ``dim``.
        window: How many steps on each side are seen.
        dropout: Share left out in training of each sub-layer's output.
    """

    def __init__(self, dim: int, heads: int, window: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.window = window
        self.norm_attention = nn.LayerNorm(dim)
        self.query_key_value = nn.Linear(dim, 3 * dim)
        self.out = nn.Linear(dim, dim)
        slope_H1 = 2.0 ** -torch.arange(heads).unsqueeze(1)
        self.near = nn.Parameter(-slope_H1 * torch.arange(-window, window + 1).abs())
        self.same = nn.Parameter(torch.zeros(heads))
        self.norm_feed = nn.LayerNorm(dim)
        self.feed = nn.Sequential(nn.Linear(dim, 2 * dim), nn.GELU(), nn.Linear(2 * dim, dim))
        self.drop = Dropout(dropout)

    def forward(self, x_BLD: Tensor, who_BL: Tensor, seen_BL: Tensor) -> Tensor:
        """Let each step attend to those near it.

        Args:
            x_BLD: The steps.
            who_BL: Who each belongs to.
            seen_BL: Which steps there are; no other step sees the rest.

        Returns:
            x_BLD: The steps with what they found.
        """
        x_BLD = x_BLD + self.drop(self._attended(self.norm_attention(x_BLD), who_BL, seen_BL))
        fed: Tensor = x_BLD + self.drop(self.feed(self.norm_feed(x_BLD)))
        return fed

    def _attended(self, x_BLD: Tensor, who_BL: Tensor, seen_BL: Tensor) -> Tensor:
        size, steps, dim = x_BLD.shape
        window, heads = self.window, self.heads
        short = -steps % window
        chunks = (steps + short) // window
        qkv_BLD3 = F.pad(self.query_key_value(x_BLD), (0, 0, 0, short))
        query, key, value = (
            part.view(size, chunks, window, heads, dim // heads).transpose(2, 3)
            for part in qkv_BLD3.chunk(3, dim=-1)
        )
        key, value = _with_neighbours(key), _with_neighbours(value)
        who, seen = F.pad(who_BL, (0, short)), F.pad(seen_BL, (0, short))
        asks = who.view(size, chunks, 1, window, 1)
        visible = _with_neighbours(who.view(size, chunks, 1, window, 1)).transpose(-1, -2)
        there = _with_neighbours(seen.view(size, chunks, 1, window, 1)).transpose(-1, -2)
        # A chunk's own first step is step `window` of what it sees.
        place = torch.arange(3 * window, device=x_BLD.device)
        far = place - window - torch.arange(window, device=x_BLD.device).unsqueeze(1)
        bias = self.near[:, far.clamp(-window, window) + window]
        bias = bias + self.same.view(heads, 1, 1) * (asks == visible)
        # Each sees itself, lest a padded step that sees nothing gives no number.
        allowed = ((far.abs() <= window) & there) | (far == 0)
        bias = bias.masked_fill(~allowed, -torch.inf)
        # Chunk by chunk as rows of one batch, which is the form that kernels and ONNX know.
        query, key, value, bias = (x.flatten(0, 1) for x in (query, key, value, bias))
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=bias.to(query.dtype))
        mixed = mixed.unflatten(0, (size, chunks)).transpose(2, 3)
        x_BLD = mixed.reshape(size, steps + short, dim)[:, :steps]
        attended: Tensor = self.out(x_BLD)
        return attended


def _with_neighbours(x: Tensor) -> Tensor:
    """Put the chunks before and after beside each; shape (B, chunks, H, 3 x window, ...)."""
    blank = torch.zeros_like(x[:, :1])
    return torch.cat([torch.cat([blank, x[:, :-1]], 1), x, torch.cat([x[:, 1:], blank], 1)], dim=3)
