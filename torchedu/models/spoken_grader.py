"""Answers typed and spoken graded together, by a network small enough to begin from nothing."""

from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from torchedu.batch import SpokenBatch
from torchedu.errors import ConfigError, allowed
from torchedu.layers.attention import AttentionBlock
from torchedu.layers.dropout import Dropout
from torchedu.layers.frames import FrameNorm, Varied, centred, normed, positions
from torchedu.layers.fusion import FUSIONS, mismatch
from torchedu.models.network import Network
from torchedu.ranges import COUNT, DROPPED, NOT_NEGATIVE, SHARE, check_heads

BYTES = 257
"""Bytes, and what pads them."""
STRIDE = 4
"""Frames that become one step."""


class SpokenGrader(Network):
    """Grades an answer by what was typed, by what was spoken, or by both.

    No one paper's network. Log-mel frames of the recording are made alike by batch normalisation,
    go through two convolutions, each of which halves their number, and a transformer; a text goes
    through one as bytes, or comes as a frozen encoder's vector. ``layers.fusion`` joins them. In
    training either is hidden now and then, so that one alone is graded as surely as it allows.

    Args:
        num_scores: Scores of an answer.
        num_places: Places on the scale of a score, at most.
        num_bands: Numbers of a log-mel frame.
        text_dim: Width of the text's vector; 0 where its bytes are read.
        speech_dim: Width of an encoder's states; 0 where log-mel frames are heard.
        dim: Width D.
        heads: Attention heads; a divisor of ``dim``.
        blocks: Transformer blocks of the recording.
        text_blocks: Those of the text, where its bytes are read.
        fusion: ``late``, ``gated`` or ``cross``.
        dropout: Share left out in training.
        hidden: Share of the answers with both a text and a recording of which one is hidden in
            training.
        varied: How much frames are varied in training; see ``layers.frames.Varied``.
        matched: Weight of a further loss: a recording of an answer with the highest first score is
            to tell its own text from the others of the batch. 0 where right answers need not say
            what was typed; ``late`` fusion has none.

    Raises:
        ConfigError: A value is out of range, or the fusion is not known.
    """

    sizes = ("num_scores", "num_places", "num_bands", "text_dim", "speech_dim")
    limits: ClassVar = {
        "hidden": DROPPED,
        "varied": SHARE,
        "text_blocks": COUNT,
        "matched": NOT_NEGATIVE,
        "speech_dim": NOT_NEGATIVE,
    }

    def __init__(
        self,
        num_scores: int,
        num_places: int,
        num_bands: int,
        text_dim: int,
        speech_dim: int = 0,
        dim: int = 64,
        heads: int = 4,
        blocks: int = 2,
        text_blocks: int = 1,
        fusion: Literal["late", "gated", "cross"] = "cross",
        dropout: float = 0.1,
        hidden: float = 0.2,
        varied: float = 0.15,
        matched: float = 1.0,
    ) -> None:
        check_heads(dim, heads)
        if fusion not in FUSIONS:
            raise ConfigError(f"⟦model.net.fusion⟧ is {fusion!r}.", allowed(fusion, FUSIONS))
        super().__init__()
        self.num_scores, self.num_places = num_scores, num_places
        self.num_bands, self.text_dim, self.speech_dim = num_bands, text_dim, speech_dim
        self.width = speech_dim or num_bands
        self.dim, self.heads, self.blocks, self.text_blocks = dim, heads, blocks, text_blocks
        self.fusion, self.dropout, self.hidden = fusion, dropout, hidden
        self.varied, self.matched = varied, matched
        self.first = nn.Embedding(4, dim)  # of each channel, whether it is not there or is
        if text_dim:
            self.enter_text: nn.Module = nn.Linear(text_dim, dim)
        else:
            self.enter_text = nn.Embedding(BYTES, dim, padding_idx=0)
            self.typed = nn.ModuleList(
                AttentionBlock(dim, heads, dropout) for _ in range(text_blocks)
            )
        self.vary = Varied(varied, bands=not speech_dim)
        self.norm = FrameNorm(self.width)
        self.enter_sound = nn.ModuleList(
            nn.Conv1d(inputs, dim, 5, stride=2, padding=2) for inputs in (self.width, dim)
        )
        self.spoken = nn.ModuleList(AttentionBlock(dim, heads, dropout) for _ in range(blocks))
        self.length = nn.Linear(1, dim)
        self.drop = Dropout(dropout)
        self.join = FUSIONS[fusion](dim, heads, dropout, num_scores * num_places)

    def forward(self, batch: SpokenBatch) -> Tensor:
        """Grade a batch of answers.

        Args:
            batch: The answers; padding changes nothing.

        Returns:
            logit_BYK: Of each place on each score's scale, as log odds without a common term.
        """
        has_BC = self._hidden(batch.has_BC)
        text_BUD, seen_BU = self._text(batch)
        sound_BID, seen_BI = self._sound(batch)
        text_BUD, seen_BU = self._first(text_BUD, seen_BU, has_BC, 0)
        sound_BID, seen_BI = self._first(sound_BID, seen_BI, has_BC, 1)
        out_BO = self.join(text_BUD, seen_BU, sound_BID, seen_BI, has_BC)
        return out_BO.unflatten(1, (self.num_scores, self.num_places))

    def own_loss(self, batch: SpokenBatch, output: Tensor) -> Tensor | float:
        """Return how little recordings tell their own texts from others; see ``matched``.

        Args:
            batch: The answers of the last call.
            output: What the network gave for them.
        """
        compared, self.join.compared = self.join.compared, None
        if not self.matched or compared is None:
            return 0.0
        texts = batch.vector_BD if self.text_dim else batch.byte_BU
        text_B = texts.unique(dim=0, return_inverse=True)[1]
        right_B = batch.scored_BY[:, 0] & (batch.target_BY[:, 0] >= 1)
        return self.matched * mismatch(*compared, text_B, right_B)

    def example(self, rows: int, steps: int, width: int) -> SpokenBatch:
        """Draw answers of ``width`` windows of ``steps`` frames; see ``Network.example``."""
        scored_BY = torch.ones(rows, self.num_scores, dtype=torch.bool)
        return SpokenBatch(
            torch.randint(1, BYTES, (rows, steps)),
            torch.randn(rows, self.text_dim),
            torch.randn(rows, width, STRIDE * steps, self.width),
            torch.ones(rows, width, STRIDE * steps, dtype=torch.bool),
            torch.ones(rows, 2, dtype=torch.bool),
            torch.zeros(rows, self.num_scores),
            scored_BY,
            torch.arange(rows),
            torch.full((rows,), float(scored_BY.sum())),
        )

    def _hidden(self, has_BC: Tensor) -> Tensor:
        """Hide one of two channels now and then, in training."""
        if not (self.training and self.hidden):
            return has_BC
        hide_B = has_BC.all(1) & (torch.rand(len(has_BC), device=has_BC.device) < self.hidden)
        which_B = torch.rand(len(has_BC), device=has_BC.device) < 0.5
        return has_BC & ~torch.stack([hide_B & which_B, hide_B & ~which_B], 1)

    def _first(
        self, x_BLD: Tensor, seen_BL: Tensor, has_BC: Tensor, channel: int
    ) -> tuple[Tensor, Tensor]:
        """Put a slot before a sequence that says whether it is there; see ``layers.Fusion``."""
        has_B = has_BC[:, channel]
        first_B1D = self.first(2 * channel + has_B.long()).unsqueeze(1)
        seen_BL = torch.cat([torch.ones_like(has_B).unsqueeze(1), seen_BL & has_B.unsqueeze(1)], 1)
        x_BLD = torch.cat([first_B1D.to(x_BLD.dtype), x_BLD], 1)
        return x_BLD * seen_BL.unsqueeze(-1), seen_BL

    def _text(self, batch: SpokenBatch) -> tuple[Tensor, Tensor]:
        if self.text_dim:
            text_B1D = self.enter_text(batch.vector_BD).unsqueeze(1)
            return text_B1D, torch.ones_like(batch.has_BC[:, :1])
        x_BUD = self.enter_text(batch.byte_BU)
        seen_BU = batch.byte_BU > 0
        x_BUD = self.drop(x_BUD + positions(x_BUD.shape[1], self.dim, x_BUD))
        return self._along(self.typed, x_BUD, seen_BU), seen_BU

    def _sound(self, batch: SpokenBatch) -> tuple[Tensor, Tensor]:
        windows = batch.heard_BWI.shape[1]
        frame_BIF, heard_BI = batch.frame_BWIF.flatten(1, 2), batch.heard_BWI.flatten(1, 2)
        if not self.speech_dim:  # of states the mean says what was spoken
            frame_BIF = centred(frame_BIF, heard_BI)
        frame_BIF, heard_BI = self.vary(frame_BIF, heard_BI)
        # Windows one by one from here on: none hears into the next.
        rest = -heard_BI.shape[1] % windows
        frame_BIF = nn.functional.pad(frame_BIF, (0, 0, 0, rest))
        heard_BI = nn.functional.pad(heard_BI, (0, rest))
        frame_NIF = frame_BIF.unflatten(1, (windows, -1)).flatten(0, 1)
        heard_NI = heard_BI.unflatten(1, (windows, -1)).flatten(0, 1)
        x_NDI = normed(self.norm, frame_NIF, heard_NI).transpose(1, 2)
        for layer in self.enter_sound:
            heard_NI = heard_NI[:, ::2]
            x_NDI = nn.functional.gelu(layer(x_NDI)) * heard_NI.unsqueeze(1)
        x_NID = x_NDI.transpose(1, 2)
        x_NID = self.drop(x_NID + positions(x_NID.shape[1], self.dim, x_NID))
        x_NID = self._along(self.spoken, x_NID, heard_NI)
        x_BID = x_NID.unflatten(0, (-1, windows)).flatten(1, 2)
        heard_BI = heard_NI.unflatten(0, (-1, windows)).flatten(1, 2)
        # Means do not tell how long somebody spoke, which tells much of fluency.
        long_B1 = heard_BI.sum(1, keepdim=True).to(x_BID).log1p()
        return x_BID + self.length(long_B1 - 3).unsqueeze(1), heard_BI

    def _along(self, blocks: Any, x_NLD: Tensor, seen_NL: Tensor) -> Tensor:
        """Let slots attend to all that are seen of their row; one without any sees its first."""
        first_L = torch.arange(seen_NL.shape[1], device=seen_NL.device) == 0
        seen_NL = seen_NL | (first_L & ~seen_NL.any(1, keepdim=True))
        for block in blocks:
            x_NLD = block(x_NLD, x_NLD, seen_NL)
        return x_NLD
