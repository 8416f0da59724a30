"""What every network that grades texts is: texts in, scores or labels out."""

import inspect
from abc import ABC, abstractmethod
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from torchedu.batch import EssayBatch
from torchedu.errors import ConfigError, allowed
from torchedu.layers.score_head import KINDS, ScoreHead
from torchedu.schema import SURFACE_NUMBERS

Head = Literal["regression", "ordinal", "classes"]


class Grader(nn.Module, ABC):
    """A network that grades texts.

    A subclass takes the sizes ``num_prompts`` (reserved ids included), ``num_scores``,
    ``num_steps`` (most steps of a scale), ``num_roles`` (texts that are read at once), ``dim``
    (width of the encoder's vectors) and ``encoder`` (its name) as its first arguments and keeps
    every argument as an attribute of the same name, plain JSON values all; a checkpoint stores them
    and builds the network again.

    Attributes:
        reads: ``vectors`` of a frozen encoder, or ``tokens``.
        output: The last layer.
    """

    reads: ClassVar[Literal["vectors", "tokens"]]
    output: ScoreHead
    sizes: ClassVar = ("num_prompts", "num_scores", "num_steps", "num_roles", "dim", "encoder")

    centre_PF: Tensor
    spread_PF: Tensor

    def __init__(
        self, sizes: tuple[int, int, int, int, int, str], head: Head, width: int, members: int
    ) -> None:
        super().__init__()
        for name, size in zip(self.sizes, sizes, strict=True):
            setattr(self, name, size)
        if head not in KINDS:
            raise ConfigError(f"head is {head!r}.", allowed(head, KINDS))
        num_prompts, num_scores, num_steps = sizes[:3]
        self.head = head
        self.output = KINDS[head](members, width, num_prompts, num_scores, num_steps)
        numbers = len(SURFACE_NUMBERS)
        self.register_buffer("centre_PF", torch.zeros(num_prompts, numbers))
        self.register_buffer("spread_PF", torch.ones(num_prompts, numbers))

    @torch.no_grad()
    def begin(self, surface_BF: Tensor, prompt_B: Tensor, vector_BRD: Tensor) -> None:
        """Learn from the training part what is usual.

        Args:
            surface_BF: What is counted on the surface of each of its texts.
            prompt_B: Their prompts.
            vector_BRD: Their vectors, where they come as such.
        """
        self.centre_PF.copy_(surface_BF.mean(0))  # also of prompts that it does not have
        self.spread_PF.copy_(surface_BF.std(0, correction=0).clamp(min=1e-3))
        for prompt in prompt_B.unique().tolist():
            mine = surface_BF[prompt_B == prompt]
            self.centre_PF[prompt] = mine.mean(0)
            self.spread_PF[prompt] = mine.std(0, correction=0).clamp(min=1e-3)

    def surface(self, batch: EssayBatch) -> Tensor:
        """Return the surface beside that of other texts of the prompt; shape (B, F)."""
        centre_BF, spread_BF = self.centre_PF[batch.prompt_B], self.spread_PF[batch.prompt_B]
        return ((batch.surface_BF - centre_BF) / spread_BF).clamp(-4, 4)

    def forward(self, batch: EssayBatch) -> Tensor:
        """Grade a batch of texts.

        Args:
            batch: The texts; padding changes nothing.

        Returns:
            raw_MBYK: What ``output.value`` and ``output.loss`` take, by each of M members.
        """
        raw_MBYK: Tensor = self.output(self.states(batch), self.asked(batch))
        return raw_MBYK

    def asked(self, batch: EssayBatch) -> Tensor:
        """Return the prompts that the head goes by; shape (B,)."""
        return batch.prompt_B

    @abstractmethod
    def states(self, batch: EssayBatch) -> Tensor:
        """Return what each member knows of each text; shape (M, B, D)."""

    def arguments(self) -> dict[str, Any]:
        """Return the arguments that build this network again, sizes left out.

        Returns:
            Plain JSON values by the argument's name.
        """
        names = list(inspect.signature(type(self).__init__).parameters)[1:]
        return {name: getattr(self, name) for name in names if name not in self.sizes}
