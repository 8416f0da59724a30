"""Checkpoints whose parts the ranks of ``fsdp`` write, and what a run does with them."""

from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from lightning import Trainer
from lightning.pytorch.plugins.io import TorchCheckpointIO

from tests.strategies.runs import SAVED, STEPS, Run, built, losses_apart, train
from torchedu.checkpoints import read_checkpoint
from torchedu.checkpoints.parts import DIVIDED
from torchedu.errors import ConfigError
from torchedu.strategies.fsdp import FSDP
from torchedu.testing.launch import LaunchServer

SECONDS = 100.0
NETS = ("DKT", "SAKT")
SHARDED = {"sharded_checkpoints": True}


class Curves(NamedTuple):
    """Losses by step: of a run that saved, and of those that went on from it."""

    saved: dict[int, float]
    ddp: dict[int, float]
    fsdp: dict[int, float]


def both(store: Path, folder: Path) -> dict[str, Curves]:
    """Save in parts and in one file, and go on from parts."""
    told = {}
    for net in NETS:
        parts, one = folder / f"{net}.ckpt", folder / f"{net}-one.ckpt"
        offload = {"cpu_offload": True} if net == "DKT" else {}
        saved = train(store, Run(net, "fsdp", {**SHARDED, **offload}, save=parts)).losses
        train(store, Run(net, "fsdp", offload, save=one))
        ddp = train(store, Run(net, "ddp", go_on=parts)).losses
        told[net] = Curves(saved, ddp, train(store, Run(net, "fsdp", SHARDED, go_on=parts)).losses)
    return told


@pytest.fixture(scope="module")
def two(
    class_store: Path, tmp_path_factory: pytest.TempPathFactory, launch: LaunchServer
) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("two")
    started = launch.start(both, class_store, folder, ranks=2)
    assert started.wait(SECONDS) == [0, 0], started.output() + started.output(1)
    return folder, started.result()


@pytest.mark.parametrize("net", NETS)
def test_parts_hold_what_the_one_file_does(net: str, two: tuple[Path, Any]) -> None:
    parts, one = (read_checkpoint(two[0] / name) for name in (f"{net}.ckpt", f"{net}-one.ckpt"))
    assert (parts.in_parts, one.in_parts) == (True, False)
    assert parts.content.keys() == one.content.keys()
    assert parts.content["global_step"] == one.content["global_step"] == SAVED
    for key in DIVIDED:
        torch.testing.assert_close(parts.content[key], one.content[key], rtol=0, atol=0)
    own = torch.load(parts.file, weights_only=True)["state_dict"]
    assert not [name for name, one in own.items() if name.startswith("net.") and one is not None]


@pytest.mark.parametrize("net", NETS)
def test_a_run_goes_on_from_parts_under_its_strategy_and_another(
    net: str, two: tuple[Path, Any]
) -> None:
    saved, *others = two[1][net]
    for losses in others:
        assert list(losses) == list(range(SAVED + 1, STEPS + 1))
        assert losses_apart(losses, saved) <= 1e-5


def test_another_program_s_checkpoints_are_refused(class_store: Path) -> None:
    fsdp = FSDP(sharded_checkpoints=True)
    Trainer(
        accelerator="cpu",
        devices=1,
        strategy=fsdp,
        plugins=[TorchCheckpointIO()],
        logger=False,
        enable_checkpointing=False,
    )
    with pytest.raises(ConfigError, match="TorchCheckpointIO saves no sharded_checkpoints"):
        fsdp.check(built("DKT", class_store)[0])
