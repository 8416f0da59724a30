"""Every strategy and precision on CUDA devices, beside one device of the same precision."""

from pathlib import Path

import pytest
import torch

from tests.strategies.runs import Run, losses_apart, train_each
from tests.strategies.test_equal import WAYS, Way, there
from torchedu.strategies.named import AUTO, STRATEGIES
from torchedu.testing.launch import LaunchServer

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
