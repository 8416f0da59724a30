"""Batches of students in courses: what each did, and the moments at which a risk is asked for."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from torchedu.batch import RiskBatch
from torchedu.datasets.order import Windows
from torchedu.features.course_view import Moments, View

Ids = NDArray[np.int64]


class RiskBatches:
    """Builds batches of enrolments, each with its events and its moments.

    Args:
        moments: When risks are asked for, by enrolment.
        seen: The view of them.
        module: The module of each enrolment, an id of the network's; shape (enrolments,).
        at_risk: 1 for a bad outcome, 0 for another, NaN for none; shape (enrolments,).
        attribute: What it is told of each student, ids of that vocabulary; shape (enrolments,
            attributes).
        weight: How much each enrolment counts in the loss; shape (enrolments,).
        group: Its group, -1 where unknown; shape (enrolments,).
    """

    def __init__(
        self,
        moments: Moments,
        seen: View,
        module: Ids,
        at_risk: NDArray[np.float32],
        attribute: Ids,
        weight: NDArray[np.float32],
        group: Ids,
    ) -> None:
        self._attribute, self._weight, self._group = attribute, weight, np.maximum(group, -1)
        self.view, self.day = seen, moments.day.astype(np.float32)
        rows, first, count = np.unique(moments.enrolment, return_index=True, return_counts=True)
        self.first = first
        self.windows = Windows(rows, np.zeros_like(rows), np.zeros_like(rows), count)
        # Events after a window's last moment are never looked at.
        self.lengths = np.maximum.reduceat(seen.seen, first) if len(first) else count
        self._module, self._at_risk = module, np.nan_to_num(at_risk)

    def __call__(self, index: Ids, scored: bool = True) -> RiskBatch:
        """Build one batch.

        Args:
            index: Which enrolments, numbered as in ``windows``; shape (B,).
            scored: Whether its moments count; without, the batch only keeps a rank in step.

        Returns:
            The batch, on the CPU.
        """
        rows, count, length = self.windows.student[index], self.windows.stop[index], self.lengths
        step_L = np.arange(max(1, length[index].max()))
        here_BL = step_L < length[index][:, None]
        begin = self.view.event_offsets[rows]
        event_BLE = np.zeros((*here_BL.shape, self.view.event.shape[1]), np.float32)
        event_BLE[here_BL] = self.view.event[(begin[:, None] + step_L)[here_BL]]
        step_Q = np.arange(count.max())
        asked_BQ = step_Q < count[:, None]
        place_BQ = np.where(asked_BQ, self.first[index][:, None] + step_Q, 0)

        def padded(values: NDArray[Any]) -> torch.Tensor:
            table = values[place_BQ]
            table[~asked_BQ] = 0
            return torch.from_numpy(table)

        scored_BQ = asked_BQ & scored
        return RiskBatch(
            torch.from_numpy(event_BLE),
            torch.from_numpy(self._module[rows].astype(np.int64)),
            torch.from_numpy(self._attribute[rows]),
            padded(self.view.moment),
            padded(self.view.seen),
            torch.from_numpy(self._at_risk[rows]),
            padded(self.view.leaving.astype(np.float32)),
            torch.from_numpy(scored_BQ),
            torch.from_numpy(rows.astype(np.int64)),
            padded(self.day),
            torch.from_numpy(self._weight[rows]),
            torch.from_numpy(self._group[rows]),
            torch.full((len(index),), float(max(1, scored_BQ.sum()))),
        )
