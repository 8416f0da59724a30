"""What is known of an answer's channels, brought together; any may be missing."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from itertools import combinations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from torchedu.layers.attention import AttentionBlock
from torchedu.layers.dropout import Dropout
from torchedu.layers.frames import FrameNorm, normed
from torchedu.layers.precision import at_least_single

TEMPERATURE = 0.1
"""By what likenesses are divided before recordings choose among texts."""
NEVER = -1e4
"""Log odds of a text that is not there."""


def pooled(x_BLD: Tensor, seen_BL: Tensor) -> Tensor:
    """Return the mean over what is seen; shape (B, D).

    Args:
        x_BLD: A sequence.
        seen_BL: Which slots hold something, the first always.
    """
    weight_BL = seen_BL.to(x_BLD.dtype)
    return torch.einsum("bld,bl->bd", x_BLD, weight_BL) / weight_BL.sum(1, keepdim=True)


class Agreement(nn.Module):
    """How two channels agree, number by number; zero unless both are there.

    Their means are set about zero by batch normalisation first: the product of what all answers
    share would drown the rest, and nothing would be learnt for long.

    Args:
        dim: Width D.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList(FrameNorm(dim) for _ in range(2))
        self.each = nn.ModuleList(nn.Linear(dim, dim, bias=False) for _ in range(2))

    def forward(self, first_BD: Tensor, other_BD: Tensor, both_B: Tensor) -> tuple[Tensor, Tensor]:
        """Return what stands for either, whose product it is; shape (B, D) each."""
        first_BD, other_BD = (
            line(normed(norm, mean_BD.unsqueeze(1), both_B.unsqueeze(1)).squeeze(1))
            for norm, line, mean_BD in zip(self.norms, self.each, (first_BD, other_BD), strict=True)
        )
        return first_BD, other_BD


def mismatch(
    text_BD: Tensor, other_BD: Tensor, both_B: Tensor, text_B: Tensor, right_B: Tensor
) -> Tensor:
    """Return how little recordings, say, tell their own texts from the others of a batch.

    The loss of CLIP (Radford et al., ICML 2021, https://arxiv.org/abs/2103.00020) from recordings
    or photographs to texts, each of which counts once, however many answers have it; shape (B,).

    Args:
        text_BD: What stands for each text.
        other_BD: What stands for each recording, or each photograph.
        both_B: Which answers have both.
        text_B: A number for each text, the same for equal ones.
        right_B: Of which the recording says what the text does; others have no loss.
    """
    text_BD, other_BD = (F.normalize(at_least_single(x), dim=1) for x in (text_BD, other_BD))
    same_BB = text_B.unsqueeze(1) == text_B
    times_B = (same_BB & both_B).sum(1).clamp(min=1)
    log_BB = other_BD @ text_BD.T / TEMPERATURE - times_B.log()
    log_BB = log_BB.masked_fill(~both_B, NEVER)
    own_B = log_BB.masked_fill(~same_BB, NEVER).logsumexp(1)
    return torch.where(both_B & right_B, log_BB.logsumexp(1) - own_B, 0)


Known = tuple[Tensor, Tensor]
"""What is known of a channel: a sequence x_BLD, and seen_BL, which slots of it hold something. The
first slot says whether the channel is there; where it is not, that is all that is seen of it."""


class Fusion(nn.Module, ABC):
    """Joins what is known of any number of channels, the text first.

    Attributes:
        pairs: How each two agree, where it looks at that.
        compared: In training what it compared last: of texts, of another channel, and whether there
            were both, for each other channel; what takes it empties it.

    Args:
        channels: How many there are.
        dim: Width D.
        heads: Attention heads, where it has some.
        dropout: Share left out in training.
        outputs: Numbers that come out.
    """

    pairs: nn.ModuleList

    def __init__(self, channels: int, dim: int, heads: int, dropout: float, outputs: int) -> None:
        super().__init__()
        self.compared: list[tuple[Tensor, Tensor, Tensor]] = []
        self.channels = channels
        self.build(dim, heads, dropout, outputs)

    def agreed(self, mean_each_BD: Sequence[Tensor], has_BC: Tensor) -> Tensor:
        """Return how each two agree, and keep in training what was compared; one after another."""
        self.compared, products = [], []
        two = combinations(range(self.channels), 2)
        for (first, other), pair in zip(two, self.pairs, strict=True):
            both_B = has_BC[:, first] & has_BC[:, other]
            first_BD, other_BD = pair(mean_each_BD[first], mean_each_BD[other], both_B)
            products.append(first_BD * other_BD)
            if self.training and first == 0:
                self.compared.append((first_BD, other_BD, both_B))
        return torch.cat(products, 1)

    def looks_at_pairs(self, dim: int, outputs: int) -> None:
        """Make what says how each two channels agree, and what follows from it."""
        number = self.channels * (self.channels - 1) // 2
        self.pairs = nn.ModuleList(Agreement(dim) for _ in range(number))
        self.agreeing = nn.Linear(number * dim, outputs)

    @abstractmethod
    def build(self, dim: int, heads: int, dropout: float, outputs: int) -> None:
        """Make the layers."""

    @abstractmethod
    def forward(self, known: Sequence[Known], has_BC: Tensor) -> Tensor:
        """Return numbers of each answer; shape (B, outputs).

        Args:
            known: What is known of each channel.
            has_BC: Which channels there are.
        """


