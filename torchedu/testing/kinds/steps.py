"""Networks that take in one step after the other: what they owe ``forward``."""

from abc import abstractmethod
from typing import Any

import torch
from torch import Tensor

from torchedu.testing.batches import rows
from torchedu.testing.contract import apart
from torchedu.testing.kinds.kind import Kind, NetworkSubject


class Stepwise(Kind):
    """A kind whose networks have ``initial_state``, ``predict`` and ``step``."""

    def varied(self, batch: Any) -> Any:
        """Return a batch with what is rarer among it; as it is by default."""
        return batch

    @abstractmethod
    def predicted(self, net: Any, state: tuple[Tensor, ...], batch: Any, t: int) -> Tensor:
        """Return what ``predict`` says of step t."""

    @abstractmethod
    def stepped(
        self, net: Any, state: tuple[Tensor, ...], batch: Any, t: int
    ) -> tuple[Tensor, ...]:
        """Return the state after step t."""


def steps(subject: NetworkSubject) -> str:
    """``predict`` and ``step`` after ``initial_state`` equal ``forward`` at every step."""
    kind, net = subject.kind, subject.net()
    assert isinstance(kind, Stepwise)
    batch = kind.varied(subject.batch())
    said = subject.said(net, batch)
    size, length = said.shape[:2]
    state = net.initial_state(size)
    order_B = torch.arange(size)
    for t in range(length):
        if any(tensor.shape[:1] != (size,) for tensor in state):
            return f"states of shape {[tuple(tensor.shape) for tensor in state]} for B = {size}"
        now = rows(batch, order_B)
        was = [tensor.clone() for tensor in state]
        if apart(said[order_B, t], kind.predicted(net, state, now, t)):
            return f"predict differs from forward at step {t}"
        after = kind.stepped(net, state, now, t)
        if not all(map(torch.equal, was, state)):
            return "predict or step changes the state that it was given"
        if [tensor.shape for tensor in after] != [tensor.shape for tensor in state]:
            return f"a step makes states of shape {[tuple(tensor.shape) for tensor in after]}"
        turn_B = torch.arange(size).roll(1)  # states are picked and put together by row
        state, order_B = tuple(tensor[turn_B] for tensor in after), order_B[turn_B]
    for t in range(length, (net.max_history or length) + 2):
        state = kind.stepped(net, state, rows(batch, order_B), t % length)
    if not kind.predicted(net, state, rows(batch, order_B), t % length).isfinite().all():
        return "numbers that are not finite after more than max_history steps"
    return ""
