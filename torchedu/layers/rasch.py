"""Codes of questions and answers that an item moves away from its skills by its difficulty."""

import torch
from torch import Tensor, nn

from torchedu.layers.table import VocabularyTable
from torchedu.schema import ITEM, SKILL


class RaschCodes(nn.Module):
    """The embeddings of AKT (Ghosh and others, 2020, https://arxiv.org/abs/2007.12324).

    A question is its skill's code, plus the item's difficulty times a direction that the skill has;
    an answer is the question and its mark, whose own direction the difficulty moves too.

    Args:
        num_items: Number of item ids.
        num_skills: Number of skill ids.
        dim: Width D of a code.
        difficulties: Numbers of an item's difficulty: 1, or D.
        moves_marks: Whether the difficulty moves what a mark adds.
    """

    def __init__(
        self, num_items: int, num_skills: int, dim: int, difficulties: int, moves_marks: bool
    ) -> None:
        super().__init__()
        self.difficulty = VocabularyTable(
            ITEM, num_items, difficulties, std=0.01, unknown_is_zero=True
        )
        # A row holds a skill's code and its direction side by side.
        self.skill = VocabularyTable(SKILL, num_skills, 2 * dim, std=0.1)
        self.mark = nn.Parameter(torch.randn(2, dim) * 0.1)
        self.mark_direction = nn.Parameter(torch.randn(2, dim) * 0.1) if moves_marks else None

    def asked(self, item: Tensor, skill: Tensor) -> Tensor:
        """Return the codes of questions; shape (..., D)."""
        code, direction = self.skill.mean(skill).chunk(2, dim=-1)
        return code + self.difficulty(item) * direction

    def answered(self, item: Tensor, skill: Tensor, correct: Tensor) -> Tensor:
        """Return the codes of answers; part of the marks is the point that far between."""
        correct = correct.unsqueeze(-1).to(self.mark.dtype)
        moved = torch.lerp(self.mark[0], self.mark[1], correct)
        if self.mark_direction is not None:
            along = torch.lerp(self.mark_direction[0], self.mark_direction[1], correct)
            moved = moved + self.difficulty(item) * along
        return self.asked(item, skill) + moved

    def penalty(self) -> Tensor:
        """Return the sum of squared difficulties."""
        return self.difficulty.weight.square().sum()
