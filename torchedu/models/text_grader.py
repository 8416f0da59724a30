"""An encoder of Hugging Face that is trained to grade."""

from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

from torchedu.batch import EssayBatch
from torchedu.errors import ConfigError
from torchedu.models.grader import Grader, Head
from torchedu.models.low_rank import LowRank
from torchedu.models.text_encoder import Pooling, TextEncoder, encoder_config, encoder_sizes
from torchedu.schema import SURFACE_NUMBERS


class TextGrader(Grader):
    """Grades texts by an encoder or decoder of Hugging Face that is trained along.

    A text of several windows is the mean of theirs, weighed by their tokens: nothing is cut off.
    Where it regresses, it begins with the lines through the vectors of the pretrained encoder, as
    ``FrozenGrader`` does, so that training does not first undo what the encoder knows (Kumar et
    al., "Fine-Tuning can Distort Pretrained Features", https://arxiv.org/abs/2202.10054). The
    encoder drops nothing in training: a line through its vectors would take that for meaning.

    With ``lora_rank``, the encoder's own weights stay as they are, and only low-rank additions to
    its linear layers are trained.

    Args:
        num_prompts: Number of prompt ids, the reserved ones included.
        num_scores: Scores of a text.
        num_steps: Most steps of a scale.
        num_roles: Texts that are read at once; a pair is one text to the encoder.
        dim: Width of the vectors: the encoder's last layer, or all its layers one after the other.
        encoder: The pretrained model: a folder, or a name on the hub.
        num_surface_columns: Numbers of what is counted on the surface of a text.
        config: What a model's ``config.json`` holds, to begin with random weights instead.
        pooling: How the vectors of tokens become one: ``mean``, ``cls`` or ``last``.
        dropout: Share of what the head sees that is dropped in training.
        head: ``regression``, ``ordinal`` or ``classes``.
        with_surface: Whether what is counted on the surface is seen.
        by_prompt: Whether each prompt has weights of its own; without, answers to questions that
            nobody was trained on are graded like all others.
        lora_rank: Rank of the additions; 0 trains all weights.
        lora_alpha: The additions are multiplied by this over their rank.

    Raises:
        ConfigError: There is no such model, its vectors are of another width, or a value is out of
            range.
        MissingExtraError: transformers, or for ``lora_rank`` peft, is not installed.
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
        num_surface_columns: int = len(SURFACE_NUMBERS),
        config: dict[str, Any] | None = None,
        pooling: Pooling = "mean",
        dropout: float = 0.1,
        head: Head = "regression",
        with_surface: bool = True,
        by_prompt: bool = True,
        lora_rank: int = 0,
        lora_alpha: float = 16.0,
    ) -> None:
        low_rank = LowRank(lora_rank, lora_alpha, dropout=0.0)
        low_rank.check()
        sizes = (num_prompts, num_scores, num_steps, num_roles, dim, encoder, num_surface_columns)
        super().__init__(sizes, head, by_prompt, with_surface, 1)
        self.start = pooling if config is None else None
        num, wide = encoder_sizes(encoder_config(encoder) if config is None else config)
        layers = (-1,) if dim == wide else range(num + 1)
        if config is None:
            self.reader = TextEncoder.pretrained(encoder, pooling, layers).train()
        else:
            self.reader = TextEncoder(config, pooling, layers)
        for module in self.reader.modules():
            for name, value in vars(module).items():  # some layers keep a plain number
                if isinstance(value, float) and ("drop" in name or isinstance(module, nn.Dropout)):
                    setattr(module, name, 0.0)
        for name, parameter in self.reader.named_parameters():
            if "pooler" in name.split("."):  # a family's own, which nothing here goes through
                parameter.requires_grad_(False)
        if self.reader.dim != dim:
            raise ConfigError(
                f"the network's encoder gives vectors of {self.reader.dim} numbers, the data's "
                f"of {dim}.",
                "Pool the last layer, ⟦data.layers⟧ '[-1]', or all of them.",
            )
        self.config = self.reader.config
        self.lora_rank, self.lora_alpha = lora_rank, lora_alpha
        if lora_rank:
            low_rank.add(self.reader.model, None, self.reader.blocks)
        self.pooling = pooling
        self.dropout = dropout

    def forward(self, batch: EssayBatch) -> Tensor:
        """Grade a batch of texts; see ``Grader.forward``."""
        real_BW = batch.seen_BWL.any(-1)
        vector_ND = self.reader(batch.token_BWL[real_BW], batch.seen_BWL[real_BW])
        count_BW = batch.seen_BWL.sum(-1)
        share_BW = count_BW / count_BW.sum(1, keepdim=True)
        vector_ND = vector_ND * share_BW[real_BW].to(vector_ND).unsqueeze(1)
        row_N = real_BW.nonzero()[:, 0]
        zero_BD = vector_ND.new_zeros(len(real_BW), vector_ND.shape[1])
        x_BI = self.numbers(zero_BD.index_add(0, row_N, vector_ND).unsqueeze(1), batch)
        seen_BI = F.dropout(x_BI, self.dropout, self.training)
        return self.graded(x_BI, seen_BI.unsqueeze(0), batch)

    def depths(self) -> list[tuple[int, list[nn.Parameter]]]:
        """Return what is trained by its depth: blocks below the top, 0 for the head."""
        by_depth: dict[int, list[nn.Parameter]] = {}
        begin = f"reader.model.{self.reader.blocks}."
        blocks = len(self.reader.model.get_submodule(self.reader.blocks))
        for name, parameter in self.named_parameters():
            depth = blocks + 1 if name.startswith("reader.") else 0
            if name.startswith(begin):
                depth = blocks - int(name.removeprefix(begin).split(".")[0])
            if parameter.requires_grad:
                by_depth.setdefault(depth, []).append(parameter)
        return sorted(by_depth.items())
