"""A network whose repeated blocks are compiled before they are first used."""

from typing import Any

import torch
from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from torch._dynamo.exc import TorchDynamoException

from torchedu.errors import ConfigError, worded
from torchedu.parallel import blocks, network_of, traits_of


class Compile(Callback):
    """Compiles each repeated block of the task's network (``torch.compile``) while it trains.

    A network without repeated blocks is compiled as a whole. It happens in place and at the first
    step, after every strategy has done its part; names of parameters and checkpoints stay as they
    are. It pays on GPUs and for wide networks; the first steps take longer, by seconds a block.
    """

    def __init__(self) -> None:
        self._parts: list[tuple[Any, Any]] = []

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Ask for it, of a network that is to be trained.

        Raises:
            ConfigError: The task has no network net, or its layers are shared by devices.
        """
        if stage != "fit":
            return
        net = network_of(pl_module)
        if net is None:
            raise ConfigError(
                f"{type(pl_module).__name__} has no network net that could be compiled.",
                "Leave ⟦compile⟧ out.",
            )
        if traits_of(trainer).together > 1:
            raise ConfigError(
                "torch cannot compile blocks that devices share, for batches of unequal length.",
                "Leave ⟦compile⟧ out, or use ddp or fsdp.",
            )
        for part in blocks(net) or [net]:
            # Not part.compile(): the hooks by which strategies gather a block stay outside. Batches
            # differ in length.
            part.forward = torch.compile(part.forward, dynamic=True)
            self._parts.append((part, part.forward))

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Leave the network as it was."""
        for part, compiled in self._parts:
            if part.forward is compiled:
                del part.forward
        self._parts = []

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Say what to do where it could not be compiled."""
        if isinstance(exception, TorchDynamoException):
            exception.add_note(worded("The network could not be compiled; leave ⟦compile⟧ out."))
