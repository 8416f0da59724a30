"""What is trained of an encoder that grades, and how fast."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.encoders import write_decoder
from tests.essays import write_essays
from torchedu.batch import EssayBatch
from torchedu.datamodules import Essays
from torchedu.errors import ConfigError
from torchedu.models import FrozenGrader, TextGrader
from torchedu.models.text_encoder import encoder_config
from torchedu.schema import SURFACE_NUMBERS
from torchedu.tasks import EssayGrading


def build(encoder: Path, **options: object) -> TextGrader:
    torch.manual_seed(0)
    return TextGrader(4, 1, 5, 1, 16, str(encoder), dropout=0.0, **options)


def read(encoder: Path, layers: list[int]) -> Essays:
    file = write_essays(encoder.parent / "essays.csv", 20)
    return Essays(str(file), encoder=str(encoder), frozen=False, layers=layers)


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
    found = {name: rate[id(one)] for name, one in task.net.named_parameters() if one.requires_grad}
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


@pytest.mark.parametrize("layers", [None, [-1]])
def test_training_begins_with_what_the_frozen_network_tells(
    layers: list[int] | None, encoder_folder: Path, tmp_path: Path
) -> None:
    file = write_essays(tmp_path / "essays.csv")

    def begun(kind: type[FrozenGrader | TextGrader], frozen: bool) -> torch.Tensor:
        data = Essays(
            str(file), encoder=str(encoder_folder), layers=layers, window=16, precision="32",
            frozen=frozen,
        )  # fmt: skip
        sizes = (data.num_prompts, 1, data.num_steps, 1, data.dim, str(encoder_folder))
        net = kind(*sizes, head="regression").eval()
        net.learn(data.training_texts(net.start), fresh=True)
        batches, _ = data.evaluation("test")
        with torch.no_grad():
            return net(batches(np.arange(len(batches.rows)))).mean(0)

    frozen_BYK, tuned_BYK = begun(FrozenGrader, True), begun(TextGrader, False)
    assert frozen_BYK.std() > 0.05
    torch.testing.assert_close(tuned_BYK, frozen_BYK, atol=1e-3, rtol=0)


def test_vectors_are_cut_only_where_it_is_known_what_is_usual(encoder_folder: Path) -> None:
    net, far_BRD = build(encoder_folder), torch.full((6, 1, 16), 100.0)
    net.learn(batch(), fresh=True)
    assert net.numbers(far_BRD, batch())[:, :16].eq(100).all()
    net = build(encoder_folder)
    net.learn(batch()._replace(vector_BRD=torch.randn(6, 1, 16)), fresh=True)
    assert net.numbers(far_BRD, batch())[:, :16].eq(6).all()


def test_the_encoder_drops_nothing_in_training(tmp_path: Path) -> None:
    config = encoder_config(str(write_decoder(tmp_path / "decoder")))
    config["attention_dropout"] = 0.5
    net = TextGrader(4, 1, 5, 1, 16, "", config=config).train()
    first, second = (net.reader(*(one[:, 0] for one in batch()[:2])) for _ in range(2))
    assert torch.equal(first, second)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda folder: build(folder, lora_rank=-1), "lora_rank is -1"),
        (lambda folder: TextGrader(4, 1, 5, 1, 32, str(folder)), "vectors of 48 numbers"),
        (lambda folder: read(folder, [1]), r"layers are \[1\], and an encoder that is trained"),
    ],
)
def test_what_cannot_be_is_told(
    wrong: Callable[[Path], object], said: str, encoder_folder: Path
) -> None:
    with pytest.raises(ConfigError, match=said):
        wrong(encoder_folder)
