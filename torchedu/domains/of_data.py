"""Tasks that are built of a network's name and data, as a command builds them."""

import inspect
from abc import ABCMeta
from operator import attrgetter
from typing import Any, ClassVar

from torchedu import models
from torchedu.companions import Agreeing
from torchedu.errors import ConfigError, allowed
from torchedu.models.network import Network


class OfData(ABCMeta):
    """Lets a task be built as ``KnowledgeTracing("ItemDKT", data)``.

    Where a data module stands in place of the sizes, they are its own, and what is not said besides
    is as the command line has it: the task's ``usual``. A network may be named anywhere.
    """

    sizes: ClassVar[tuple[str, ...]]
    nets: ClassVar[type[Network]]
    usual: ClassVar[dict[str, Any]]

    def __call__(cls, *args: Any, **given: Any) -> Any:
        """Build a task.

        Args:
            *args: The network or its name, then the sizes or the data that has them.
            **given: The rest.

        Raises:
            ConfigError: There is no such network.
        """
        net, *others = args or (given.pop("net", None),)
        if others and isinstance(others[0], Agreeing):
            data, *others = others
            given = {**cls.usual.get("init_args", {}), **given}
            given |= {size: attrgetter(size)(data) for size in cls.sizes}
        net = _network(net, cls.nets) if isinstance(net, str) else net
        if net is not None or args:
            others = [net, *others]
        return super().__call__(*others, **given)

    @property
    def __signature__(cls) -> inspect.Signature:
        """What building it takes, as ``__init__`` says."""
        signature = inspect.signature(cls.__init__)  # type: ignore[misc]
        return signature.replace(parameters=[*signature.parameters.values()][1:])


def _network(name: str, base: type[Network]) -> type[Network]:
    """Return a network of torchedu's by its name.

    Raises:
        ConfigError: There is none of that kind.
    """
    every = [vars(models).get(known) for known in models.__all__]
    kinds = {
        kind.__name__: kind
        for kind in every
        if isinstance(kind, type) and issubclass(kind, base) and not inspect.isabstract(kind)
    }
    if name not in kinds:
        raise ConfigError(f"⟦model.net⟧ is {name!r}.", allowed(name, kinds, 12))
    return kinds[name]
