"""Answers of several channels graded by a network small enough to begin from nothing."""

from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from torchedu.batch import SpokenBatch
from torchedu.errors import ConfigError, allowed
from torchedu.layers.fusion import FUSIONS, Known, mismatch
from torchedu.models.answer_channels import BYTES, Channel, Picture, Sound, Text, TextVector
from torchedu.models.network import Network
from torchedu.ranges import COUNT, DROPPED, NOT_NEGATIVE, SHARE, check_heads

STRIDE = 4
"""Frames that become one step."""
FORMER = {
    "enter_text.": "channels.text.enter.",
    "typed.": "channels.text.blocks.",
    "norm.": "channels.sound.norm.",
    "enter_sound.": "channels.sound.enter.",
    "spoken.": "channels.sound.blocks.",
    "length.": "channels.sound.length.",
    "join.text.": "join.each.0.",
    "join.sound.": "join.each.1.",
    "join.into_sound.": "join.into_others.0.",
    "join.into_text.": "join.into_others.1.",
    "join.agree.norm_text.": "join.pairs.0.norms.0.",
    "join.agree.norm_sound.": "join.pairs.0.norms.1.",
    "join.agree.text.": "join.pairs.0.each.0.",
    "join.agree.sound.": "join.pairs.0.each.1.",
}
"""What weights were called when a text and a recording were all that there was."""


