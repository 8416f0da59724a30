"""Devices compute each batch together, every one with a part of each layer."""

from typing import Literal

from torchedu.errors import ConfigError, allowed
from torchedu.strategies.divided import Divided


class Tensor(Divided):
    """Shares the layers of each block among devices that compute a batch together.

    Alone, or with ``ddp`` or ``fsdp`` among groups of such devices. It serves networks of repeated
    blocks that say how they are shared.

    Args:
        tensor_size: Devices that compute a batch together, best those of one node; all of them
            where it is None. It divides the heads and widths of the network.
        data: What groups of them do, each with batches of its own: ``ddp`` keeps the whole in each
            group, ``fsdp`` a part.
        activation_checkpointing: Compute the activations of each block again in the backward pass
            instead of keeping them.
        bf16_gradients: Average the groups' gradients in bfloat16, which halves what is sent.
    """

    name = "tensor"

    def __init__(
        self,
        tensor_size: int | None = None,
        data: Literal["ddp", "fsdp"] = "ddp",
        activation_checkpointing: bool = False,
        bf16_gradients: bool = False,
    ) -> None:
        if data not in ("ddp", "fsdp"):
            raise ConfigError(
                f"⟦trainer.strategy.data⟧ is {data!r}.", allowed(data, ("ddp", "fsdp"))
            )
        super().__init__(
            tensor_size=1 if tensor_size is None else tensor_size,
            activation_checkpointing=activation_checkpointing,
            bf16_gradients=bf16_gradients,
        )
        self._size = tensor_size
        self._data = data

    def _configure_launcher(self) -> None:
        """Settle the sizes as soon as the devices are known."""
        super()._configure_launcher()
        world = self.num_nodes * self.num_processes
        if self._size is None:
            self.tensor_size = world
        if self._data == "ddp":
            self.replicas = max(world // self.tensor_size, 1)
