"""What is trained of an encoder that grades, and how fast."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from torchedu.batch import EssayBatch
from torchedu.errors import ConfigError
from torchedu.models import TextGrader
from torchedu.schema import SURFACE_NUMBERS
from torchedu.tasks import EssayGrading


def build(encoder: Path, **options: object) -> TextGrader:
    torch.manual_seed(0)
    return TextGrader(4, 1, 5, 1, 16, str(encoder), dropout=0.0, **options)


def batch(size: int = 6) -> EssayBatch:
    drawn = torch.Generator().manual_seed(0)
    token_BWL = torch.randint(4, 16, (size, 1, 9), generator=drawn)
    surface_BF = torch.rand(size, len(SURFACE_NUMBERS), generator=drawn)
    score_BY = torch.rand(size, 1, generator=drawn)
    return EssayBatch(
        token_BWL, token_BWL > 0, torch.zeros(size, 0, 0), surface_BF, torch.full((size,), 2),
        score_BY, torch.ones(size, 1, dtype=torch.bool), torch.arange(size), torch.ones(size),
    )  # fmt: skip


def test_each_block_has_a_lower_rate_than_the_one_above(encoder_folder: Path) -> None:
    sizes = (4, 1, 0, 5, 1, 16, str(encoder_folder))
    task = EssayGrading(
        lambda *given: build(encoder_folder), *sizes, lr=1.0, encoder_lr=0.1, layer_decay=0.5
    )
    rate = {id(one): group["lr"] for group in task.parameter_groups() for one in group["params"]}
    found = {name: rate[id(one)] for name, one in task.net.named_parameters()}
    assert {v for k, v in found.items() if not k.startswith("reader")} == {1.0}
    assert {v for k, v in found.items() if ".layer.1." in k} == {0.1}
    assert {v for k, v in found.items() if ".layer.0." in k} == {0.05}
    assert {v for k, v in found.items() if "embeddings" in k} == {0.025}


def test_low_rank_additions_begin_with_nothing_and_are_all_that_is_trained(
    encoder_folder: Path,
) -> None:
    whole, net = build(encoder_folder).eval(), build(encoder_folder, lora_rank=2).eval()
    net.output.load_state_dict(whole.output.state_dict())
    with torch.no_grad():
        torch.testing.assert_close(net(batch()), whole(batch()))
    trained = {name for name, one in net.named_parameters() if one.requires_grad}
    assert all(name.startswith("output.") or ".encoder.layer." in name for name in trained)
    assert sum(".lora_" in name for name in trained) == 2 * 2 * 6  # 6 linear layers a block
    given = [one for _, those in net.depths() for one in those]
    assert {id(one) for one in given} == {id(one) for one in net.parameters() if one.requires_grad}
    net.output.loss(net(batch()), batch().target_BY, torch.tensor(5.0)).sum().backward()
    moved = {name for name, one in net.named_parameters() if one.grad is not None}
    assert moved == trained


@pytest.mark.parametrize("options", [{}, {"lora_rank": 2, "lora_alpha": 8.0}])
def test_arguments_and_weights_are_all_that_the_network_is(
    options: dict[str, object], encoder_folder: Path
) -> None:
    net = build(encoder_folder, **options).eval()
    again = TextGrader(4, 1, 5, 1, 16, "a folder that is gone", **net.arguments()).eval()
    again.load_state_dict(net.state_dict())
    with torch.no_grad():
        assert torch.equal(again(batch()), net(batch()))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda folder: build(folder, lora_rank=-1), "lora_rank is -1"),
        (lambda folder: TextGrader(4, 1, 5, 1, 32, str(folder)), "vectors of 48 numbers"),
    ],
)
def test_what_cannot_be_is_told(
    wrong: Callable[[Path], TextGrader], said: str, encoder_folder: Path
) -> None:
    with pytest.raises(ConfigError, match=said):
        wrong(encoder_folder)
