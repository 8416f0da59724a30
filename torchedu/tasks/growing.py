"""A network's parameters in a larger network of the same kind."""

import torch
from torch import nn

from torchedu.layers import VocabularyTable


def take_parameters(new: nn.Module, known: nn.Module) -> None:
    """Copy a network's parameters into one whose vocabulary has more names at its end.

    Args:
        new: The larger network; rows of new names stay as they are.
        known: The network to copy.
    """
    modules = dict(known.named_modules())
    with torch.no_grad():
        for name, module in new.named_modules():
            old = modules[name]
            rows = len(old.weight) if isinstance(old, VocabularyTable) else None
            for key, parameter in module.named_parameters(recurse=False):
                parameter[:rows] = getattr(old, key)
            for key, buffer in module.named_buffers(recurse=False):
                buffer.copy_(getattr(old, key))
