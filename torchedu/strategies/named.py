"""The names that ``--trainer.strategy`` takes, and the classes behind them."""

from importlib import import_module
from pathlib import Path
from typing import NamedTuple, Protocol, runtime_checkable

from lightning import LightningModule
from lightning.pytorch.strategies import Strategy

from torchedu.errors import ConfigError, allowed


class Named(NamedTuple):
    """A strategy by its name.

    Attributes:
        path: Import path of its class, which is loaded when it is asked for.
        help: What it is for, in a line.
    """

    path: str
    help: str


AUTO = "auto"
STRATEGIES = {
    "ddp": Named("torchedu.strategies.ddp.DDP", "a whole copy on each device; averaged gradients"),
    "fsdp": Named("torchedu.strategies.fsdp.FSDP", "each device keeps a part of every parameter"),
    "tensor": Named("torchedu.strategies.tensor.Tensor", "devices compute each batch together"),
    "pipeline": Named(
        "torchedu.strategies.pipeline.Pipeline",
        "some of the blocks on each device; micro-batches pass through them",
    ),
    "deepspeed": Named(
        "torchedu.strategies.deepspeed.DeepSpeed", "ZeRO: optimizer, gradients, weights divided"
    ),
    "horovod": Named("torchedu.strategies.horovod.Horovod", "a copy on each device; legacy"),
    "dp": Named("torchedu.strategies.dp.DP", "one process that divides each batch; legacy"),
}
"""Every strategy but ``auto``: one device, or ``ddp`` where there are more."""


@runtime_checkable
class Checks(Protocol):
    """What a strategy has that can tell, before any process starts, that it cannot serve a run.

    It knows its devices by then (``parallel_devices``, ``num_nodes``), but no process group.
    """

    def check(self, module: LightningModule) -> None:
        """Raise ``ConfigError`` where it cannot train this task."""


def strategy_class(name: str) -> type[Strategy]:
    """Return the class of a strategy.

    Args:
        name: One of ``STRATEGIES``, or an import path.

    Raises:
        ConfigError: There is none of that name.
    """
    module, _, kind = strategy_path(name).rpartition(".")
    try:
        strategy = getattr(import_module(module), kind)
    except (ImportError, AttributeError) as error:
        raise ConfigError(
            f"⟦trainer.strategy⟧ {name!r} cannot be imported: {error}",
            allowed(name, [AUTO, *STRATEGIES]),
        ) from None
    if not (isinstance(strategy, type) and issubclass(strategy, Strategy)):
        raise ConfigError(
            f"⟦trainer.strategy⟧ {name!r} is no strategy.", allowed(name, [AUTO, *STRATEGIES])
        )
    return strategy


def strategy_path(name: str) -> str:
    """Return the import path of a strategy's class; one's own is given by that path already.

    Raises:
        ConfigError: There is none of that name.
    """
    if name in STRATEGIES:
        return STRATEGIES[name].path
    if "." not in name:
        raise ConfigError(
            f"⟦trainer.strategy⟧ {name!r} is not known.", allowed(name, [AUTO, *STRATEGIES])
        )
    return name


def named_strategy(strategy: str | Strategy) -> str | Strategy:
    """Return the object that a trainer takes for a strategy's name; ``auto`` stays as it is.

    Raises:
        ConfigError: There is none of that name.
    """
    if isinstance(strategy, Strategy) or strategy == AUTO:
        return strategy
    return strategy_class(strategy)()


def strategy_word(name: str) -> str:
    """Return what the parser takes for a name: a class, whose options words after it set.

    Raises:
        ConfigError: There is no strategy of that name.
    """
    is_section = name.lstrip().startswith("{") or Path(name).suffix in (".yaml", ".yml", ".json")
    return name if name == AUTO or is_section else strategy_path(name)


def strategies_help() -> dict[str, str]:
    """Return the names of all strategies, each with a line of help."""
    usual = {AUTO: "one device, or ddp where there are more"}
    return usual | {name: named.help for name, named in STRATEGIES.items()}
