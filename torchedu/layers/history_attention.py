"""Attention of an answer or a question over the history before it, near answers more than far."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from torchedu.layers.dropout import Dropout
from torchedu.layers.precision import at_least_single
from torchedu.layers.running import running_sum


class HistoryAttention(nn.Module):
    """One post-norm block: attention whose keys and queries share a projection, then a layer.

    The block of AKT (Ghosh and others, 2020) and, without its decay, of simpleKT. Decay: what
    queries and keys have in common counts the less, the more the query has to do with what came in
    between, times how many answers ago the key was. As in AKT's own code, the root of that product
    is taken and no gradient goes through it. A query that sees nothing finds zero.

    Args:
        dim: Width D.
        heads: Number of heads H; a divisor of ``dim``.
        dropout: Share left out in training of the attention weights and of each sub-layer's output.
        decay: Whether what is far away counts less.
        feed: Whether a feed-forward layer follows.
    """

    def __init__(
        self, dim: int, heads: int, dropout: float, decay: bool = True, feed: bool = True
    ) -> None:
        super().__init__()
        self.head_dim = dim // heads
        self.key = nn.Linear(dim, dim)
        self.value = nn.Linear(dim, dim)
        self.out = nn.Linear(dim, dim)
        self.norm_attention = nn.LayerNorm(dim)
        self.drop = Dropout(dropout)
        self.fading = nn.Parameter(torch.randn(heads, 1, 1) * 0.5) if decay else None
        self.feed = (
            nn.Sequential(
                nn.Linear(dim, 2 * dim), nn.ReLU(), Dropout(dropout), nn.Linear(2 * dim, dim)
            )
            if feed
            else None
        )
        self.norm_feed = nn.LayerNorm(dim) if feed else None

    def forward(self, query_BLD: Tensor, key_BMD: Tensor, value_BMD: Tensor, ago: Tensor) -> Tensor:
        """Let each query attend to the keys that it sees.

        Args:
            query_BLD: The queries.
            key_BMD: What they are compared with, in the order of answers.
            value_BMD: What they find there.
            ago: How many answers before the query each key stands, int64, shape (L, M) or
                (B, L, M); what is negative is not seen.

        Returns:
            x_BLD: The queries with what they found.
        """
        q_BHLd, k_BHMd = self._split(self.key(query_BLD)), self._split(self.key(key_BMD))
        seen, ago = (x.unsqueeze(-3) for x in (ago >= 0, ago))
        score_BHLM = at_least_single(q_BHLd @ k_BHMd.transpose(-1, -2)) * self.head_dim**-0.5
        if self.fading is not None:
            with torch.no_grad():
                weight = _weights(score_BHLM, seen)
                later = F.pad(running_sum(weight.flip(-1), -1).flip(-1)[..., 1:], (0, 1))
                distance = (later * ago.clamp(min=0)).sqrt()
            score_BHLM = score_BHLM * (-F.softplus(at_least_single(self.fading)) * distance).exp()
        weight_BHLM = self.drop(_weights(score_BHLM, seen))
        found_BHLd = weight_BHLM.to(q_BHLd.dtype) @ self._split(self.value(value_BMD))
        found_BLD = self.out(found_BHLd.transpose(1, 2).flatten(2))
        x_BLD: Tensor = self.norm_attention(query_BLD + self.drop(found_BLD))
        if self.feed is None or self.norm_feed is None:
            return x_BLD
        fed_BLD: Tensor = self.norm_feed(x_BLD + self.drop(self.feed(x_BLD)))
        return fed_BLD

    def _split(self, x_BLD: Tensor) -> Tensor:
        return x_BLD.unflatten(-1, (-1, self.head_dim)).transpose(1, 2)


def _weights(score: Tensor, seen: Tensor) -> Tensor:
    """Return what each key counts for; zero for all where a query sees none."""
    return score.masked_fill(~seen, -1e9).softmax(-1) * seen


def answers_ago(like_BL: Tensor, itself: bool) -> Tensor:
    """Return how many answers before each other each answer of a window stands; shape (L, L).

    Args:
        like_BL: Anything of the window's shape.
        itself: Whether an answer sees itself.
    """
    place_L = torch.ones_like(like_BL[0], dtype=torch.int64).cumsum(0)
    ago_LM = place_L.unsqueeze(1) - place_L
    return ago_LM if itself else ago_LM.masked_fill(ago_LM == 0, -1)


def answers_kept(count_B: Tensor, size: int, itself: bool) -> Tensor:
    """Return how many answers ago each answer that is kept was, the latest last; (B, 1, M).

    Args:
        count_B: How many there were.
        size: How many are kept.
        itself: Whether what is asked stands behind them.
    """
    ago_M = torch.arange(size, -1 if itself else 0, -1, device=count_B.device)
    return ago_M.where(ago_M <= count_B.unsqueeze(1), -1).unsqueeze(1)


def keep(kept_BMD: Tensor, new_BD: Tensor) -> Tensor:
    """Return what is kept with something new at its end, and without what is oldest."""
    return torch.cat([kept_BMD[:, 1:], new_BD.unsqueeze(1).to(kept_BMD.dtype)], dim=1)
