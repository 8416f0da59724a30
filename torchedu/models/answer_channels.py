"""The channels of an answer: what was typed, spoken or photographed, each as one sequence."""

from abc import ABC, abstractmethod
from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from torchedu.batch import SpokenBatch
from torchedu.layers.attention import AttentionBlock
from torchedu.layers.dropout import Dropout
from torchedu.layers.frames import FrameNorm, Varied, centred, normed, positions
from torchedu.layers.pictures import VariedPictures, levelled

BYTES = 257
"""Bytes, and what pads them."""
STEADY = 3
"""By what the share of change is divided for photographs: paper lies straighter than voices differ,
and two digits are told apart by a few pixels."""
COLOURS = 3
"""Numbers of a pixel; an encoder's states are wider."""


class Channel(nn.Module, ABC):
    """Reads one channel of answers.

    Args:
        dim: Width D.
        heads: Attention heads.
        blocks: Transformer blocks.
        dropout: Share left out in training.
    """

    def __init__(self, dim: int, heads: int, blocks: int, dropout: float) -> None:
        super().__init__()
        self.dim = dim
        self.build()
        self.blocks = nn.ModuleList(AttentionBlock(dim, heads, dropout) for _ in range(blocks))
        self.drop = Dropout(dropout)

    @abstractmethod
    def build(self) -> None:
        """Make the layers below the transformer."""

    @abstractmethod
    def forward(self, batch: SpokenBatch) -> tuple[Tensor, Tensor]:
        """Return what is known of the channel, whether or not it is there.

        Args:
            batch: The answers.

        Returns:
            x_BLD: A sequence.
            seen_BL: Which of its slots are no padding.
        """

    def along(self, x_NLD: Tensor, seen_NL: Tensor) -> Tensor:
        """Let slots attend to all that are seen of their row; one without any sees its first."""
        x_NLD = self.drop(x_NLD)
        first_L = torch.arange(seen_NL.shape[1], device=seen_NL.device) == 0
        seen_NL = seen_NL | (first_L & ~seen_NL.any(1, keepdim=True))
        for block in self.blocks:
            x_NLD = block(x_NLD, x_NLD, seen_NL)
        return x_NLD


class Text(Channel):
    """What was typed, byte by byte."""

    def build(self) -> None:
        """Make a row for each byte."""
        self.enter = nn.Embedding(BYTES, self.dim, padding_idx=0)

    def forward(self, batch: SpokenBatch) -> tuple[Tensor, Tensor]:
        """Read bytes; see ``Channel.forward``."""
        x_BUD = self.enter(batch.byte_BU)
        seen_BU = batch.byte_BU > 0
        return self.along(x_BUD + positions(x_BUD.shape[1], self.dim, x_BUD), seen_BU), seen_BU


class TextVector(Channel):
    """What was typed, as a frozen encoder's vector.

    Args:
        width: Numbers of a vector.
        dim: Width D.
        heads: Attention heads.
        dropout: Share left out in training.
    """

    def __init__(self, width: int, dim: int, heads: int, dropout: float) -> None:
        self.width = width
        super().__init__(dim, heads, 0, dropout)

    def build(self) -> None:
        """Make a line."""
        self.enter = nn.Linear(self.width, self.dim)

    def forward(self, batch: SpokenBatch) -> tuple[Tensor, Tensor]:
        """Take vectors; see ``Channel.forward``."""
        text_B1D: Tensor = self.enter(batch.vector_BD).unsqueeze(1)
        return text_B1D, torch.ones_like(batch.has_BC[:, :1])


