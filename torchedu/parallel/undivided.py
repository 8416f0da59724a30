"""A network as it was before it was divided, with what it has learned since."""

from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn


class Undivided:
    """Keeps the form of a network, without its weights, to put weights into it again.

    Args:
        net: A network that is about to be divided.
    """

    def __init__(self, net: nn.Module) -> None:
        empty = {
            id(parameter): nn.Parameter(parameter.to("meta"), parameter.requires_grad)
            for parameter in net.parameters()
        }
        self._net = deepcopy(net, memo=dict(empty))
        for module in self._net.modules():
            module.__dict__.pop("forward", None)  # a compiled one, which belongs to the network
        self._names: dict[int, list[str]] = {}
        for name, parameter in net.named_parameters(remove_duplicate=False):
            self._names.setdefault(id(parameter), []).append(name)

    def filled(self, state: dict[str, Any]) -> nn.Module:
        """Return the network with weights.

        Args:
            state: A state dict of whole tensors.
        """
        self._net.load_state_dict(state, assign=True)
        for first, *others in self._names.values():  # weights that two modules share
            shared = self._net.get_parameter(first)
            for name in others:
                owner, _, attribute = name.rpartition(".")
                setattr(self._net.get_submodule(owner), attribute, shared)
        return self._net


def copied(state: dict[str, Any]) -> dict[str, Any]:
    """Return a state dict whose tensors belong to nobody else."""
    with torch.no_grad():
        return {
            name: tensor.detach().cpu().clone() if isinstance(tensor, Tensor) else tensor
            for name, tensor in state.items()
        }
