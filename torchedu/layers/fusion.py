"""What was typed and what was spoken, brought together; either may be missing."""

from abc import ABC, abstractmethod

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
    """How a text and a recording agree, number by number; zero unless both are there.

    Their means are set about zero by batch normalisation first: the product of what all answers
    share would drown the rest, and nothing would be learnt for long.

    Args:
        dim: Width D.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.norm_text, self.norm_sound = FrameNorm(dim), FrameNorm(dim)
        self.text = nn.Linear(dim, dim, bias=False)
        self.sound = nn.Linear(dim, dim, bias=False)

    def forward(self, text_BD: Tensor, sound_BD: Tensor, has_BC: Tensor) -> tuple[Tensor, Tensor]:
        """Return what stands for text and recording, whose product it is; shape (B, D) each."""
        both_B1 = has_BC.all(1, keepdim=True)
        text_BD = normed(self.norm_text, text_BD.unsqueeze(1), both_B1).squeeze(1)
        sound_BD = normed(self.norm_sound, sound_BD.unsqueeze(1), both_B1).squeeze(1)
        return self.text(text_BD), self.sound(sound_BD)


def mismatch(
    text_BD: Tensor, sound_BD: Tensor, both_B: Tensor, text_B: Tensor, right_B: Tensor
) -> Tensor:
    """Return how little recordings tell their own texts from the others of a batch; shape (B,).

    The loss of CLIP (Radford et al., ICML 2021, https://arxiv.org/abs/2103.00020) from recordings
    to texts, each of which counts once, however many answers have it.

    Args:
        text_BD: What stands for each text.
        sound_BD: What stands for each recording.
        both_B: Which answers have both.
        text_B: A number for each text, the same for equal ones.
        right_B: Of which the recording says what the text does; others have no loss.
    """
    text_BD, sound_BD = (F.normalize(at_least_single(x), dim=1) for x in (text_BD, sound_BD))
    same_BB = text_B.unsqueeze(1) == text_B
    times_B = (same_BB & both_B).sum(1).clamp(min=1)
    log_BB = sound_BD @ text_BD.T / TEMPERATURE - times_B.log()
    log_BB = log_BB.masked_fill(~both_B, NEVER)
    own_B = log_BB.masked_fill(~same_BB, NEVER).logsumexp(1)
    return torch.where(both_B & right_B, log_BB.logsumexp(1) - own_B, 0)


class Fusion(nn.Module, ABC):
    """Joins what is known of a text and of a recording.

    Each channel comes as a sequence whose first slot says whether it is there; where it is not,
    that slot is all that is seen of it.

    Attributes:
        agree: How the two agree, where it looks at that.
        compared: In training what it compared last: of texts, of recordings, and whether there
            were both; what takes it empties it.

    Args:
        dim: Width D.
        heads: Attention heads, where it has some.
        dropout: Share left out in training.
        outputs: Numbers that come out.
    """

    agree: Agreement

    def __init__(self, dim: int, heads: int, dropout: float, outputs: int) -> None:
        super().__init__()
        self.compared: tuple[Tensor, Tensor, Tensor] | None = None
        self.build(dim, heads, dropout, outputs)

    def agreed(self, text_BD: Tensor, sound_BD: Tensor, has_BC: Tensor) -> Tensor:
        """Return how the two agree, and keep in training what was compared; shape (B, D)."""
        text_BD, sound_BD = self.agree(text_BD, sound_BD, has_BC)
        self.compared = (text_BD, sound_BD, has_BC.all(1)) if self.training else None
        return text_BD * sound_BD

    @abstractmethod
    def build(self, dim: int, heads: int, dropout: float, outputs: int) -> None:
        """Make the layers."""

    @abstractmethod
    def forward(
        self, text_BUD: Tensor, seen_BU: Tensor, sound_BID: Tensor, seen_BI: Tensor, has_BC: Tensor
    ) -> Tensor:
        """Return numbers of each answer; shape (B, outputs).

        Args:
            text_BUD: What is known of the text.
            seen_BU: Which slots of it hold something, the first always.
            sound_BID: What is known of the recording.
            seen_BI: Which slots of it hold something, the first always.
            has_BC: Whether there is a text, and a recording.
        """


def _head(inputs: int, dim: int, dropout: float, outputs: int) -> nn.Sequential:
    last = nn.Linear(dim, outputs)
    nn.init.zeros_(last.bias)
    return nn.Sequential(nn.Linear(inputs, dim), nn.GELU(), Dropout(dropout), last)


class Late(Fusion):
    """Each channel is graded by itself, and log odds are averaged over those that are there.

    It cannot see whether the two agree.
    """

    def build(self, dim: int, heads: int, dropout: float, outputs: int) -> None:
        """Make a head a channel."""
        self.text = _head(dim, dim, dropout, outputs)
        self.sound = _head(dim, dim, dropout, outputs)

    def forward(
        self, text_BUD: Tensor, seen_BU: Tensor, sound_BID: Tensor, seen_BI: Tensor, has_BC: Tensor
    ) -> Tensor:
        """Grade each channel; see ``Fusion.forward``."""
        each_BCO = torch.stack(
            [
                self.text(pooled(text_BUD, seen_BU)),
                self.sound(pooled(sound_BID, seen_BI)),
            ],
            1,
        )
        weight_BC1 = has_BC.to(each_BCO.dtype).unsqueeze(-1)
        averaged: Tensor = (each_BCO * weight_BC1).sum(1) / weight_BC1.sum(1).clamp(min=1)
        return averaged


class Gated(Fusion):
    """A gate says of each number how much either channel gives (Arevalo et al., 2017).

    As in https://arxiv.org/abs/1702.01992; how the two agree stands beside what the gate lets
    through.
    """

    def build(self, dim: int, heads: int, dropout: float, outputs: int) -> None:
        """Make the gate and the heads."""
        self.text, self.sound = nn.Linear(dim, dim), nn.Linear(dim, dim)
        self.gate = nn.Linear(2 * dim + 2, dim)
        self.agree, self.agreeing = Agreement(dim), nn.Linear(dim, outputs)
        self.head = _head(dim, dim, dropout, outputs)

    def forward(
        self, text_BUD: Tensor, seen_BU: Tensor, sound_BID: Tensor, seen_BI: Tensor, has_BC: Tensor
    ) -> Tensor:
        """Weigh the channels; see ``Fusion.forward``."""
        text_BD, sound_BD = pooled(text_BUD, seen_BU), pooled(sound_BID, seen_BI)
        here_BC = has_BC.to(text_BD.dtype)
        gate_BD = self.gate(torch.cat([text_BD, sound_BD, here_BC], 1)).sigmoid()
        joined_BD = (
            gate_BD * self.text(text_BD).tanh() + (1 - gate_BD) * self.sound(sound_BD).tanh()
        )
        agree_BO = self.agreeing(self.agreed(text_BD, sound_BD, has_BC))
        return self.head(joined_BD) + agree_BO


class Cross(Fusion):
    """The text looks into the recording and the recording into the text (Tsai et al., ACL 2019).

    As in https://arxiv.org/abs/1906.00295, here one block a direction. How the two agree as they
    were stands beside what they found in each other.
    """

    def build(self, dim: int, heads: int, dropout: float, outputs: int) -> None:
        """Make a block a direction and the heads."""
        self.into_sound = AttentionBlock(dim, heads, dropout)
        self.into_text = AttentionBlock(dim, heads, dropout)
        self.agree, self.agreeing = Agreement(dim), nn.Linear(dim, outputs)
        self.head = _head(2 * dim, dim, dropout, outputs)

    def forward(
        self, text_BUD: Tensor, seen_BU: Tensor, sound_BID: Tensor, seen_BI: Tensor, has_BC: Tensor
    ) -> Tensor:
        """Let each look into the other; see ``Fusion.forward``."""
        text_BD, sound_BD = pooled(text_BUD, seen_BU), pooled(sound_BID, seen_BI)
        agree_BO = self.agreeing(self.agreed(text_BD, sound_BD, has_BC))
        text_BD = pooled(self.into_sound(text_BUD, sound_BID, seen_BI), seen_BU)
        sound_BD = pooled(self.into_text(sound_BID, text_BUD, seen_BU), seen_BI)
        return self.head(torch.cat([text_BD, sound_BD], 1)) + agree_BO


FUSIONS: dict[str, type[Fusion]] = {"late": Late, "gated": Gated, "cross": Cross}
