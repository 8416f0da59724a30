"""Every strategy, network and precision on CUDA devices; none of it has met one yet."""

from pathlib import Path
from typing import Any

import pytest
import torch
from lightning import Trainer, seed_everything

from tests.networks import KNOWN, built, data_for
from tests.strategies.cells import ACTIONS, Cell, HalfWay, act
from tests.strategies.runs import Run, losses_apart, train_each
from tests.strategies.test_equal import WAYS, Way, there
from tests.testing.examples import Examples, examples
from torchedu.checkpoints import VerifiedCheckpointIO
from torchedu.strategies.named import AUTO, STRATEGIES
from torchedu.testing.launch import LaunchServer

__all__ = ["examples"]
pytestmark = [pytest.mark.gpu, pytest.mark.timeout(300)]

SECONDS = 200.0
PRECISIONS = {
    "32-true": 1e-4,  # kernels are chosen by shape, and sums are made in another order
    "bf16-mixed": 2e-2,
    "bf16-true": 5e-2,
    "16-mixed": 5e-2,
    "16-true": 5e-2,
}
"""Share that each loss may differ by."""
REFUSED = {("fsdp", "16-mixed"), ("tensor", "16-mixed")}
"""What a strategy says it has not; see ``test_divided.py``."""
GPU = {"accelerator": "gpu", "max_steps": 6}


@pytest.mark.parametrize("name", STRATEGIES)
def test_a_strategy_trains_on_gpus_in_every_precision(
    name: str, class_store: Path, launch: LaunchServer
) -> None:
    if not there(name):
        pytest.skip(f"{name} needs the package {WAYS[name].needs}")
    devices = min(torch.cuda.device_count(), 2)
    precisions = [one for one in PRECISIONS if (name, one) not in REFUSED]
    way = WAYS.get(name, Way())
    # Two stages on each device, so that one device too hands micro-batches on.
    options = {"schedule": "ZBVZeroBubble"} if name == "pipeline" else {}
    own = [
        Run("SAKT", name, options, devices, precision=one, sgd=True, more=GPU) for one in precisions
    ]
    alone = [Run("SAKT", AUTO, devices=1, precision=one, sgd=True, more=GPU) for one in precisions]
    ranks = 1 if way.ranks == 1 else devices
    found = []
    for runs, number in ((alone, 1), (own, ranks)):
        started = launch.start(train_each, class_store, runs, ranks=number)
        assert not any(started.wait(SECONDS)), started.output()
        found.append(started.result())
    for precision, wanted, seen in zip(precisions, *found, strict=True):
        assert losses_apart(seen.losses, wanted.losses) <= PRECISIONS[precision], precision


@pytest.mark.parametrize("precision", [name for name in PRECISIONS if name != "16-true"])
@pytest.mark.parametrize("name", KNOWN)
def test_a_network_does_all_that_is_asked_on_a_gpu(
    name: str, precision: str, examples: Examples, tmp_path: Path
) -> None:
    data = data_for(name, examples)
    task = built(name, data)
    for action in ACTIONS:
        task = act(action, Cell(name, precision), data, task, tmp_path, "gpu")


@pytest.mark.parametrize("name", KNOWN)
def test_a_run_that_goes_on_is_equal_to_the_last_bit(
    name: str, examples: Examples, tmp_path: Path
) -> None:
    data = data_for(name, examples)
    weights = []
    for stops in (False, True):
        seed_everything(0, verbose=False)
        task = built(name, data)
        file = tmp_path / "stopped.ckpt"
        quiet = ("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary")
        whole: dict[str, Any] = {**dict.fromkeys(quiet, False), "deterministic": True}
        whole |= {"accelerator": "gpu", "devices": 1, "max_epochs": 2}
        first = Trainer(**whole, callbacks=[HalfWay()] * stops, plugins=[VerifiedCheckpointIO()])
        first.fit(task, data)
        if stops:
            first.save_checkpoint(file)
            task = built(name, data)
            Trainer(**whole, plugins=[VerifiedCheckpointIO()]).fit(task, data, ckpt_path=file)
        weights.append({key: value.cpu() for key, value in task.state_dict().items()})
    torch.use_deterministic_algorithms(False)
    for key, value in weights[0].items():
        assert torch.equal(value, weights[1][key]), key
