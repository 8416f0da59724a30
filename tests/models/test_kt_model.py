"""Every network that torchedu holds, found and not listed: a new file is tested as it is."""

import inspect
import json
import pkgutil
import re
from importlib import import_module
from pathlib import Path

import pytest

import torchedu.models
from torchedu.models import KTModel
from torchedu.run.words import RECIPES
from torchedu.testing import check_model


def discovered() -> list[type[KTModel]]:
    kinds: list[type[KTModel]] = []
    for module in pkgutil.iter_modules(torchedu.models.__path__, "torchedu.models."):
        kinds += [
            kind
            for _, kind in inspect.getmembers(import_module(module.name), inspect.isclass)
            if issubclass(kind, KTModel)
            and kind.__module__ == module.name
            and not inspect.isabstract(kind)
        ]
    return kinds


@pytest.mark.parametrize("kind", discovered())
def test_a_network_keeps_the_contract(kind: type[KTModel]) -> None:
    check_model(kind)


@pytest.mark.parametrize("kind", discovered())
def test_a_network_is_exported_and_lies_in_a_file_of_its_own(kind: type[KTModel]) -> None:
    assert getattr(torchedu.models, kind.__name__) is kind
    assert kind.__name__ in torchedu.models.__all__
    assert kind.__name__.lower() == kind.__module__.rpartition(".")[2].replace("_", "")


@pytest.mark.parametrize("kind", discovered())
def test_a_network_has_a_row_of_docs_and_a_recipe(kind: type[KTModel]) -> None:
    page = (Path(__file__).parents[2] / "docs" / "models.md").read_text("utf-8")
    (row,) = re.findall(rf"^\| `{kind.__name__}` \|.*$", page, re.MULTILINE)
    *_, arguments, recipe, auc, _ = [cell.strip() for cell in row.split("|")]
    assert re.findall(r"\w+", arguments) == list(kind(5, 4).arguments())
    first = (RECIPES / f"{recipe.strip('`')}.yaml").read_text("utf-8").splitlines()[0]
    assert f"AUC {auc} " in first


def test_the_library_networks_are_among_those_found() -> None:
    assert {"DKT", "SAKT", "ItemDKT"} <= {kind.__name__ for kind in discovered()}


@pytest.mark.parametrize("kind", discovered())
def test_arguments_leave_the_sizes_out(kind: type[KTModel]) -> None:
    net = kind(5, 4)
    assert json.loads(json.dumps(net.arguments())) == net.arguments()
    assert not {"num_items", "num_skills"} & set(net.arguments())
    assert net.penalty() >= 0
