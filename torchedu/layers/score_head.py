"""Last layers that grade: a number, steps passed one by one, or one of several classes."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn
from torch.nn import functional as F

HEADS = ("regression", "ordinal", "classes")


class ScoreHead(nn.Module, ABC):
    """Turns what is known of a text into its scores, with weights of each prompt's own.

    Args:
        members: Networks side by side, whose answers are averaged.
        dim: Width of what is known.
        num_prompts: Number of prompt ids, the reserved ones included.
        num_scores: Scores of a text.
        num_steps: Most steps between a prompt's lowest and highest score.
    """

    def __init__(
        self, members: int, dim: int, num_prompts: int, num_scores: int, num_steps: int
    ) -> None:
        super().__init__()
        self.num_scores, self.num_steps = num_scores, num_steps
        outputs = num_scores * self.width
        # What all prompts share, and each one's departure from it, which weight decay keeps small.
        self.shared = nn.Parameter(torch.randn(members, dim, outputs) / dim**0.5)
        self.own = nn.Parameter(torch.zeros(members, num_prompts, dim, outputs))
        self.bias = nn.Parameter(torch.zeros(members, num_prompts, outputs))

    @property
    @abstractmethod
    def width(self) -> int:
        """Numbers that make a score."""

    @abstractmethod
    def value(self, raw_MBYK: Tensor, steps_BY: Tensor) -> Tensor:
        """Return scores in 0..1 of the prompt's range; shape (M, B, Y)."""

    @abstractmethod
    def loss(self, raw_MBYK: Tensor, target_BY: Tensor, steps_BY: Tensor) -> Tensor:
        """Return the loss of each score by each member; shape (M, B, Y)."""

    def forward(self, state_MBD: Tensor, prompt_B: Tensor) -> Tensor:
        """Return what ``value`` and ``loss`` take; shape (M, B, Y, K).

        Args:
            state_MBD: What each member knows of each text.
            prompt_B: The prompts.
        """
        raw_MBO = state_MBD @ self.shared
        raw_MBO = raw_MBO + torch.einsum("mbd,mbdo->mbo", state_MBD, self.own[:, prompt_B])
        raw_MBO = raw_MBO + self.bias[:, prompt_B]
        return raw_MBO.unflatten(-1, (self.num_scores, self.width))


class RegressionHead(ScoreHead):
    """One number, by least squares."""

    width = 1

    def value(self, raw_MBYK: Tensor, steps_BY: Tensor) -> Tensor:
        """Return the number, which stands about one half."""
        return raw_MBYK.squeeze(-1) + 0.5

    def loss(self, raw_MBYK: Tensor, target_BY: Tensor, steps_BY: Tensor) -> Tensor:
        """Return the squared error."""
        return (self.value(raw_MBYK, steps_BY) - target_BY) ** 2


class OrdinalHead(ScoreHead):
    """The chance that each step of the scale is passed (Frank and Hall, ECML 2001).

    Raised steps are not forced to be ever less likely, unlike in CORAL; their sum is the score.
    """

    @property
    def width(self) -> int:
        """A number a step."""
        return self.num_steps

    def value(self, raw_MBYK: Tensor, steps_BY: Tensor) -> Tensor:
        """Return the expected share of the steps."""
        there_BYK = self._steps(raw_MBYK, steps_BY)
        return (raw_MBYK.sigmoid() * there_BYK).sum(-1) / steps_BY.clamp(min=1)

    def loss(self, raw_MBYK: Tensor, target_BY: Tensor, steps_BY: Tensor) -> Tensor:
        """Return the binary cross-entropy, averaged over the prompt's steps."""
        there_BYK = self._steps(raw_MBYK, steps_BY)
        place_K = torch.arange(self.num_steps, device=raw_MBYK.device)
        passed_BYK = ((target_BY * steps_BY).unsqueeze(-1) > place_K + 0.5).to(raw_MBYK.dtype)
        each = F.binary_cross_entropy_with_logits(
            raw_MBYK, passed_BYK.expand_as(raw_MBYK), reduction="none"
        )
        return (each * there_BYK).sum(-1) / steps_BY.clamp(min=1)

    def _steps(self, raw_MBYK: Tensor, steps_BY: Tensor) -> Tensor:
        place_K = torch.arange(self.num_steps, device=raw_MBYK.device)
        return (place_K < steps_BY.unsqueeze(-1)).to(raw_MBYK.dtype)


class ClassHead(ScoreHead):
    """A class for each score of the scale, or for each label."""

    @property
    def width(self) -> int:
        """A number a class."""
        return self.num_steps + 1

    def value(self, raw_MBYK: Tensor, steps_BY: Tensor) -> Tensor:
        """Return the expected score."""
        place_K = torch.arange(self.width, device=raw_MBYK.device)
        chance_MBYK = self._within(raw_MBYK, steps_BY).softmax(-1)
        return (chance_MBYK * place_K).sum(-1) / steps_BY.clamp(min=1)

    def loss(self, raw_MBYK: Tensor, target_BY: Tensor, steps_BY: Tensor) -> Tensor:
        """Return the cross-entropy."""
        class_BY = (target_BY * steps_BY).round().long()
        logit_MBYK = self._within(raw_MBYK, steps_BY)
        each = F.cross_entropy(
            logit_MBYK.flatten(0, 2), class_BY.expand(logit_MBYK.shape[:3]).flatten(),
            reduction="none",
        )  # fmt: skip
        return each.unflatten(0, logit_MBYK.shape[:3])

    def _within(self, raw_MBYK: Tensor, steps_BY: Tensor) -> Tensor:
        """Return log odds without classes that the prompt's scale does not have."""
        place_K = torch.arange(self.width, device=raw_MBYK.device)
        return raw_MBYK.masked_fill(place_K > steps_BY.unsqueeze(-1), -torch.inf)


KINDS: dict[str, type[ScoreHead]] = {
    "regression": RegressionHead, "ordinal": OrdinalHead, "classes": ClassHead,
}  # fmt: skip