class SpokenGrader(Network):
    """Grades an answer by what was typed, spoken or photographed, or by any of these together.

    No one paper's network. Each channel becomes a sequence (``models.answer_channels``), whose
    first slot says whether it is there; ``layers.fusion`` joins them. In training some are hidden
    now and then, so that one alone is graded as surely as it allows.

    Args:
        num_scores: Scores of an answer.
        num_places: Places on the scale of a score, at most.
        num_bands: Numbers of a log-mel frame.
        text_dim: Width of the text's vector; 0 where its bytes are read.
        speech_dim: Width of an encoder's states; 0 where log-mel frames are heard.
        image_dim: Numbers of a photograph's pixel, 3, or of an encoder's state; 0 where no
            photographs are looked at.
        dim: Width D.
        heads: Attention heads; a divisor of ``dim``.
        blocks: Transformer blocks of the recording, and of the photograph.
        text_blocks: Those of the text, where its bytes are read.
        fusion: ``late``, ``gated`` or ``cross``.
        dropout: Share left out in training.
        hidden: Share of the answers with several channels of which some are hidden in training.
        varied: How much frames and pixels are varied in training; see ``layers.frames.Varied`` and
            ``layers.pictures.VariedPictures``.
        matched: Weight of a further loss: a recording or photograph of an answer with the highest
            first score is to tell its own text from the others of the batch. 0 where right answers
            need not say what was typed; ``late`` fusion has none.

    Raises:
        ConfigError: A value is out of range, or the fusion is not known.
    """

    sizes = ("num_scores", "num_places", "num_bands", "text_dim", "speech_dim", "image_dim")
    former = FORMER
    limits: ClassVar = {
        "hidden": DROPPED,
        "varied": SHARE,
        "text_blocks": COUNT,
        "matched": NOT_NEGATIVE,
        "speech_dim": NOT_NEGATIVE,
        "image_dim": NOT_NEGATIVE,
    }

    def __init__(
        self,
        num_scores: int,
        num_places: int,
        num_bands: int,
        text_dim: int,
        speech_dim: int = 0,
        image_dim: int = 0,
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
        self.image_dim, self.width = image_dim, speech_dim or num_bands
        self.dim, self.heads, self.blocks, self.text_blocks = dim, heads, blocks, text_blocks
        self.fusion, self.dropout, self.hidden = fusion, dropout, hidden
        self.varied, self.matched = varied, matched
        number = 2 + bool(image_dim)
        self.first = nn.Embedding(2 * number, dim)  # of each channel, whether it is not there or is
        text: Channel = (
            TextVector(text_dim, dim, heads, dropout)
            if text_dim
            else Text(dim, heads, text_blocks, dropout)
        )
        sound = Sound(self.width, bool(speech_dim), varied, dim, heads, blocks, dropout)
        self.channels = nn.ModuleDict({"text": text, "sound": sound})
        if image_dim:
            self.channels["image"] = Picture(image_dim, varied, dim, heads, blocks, dropout)
        self.join = FUSIONS[fusion](number, dim, heads, dropout, num_scores * num_places)

    def forward(self, batch: SpokenBatch) -> Tensor:
        """Grade a batch of answers.

        Args:
            batch: The answers; padding changes nothing.

        Returns:
            logit_BYK: Of each place on each score's scale, as log odds without a common term.
        """
        has_BC = self._hidden(batch.has_BC[:, : len(self.channels)])
        each = (channel(batch) for channel in self.channels.values())
        known = [self._first(own, has_BC, i) for i, own in enumerate(each)]
        out_BO = self.join(known, has_BC)
        return out_BO.unflatten(1, (self.num_scores, self.num_places))

    def own_loss(self, batch: SpokenBatch, output: Tensor) -> Tensor | float:
        """Return how little recordings and photographs tell their own texts; see ``matched``.

        Args:
            batch: The answers of the last call.
            output: What the network gave for them.
        """
        compared, self.join.compared = self.join.compared, []
        if not self.matched or not compared:
            return 0.0
        texts = batch.vector_BD if self.text_dim else batch.byte_BU
        text_B = texts.unique(dim=0, return_inverse=True)[1]
        right_B = batch.scored_BY[:, 0] & (batch.target_BY[:, 0] >= 1)
        losses = [mismatch(*each, text_B, right_B) for each in compared]
        return self.matched * torch.stack(losses).sum(0)

    def example(self, rows: int, steps: int, width: int) -> SpokenBatch:
        """Draw answers of ``width`` windows of ``steps`` frames; see ``Network.example``."""
        scored_BY = torch.ones(rows, self.num_scores, dtype=torch.bool)
        return SpokenBatch(
            torch.randint(1, BYTES, (rows, steps)),
            torch.randn(rows, self.text_dim),
            torch.randn(rows, width, STRIDE * steps, self.width),
            torch.ones(rows, width, STRIDE * steps, dtype=torch.bool),
            torch.rand(rows, 8 * width, steps, self.image_dim),
            torch.ones(rows, 8 * width, steps, dtype=torch.bool),
            torch.ones(rows, 3, dtype=torch.bool),
            torch.zeros(rows, self.num_scores),
            scored_BY,
            torch.arange(rows),
            torch.full((rows,), float(scored_BY.sum())),
        )

    def _hidden(self, has_BC: Tensor) -> Tensor:
        """Hide some of several channels now and then, in training; any choice is as likely."""
        if not (self.training and self.hidden):
            return has_BC
        drawn_B2 = torch.rand(len(has_BC), 2, device=has_BC.device)
        number_B = has_BC.sum(1)
        hide_B = (number_B > 1) & (drawn_B2[:, 0] < self.hidden)
        # The bits of a number, neither none of them nor all, say which of those there stay.
        stay_B = 1 + (drawn_B2[:, 1] * (2**number_B - 2)).long()
        place_BC = (has_BC.cumsum(1) - 1).clamp(min=0)
        stay_BC = (stay_B.unsqueeze(1) >> place_BC) & 1 > 0
        return has_BC & (stay_BC | ~hide_B.unsqueeze(1))

    def _first(self, known: Known, has_BC: Tensor, channel: int) -> Known:
        """Put a slot before a sequence that says whether it is there; see ``layers.fusion``."""
        (x_BLD, seen_BL), has_B = known, has_BC[:, channel]
        first_B1D = self.first(2 * channel + has_B.long()).unsqueeze(1)
        seen_BL = torch.cat([torch.ones_like(has_B).unsqueeze(1), seen_BL & has_B.unsqueeze(1)], 1)
        x_BLD = torch.cat([first_B1D.to(x_BLD.dtype), x_BLD], 1)
        return x_BLD * seen_BL.unsqueeze(-1), seen_BL
