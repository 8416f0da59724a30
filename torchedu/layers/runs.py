"""Recurrences that go on from slot to slot of the same name: from an item to the next time it."""

from collections.abc import Callable

import torch
from torch import Tensor

Turn = Callable[[Tensor, slice], tuple[Tensor, Tensor]]
"""Takes states and which slots, in the order of ``Runs``, they come to; gives what is read there
and the states after."""


class Runs:
    """Slots in runs of one name each, gone along side by side.

    All first slots of runs come first, then all second ones, those of the longest runs ahead: a
    turn then is a slice, and its rows go on from the first rows of the turn before. There are as
    many turns as the longest run has slots, and no graph follows them.

    Args:
        key_T: The name of each slot, in the order of time.
    """

    def __init__(self, key_T: Tensor) -> None:
        place_T = torch.arange(len(key_T), device=key_T.device)
        by_name_T = key_T.argsort(stable=True)
        _, run_T, length_R = key_T[by_name_T].unique_consecutive(
            return_inverse=True, return_counts=True
        )
        begin_R = length_R.cumsum(0) - length_R
        turn_T = place_T - begin_R[run_T]
        first_R = length_R.argsort(descending=True, stable=True).argsort()  # the longest runs ahead
        self.order_T = by_name_T[(turn_T * len(length_R) + first_R[run_T]).argsort()]
        self.sizes: list[int] = turn_T.bincount().tolist()
        # The slot before in the same run; -1 where there is none.
        before_T = by_name_T.roll(1).masked_fill(turn_T == 0, -1)
        self.before_T = torch.empty_like(before_T).index_copy_(0, by_name_T, before_T)

    def along(self, turn: Turn, start_D: Tensor) -> Tensor:
        """Go along all runs at once.

        Args:
            turn: What is done at a slot of each.
            start_D: Where each run begins.

        Returns:
            What was read at each slot, in the order of time; shape (T, D).
        """
        reads, done = [], 0
        state = start_D.expand(self.sizes[0] if self.sizes else 0, -1)
        for size in self.sizes:
            read, state = turn(state[:size], slice(done, done + size))
            reads.append(read)
            done += size
        if not reads:
            return state
        read_TD = torch.cat(reads)
        return read_TD.new_zeros(read_TD.shape).index_copy(0, self.order_T, read_TD)
