"""What a student had done before each answer, as ``torchedu.datasets.past`` tells it, in tensors.

Three ways lead to the same numbers: a batch carries them, of whole histories; or they are found in
the answers of a window; or in a state of one size that is kept along.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from torchedu.schema import (
    IN_ALL_RATES,
    LOG_SCALE,
    ON_SKILL_RATES,
    RECENT_ANSWERS,
    REMEMBERED_SKILLS,
    RESERVED,
    SMOOTHED_BY,
)

IN_ALL, ON_ITEM, ON_SKILL = 4 + len(IN_ALL_RATES), 4, 4 + len(ON_SKILL_RATES)
SHARED = IN_ALL + ON_ITEM + 1 + ON_SKILL + 1
"""Numbers of a student in all, on an item, on a skill, and of all that ``shared`` returns."""
Memory = tuple[Tensor, ...]
"""What is kept of B students: attempts, wins, averages and the latest mark in all, shape (B, 6);
the same on each skill and the place of the latest answer, shape (B, skills, 6); the items of the
last ``RECENT_ANSWERS`` answers and their marks, from -1 to 1, shape (B, answers) each."""


class PastNumbers(NamedTuple):
    """What came before answers; the columns are those of ``torchedu.datasets.past.Past``.

    Attributes:
        in_all: Shape (..., 7).
        on_item: Shape (..., 4).
        on_skill: Shape (..., S, 6); zero where a skill has no name.
    """

    in_all: Tensor
    on_item: Tensor
    on_skill: Tensor

    @classmethod
    def carried(cls, past_BLF: Tensor, dtype: torch.dtype = torch.float32) -> "PastNumbers":
        """Return what a batch carries, in a network's precision."""
        in_all, on_item, on_skill = past_BLF.to(dtype).tensor_split((IN_ALL, IN_ALL + ON_ITEM), -1)
        return cls(in_all, on_item, on_skill.unflatten(-1, (-1, ON_SKILL)))

    def shared(self, skill: Tensor) -> Tensor:
        """Return the numbers that answers to whatever item share.

        Args:
            skill: The skills of each; shape (..., S).

        Returns:
            Those in all, on the item, and the mean over named skills; shape (..., 19).
        """
        count = (skill >= RESERVED).sum(-1, keepdim=True).clamp(min=1)
        on_skills = self.on_skill.sum(-2) / count
        parts = [self.in_all]
        for numbers in (self.on_item, on_skills):
            parts += [numbers, numbers[..., -2:-1] * numbers[..., -1:]]
        return torch.cat(parts, -1)


def numbers_of_window(item_BL: Tensor, skill_BLS: Tensor, correct_BL: Tensor) -> PastNumbers:
    """Return what came before each answer of windows that are whole histories.

    Args:
        item_BL: Items.
        skill_BLS: Skills; 0 where an item has fewer than S.
        correct_BL: Marks.
    """
    place_L = torch.ones_like(item_BL[0]).cumsum(0)
    age_LU = place_L.unsqueeze(1) - place_L
    earlier_LU = age_LU > 0
    mark_BU = 2 * correct_BL - 1
    every_BLU = earlier_LU.expand(item_BL.shape[0], -1, -1)  # not len: an export follows it
    attempts, wins, *rest = _sums(every_BLU, mark_BU.unsqueeze(1), age_LU, IN_ALL_RATES)
    in_all = _in_all(attempts, wins, *rest[:-1])

    named_BLU = (item_BL >= RESERVED).unsqueeze(2) & (age_LU <= RECENT_ANSWERS) & earlier_LU
    same_BLU = (item_BL.unsqueeze(2) == item_BL.unsqueeze(1)) & named_BLU
    on_item = _logs(*_sums(same_BLU, mark_BU.unsqueeze(1), age_LU, ()))

    known_BLS = _remembered(skill_BLS)
    like_BLSU = (skill_BLS[:, :, :, None, None] == skill_BLS[:, None, None]).any(-1)
    like_BLSU = like_BLSU & known_BLS.unsqueeze(-1) & earlier_LU.unsqueeze(1)
    on_skill = _sums(like_BLSU, mark_BU[:, None, None], age_LU.unsqueeze(1), ON_SKILL_RATES)
    return PastNumbers(in_all, on_item, _logs(*on_skill))


def nothing_yet(size: int, num_skills: int, like: Tensor) -> Memory:
    """Return what is kept of students who have answered nothing.

    Args:
        size: How many students.
        num_skills: Number of skill ids.
        like: A tensor on their device.
    """
    kept = min(num_skills, REMEMBERED_SKILLS)
    return (
        like.new_zeros(size, IN_ALL - 1),
        like.new_zeros(size, kept, ON_SKILL),
        like.new_zeros(size, RECENT_ANSWERS, dtype=torch.int32),
        like.new_zeros(size, RECENT_ANSWERS),
    )


