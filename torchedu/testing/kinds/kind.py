"""What a kind of network is to the checks, and a network of it under test."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, ClassVar

from torch import Tensor

from torchedu.errors import ConfigError
from torchedu.models import Network
from torchedu.testing.batches import mixed
from torchedu.testing.contract import Contract, moved, seeded


class Kind(ABC):
    """What networks of one kind are shown, and what they say to it.

    A package with a kind of network of its own writes a subclass, which is found once its module is
    imported. Names of a batch's columns end in their shape letters, as in ``torchedu.batch``.

    Attributes:
        network: The class of such networks.
        sizes: Sizes to build one for, by name.
        step_dims: The shape letters of dimensions that are steps: what may be padded.
        fill: What padded slots of a column hold, where it is not 0.
        loose: Columns whose padded slots may hold anything.
        asked: Columns of which a network sees its own step and the earlier ones.
        answered: Columns of which it sees the earlier steps alone. Where there are neither, it
            looks both ways.
        contracts: The contracts of this kind alone.
    """

    network: ClassVar[type[Network]]
    sizes: ClassVar[Mapping[str, Any]]
    step_dims: ClassVar[str] = "L"
    fill: ClassVar[Mapping[str, float]] = {}
    loose: ClassVar[tuple[str, ...]] = ()
    asked: ClassVar[tuple[str, ...]] = ()
    answered: ClassVar[tuple[str, ...]] = ()
    contracts: ClassVar[Mapping[str, Contract[Any]]] = {}

    @abstractmethod
    def batch(self, sizes: Mapping[str, Any], rows: int, steps: int, width: int) -> Any:
        """Draw full rows at random.

        Args:
            sizes: Those of the network.
            rows: B.
            steps: Steps of each row.
            width: What else is of any number: the skills of an item, say.
        """

    @abstractmethod
    def said(self, net: Any, batch: Any) -> Tensor:
        """Return what a network says of a batch; B comes first, then steps where it tells them."""

    @abstractmethod
    def real(self, batch: Any) -> Tensor:
        """Return which of that is about no padding; bool, its first dimensions."""

    def unread(self, net: Any) -> tuple[str, ...]:
        """Return the columns that a network must not read: who it is, and what counts.

        Those that a batch may do without are left out, the others changed.
        """
        return ("mean_over_B",)

    def prepare(self, net: Any, sizes: Mapping[str, Any]) -> Any:
        """Return a network that learned from data what it learns before training."""
        return net


def kind_of(network: type) -> Kind | None:
    """Return the kind that a class of networks is of, the nearest one; None where it is of none."""
    kinds = _kinds()
    return next((kinds[base]() for base in network.__mro__ if base in kinds), None)


def _kinds() -> dict[type, type[Kind]]:
    below: list[Any] = [Kind]
    for kind in below:
        below += kind.__subclasses__()
    return {kind.network: kind for kind in below if "network" in vars(kind)}


class NetworkSubject:
    """A network under test, and batches to show it.

    Args:
        build: Called with the sizes of its kind, gives the network.
        sizes: Sizes that are others than the kind's.
        kind: Its kind; where it is None, that of the class that ``build`` is or that it calls.

    Raises:
        ConfigError: No kind is known for it.
    """

    def __init__(
        self,
        build: Callable[..., Any],
        sizes: Mapping[str, Any] | None = None,
        kind: Kind | None = None,
    ) -> None:
        made: object = build
        while isinstance(made, partial):
            made = made.func
        named = kind or (kind_of(made) if isinstance(made, type) else None)
        if named is None:
            known = ", ".join(network.__name__ for network in _kinds())
            raise ConfigError(
                f"{made!r} is no class of a kind of networks that is known.",
                f"Give a subclass of {known}, or the kind.",
            )
        self.kind = named
        self.sizes = {**named.sizes, **(sizes or {})}
        self._build = build

    def build(self) -> Any:
        """Return the network as it is built."""
        return self._build(*self.sizes.values())

    def net(self, seed: int = 0) -> Any:
        """Return the network in evaluation mode, every parameter moved off where it started."""
        with seeded(seed):
            net = self.kind.prepare(self.build().eval(), self.sizes)
            return moved(net)

    def batch(self, rows: int = 6, steps: int = 12, width: int = 3, seed: int = 0) -> Any:
        """Return full rows of random data."""
        with seeded(seed):
            return self.kind.batch(self.sizes, rows, steps, width)

    def said(self, net: Any, batch: Any) -> Tensor:
        """Return what a network says of a batch, and zero of padding."""
        return self.blank(self.kind.said(net, batch), self.kind.real(batch))

    def blank(self, said: Tensor, real: Tensor) -> Tensor:
        """Return what is said, and zero where it is of padding."""
        mask = real.view(*real.shape, *[1] * (said.dim() - real.dim()))
        return said.masked_fill(~mask, 0)

    def mixed(self, batch: Any, other: Any, mask_BL: Tensor, columns: tuple[str, ...]) -> Any:
        """Return a batch with what another one holds in some slots."""
        return mixed(batch, other, mask_BL, columns, self.kind.step_dims)
