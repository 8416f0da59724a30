"""Every network of knowledge tracing has its file, its row of the docs and its recipe."""

import re
from pathlib import Path

import pytest
import torch

from tests.models.test_network import discovered
from torchedu.models import KTModel
from torchedu.parsing import RECIPES
from torchedu.testing.kinds import NetworkSubject


@pytest.mark.parametrize("kind", discovered(KTModel))
def test_a_network_lies_in_a_file_of_its_own(kind: type[KTModel]) -> None:
    assert kind.__name__.lower() == kind.__module__.rpartition(".")[2].replace("_", "")


@pytest.mark.parametrize("kind", discovered(KTModel))
def test_a_network_has_a_row_of_docs_and_a_recipe(kind: type[KTModel]) -> None:
    page = (Path(__file__).parents[2] / "docs" / "models.md").read_text("utf-8")
    row, *_ = re.findall(rf"^\| `{kind.__name__}` \|.*$", page, re.MULTILINE)
    *_, arguments, recipe, auc, _ = [cell.strip() for cell in row.split("|")]
    assert re.findall(r"\w+", arguments) == list(kind(5, 4).arguments())
    first = (RECIPES / f"{recipe.strip('`')}.yaml").read_text("utf-8").splitlines()[0]
    assert f"AUC {auc} " in first


@pytest.mark.parametrize("kind", discovered(KTModel))
def test_students_of_any_number_of_answers_are_stepped_together(kind: type[KTModel]) -> None:
    """As events come: each time some students answer, who have answered more or less before."""
    subject = NetworkSubject(kind)
    net, batch = subject.net(), subject.batch(rows=24, steps=40)
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


@pytest.mark.parametrize("kind", discovered(KTModel))
def test_it_says_how_large_a_state_is(kind: type[KTModel]) -> None:
    net = kind(20, 9)
    whole = sum(tensor.nbytes for tensor in net.initial_state(7))
    assert 7 * net.state_bytes == whole > 0


@pytest.mark.parametrize("kind", discovered(KTModel))
def test_a_penalty_is_no_reward(kind: type[KTModel]) -> None:
    assert kind(5, 4).penalty() >= 0
