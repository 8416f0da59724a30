"""Tasks whose networks have parameters of names: the names travel with the weights."""

from abc import abstractmethod
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, ClassVar, Self, TypeVar, cast

import torch
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import nn

from torchedu.errors import CheckpointError
from torchedu.layers import VocabularyTable
from torchedu.optimizers import RowAdagrad
from torchedu.schema import Vocabulary
from torchedu.tasks.base import Schedule, Task, class_by_path

Net = TypeVar("Net", bound=nn.Module)


class NamedTask(Task):
    """A task that keeps the vocabulary of its network in the checkpoint and can grow it.

    Attributes:
        sizes: The task's arguments that are sizes of the data, such as ``num_items``, each linked
            from the data module's attribute of that name.
        vocabulary: The names that the weights belong to; None before it has met data.
        sparse: Whether tables have sparse gradients.

    Args:
        lr: Learning rate of AdamW, or of row-wise Adagrad.
        weight_decay: Its weight decay.
        schedule: Of the learning rate of AdamW.
        sparse: Give tables of names sparse gradients, and step with row-wise Adagrad in place of
            AdamW: for tables of which a batch touches little.
    """

    sizes: ClassVar[tuple[str, ...]]

    def __init__(
        self, lr: float, weight_decay: float, schedule: Schedule, sparse: bool = False
    ) -> None:
        super().__init__(lr, weight_decay, schedule)
        self.sparse = sparse
        self.vocabulary: Vocabulary | None = None

    def built(self, net: object, base: Callable[..., Net], *sizes: int) -> Net:
        """Return a network with tables as this task steps them.

        Args:
            net: What builds it, or its description in a checkpoint.
            base: What it has to be.
            *sizes: Its first arguments.
        """
        network = builder(net, base)(*sizes)
        for module in network.modules():
            if isinstance(module, nn.Embedding):
                module.sparse = self.sparse
        return network

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Return row-wise Adagrad where tables are sparse, else what every task has."""
        if not self.sparse:
            return super().configure_optimizers()
        return RowAdagrad(self.parameters(), self.lr, self.weight_decay)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Put the names beside the weights."""
        super().on_save_checkpoint(checkpoint)
        if self.vocabulary is not None:
            checkpoint["vocabulary"] = self.vocabulary.to_json()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take the names that the weights belong to.

        Raises:
            CheckpointError: The data in use has other names.
        """
        super().on_load_checkpoint(checkpoint)
        if "vocabulary" not in checkpoint:
            raise CheckpointError(
                "the checkpoint holds no vocabulary.", "Use one written by torchedu."
            )
        vocabulary = Vocabulary.from_json(checkpoint["vocabulary"])
        if self.vocabulary is not None and vocabulary != self.vocabulary:
            raise CheckpointError(
                "the checkpoint belongs to other items or skills than this data has.",
                "To go on with new data, start from it with --init_from; its names then grow.",
            )
        self.vocabulary = vocabulary

    def grown(self, names: Vocabulary) -> Self:
        """Return this task with rows for new names, to go on with other data.

        Args:
            names: The names of that data; those that are known keep their parameters, new ones
                start afresh.

        Returns:
            A new task, whose vocabulary is this one's with the new names at its end.
        """
        assert self.vocabulary is not None
        vocabulary = self.vocabulary.grown(names)
        new = type(self)(**{**self.hparams, **self.sizes_of(vocabulary)})
        new.vocabulary = vocabulary
        modules = dict(self.net.named_modules())
        with torch.no_grad():
            for name, module in new.net.named_modules():
                known = modules[name]
                rows = len(known.weight) if isinstance(known, VocabularyTable) else None
                for key, parameter in module.named_parameters(recurse=False):
                    parameter[:rows] = getattr(known, key)
                saved = module.state_dict()  # what is not saved with the weights is the data's
                for key, buffer in module.named_buffers(recurse=False):
                    if key in saved:
                        buffer.copy_(getattr(known, key))
        return new

    @abstractmethod
    def sizes_of(self, vocabulary: Vocabulary) -> dict[str, int]:
        """Return the sizes that a vocabulary gives the network."""


def builder(net: object, base: Callable[..., Net]) -> Callable[..., Net]:
    """Return what builds a network, from itself or from its description in a checkpoint."""
    if isinstance(net, Mapping):
        kind = class_by_path(str(net["class_path"]), cast(type[Net], base), "network")
        return partial(kind, **net["init_args"])
    return cast(Callable[..., Net], net)
