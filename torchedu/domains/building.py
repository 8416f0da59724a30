"""Classes by their import path, and networks from what a checkpoint says of them."""

from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from typing import Any, TypeVar, cast

from torchedu.errors import CheckpointError
from torchedu.models.network import Network

T = TypeVar("T")
Net = TypeVar("Net", bound=Network)


def class_path(kind: type) -> str:
    """Return the import path of a class."""
    return f"{kind.__module__}.{kind.__qualname__}"


def class_by_path(path: str, base: type[T], noun: str) -> type[T]:
    """Return the class that a checkpoint names.

    Its module is imported, and nothing but a class of the kind expected is ever returned.

    Args:
        path: The import path.
        base: What the class has to be.
        noun: What to call it in an error.

    Returns:
        The class.

    Raises:
        CheckpointError: There is no such class, or it is of another kind.
    """
    module, _, name = path.rpartition(".")
    try:
        kind = getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError):
        raise CheckpointError(
            f"the checkpoint's {noun} {path!r} cannot be imported.",
            "Install the package that defines it, or put its folder on PYTHONPATH.",
        ) from None
    if not (isinstance(kind, type) and issubclass(kind, base)):
        raise CheckpointError(
            f"the checkpoint names {path!r}, which is no {noun} of torchedu.",
            "Use a checkpoint written by torchedu.",
        )
    return kind


def described(net: Network) -> dict[str, Any]:
    """Return what a checkpoint says of a network: its class and its arguments, sizes left out."""
    from torch.distributed.fsdp import FSDPModule  # slow to import, and asked for when one saves

    # Where devices share it, its class is one that torch made of its own.
    kind = next(kind for kind in type(net).__mro__ if not issubclass(kind, FSDPModule))
    return {"class_path": class_path(kind), "init_args": net.arguments()}


def builder(net: object, base: Callable[..., Net]) -> Callable[..., Net]:
    """Return what builds a network, from itself or from its description in a checkpoint."""
    if isinstance(net, Mapping):
        kind = class_by_path(str(net["class_path"]), cast(type[Net], base), "network")
        return partial(kind, **net["init_args"])
    return cast(Callable[..., Net], net)
