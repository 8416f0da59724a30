"""A small one of every network of the library, with the task that trains it, and data."""

import inspect
from collections.abc import Iterator
from functools import partial
from typing import Any

import torchedu.models
from tests.testing.examples import NETS, Examples
from torchedu.models import DotProduct, Network
from torchedu.run.words import subclasses
from torchedu.tasks import Task

SMALL = {"dim": 8, "hidden": 8, "heads": 2, "blocks": 2, "members": 2}
"""Sizes, of networks that have them."""


def _networks() -> Iterator[tuple[str, tuple[type[Network], type[Task]]]]:
    for task in subclasses(Task):
        for name, kind in vars(torchedu.models).items():
            is_network = isinstance(kind, type) and issubclass(kind, task.nets)
            if is_network and not inspect.isabstract(kind) and kind is not DotProduct:
                yield name, (kind, task)


KNOWN = dict(_networks())
"""Every network by name, found in the package, with its task."""


def built(name: str, data: Any) -> Task:
    """Return a small task for data, which it says how to read."""
    kind, task = KNOWN[name]
    known = inspect.signature(kind).parameters
    sizes = {
        size: value
        for size, value in SMALL.items()
        if size in known and size not in kind.sizes and isinstance(known[size].default, int)
    }
    given = {size: getattr(data, size) for size in task.sizes}
    given |= {"net": partial(kind, **sizes)}
    if name in ("CausalLM", "FrozenGrader"):
        given |= NETS[task.__name__]
    made = task(**given)
    data.suit(made.net)
    return made


def data_for(name: str, examples: Examples) -> Any:
    """Return small data that a network can be trained on."""
    data = examples(KNOWN[name][1].usual["data"].rpartition(".")[2])
    if name == "TextGrader":
        path = str(data.store.path)
        return type(data)(path, encoder=data.encoder, window=32, batch_size=16, frozen=False)
    return data
