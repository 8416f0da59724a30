"""Micro-batches on their way through the stages of a pipeline, forward and backward."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.distributed import ProcessGroup
from torch.distributed.pipelining import PipelineStage
from torch.distributed.pipelining.schedules import PipelineScheduleSingle, get_schedule_class
from torch.nn import Parameter

from torchedu.layers import BlockNetwork
from torchedu.parallel.stages import Stage, shapes_between


def stages_held(ranks: int, each: int, v: bool) -> list[list[int]]:
    """Return the stages that each rank of a pipeline holds.

    Args:
        ranks: How many ranks.
        each: How many stages a rank holds.
        v: Whether the second half of the stages comes back, so that the first rank has the last.
    """
    held = [[rank + turn * ranks for turn in range(each)] for rank in range(ranks)]
    return [[rank, 2 * ranks - 1 - rank] for rank in range(ranks)] if v else held


class Relay:
    """Takes batches through the stages of a network, of which this rank holds some.

    Args:
        net: The network; what other ranks hold may be on the meta device.
        shadow: The network on the meta device.
        schedule: What ``torch.distributed.pipelining`` calls it.
        microbatches: Parts that the rows of a batch are divided into.
        held: The stages that each rank holds.
        parameters: Those that each stage of this rank uses.
        context: Gives the context in which the precision asked for computes.
        group: The ranks of the pipeline, in order.
        device: This rank's device.
    """

    def __init__(
        self,
        net: nn.Module,
        shadow: nn.Module,
        schedule: str,
        microbatches: int,
        held: Sequence[Sequence[int]],
        parameters: Mapping[int, Sequence[Parameter]],
        context: Callable[[], AbstractContextManager[Any]],
        group: ProcessGroup,
        device: torch.device,
    ) -> None:
        assert isinstance(net, BlockNetwork)
        assert isinstance(shadow, BlockNetwork)
        self._shadow = shadow
        self._kind: Any = get_schedule_class(schedule)
        self._microbatches = microbatches
        self._num_stages = sum(map(len, held))
        self._rank_of = {stage: rank for rank, own in enumerate(held) for stage in own}
        self._stages = {
            index: Stage(net, index, self._num_stages, own, context)
            for index, own in parameters.items()
        }
        self._group = group
        self._device = device
        self._dtype = next(p.dtype for p in net.parameters() if p.is_floating_point())
        self._loss: Callable[[Tensor, Tensor], Tensor] | None = None
        self._shapes: list[torch.Size] = []
        self._schedule: Any = None
        self._output: Tensor | None = None

    @property
    def at_hand(self) -> bool:
        """Whether the network's output is known here, so that ``output`` returns it."""
        return self._output is not None

    @property
    def last_rank(self) -> int:
        """The rank, of all ranks, that holds the last stage of this pipeline."""
        return distributed.get_global_rank(self._group, self._rank_of[self._num_stages - 1])

    def rows(self, batch: Any) -> Tensor:
        """Return the numbers of a batch's rows, with as many past its end as make parts alike."""
        each = -(-len(batch[0]) // self._microbatches)
        return torch.arange(each * self._microbatches, device=self._device)

    def train(self, batch: Any, loss: Callable[[Tensor, Tensor], Tensor]) -> None:
        """Go forward and backward; gradients are added to those of this rank's parameters.

        Args:
            batch: The batch, the same on every rank.
            loss: Called at the last stage with the output of some rows and their numbers.
        """
        row = self.rows(batch)
        between = self._begin(batch, row)
        self._loss = loss
        shapes = [tensor.shape for tensor in between]
        if shapes != self._shapes or self._schedule is None:
            self._shapes, self._schedule = shapes, self._new_schedule(tuple(between))
        self._schedule.step(row=row, target=row, return_outputs=False)

    def evaluate(self, batch: Any) -> Tensor | None:
        """Go forward; return the output at the last stage, and None elsewhere.

        ``torch.distributed.pipelining`` has no such pass where a rank holds stages that follow one
        another.
        """
        row = self.rows(batch)
        between = self._begin(batch, row)
        sent: list[Any] = []
        outputs: list[Tensor] = []
        with torch.no_grad():
            for part in row.chunk(self._microbatches):
                x: tuple[Tensor, ...] = ()
                for index in sorted(self._stages):
                    if index and self._rank_of[index - 1] != self._rank_of[index]:
                        x = tuple(
                            torch.empty_like(tensor, device=self._device) for tensor in between
                        )
                        for tensor in x:
                            distributed.recv(tensor, self._global(index - 1), self._group)
                    out = self._stages[index](*x, row=part)
                    if index == self._num_stages - 1:
                        outputs.append(out)
                    elif self._rank_of[index + 1] != self._rank_of[index]:
                        for tensor in out:
                            to = self._global(index + 1)
                            work = distributed.isend(tensor.contiguous(), to, self._group)
                            sent.append((work, tensor))
                    x = out
        for work, _ in sent:
            work.wait()
        return torch.cat(outputs)[: len(batch[0])] if outputs else None

    def output(self, batch: Any) -> Tensor:
        """Return the network's output that the last stage has at hand: its ``forward`` here."""
        if self._output is None:
            raise RuntimeError("a network that is divided has its output at its last stage alone")
        return self._output

    def of_output(self, output: Tensor, method: Callable[..., Any], *arguments: Any) -> Any:
        """Call a method that asks the network for its output, which is known."""
        self._output = output
        try:
            return method(*arguments)
        finally:
            self._output = None

    def _begin(self, batch: Any, row: Tensor) -> list[Tensor]:
        for stage in self._stages.values():
            stage.batch = batch
        each = len(row) // self._microbatches
        return shapes_between(self._shadow, batch, each, self._dtype)

    def _new_schedule(self, between: tuple[Tensor, ...]) -> Any:
        stages = [
            PipelineStage(
                stage,
                index,
                self._num_stages,
                self._device,
                input_args=between if index else (),
                output_args=between,
                group=self._group,
            )
            for index, stage in sorted(self._stages.items())
        ]
        single = issubclass(self._kind, PipelineScheduleSingle)
        return self._kind(
            stages[0] if single else stages,
            self._microbatches,
            loss_fn=lambda output, row: self._loss(output, row) if self._loss else output,
            scale_grads=False,
        )

    def _global(self, stage: int) -> int:
        return distributed.get_global_rank(self._group, self._rank_of[stage])