class Sound(Channel):
    """What was spoken: log-mel frames, or an encoder's states, window by window.

    Frames are made alike by batch normalisation, go through two convolutions, each of which halves
    their number, and a transformer.

    Args:
        width: Numbers of a frame.
        states: Whether they are an encoder's states.
        varied: How much frames are varied in training; see ``layers.frames.Varied``.
        dim: Width D.
        heads: Attention heads.
        blocks: Transformer blocks.
        dropout: Share left out in training.
    """

    def __init__(
        self, width: int, states: bool, varied: float, dim: int, heads: int, blocks: int,
        dropout: float,
    ) -> None:  # fmt: skip
        self.width, self.states, self._varied = width, states, varied
        super().__init__(dim, heads, blocks, dropout)
        self.length = nn.Linear(1, dim)

    def build(self) -> None:
        """Make norm and convolutions."""
        self.vary = Varied(self._varied, bands=not self.states)
        self.norm = FrameNorm(self.width)
        self.enter = nn.ModuleList(
            nn.Conv1d(inputs, self.dim, 5, stride=2, padding=2) for inputs in (self.width, self.dim)
        )

    def forward(self, batch: SpokenBatch) -> tuple[Tensor, Tensor]:
        """Hear recordings; see ``Channel.forward``."""
        windows = batch.heard_BWI.shape[1]
        frame_BIF, heard_BI = batch.frame_BWIF.flatten(1, 2), batch.heard_BWI.flatten(1, 2)
        if not self.states:  # of states the mean says what was spoken
            frame_BIF = centred(frame_BIF, heard_BI)
        frame_BIF, heard_BI = self.vary(frame_BIF, heard_BI)
        # Windows one by one from here on: none hears into the next.
        rest = -heard_BI.shape[1] % windows
        frame_BIF = F.pad(frame_BIF, (0, 0, 0, rest))
        heard_BI = F.pad(heard_BI, (0, rest))
        frame_NIF = frame_BIF.unflatten(1, (windows, -1)).flatten(0, 1)
        heard_NI = heard_BI.unflatten(1, (windows, -1)).flatten(0, 1)
        x_NDI = normed(self.norm, frame_NIF, heard_NI).transpose(1, 2)
        for layer in self.enter:
            heard_NI = heard_NI[:, ::2]
            x_NDI = F.gelu(layer(x_NDI)) * heard_NI.unsqueeze(1)
        x_NID = x_NDI.transpose(1, 2)
        x_NID = self.along(x_NID + positions(x_NID.shape[1], self.dim, x_NID), heard_NI)
        x_BID = x_NID.unflatten(0, (-1, windows)).flatten(1, 2)
        heard_BI = heard_NI.unflatten(0, (-1, windows)).flatten(1, 2)
        # Means do not tell how long somebody spoke, which tells much of fluency.
        long_B1 = heard_BI.sum(1, keepdim=True).to(x_BID).log1p()
        return x_BID + self.length(long_B1 - 3).unsqueeze(1), heard_BI


class Picture(Channel):
    """What was photographed: pixels, or an encoder's states.

    Pixels are set about how dark a photograph is, and go through convolutions, each of which halves
    both sides and is followed by batch normalisation, and a transformer that is told where on the
    paper each place is. States know that already: they are normalised, and go through a line.

    Args:
        width: Numbers of a pixel or state; ``COLOURS`` for pixels.
        varied: How much pixels are varied in training; see ``layers.pictures.VariedPictures``.
        dim: Width D.
        heads: Attention heads.
        blocks: Transformer blocks.
        dropout: Share left out in training.
    """

    def __init__(
        self, width: int, varied: float, dim: int, heads: int, blocks: int, dropout: float
    ) -> None:
        self.width, self.states, self._varied = width, width != COLOURS, varied
        super().__init__(dim, heads, blocks, dropout)

    def build(self) -> None:
        """Make norms and convolutions, or a norm and a line."""
        self.vary = VariedPictures(0.0 if self.states else self._varied / STEADY)
        if self.states:
            self.norms = nn.ModuleList([FrameNorm(self.width)])
            self.enter: Iterable[nn.Module] = nn.ModuleList([nn.Linear(self.width, self.dim)])
            return
        widths = (self.width, max(1, self.dim // 2), self.dim, self.dim)
        sizes = (5, 3, 3)
        self.enter = nn.ModuleList(
            nn.Conv2d(inputs, outputs, size, stride=2, padding=size // 2, bias=False)
            for inputs, outputs, size in zip(widths, widths[1:], sizes, strict=False)
        )
        self.norms = nn.ModuleList(FrameNorm(width) for width in widths[1:])

    def forward(self, batch: SpokenBatch) -> tuple[Tensor, Tensor]:
        """Look at photographs; see ``Channel.forward``."""
        seen_BHW = batch.seen_BHW
        if self.states:
            (norm,), (line,) = self.norms, self.enter
            seen_BL = seen_BHW.flatten(1)
            x_BLD = line(normed(norm, batch.pixel_BHWF.flatten(1, 2), seen_BL))
            return self.along(x_BLD, seen_BL), seen_BL
        x_BDHW = self.vary(batch.pixel_BHWF.permute(0, 3, 1, 2), seen_BHW)
        x_BDHW = levelled(x_BDHW, seen_BHW)
        for layer, norm in zip(self.enter, self.norms, strict=True):
            x_BDHW, seen_BHW = layer(x_BDHW), seen_BHW[:, ::2, ::2]
            x_BLD = F.gelu(normed(norm, x_BDHW.flatten(2).transpose(1, 2), seen_BHW.flatten(1)))
            x_BDHW = x_BLD.transpose(1, 2).unflatten(2, x_BDHW.shape[2:])
        height, width = x_BDHW.shape[2:]
        half = self.dim // 2
        down_HD = positions(height, self.dim - half, x_BLD).unsqueeze(1).expand(-1, width, -1)
        right_WD = positions(width, half, x_BLD).unsqueeze(0).expand(height, -1, -1)
        x_BLD = x_BLD + torch.cat([down_HD, right_WD], 2).flatten(0, 1)
        seen_BL = seen_BHW.flatten(1)
        return self.along(x_BLD, seen_BL), seen_BL
