"""Every network that torchedu holds, found and not listed: a new file is tested as it is."""

import inspect
import pkgutil
from functools import partial
from importlib import import_module
from typing import Any

import pytest

import torchedu.models
from torchedu.models import Network
from torchedu.testing import check_network

ARGUMENTS: dict[str, dict[str, Any]] = {
    # What a pretrained model would bring.
    "TextGrader": {
        "config": {
            "model_type": "bert", "vocab_size": 40, "hidden_size": 16, "num_hidden_layers": 1,
            "num_attention_heads": 2, "intermediate_size": 32, "max_position_embeddings": 64,
        }
    },
    # The usual one takes 1,024 tokens at once, which takes seconds.
    "CausalLM": {
        "config": {
            "model_type": "llama", "hidden_size": 32, "intermediate_size": 32,
            "num_hidden_layers": 2, "num_attention_heads": 4, "max_position_embeddings": 64,
        }
    },
}  # fmt: skip
"""What a network is built with that does not go by the usual arguments here."""


def discovered(base: type[Network]) -> list[type[Any]]:
    """Return the networks of a kind, whichever file they lie in."""
    kinds: list[type[Any]] = []
    for module in pkgutil.iter_modules(torchedu.models.__path__, "torchedu.models."):
        kinds += [
            kind
            for _, kind in inspect.getmembers(import_module(module.name), inspect.isclass)
            if issubclass(kind, base)
            and kind.__module__ == module.name
            and kind is not Network
            and not inspect.isabstract(kind)
        ]
    return kinds


@pytest.mark.parametrize("kind", discovered(Network))
def test_a_network_keeps_the_contracts_of_its_kind(kind: type[Network]) -> None:
    if kind.__name__ in ARGUMENTS:
        pytest.importorskip("transformers", reason="needs the package transformers")
    check_network(partial(kind, **ARGUMENTS.get(kind.__name__, {})))


@pytest.mark.parametrize("kind", discovered(Network))
def test_a_network_is_exported(kind: type[Network]) -> None:
    assert getattr(torchedu.models, kind.__name__) is kind
    assert kind.__name__ in torchedu.models.__all__


def test_the_library_networks_are_among_those_found() -> None:
    names = {kind.__name__ for kind in discovered(Network)}
    assert names >= {"DKT", "SAKT", "ItemDKT", "NeuMF", "SASRec", "EventGRU", "FrozenGrader"}
    assert names >= {"TextGrader", "TurnContext", "LessonTransformer", "CausalLM"}
