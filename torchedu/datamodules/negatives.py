"""Courses that a student has not taken, drawn without a loop, in memory that enrolments alone set.

Every draw is a pure function of the seed, the epoch, the student and the position, so that it does
not depend on how training is divided among ranks or where it broke off.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from torchedu.schema import RESERVED

ROUNDS = 12
"""How often a course that the student has taken is drawn anew."""
_EMPTY = -1


class NegativeSampler:
    """Draws courses that students have not taken.

    What each student has taken stands in one open-addressed hash table of at least twice as many
    places as there are enrolments: 16 to 32 bytes an enrolment, whatever the numbers of students
    and courses. A student who has taken nearly everything may be given a course they have taken.

    Args:
        student: Each enrolment's student; shape (enrolments,).
        item: Its course; shape (enrolments,).
        num_items: Number of course ids, the reserved ones included.
        popularity: How often each course was taken; shape (num_items,).
        power: Courses are drawn by popularity to this power; 0 draws all alike.
        seed: Another seed gives other draws.
    """

    def __init__(
        self,
        student: NDArray[np.int64],
        item: NDArray[np.int64],
        num_items: int,
        popularity: NDArray[np.float32] | None = None,
        power: float = 0.0,
        seed: int = 0,
    ) -> None:
        self.num_items = num_items
        self.seed = seed
        keys = torch.from_numpy(np.asarray(student, np.int64) * num_items + item).unique()
        places = 1 << max(4, int(2 * len(keys) - 1).bit_length())
        self.table = torch.full((places,), _EMPTY, dtype=torch.int64)
        self.longest = self._fill(keys)
        self.bounds: Tensor | None = None
        if power and popularity is not None:
            odds = np.asarray(popularity, np.float64)[RESERVED:] ** power
            self.bounds = torch.from_numpy(np.cumsum(odds) / odds.sum())

    def __call__(self, student_M: Tensor, position_M: Tensor, num: int, epoch: int) -> Tensor:
        """Draw courses.

        Args:
            student_M: The students, int64.
            position_M: Which of their enrolments the draw is for; tells draws apart.
            num: How many to draw for each.
            epoch: Tells draws apart.

        Returns:
            item_MK: Course ids that the student has not taken, int64.
        """
        if self.table.device != student_M.device:
            self.table = self.table.to(student_M.device)
            self.bounds = None if self.bounds is None else self.bounds.to(student_M.device)
        case_M = _mix(student_M + _mix(position_M + _word(self.seed, epoch)))
        count_K = torch.arange(num, device=student_M.device)
        bits_MK = _mix(case_M.unsqueeze(1) + count_K).flatten()
        owner_MK = student_M.repeat_interleave(num)
        drawn = self._course(bits_MK)
        again = self.taken(owner_MK, drawn).nonzero().squeeze(1)
        for _ in range(ROUNDS):
            if not len(again):
                break
            bits_MK[again] = _mix(bits_MK[again])
            drawn[again] = self._course(bits_MK[again])
            again = again[self.taken(owner_MK[again], drawn[again])]
        return drawn.view(-1, num)

    def taken(self, student: Tensor, item: Tensor) -> Tensor:
        """Say which students have taken which course; shape (pairs,) each."""
        key = student * self.num_items + item
        at = self._home(key)
        found = self.table[at]
        hit = found == key
        open = (~hit & (found != _EMPTY)).nonzero().squeeze(1)
        mask = len(self.table) - 1
        while len(open):
            at[open] = (at[open] + 1) & mask
            found = self.table[at[open]]
            hit[open] = found == key[open]
            open = open[(found != key[open]) & (found != _EMPTY)]
        return hit

    def _fill(self, keys: Tensor) -> int:
        """Put keys into the table, all at once a place further along; return the longest way."""
        mask, way = len(self.table) - 1, 0
        at = self._home(keys)
        while len(keys):
            free = self.table[at] == _EMPTY
            self.table[at[free]] = keys[free]  # of several for one place, one wins
            left = self.table[at] != keys
            keys, at, way = keys[left], (at[left] + 1) & mask, way + 1
        return way

    def _home(self, key: Tensor) -> Tensor:
        return _mix(key) & (len(self.table) - 1)

    def _course(self, bits: Tensor) -> Tensor:
        share = (bits & 0x1FFFFFFFFFFFFF).double() / 2**53
        if self.bounds is None:
            return RESERVED + (share * (self.num_items - RESERVED)).long()
        place = torch.searchsorted(self.bounds, share, right=True)
        return RESERVED + place.clamp(max=len(self.bounds) - 1)


def _word(seed: int, epoch: int) -> int:
    return ((seed * 1_000_003 + epoch) * 0x9E3779B1) % (1 << 62)


def _mix(x: Tensor) -> Tensor:
    """Spread the bits of integers (the finaliser of splitmix64, Steele et al., OOPSLA 2014)."""
    x = x + -0x61C8864680B583EB  # 0x9E3779B97F4A7C15, as a signed number
    x = (x ^ _shifted(x, 30)) * -0x40A7B892E31B1A47
    x = (x ^ _shifted(x, 27)) * -0x6B2FB644ECCEEE15
    return x ^ _shifted(x, 31)


def _shifted(x: Tensor, by: int) -> Tensor:
    """Shift right as for unsigned numbers."""
    return (x >> by) & ((1 << (64 - by)) - 1)
