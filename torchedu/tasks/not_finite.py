"""Rows for which a network gives no number: a part that has some is not scored."""

from collections.abc import Callable
from typing import Any

import torch

from torchedu.callbacks.culprits import NAMED, listed
from torchedu.domains.domain import Domain
from torchedu.errors import TrainingError
from torchedu.ranks import on_all

LARGEST = f"{torch.finfo(torch.float16).max:,.0f}"
"""The largest number of half precision."""


class NotFinite:
    """The rows of a part, on this rank, for which the network gave NaN or infinity.

    A metric need not show them: a rank among scores that are all NaN is the first, and an infinite
    log odds a probability of 1.
    """

    def __init__(self) -> None:
        self.rows = 0
        self.overflowed = 0
        self.names: list[str] = []

    def add(self, task: Domain, say: Callable[[Any], Any], batch: Any, precision: str) -> None:
        """Note which rows of a batch they are.

        Args:
            task: The task, whose ``finite`` tells of the batch.
            say: What was said of it by.
            batch: The batch.
            precision: The trainer's; in ``16-mixed`` the batch is looked at in whole precision too.
        """
        names = task.pseudonyms(batch)
        wrong = _wrong(task, len(names))
        self.rows += len(wrong)
        self.names += [names[row] for row in wrong][: NAMED - len(self.names)]
        if precision == "16-mixed":
            task.finite = []
            with torch.autocast(batch[0].device.type, enabled=False):
                say(batch)
            self.overflowed += len(wrong) - len(_wrong(task, len(names)))

    def refuse(self, part: str, precision: str) -> None:
        """Refuse the part where any rank has met such a row; every rank has to call this.

        Args:
            part: What it is called.
            precision: The trainer's.

        Raises:
            TrainingError: There is one.
        """
        ranks = on_all((self.rows, self.overflowed, self.names))
        rows = sum(rank[0] for rank in ranks)
        overflowed = sum(rank[1] for rank in ranks)
        if not rows:
            return
        names = [name for rank in ranks for name in rank[2]]
        remedy = (
            "Check those rows; where all are such, lower ⟦model.lr⟧ or take another checkpoint."
        )
        if overflowed:
            remedy = (
                f"{overflowed:,} of them overflow: numbers of {precision} end at {LARGEST}. "
                "Set ⟦trainer.precision⟧ to bf16-mixed or 32-true."
            )
        elif precision == "16-true":
            remedy += f" Numbers of 16-true end at {LARGEST}: try ⟦trainer.precision⟧ 32-true."
        raise TrainingError(
            f"the network's output is not finite (NaN or infinite) for {rows:,} rows of the {part} "
            f"part: {listed(names, rows)}; nothing is said of the part.",
            remedy,
        )


def _wrong(task: Domain, rows: int) -> list[int]:
    """Return the rows of which something was not finite; all where that cannot be told."""
    looks = task.finite or [torch.ones(rows, dtype=torch.bool)]
    if any(len(finite_B) != rows for finite_B in looks):
        return list(range(rows))
    wrong: list[int] = (~torch.stack(looks).all(0)).nonzero().flatten().tolist()
    return wrong
