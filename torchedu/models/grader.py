"""What every network that grades texts is: texts in, scores or labels out."""

import inspect
from abc import ABC, abstractmethod
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from torchedu.batch import EssayBatch
from torchedu.errors import ConfigError, allowed
from torchedu.layers.score_head import KINDS, ScoreHead
from torchedu.schema import RESERVED, SURFACE_NUMBERS, UNKNOWN

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

    known_P: Tensor
    centre_PF: Tensor
    spread_PF: Tensor

    def __init__(
        self,
        sizes: tuple[int, int, int, int, int, str],
        head: Head,
        by_prompt: bool,
        width: int,
        members: int,
    ) -> None:
        super().__init__()
        for name, size in zip(self.sizes, sizes, strict=True):
            setattr(self, name, size)
        if head not in KINDS:
            raise ConfigError(f"head is {head!r}.", allowed(head, KINDS))
        num_prompts, num_scores, num_steps = sizes[:3]
        self.by_prompt = by_prompt
        num_prompts = num_prompts if by_prompt else RESERVED
        self.head = head
        self.output = KINDS[head](members, width, num_prompts, num_scores, num_steps)
        numbers = len(SURFACE_NUMBERS)
        self.register_buffer("known_P", torch.zeros(num_prompts, dtype=torch.bool))
        self.register_buffer("centre_PF", torch.zeros(num_prompts, numbers))
        self.register_buffer("spread_PF", torch.ones(num_prompts, numbers))

    @torch.no_grad()
    def begin(self, batch: EssayBatch) -> None:
        """Learn what is usual in texts of prompts that are not known yet.

        Args:
            batch: The texts of the training part, without their tokens.
        """
        if not self.known_P.any():
            self.begin_all(batch)
        asked_B = self.asked(batch)
        for prompt in asked_B.unique().tolist():
            if not self.known_P[prompt]:
                self.begin_prompt(prompt, EssayBatch(*(one[asked_B == prompt] for one in batch)))
                self.known_P[prompt] = True

    def begin_all(self, batch: EssayBatch) -> None:
        """Learn what is usual in all texts, which stands for prompts that are never known."""
        self.centre_PF.copy_(batch.surface_BF.mean(0))
        self.spread_PF.copy_(batch.surface_BF.std(0, correction=0).clamp(min=1e-3))

    def begin_prompt(self, prompt: int, batch: EssayBatch) -> None:
        """Learn what is usual in the texts of a prompt."""
        self.centre_PF[prompt] = batch.surface_BF.mean(0)
        self.spread_PF[prompt] = batch.surface_BF.std(0, correction=0).clamp(min=1e-3)

    def surface(self, batch: EssayBatch) -> Tensor:
        """Return the surface beside that of other texts of the prompt; shape (B, F)."""
        centre_BF, spread_BF = self.centre_PF[self.asked(batch)], self.spread_PF[self.asked(batch)]
        return ((batch.surface_BF - centre_BF) / spread_BF).clamp(-4, 4)

    @abstractmethod
    def forward(self, batch: EssayBatch) -> Tensor:
        """Grade a batch of texts.

        Args:
            batch: The texts; padding changes nothing.

        Returns:
            raw_MBYK: What ``output.value`` and ``output.loss`` take, by each of M members.
        """

    def asked(self, batch: EssayBatch) -> Tensor:
        """Return the prompts that the head goes by, all unknown where it does not; shape (B,)."""
        return batch.prompt_B if self.by_prompt else torch.full_like(batch.prompt_B, UNKNOWN)

    def arguments(self) -> dict[str, Any]:
        """Return the arguments that build this network again, sizes left out.

        Returns:
            Plain JSON values by the argument's name.
        """
        names = list(inspect.signature(type(self).__init__).parameters)[1:]
        return {name: getattr(self, name) for name in names if name not in self.sizes}
