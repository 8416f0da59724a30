"""An encoder of Hugging Face that is trained to grade."""

from typing import Any

import torch
from torch import Tensor, nn

from torchedu.batch import EssayBatch
from torchedu.errors import ConfigError
from torchedu.models.grader import Grader, Head
from torchedu.models.text_encoder import Pooling, TextEncoder
from torchedu.schema import SURFACE_NUMBERS


class TextGrader(Grader):
    """Grades texts by an encoder or decoder of Hugging Face that is trained along.

    A text of several windows is the mean of theirs, weighed by their tokens: nothing is cut off.

    Args:
        num_prompts: Number of prompt ids, the reserved ones included.
        num_scores: Scores of a text.
        num_steps: Most steps of a scale.
        num_roles: Texts that are read at once; a pair is one text to the encoder.
        dim: Width of the encoder's vectors.
        encoder: The pretrained model: a folder, or a name on the hub.
        config: What a model's ``config.json`` holds, to begin with random weights instead.
        pooling: How the vectors of tokens become one: ``mean``, ``cls`` or ``last``.
        dropout: Share of a text's vector that is dropped in training.
        head: ``regression``, ``ordinal`` or ``classes``.
        with_surface: Whether what is counted on the surface is seen.
        by_prompt: Whether each prompt has weights of its own; without, answers to questions that
            nobody was trained on are graded like all others.

    Raises:
        ConfigError: There is no such model, or its vectors are of another width.
    """

    reads = "tokens"

    def __init__(
        self,
        num_prompts: int,
        num_scores: int,
        num_steps: int,
        num_roles: int,
        dim: int,
        encoder: str,
        config: dict[str, Any] | None = None,
        pooling: Pooling = "mean",
        dropout: float = 0.1,
        head: Head = "regression",
        with_surface: bool = True,
        by_prompt: bool = True,
    ) -> None:
        width = dim + len(SURFACE_NUMBERS) * with_surface
        sizes = (num_prompts, num_scores, num_steps, num_roles, dim, encoder)
        super().__init__(sizes, head, by_prompt, width, 1)
        if config is None:
            self.reader = TextEncoder.pretrained(encoder, pooling).train()
        else:
            self.reader = TextEncoder(config, pooling)
        if self.reader.dim != dim:
            raise ConfigError(
                f"the network's encoder gives vectors of {self.reader.dim} numbers, the data's "
                f"of {dim}.",
                "Pool one layer alone: --data.layers '[-1]'.",
            )
        self.config = self.reader.config
        self.pooling = pooling
        self.dropout = nn.Dropout(dropout)
        self.share = dropout
        self.with_surface = with_surface

    def forward(self, batch: EssayBatch) -> Tensor:
        """Grade a batch of texts; see ``Grader.forward``."""
        real_BW = batch.seen_BWL.any(-1)
        vector_ND = self.reader(batch.token_BWL[real_BW], batch.seen_BWL[real_BW])
        count_BW = batch.seen_BWL.sum(-1)
        share_BW = count_BW / count_BW.sum(1, keepdim=True)
        vector_ND = vector_ND * share_BW[real_BW].to(vector_ND).unsqueeze(1)
        row_N = real_BW.nonzero()[:, 0]
        zero_BD = vector_ND.new_zeros(len(real_BW), vector_ND.shape[1])
        state_BD = self.dropout(zero_BD.index_add(0, row_N, vector_ND))
        if self.with_surface:
            state_BD = torch.cat([state_BD, self.surface(batch).to(state_BD)], 1)
        raw_MBYK: Tensor = self.output(state_BD.unsqueeze(0), self.asked(batch))
        return raw_MBYK

    def arguments(self) -> dict[str, Any]:
        """Return the arguments that build this network again, sizes left out."""
        return {**super().arguments(), "dropout": self.share}

    def depths(self) -> list[tuple[int, list[nn.Parameter]]]:
        """Return the parameters by their depth: blocks below the top, 0 for the head."""
        blocks = max(
            (one for one in self.reader.modules() if isinstance(one, nn.ModuleList)), key=len
        )
        deep = {
            id(p): len(blocks) - i for i, block in enumerate(blocks) for p in block.parameters()
        }
        found: dict[int, list[nn.Parameter]] = {}
        inside = {id(p) for p in self.reader.parameters()}
        for parameter in self.parameters():
            lowest = len(blocks) + 1 if id(parameter) in inside else 0
            found.setdefault(deep.get(id(parameter), lowest), []).append(parameter)
        return sorted(found.items())
