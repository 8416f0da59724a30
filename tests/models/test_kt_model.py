"""Every network that torchedu holds, found and not listed: a new file is tested as it is."""

import inspect
import json
import pkgutil
import re
from importlib import import_module
from pathlib import Path

import pytest
import torch

import torchedu.models
from torchedu.models import KTModel
from torchedu.run.words import RECIPES
from torchedu.testing import check_model
from torchedu.testing.contract import Subject


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


@pytest.mark.parametrize("kind", discovered())
def test_students_of_any_number_of_answers_are_stepped_together(kind: type[KTModel]) -> None:
    """As events come: each time some students answer, who have answered more or less before."""
    subject = Subject(kind, 20, 9)
    net, batch = subject.net(), subject.batch(size=24, steps=40)
    drawn = torch.Generator().manual_seed(0)
    with torch.no_grad():
        logit_BL = net(batch)
        state, next_B = net.initial_state(24), torch.zeros(24, dtype=torch.int64)
        while (row_B := (next_B < 40).nonzero().squeeze(1)).numel():
            row_B = row_B[torch.randperm(len(row_B), generator=drawn)[: 1 + len(row_B) // 2]]
            step_B = next_B[row_B]
            part, answered = tuple(x[row_B] for x in state), batch.answered(step_B, row_B)
            wanted_B = logit_BL[row_B, step_B]
            torch.testing.assert_close(
                net.predict(part, answered.asked), wanted_B, atol=1e-5, rtol=1e-5
            )
            after = net.step(part, answered)
            state = tuple(x.index_copy(0, row_B, y) for x, y in zip(state, after, strict=True))
            next_B[row_B] += 1


@pytest.mark.parametrize("kind", discovered())
def test_it_says_how_large_a_state_is(kind: type[KTModel]) -> None:
    net = kind(20, 9)
    whole = sum(tensor.nbytes for tensor in net.initial_state(7))
    assert 7 * net.state_bytes == whole > 0


def test_the_library_networks_are_among_those_found() -> None:
    assert {"DKT", "SAKT", "ItemDKT"} <= {kind.__name__ for kind in discovered()}


@pytest.mark.parametrize("kind", discovered())
def test_arguments_leave_the_sizes_out(kind: type[KTModel]) -> None:
    net = kind(5, 4)
    assert json.loads(json.dumps(net.arguments())) == net.arguments()
    assert not {"num_items", "num_skills"} & set(net.arguments())
    assert net.penalty() >= 0