def _head(inputs: int, dim: int, dropout: float, outputs: int) -> nn.Sequential:
    last = nn.Linear(dim, outputs)
    nn.init.zeros_(last.bias)
    return nn.Sequential(nn.Linear(inputs, dim), nn.GELU(), Dropout(dropout), last)


class Late(Fusion):
    """Each channel is graded by itself, and log odds are averaged over those that are there.

    It cannot see whether they agree.
    """

    def build(self, dim: int, heads: int, dropout: float, outputs: int) -> None:
        """Make a head a channel."""
        each = (_head(dim, dim, dropout, outputs) for _ in range(self.channels))
        self.each = nn.ModuleList(each)

    def forward(self, known: Sequence[Known], has_BC: Tensor) -> Tensor:
        """Grade each channel; see ``Fusion.forward``."""
        graded = (head(pooled(*own)) for head, own in zip(self.each, known, strict=True))
        each_BCO = torch.stack([*graded], 1)
        weight_BC1 = has_BC.to(each_BCO.dtype).unsqueeze(-1)
        averaged: Tensor = (each_BCO * weight_BC1).sum(1) / weight_BC1.sum(1).clamp(min=1)
        return averaged


class Gated(Fusion):
    """A gate says of each number how much each channel gives (Arevalo et al., 2017).

    As in https://arxiv.org/abs/1702.01992, but that shares of any number of channels are one in
    all, as those of two are there; how each two agree stands beside what the gate lets through.
    """

    def build(self, dim: int, heads: int, dropout: float, outputs: int) -> None:
        """Make the gate and the heads."""
        self.each = nn.ModuleList(nn.Linear(dim, dim) for _ in range(self.channels))
        self.gate = nn.Linear(self.channels * (dim + 1), (self.channels - 1) * dim)
        self.looks_at_pairs(dim, outputs)
        self.head = _head(dim, dim, dropout, outputs)

    def forward(self, known: Sequence[Known], has_BC: Tensor) -> Tensor:
        """Weigh the channels; see ``Fusion.forward``."""
        mean_each_BD = [pooled(*own) for own in known]
        here_BC = has_BC.to(mean_each_BD[0].dtype)
        gate_BCD = self.gate(torch.cat([*mean_each_BD, here_BC], 1)).unflatten(
            1, (self.channels - 1, -1)
        )
        # The last has log odds of none: of two channels, a share is the logistic of its gate.
        share_BCD = F.pad(gate_BCD, (0, 0, 0, 1)).softmax(1)
        said = (line(mean_BD) for line, mean_BD in zip(self.each, mean_each_BD, strict=True))
        joined_BD = (share_BCD * torch.stack([*said], 1).tanh()).sum(1)
        agree_BO: Tensor = self.agreeing(self.agreed(mean_each_BD, has_BC))
        return self.head(joined_BD) + agree_BO


class Cross(Fusion):
    """Each channel looks into all others by attention (Tsai et al., ACL 2019).

    As in https://arxiv.org/abs/1906.00295, here one block a channel, which sees the others one
    after the other. How each two agree as they were stands beside what they found in one another.
    """

    def build(self, dim: int, heads: int, dropout: float, outputs: int) -> None:
        """Make a block a channel and the heads."""
        blocks = (AttentionBlock(dim, heads, dropout) for _ in range(self.channels))
        self.into_others = nn.ModuleList(blocks)
        self.looks_at_pairs(dim, outputs)
        self.head = _head(self.channels * dim, dim, dropout, outputs)

    def forward(self, known: Sequence[Known], has_BC: Tensor) -> Tensor:
        """Let each look into the others; see ``Fusion.forward``."""
        agree_BO: Tensor = self.agreeing(self.agreed([pooled(*own) for own in known], has_BC))
        mean_each_BD = []
        for i, block in enumerate(self.into_others):
            (x_BLD, seen_BL), others = known[i], [*known[:i], *known[i + 1 :]]
            other_BMD, seen_BM = (torch.cat([*parts], 1) for parts in zip(*others, strict=True))
            mean_each_BD.append(pooled(block(x_BLD, other_BMD, seen_BM), seen_BL))
        return self.head(torch.cat(mean_each_BD, 1)) + agree_BO


FUSIONS: dict[str, type[Fusion]] = {"late": Late, "gated": Gated, "cross": Cross}
