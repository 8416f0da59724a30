"""Every network of knowledge tracing has its file, its row of the docs and its recipe."""

import re
from pathlib import Path

import pytest

from tests.models.test_network import discovered
from torchedu.models import KTModel
from torchedu.run.words import RECIPES


@pytest.mark.parametrize("kind", discovered(KTModel))
def test_a_network_lies_in_a_file_of_its_own(kind: type[KTModel]) -> None:
    assert kind.__name__.lower() == kind.__module__.rpartition(".")[2].replace("_", "")


@pytest.mark.parametrize("kind", discovered(KTModel))
def test_a_network_has_a_row_of_docs_and_a_recipe(kind: type[KTModel]) -> None:
    page = (Path(__file__).parents[2] / "docs" / "models.md").read_text("utf-8")
    (row,) = re.findall(rf"^\| `{kind.__name__}` \|.*$", page, re.MULTILINE)
    *_, arguments, recipe, auc, _ = [cell.strip() for cell in row.split("|")]
    assert re.findall(r"\w+", arguments) == list(kind(5, 4).arguments())
    first = (RECIPES / f"{recipe.strip('`')}.yaml").read_text("utf-8").splitlines()[0]
    assert f"AUC {auc} " in first


@pytest.mark.parametrize("kind", discovered(KTModel))
def test_a_penalty_is_no_reward(kind: type[KTModel]) -> None:
    assert kind(5, 4).penalty() >= 0
