"""Numbers of a device that the host reads once they are there."""

import torch
from torch import Tensor


class Later:
    """Copies numbers to the host without waiting, and reads them when they are asked for.

    What the device was given after them is not waited for.

    Args:
        numbers: Of any shape, on any device.
    """

    def __init__(self, numbers: Tensor) -> None:
        self._copy = numbers.to("cpu", non_blocking=True)  # into pinned memory, from a device
        self._over: torch.Event | None = None
        if numbers.device.type != "cpu":
            self._over = torch.Event(numbers.device)
            self._over.record()

    def tolist(self) -> list[float]:
        """Return the numbers."""
        if self._over is not None:
            self._over.synchronize()
        numbers: list[float] = self._copy.tolist()
        return numbers