def numbers_of(memory: Memory, item_B: Tensor, skill_BS: Tensor) -> PastNumbers:
    """Return what came before a question put to each student.

    Args:
        memory: What is kept of them.
        item_B: The item.
        skill_BS: Its skills; 0 where it has fewer than S.
    """
    in_all_B6, skill_BK6, item_BR, mark_BR = memory
    attempts_B1 = in_all_B6[:, :1]
    slot_R = torch.arange(RECENT_ANSWERS, device=item_B.device)
    # Answers are laid into the ring one after the other; the latest was at attempts - 1.
    age_BR = (attempts_B1.long() - 1 - slot_R) % RECENT_ANSWERS + 1
    same_BR = (item_BR == item_B.unsqueeze(1)) & (item_B >= RESERVED).unsqueeze(1)
    on_item = _logs(*_sums(same_BR, mark_BR, age_BR, ()))

    known_BS = _remembered(skill_BS)
    row_BS6 = (skill_BS * known_BS).unsqueeze(-1).expand(-1, -1, ON_SKILL)
    kept_BS6 = skill_BK6.gather(1, row_BS6) * known_BS.unsqueeze(-1)
    *numbers, place_BS = kept_BS6.unbind(-1)
    met_BS = numbers[0] > 0
    recency_BS = met_BS / (attempts_B1 - place_BS).clamp(min=1)
    return PastNumbers(_in_all(*in_all_B6.unbind(-1)), on_item, _logs(*numbers, recency_BS))


def remember(memory: Memory, item_B: Tensor, skill_BS: Tensor, correct_B: Tensor) -> Memory:
    """Return what is kept after one more answer of each student.

    Args:
        memory: What is kept of them; it stays as it is.
        item_B: The item.
        skill_BS: Its skills; 0 where it has fewer than S.
        correct_B: The mark.
    """
    in_all_B6, skill_BK6, item_BR, mark_BR = memory
    place_B = in_all_B6[:, 0]
    mark_B = 2 * correct_B - 1
    slot_B1 = (place_B.long() % RECENT_ANSWERS).unsqueeze(1)
    known_BS = _remembered(skill_BS)
    row_BS6 = (skill_BS * known_BS).unsqueeze(-1).expand(-1, -1, ON_SKILL)
    correct_BS, mark_BS, place_BS = (
        x.unsqueeze(1).expand_as(skill_BS) for x in (correct_B, mark_B, place_B)
    )
    *numbers, _ = skill_BK6.gather(1, row_BS6).unbind(-1)
    on_skill = [*_added(numbers, correct_BS, mark_BS, ON_SKILL_RATES), place_BS]
    # Row 0 stands for what is not kept, and is never read.
    return (
        torch.stack(_added(in_all_B6.unbind(-1), correct_B, mark_B, IN_ALL_RATES), -1),
        skill_BK6.scatter(1, row_BS6, torch.stack(on_skill, -1)),
        item_BR.scatter(1, slot_B1, item_B.to(item_BR.dtype).unsqueeze(1)),
        mark_BR.scatter(1, slot_B1, mark_B.unsqueeze(1)),
    )


def _remembered(skill: Tensor) -> Tensor:
    return (skill >= RESERVED) & (skill < REMEMBERED_SKILLS)


def _added(
    numbers: tuple[Tensor, ...] | list[Tensor],
    correct: Tensor,
    mark: Tensor,
    rates: tuple[float, ...],
) -> list[Tensor]:
    attempts, wins, *averages, _ = numbers
    moved = [
        average + rate * (mark - average) for average, rate in zip(averages, rates, strict=True)
    ]
    return [attempts + 1, wins + correct, *moved, mark]


def _sums(same: Tensor, mark: Tensor, age: Tensor, rates: tuple[float, ...]) -> list[Tensor]:
    """Sum up earlier answers: attempts, wins, an average for each rate, the latest, recency.

    Args:
        same: Which earlier answers count; the last dimension is theirs.
        mark: Their marks, from -1 to 1.
        age: How many answers ago each was.
        rates: Of the averages; where there are some, earlier answers stand in their order.
    """
    attempts = same.sum(-1).to(mark.dtype)
    wins = (same * (1 + mark) / 2).sum(-1)
    averages = []
    if rates:
        count = same.cumsum(-1).to(mark.dtype)
        later = count[..., -1:] - count
        averages = [(same * mark * rate * (1 - rate) ** later).sum(-1) for rate in rates]
    nearness = same / age.clamp(min=1)
    recency, which = nearness.max(-1)
    latest = (mark * same).gather(-1, which.unsqueeze(-1)).squeeze(-1)
    return [attempts, wins, *averages, latest, recency]


def _logs(attempts: Tensor, wins: Tensor, *rest: Tensor) -> Tensor:
    return torch.stack([attempts.log1p() / LOG_SCALE, wins.log1p() / LOG_SCALE, *rest], -1)


def _in_all(attempts: Tensor, wins: Tensor, *rest: Tensor) -> Tensor:
    mean = (2 * wins - attempts) / (attempts + SMOOTHED_BY)
    return _logs(attempts, wins, mean, *rest)
