"""Courses that a student has not taken, drawn without a loop, in memory that enrolments alone set.

Every draw is a pure function of the seed, the epoch, the student and the position, so that it does
not depend on how training is divided among ranks or where it broke off.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from torchedu.schema import RESERVED

ROUNDS = 64
"""How often a course that the student has taken is drawn anew."""
_EMPTY = -1
_ODD = -0x61C8864680B583EB  # 2**64 over the golden ratio, as a signed number


class NegativeSampler:
    """Draws courses that students have not taken.

    What each student has taken stands in one open-addressed hash table of at least twice as many
    places as there are enrolments, with eight hints a place beside it: 32 to 64 bytes an enrolment,
    whatever the numbers of students and courses. A student who has taken nearly everything may be
    given a course they have taken.

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
        self._fill(keys)
        # Few pairs are taken: most are told so by one byte, which stays in the processor's cache.
        self.hint = torch.zeros(8 * places, dtype=torch.bool)
        self.hint[self._home(keys, self.hint)] = True
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
            self.table, self.hint = (one.to(student_M.device) for one in (self.table, self.hint))
            self.bounds = None if self.bounds is None else self.bounds.to(student_M.device)
        case_M1 = _mix(student_M + _mix(position_M + _word(self.seed, epoch))).unsqueeze(1)
        # Two draws come of the halves of one word.
        words = torch.arange(1, num // 2 + 2, device=student_M.device) * _ODD
        bits = _stirred(case_M1 + words).view(torch.int32)[:, :num]
        drawn_MK = self._course(bits)
        own_M1 = student_M.unsqueeze(1) * self.num_items
        home = self._home(own_M1 + drawn_MK, self.hint).flatten()
        again = self.hint.index_select(0, home).nonzero().squeeze(1)
        drawn, case = drawn_MK.flatten(), again // num
        owner, bits = student_M.index_select(0, case), case_M1.squeeze(1).index_select(0, case)
        wrong = self.taken(owner, drawn.index_select(0, again)).nonzero().squeeze(1)
        for _ in range(ROUNDS):
            again, owner, bits = (one.index_select(0, wrong) for one in (again, owner, bits))
            if not len(again):
                break
            bits = _mix(bits + again % num)
            drawn[again] = self._course(bits.view(torch.int32)[::2])
            wrong = self.taken(owner, drawn[again]).nonzero().squeeze(1)
        return drawn.view(-1, num)

    def taken(self, student: Tensor, item: Tensor) -> Tensor:
        """Say which students have taken which course; shape (pairs,) each."""
        key = student * self.num_items + item
        at = self._home(key, self.table)
        found = self.table.index_select(0, at)
        hit = found == key
        left = (~hit & (found != _EMPTY)).nonzero().squeeze(1)
        mask = len(self.table) - 1
        while len(left):
            at[left] = (at[left] + 1) & mask
            found = self.table[at[left]]
            hit[left] = found == key[left]
            left = left[(found != key[left]) & (found != _EMPTY)]
        return hit

    def _fill(self, keys: Tensor) -> None:
        """Put keys into the table, all that are left a place further along at once."""
        mask = len(self.table) - 1
        at = self._home(keys, self.table)
        while len(keys):
            free = self.table[at] == _EMPTY
            self.table[at[free]] = keys[free]  # of several for one place, one wins
            left = self.table[at] != keys
            keys, at = keys[left], (at[left] + 1) & mask

    def _home(self, key: Tensor, table: Tensor) -> Tensor:
        """Return where a key's way through a table begins (Knuth's multiplicative hashing)."""
        width = len(table).bit_length() - 1
        return (key * _ODD).__rshift__(64 - width).bitwise_and_(len(table) - 1)

    def _course(self, bits: Tensor) -> Tensor:
        share = bits.long().bitwise_and_(0x7FFFFFFF)
        if self.bounds is None:  # a share of the courses without a division (Lemire 2019)
            courses = self.num_items - RESERVED
            return share.mul_(courses).bitwise_right_shift_(31).add_(RESERVED)
        place = torch.searchsorted(self.bounds, share.double() / 2**31, right=True)
        return RESERVED + place.clamp(max=len(self.bounds) - 1)


def _word(seed: int, epoch: int) -> int:
    return ((seed * 1_000_003 + epoch) * 0x9E3779B1) % (1 << 62)


def _mix(x: Tensor) -> Tensor:
    """Spread the bits of integers (the finaliser of splitmix64, Steele et al., OOPSLA 2014)."""
    x = x + _ODD
    x = (x ^ _shifted(x, 30)) * -0x40A7B892E31B1A47
    x = (x ^ _shifted(x, 27)) * -0x6B2FB644ECCEEE15
    return x ^ _shifted(x, 31)


def _stirred(x: Tensor) -> Tensor:
    """Spread the bits of words that are well spread already, in place and with one product."""
    x ^= _shifted(x, 32)
    x *= -0x40A7B892E31B1A47
    x ^= _shifted(x, 29)
    return x


def _shifted(x: Tensor, by: int) -> Tensor:
    """Shift right as for unsigned numbers."""
    return (x >> by) & ((1 << (64 - by)) - 1)
