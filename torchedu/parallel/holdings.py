"""Which parameters of a divided network a rank of a pipeline holds."""

from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor, distributed, nn
from torch.distributed import ProcessGroup
from torch.nn import Parameter


class Holdings:
    """Brings what this rank holds of a module to its device, and leaves shapes alone of the rest.

    Numbers are those of the first of all ranks; where there are none yet, parameters get a place
    alone. What is left out lies on the meta device, so that parameters keep their names and order.

    Args:
        module: What is divided, in place.
        shadow: The same on the meta device.
        stages_of: Gives the stages that use a parameter, by its name.
        held: The stages that each rank of a pipeline holds.
        group: The ranks of this pipeline.
        pipelines: The ranks, of all ranks, of each pipeline.
        device: This rank's device.
    """

    def __init__(
        self,
        module: nn.Module,
        shadow: nn.Module,
        stages_of: Callable[[str], set[int]],
        held: Sequence[Sequence[int]],
        group: ProcessGroup,
        pipelines: Sequence[Sequence[int]],
        device: torch.device,
    ) -> None:
        self._module = module
        self._group = group
        self._device = device
        self.place = distributed.get_rank(group)
        used: dict[Parameter, set[int]] = {}
        for name, parameter in module.named_parameters(remove_duplicate=False):
            used.setdefault(parameter, set()).update(stages_of(name))
        metas = dict(zip(module.parameters(), shadow.parameters(), strict=True))
        new: dict[Parameter, Parameter] = {}
        self.parameters: list[Parameter] = []
        self._holders: dict[Parameter, list[int]] = {}
        for parameter, stages in list(used.items()):
            holders = [rank for rank, its in enumerate(held) if stages & set(its)]
            own = parameter if self.place in holders else metas[parameter]
            if not parameter.is_meta:
                on_device = parameter.detach().to(device).contiguous()
                distributed.broadcast(on_device, 0)
                if own is parameter:
                    parameter.data = on_device
            elif own is parameter:
                own = Parameter(torch.empty_like(own, device=device), own.requires_grad)
            if self.place in holders:
                self.parameters.append(own)
            if own is not parameter:
                new[parameter] = own
            used[own], self._holders[own] = stages, holders
        _replace(module, new)
        for part in module.modules():
            for name, buffer in part.named_buffers(recurse=False):
                setattr(part, name, buffer.to(device))
        self.of_stage = {
            stage: [weight for weight in self.parameters if stage in used[weight]]
            for stage in held[self.place]
        }
        self._both_ends = _group_of_ends(self._holders.values(), pipelines)

    def owns(self, tensor: Tensor) -> bool:
        """Return whether this rank is the one that answers for a tensor of the module.

        Args:
            tensor: A parameter, or a buffer, which every rank holds.
        """
        holders = self._holders[tensor] if isinstance(tensor, Parameter) else [0]
        return holders[0] == self.place

    def add_both_ends(self) -> None:
        """Add up the gradients of parameters that several ranks hold and train."""
        for parameter in self.parameters:
            if parameter.requires_grad and len(self._holders[parameter]) > 1:
                if parameter.grad is None:
                    parameter.grad = torch.zeros_like(parameter)
                distributed.all_reduce(parameter.grad, group=self._both_ends)

    def average(self, copies: ProcessGroup) -> None:
        """Average the gradients of what several pipelines train.

        Args:
            copies: The ranks that hold the same stages.
        """
        size = distributed.get_world_size(copies)
        for parameter in self.parameters if size > 1 else ():
            if parameter.requires_grad:
                if parameter.grad is None:
                    parameter.grad = torch.zeros_like(parameter)
                distributed.all_reduce(parameter.grad, group=copies)
                parameter.grad /= size

    def norms(self, groups: Sequence[Sequence[Parameter]]) -> Tensor:
        """Return the norms of the gradients of groups of parameters, over all stages.

        Args:
            groups: The parameters, whoever holds them.

        Returns:
            A norm a group, the same on every rank; shape (groups,).
        """
        square = torch.zeros(len(groups), device=self._device)
        for i, group in enumerate(groups):
            own = [
                parameter.grad
                for parameter in group
                if self.owns(parameter) and parameter.grad is not None
            ]
            if own:
                square[i] = nn.utils.get_total_norm(own).float() ** 2
        distributed.all_reduce(square, group=self._group)
        return square.sqrt()

    def make_whole(self) -> None:
        """Give every rank the numbers of all parameters."""
        whole: dict[Parameter, Parameter] = {}
        for parameter, holders in list(self._holders.items()):
            data = parameter.detach()
            if parameter.is_meta:
                data = torch.empty(data.shape, dtype=data.dtype, device=self._device)
                whole[parameter] = Parameter(data, parameter.requires_grad)
                self._holders[whole[parameter]] = holders
            source = distributed.get_global_rank(self._group, holders[0])
            distributed.broadcast(data, source, self._group)
        _replace(self._module, whole)


def _replace(module: nn.Module, new: dict[Parameter, Parameter]) -> None:
    """Put other parameters in the places of some, in every place that a shared one has."""
    for part in module.modules():
        for name, parameter in part.named_parameters(recurse=False, remove_duplicate=False):
            if parameter in new:
                setattr(part, name, new[parameter])


def _group_of_ends(
    all_holders: Iterable[list[int]], pipelines: Sequence[Sequence[int]]
) -> ProcessGroup | None:
    """Return the group of the ranks that hold the same parameters; None where no two do.

    Those are the two ends of a pipeline. Every rank has to take part in making every group.
    """
    shared = next((holders for holders in all_holders if len(holders) > 1), None)
    if shared is None:
        return None
    own_group = None
    for ranks in pipelines:
        ends = [ranks[place] for place in shared]
        group = distributed.new_group(ends)
        if distributed.get_rank() in ends:
            own_group = group
    return own_group
