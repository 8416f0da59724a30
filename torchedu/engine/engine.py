"""What every trained network in use is: rows in, answers out, by verbs of its own."""

import inspect
from collections.abc import Mapping
from functools import cached_property
from typing import Any, ClassVar, Generic, TypeVar

import torch

from torchedu.companions import Companions
from torchedu.domains import Domain
from torchedu.domains.building import class_path
from torchedu.engine.states import digest_of
from torchedu.errors import CheckpointError, ConfigError
from torchedu.readers.rows import Rows
from torchedu.schema import RESERVED

D = TypeVar("D", bound=Domain)
_ENGINES: "dict[type[Domain], type[Engine[Any]]]" = {}


class UnknownVerb(ConfigError, AttributeError):
    """An engine is asked for what its network does not do."""


class Engine(Generic[D]):
    """A trained network in use, on the CPU; ``open_engine`` opens one.

    A subclass says what it serves, ``class TracingEngine(Engine[Tracing], serves=Tracing)``, and
    gives it verbs: each public method is one. A package of one's own does so for a task of its own
    in the file of that task. Methods may be called from any number of threads.

    Args:
        domain: The task with its network.
    """

    serves: ClassVar[type[Domain]]

    def __init_subclass__(cls, serves: type[Domain]) -> None:
        """Take in what serves a task, and tasks made of it that have no engine of their own."""
        super().__init_subclass__()
        cls.serves = serves
        _ENGINES[serves] = cls

    def __init__(self, domain: D) -> None:
        if domain.companions is None:
            raise CheckpointError(
                f"this {type(domain).__name__} does not say what its weights belong to.",
                "Use a checkpoint written by torchedu.",
            )
        self.domain = domain.eval().requires_grad_(False)
        self.companions: Companions = domain.companions

    @cached_property
    def digest(self) -> str:
        """The checksum of the network and of what its ids mean."""
        names, net = self.companions.vocabulary, self.domain.net
        about = [class_path(type(net)), repr(sorted(net.arguments().items()))]
        about += [f"{kind} {list(names[kind])}" for kind in sorted(names.kinds)]
        return digest_of(about, sorted(net.state_dict().items()))

    @property
    def verbs(self) -> tuple[str, ...]:
        """What may be asked of it."""
        functions = inspect.getmembers(type(self), inspect.isfunction)
        return tuple(name for name, _ in functions if not name.startswith("_"))

    def __getattr__(self, name: str) -> Any:
        """Refuse a verb that it does not have."""
        served = type(self.__dict__.get("domain")).__name__
        raise UnknownVerb(
            f"an engine of {served} has no {name!r}.",
            f"It has {', '.join(self.verbs)}.",
        )


class RowsEngine(Engine[Domain], serves=Domain):  # type: ignore[type-abstract]
    """Serves what has no engine of its own: rows in, predictions out."""

    @torch.inference_mode()
    def predict(self, rows: Rows) -> dict[str, list[Any]]:
        """Say what the network predicts of rows.

        Args:
            rows: As the task reads them; see ``Domain.read``.

        Returns:
            The columns that the task predicts, by name; ids of names of the vocabulary, where a
            column is called by their kind, as these names.
        """
        batch = self.domain.read(rows)
        said: Mapping[str, torch.Tensor] = self.domain.predict(batch)._asdict()
        kinds = self.companions.vocabulary
        return {
            column: [kinds[column].name(id) for id in values.tolist()]
            if column in kinds.kinds and len(kinds[column]) > RESERVED
            else values.tolist()
            for column, values in said.items()
        }


def engine_of(domain: Domain) -> Engine[Any]:
    """Return the engine that serves a task."""
    kind = next(_ENGINES[kind] for kind in type(domain).__mro__ if kind in _ENGINES)
    return kind(domain)
