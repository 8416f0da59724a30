"""Classes by their import path, and networks from what a checkpoint says of them."""

import inspect
import re
import sys
from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from typing import Any, TypeVar, cast

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from torchedu.errors import CheckpointError, ConfigError, TorcheduError
from torchedu.models.network import Network
from torchedu.permissions import is_trusted
from torchedu.ranges import Ranged
from torchedu.strict import (
    IMPORT_PATH,
    Unfit,
    arguments,
    check,
    json_value,
    nothing,
    record,
    table,
    text,
)

OWN = tuple(f"torchedu.{room}." for room in ("models", "domains", "tasks", "datamodules"))
"""Where torchedu keeps what a checkpoint, an export or a configuration names."""
SPECIAL = {
    "net": record(
        {"class_path": text(IMPORT_PATH, 500, "an import path"), "init_args": table(json_value)},
        ("class_path", "init_args"),
    ),
    "start_from": nothing,  # what it began with is in its weights
}
"""Arguments of tasks that a file tells otherwise than Python does."""
ROOM, SMALL = 2, 1 << 24
"""Numbers that a network may take for each one of its weights, and besides."""

T = TypeVar("T")
Net = TypeVar("Net", bound=Network)


def class_path(kind: type) -> str:
    """Return the import path of a class."""
    return f"{kind.__module__}.{kind.__qualname__}"


def class_by_path(path: str, base: type[T], noun: str) -> type[T]:
    """Return the class that a file names.

    A file decides nothing about what is imported: the class is torchedu's own, of a module that
    this process has imported anyway, or of one that the user trusts (``permissions``).

    Args:
        path: The import path.
        base: What the class has to be.
        noun: What to call it in an error.

    Returns:
        The class.

    Raises:
        CheckpointError: There is no such class, it is of another kind, or nobody has named its
            module.
    """
    module, _, name = path.rpartition(".")
    shown = path if len(path) < 200 else f"{path[:200]} ..."
    if not re.fullmatch(IMPORT_PATH, path, re.ASCII):
        raise CheckpointError(
            f"the checkpoint's {noun} is {shown!r}, which is the import path of no class.",
            "Use a checkpoint written by torchedu.",
        )
    if not (is_own(module) or is_trusted(module) or module in sys.modules):
        raise CheckpointError(
            f"the checkpoint's {noun} is {shown!r}, whose code is not torchedu's.",
            f"If you trust it, name its module: ⟦trust⟧ {module.partition('.')[0]}.",
        )
    try:
        if is_own(module) or is_trusted(module):
            import_module(module)
        # Not by getattr, at which some modules import others.
        kind = vars(sys.modules[module]).get(name) or (is_own(module) and _front(module, name))
    except (ImportError, ValueError, KeyError):
        kind = None
    if not kind:
        raise CheckpointError(
            f"the checkpoint's {noun} {shown!r} cannot be imported.",
            "Install the package that defines it, or put its folder on PYTHONPATH.",
        )
    if not (isinstance(kind, type) and issubclass(kind, base)):
        raise CheckpointError(
            f"the checkpoint names {shown!r}, which is no {noun} of torchedu.",
            "Use a checkpoint written by torchedu.",
        )
    return kind


def check_build(
    kind: type[nn.Module], values: Mapping[str, Any], weights: Mapping[str, Tensor]
) -> None:
    """Check what a file says of a task or a network, before it is built.

    Args:
        kind: Its class.
        values: Its arguments, by name.
        weights: What is going to be loaded into it.

    Raises:
        CheckpointError: An argument is of another form than the class takes, or what would be built
            is far larger than its weights.
    """
    check_arguments(kind, values)
    known = inspect.signature(kind).parameters
    try:
        with torch.device("meta"), _Unfilled():
            shell = kind(**{name: value for name, value in values.items() if name in known})
        kept = {**dict(shell.named_buffers()), **shell.state_dict()}
        wanted = sum(weight.numel() for weight in kept.values() if isinstance(weight, Tensor))
    except TorcheduError:
        raise
    except Exception:  # noqa: BLE001  # a network of one's own, which has to be built to be known
        return
    held = sum(weight.numel() for weight in weights.values())
    if wanted > ROOM * held + SMALL:
        raise CheckpointError(
            f"the {kind.__name__} that a file describes takes {wanted:,} numbers, and its weights "
            f"are {held:,}.",
            "Use another copy; the two do not belong together.",
        )


class _Unfilled(TorchFunctionMode):
    """Draws no numbers for what has no memory: on the meta device that alone imports a compiler.

    What a network computes on the CPU while it is built, of a small copy of itself, stays as it is.
    """

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in (Tensor.normal_, Tensor.uniform_, nn.init.normal_, nn.init.uniform_):
            tensor: Tensor = args[0] if args else kwargs["tensor"]
            if tensor.is_meta:
                return tensor
        return func(*args, **(kwargs or {}))


def check_arguments(kind: type[Any], values: Mapping[str, Any]) -> None:
    """Check arguments that a file names; see ``check_build``."""
    known = inspect.signature(kind).parameters
    given = {name: value for name, value in values.items() if name in known}
    try:
        check(given, arguments(kind, {name: SPECIAL[name] for name in SPECIAL.keys() & known}))
        if issubclass(kind, Ranged):
            kind.check_numbers(given)
    except (Unfit, ConfigError) as error:
        wrong = f"its {error}" if isinstance(error, Unfit) else error.problem.rstrip(".")
        raise CheckpointError(
            f"the file describes no {kind.__name__}: {wrong}.",
            "Copy it again from where it came, or use another checkpoint of its run.",
        ) from None


def is_own(module: str) -> bool:
    """Say whether a module is one of torchedu's that hold what files name."""
    return module == "torchedu" or f"{module}.".startswith(OWN)


def _front(module: str, name: str) -> object:
    """Return what a package of torchedu's gives under a name that it loads when asked for it."""
    package = sys.modules[module]
    return getattr(package, name) if name in vars(package).get("__all__", ()) else None


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
        check_arguments(kind, net["init_args"])
        return partial(kind, **net["init_args"])
    return cast(Callable[..., Net], net)
