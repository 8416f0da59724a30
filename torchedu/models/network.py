"""What every network is: a single-device module that can be built again from plain values."""

import inspect
from abc import ABC
from collections.abc import Mapping
from typing import Any, ClassVar, TypeVar

import torch
from torch import Tensor, nn

from torchedu.ranges import COUNT, DROPPED, NOT_NEGATIVE, POSITIVE, Range, Ranged

T = TypeVar("T")


class Network(Ranged, nn.Module, ABC):
    """A network of any task.

    A subclass takes ``sizes`` as its first arguments and keeps every argument as an attribute of
    the same name, plain JSON values all; a checkpoint stores them and builds the network again from
    them. ``torchedu.testing.check_network`` checks this contract.

    Attributes:
        sizes: Its arguments that are sizes of the data, each an attribute of the data module.
        epochs: Passes over the training part that are enough for it, where nobody says how many;
            None where that goes by the number of steps.
        most_answers: Answers to train on that are enough for it, those of all passes counted, where
            nobody says how many: of more, each epoch is a share of a pass. None where it has
            no such number.
        max_history: The longest history, text or list of courses that it takes at once; None where
            any length will do.
        four_bits: Whether the weights that additions belong to are kept in 4 bits.
        lr_share: Share of the task's learning rate at which it is trained, as what the data says
            before training has it.
        rows_at: The dimension of its output in which the rows of a batch stand.
        former: What the names of weights began with in checkpoints of earlier releases, and what
            they begin with now.
    """

    section = "model.net"
    # One name means one thing in every network, a user's own too.
    limits: ClassVar = {
        **dict.fromkeys(("dim", "hidden", "heads", "blocks", "members", "pools", "window"), COUNT),
        **dict.fromkeys(("item_penalty", "lora_rank", "pairwise", "turns"), NOT_NEGATIVE),
        **dict.fromkeys(("dropout", "lora_dropout"), DROPPED),
        **dict.fromkeys(("lora_alpha", "std"), POSITIVE),
        "max_history": Range(2),
    }
    sizes: ClassVar[tuple[str, ...]] = ()
    epochs: ClassVar[int | None] = None
    most_answers: ClassVar[int | None] = None
    max_history: int | None = None
    four_bits: bool = False
    lr_share: float = 1.0
    rows_at: ClassVar[int] = 0
    former: ClassVar[Mapping[str, str]] = {}

    def arguments(self) -> dict[str, Any]:
        """Return the arguments that build this network again, sizes left out.

        Returns:
            Plain JSON values by the argument's name.
        """
        names = list(inspect.signature(type(self).__init__).parameters)[1:]
        return {name: getattr(self, name) for name in names if name not in self.sizes}

    def renamed(self, state: Mapping[str, T], prefix: str = "") -> dict[str, T]:
        """Return weights by their names of today; see ``former``.

        Args:
            state: Weights by name.
            prefix: What stands before the names of this network's.
        """
        now = dict(state)
        for old, new in self.former.items():
            for name in [name for name in now if name.startswith(prefix + old)]:
                now[prefix + new + name.removeprefix(prefix + old)] = now.pop(name)
        return now

    def _load_from_state_dict(self, state: Any, prefix: str, *more: Any) -> None:
        """Take weights by names of earlier releases too; torch asks each module for this."""
        if self.former:
            now = self.renamed(state, prefix)
            state.clear()
            state.update(now)
        super()._load_from_state_dict(state, prefix, *more)

    def learn(self, facts: Any, fresh: bool) -> None:
        """Take from the data what is known before training begins; nothing by default.

        Args:
            facts: What the data module's ``facts`` gives.
            fresh: Whether the weights are still as they were drawn.
        """

    def penalty(self) -> Tensor | float:
        """Return a term of the parameters' own to add to the mean loss; none by default."""
        return 0.0

    def own_loss(self, batch: Any, output: Any) -> Tensor | float:
        """Return a loss of the network's own on what it says of a batch; none by default.

        It joins the task's before that is divided by what counts in a whole step, so that neither
        ranks nor accumulated batches change its weight. Under a pipeline the last stage computes
        it, of batch and output alone.

        Args:
            batch: A batch, or some of its rows.
            output: What the network gave for it.

        Returns:
            The sum over what counts in each row; shape (B,).
        """
        return 0.0

    def example(self, rows: int, steps: int, width: int) -> Any:
        """Draw a batch as data may give it, from which an export learns what is read.

        Args:
            rows: How many rows.
            steps: Slots of the longest row, at most ``max_history``.
            width: How many of what a slot or a row has a few of, such as the skills of an item.

        Returns:
            A named tuple of tensors, each field named with its shape letters; what the data or the
            network fixes has one size in every example.
        """
        raise NotImplementedError(f"{type(self).__name__} draws no example of what it reads")

    def depths(self) -> list[tuple[int, list[nn.Parameter]]] | None:
        """Return what is trained by its depth: blocks below the top, 0 for the head.

        None where all of it is trained at one rate.
        """
        return None

    @property
    def deferred(self) -> bool:
        """Whether a trained model's weights are still to be read."""
        return False

    def load(self, device: torch.device | None = None) -> None:
        """Read the weights that are still to be read.

        Args:
            device: Where they go; the CPU where it is None.
        """
