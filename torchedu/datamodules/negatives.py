"""Courses that a student has not taken, drawn without a loop, in memory that enrolments alone set.

Every draw is a pure function of the seed, the epoch, the student and the position, so that it does
not depend on how training is divided among ranks or where it broke off.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from torchedu.schema import RESERVED

ROUNDS, AT_ONCE = 32, 2
"""How often, and how many at once, courses are drawn anew for one that the student has taken."""
CASES = 16_384
"""Cases that are drawn for at once: what is in between then stays in the processor's cache."""
CELLS = 1 << 22
"""Pairs of a case and a course that are in memory at once where courses are drawn apart."""
_ODD = -0x61C8864680B583EB  # 2**64 over the golden ratio, as a signed number
_OTHER = -0x6B2FB644ECCEEE15


class NegativeSampler:
    """Draws courses that students have not taken.

    What has been taken stands in one sorted list, with hints beside it, 32 to 64 bits an enrolment:
    12 to 16 bytes an enrolment, whatever the numbers of students and courses. The hints, a Bloom
    filter whose two bits a course stand in one word (Putze et al., WEA 2007), tell of nearly every
    draw that the course was not taken; the list is searched for the few others. A student who has
    taken nearly everything may be given a course they have taken.

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
        owner, course = torch.from_numpy(np.asarray(student, np.int64)), torch.from_numpy(item)
        end = torch.tensor([torch.iinfo(torch.int64).max])  # every search ends at a key
        self.keys = torch.cat([(owner * num_items + course).unique(), end])
        hint = np.zeros(1 << max(0, len(item).bit_length() - 1), np.int64)
        places = _places(owner, course, len(hint))
        word, first, second = (place.numpy() for place in places)
        np.bitwise_or.at(hint, word, (1 << first) | (1 << second))
        self.hint = torch.from_numpy(hint)
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
        if self.keys.device != student_M.device:
            self.keys, self.hint = (
                tensor.to(student_M.device) for tensor in (self.keys, self.hint)
            )
            self.bounds = None if self.bounds is None else self.bounds.to(student_M.device)
        case_M = _mix(student_M * _ODD + position_M * _OTHER + _word(self.seed, epoch))
        drawn, unsure = [], []
        for student, case in zip(student_M.split(CASES), case_M.split(CASES), strict=True):
            drawn.append(self._courses(case, num))
            unsure.append(self.may_be_taken(student.unsqueeze(1), drawn[-1]))
        item_MK = torch.cat(drawn)
        again = torch.cat(unsure).flatten().nonzero().squeeze(1)
        self._exchange(item_MK.view(-1), again, student_M, case_M)
        return item_MK

    def distinct(self, student_M: Tensor, position_M: Tensor, num: int) -> Tensor:
        """Draw different courses, all alike likely.

        Args:
            student_M: The students, int64.
            position_M: Which of their enrolments the draw is for; tells draws apart.
            num: How many to draw for each.

        Returns:
            item_MK: Course ids that the student has not taken, int64; 0 fills up where fewer than
                ``num`` are left.
        """
        case_M = _mix(student_M * _ODD + position_M * _OTHER + _word(self.seed, 0))
        item_N, last = torch.arange(self.num_items), torch.iinfo(torch.int64).max
        drawn = [torch.zeros(0, min(num, self.num_items), dtype=torch.int64)]
        rows = max(1, CELLS // self.num_items)
        for student, case in zip(student_M.split(rows), case_M.split(rows), strict=True):
            order_MN = _mix(case.unsqueeze(1) + item_N * _ODD)
            begin, end = (
                torch.searchsorted(self.keys, key * self.num_items)
                for key in (student, student + 1)
            )
            owner = torch.arange(len(student)).repeat_interleave(end - begin)
            skipped = torch.cumsum(end - begin, 0) - (end - begin)
            place = torch.arange(len(owner)) + (begin - skipped)[owner]
            order_MN[owner, self.keys[place] % self.num_items] = last
            order_MN[:, :RESERVED] = last
            first_MK, item_MK = order_MN.topk(min(num, self.num_items), largest=False)
            drawn.append(item_MK.masked_fill(first_MK == last, 0))
        return torch.cat(drawn)

    def _exchange(self, item: Tensor, again: Tensor, student_M: Tensor, case_M: Tensor) -> None:
        """Draw anew, in place, those of some draws that were taken indeed."""
        num = len(item) // max(1, len(case_M))
        student = student_M.index_select(0, again // num)
        wrong = self.taken(student, item.index_select(0, again)).nonzero().squeeze(1)
        again, student = again.index_select(0, wrong), student.index_select(0, wrong)
        bits = case_M.index_select(0, again // num) + again % num
        for _ in range(ROUNDS):
            if not len(again):
                break
            bits = _mix(bits)
            other = self._courses(bits, AT_ONCE)
            taken = self.taken(student.unsqueeze(1), other)
            first = taken.byte().argmin(1, keepdim=True)
            item[again] = other.gather(1, first).squeeze(1)
            wrong = taken.all(1).nonzero().squeeze(1)
            again, student, bits = (
                tensor.index_select(0, wrong) for tensor in (again, student, bits)
            )

    def may_be_taken(self, student: Tensor, item: Tensor) -> Tensor:
        """Say by the hints which students may have taken which course: all who did, few others."""
        word, first, second = _places(student, item, len(self.hint))
        hint = self.hint.index_select(0, word.flatten()).view_as(word)
        return (hint >> first).bitwise_and_(hint >> second).bitwise_and_(1).bool()

    def taken(self, student: Tensor, item: Tensor) -> Tensor:
        """Say which students have taken which course, for tensors of one shape."""
        key = student * self.num_items + item
        return self.keys.take(torch.searchsorted(self.keys, key)) == key

    def _courses(self, word: Tensor, num: int) -> Tensor:
        """Return courses that follow from words, ``num`` from each; shape (words, num)."""
        steps = torch.arange(1, (num + 1) // 2 + 1, device=word.device) * _ODD
        bits = _stirred(word.unsqueeze(1) + steps).view(torch.int32)  # two draws of a word's halves
        share = bits[:, :num].long().bitwise_and_(0x7FFFFFFF)
        if self.bounds is None:  # a share of the courses without a division (Lemire 2019)
            courses = self.num_items - RESERVED
            return share.mul_(courses).bitwise_right_shift_(31).add_(RESERVED)
        place = torch.searchsorted(self.bounds, share.double() / 2**31, right=True)
        return RESERVED + place.clamp(max=len(self.bounds) - 1)


def _places(student: Tensor, item: Tensor, words: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return where the hints of a student's courses are: in which of the words, and its two bits.

    A student's courses are one stretch, which begins anywhere (Knuth's multiplicative hashing).
    """
    begin = student * _ODD
    place, other = (begin >> 24) + item, (begin >> 56) + item
    return (place >> 6) & (words - 1), place & 63, other & 63


def _word(seed: int, epoch: int) -> int:
    return ((seed * 1_000_003 + epoch) * 0x9E3779B1) % (1 << 62)


def _mix(x: Tensor) -> Tensor:
    """Spread the bits of integers (after the finaliser of splitmix64, Steele et al., OOPSLA 2014).

    Shifts keep the sign, which loses its bit: 63 are left, of which a draw takes 31.
    """
    x = x + _ODD
    x ^= x >> 30
    x *= -0x40A7B892E31B1A47
    x ^= x >> 27
    return _stirred(x)


def _stirred(x: Tensor) -> Tensor:
    """Spread the bits of words that are well spread already, in place and with one product."""
    x ^= x >> 32
    x *= _OTHER
    x ^= x >> 29
    return x
