"""Batch normalisation over all ranks, on CPUs too, where torch's own refuses to run."""

from functools import partial

import torch
from lightning.pytorch.plugins.layer_sync import TorchSyncBatchNorm
from torch import Tensor, distributed, nn
from torch.distributed.nn.functional import all_reduce
from torch.nn.modules.batchnorm import _BatchNorm


class SyncBatchNorm(TorchSyncBatchNorm):
    """Lets batch norm layers take mean and variance over the batches of all ranks while training.

    Ioffe and Szegedy, "Batch Normalization", ICML 2015, https://arxiv.org/abs/1502.03167. Ranks
    count by how much they have, so that outputs, gradients and running statistics are those of one
    process that has the whole batch. On GPUs Lightning's ``sync_batchnorm`` is faster; the command
    line takes this one where it runs on a CPU. Layers keep their class and their names.
    """

    def apply(self, model: nn.Module) -> nn.Module:
        """Let the batch norm layers of a network meet."""
        for layer in model.modules():
            if isinstance(layer, _BatchNorm):
                layer.forward = partial(_normed, layer)  # type: ignore[method-assign]
        return model

    def revert(self, model: nn.Module) -> nn.Module:
        """Let each rank's layers be for themselves again."""
        for layer in model.modules():
            vars(layer).pop("forward", None) if isinstance(layer, _BatchNorm) else None
        return model


def _normed(layer: _BatchNorm, x: Tensor) -> Tensor:
    """Return a batch, normalised by what all ranks have.

    Args:
        layer: The layer.
        x: Shape (B, C, ...).

    Returns:
        The same shape.
    """
    # Ranks meet in training alone: in evaluation they may have different numbers of batches.
    if not (layer.training and distributed.is_initialized()):
        return type(layer).forward(layer, x)
    layer._check_input_dim(x)
    wide = x.float()
    others = [dim for dim in range(x.dim()) if dim != 1]
    count = wide.new_tensor([wide.numel() / wide.shape[1]])
    distributed.all_reduce(count)
    count.clamp_(min=1)  # nobody may have any, as of what is rarely there
    mean = all_reduce(wide.sum(others)) / count
    shape = [1, -1] + [1] * (x.dim() - 2)
    apart = wide - mean.view(shape)
    variance = all_reduce(apart.square().sum(others)) / count
    if layer.track_running_stats:
        _remember(layer, mean.detach(), variance.detach() * count / (count - 1).clamp(min=1))
    out = apart * (variance + layer.eps).rsqrt().view(shape)
    if layer.affine:
        out = out * layer.weight.view(shape) + layer.bias.view(shape)
    return out.to(x.dtype)


@torch.no_grad()
def _remember(layer: _BatchNorm, mean: Tensor, variance: Tensor) -> None:
    """Move the running statistics as the layer's own class does."""
    assert layer.num_batches_tracked is not None
    assert layer.running_mean is not None
    assert layer.running_var is not None
    layer.num_batches_tracked.add_(1)
    new = 1 / float(layer.num_batches_tracked) if layer.momentum is None else layer.momentum
    layer.running_mean.lerp_(mean.to(layer.running_mean.dtype), new)
    layer.running_var.lerp_(variance.to(layer.running_var.dtype), new)
