"""With dropout, each strategy's losses are those of one process but for what is drawn."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.strategies.runs import Run, train_each
from tests.strategies.test_equal import there, way
from torchedu.strategies.named import AUTO, STRATEGIES
from torchedu.testing.launch import LaunchServer

pytestmark = [pytest.mark.service, pytest.mark.timeout(600)]

DRAWS = 200
STILL: dict[str, Any] = {"max_steps": DRAWS, "max_epochs": DRAWS, "limit_val_batches": 0}
"""As many steps, of the same batches in the same order; by a learning rate of 0 none is taken."""
SECONDS = 500.0


def losses(strategy: str, seed: int, store: Path, launch: LaunchServer) -> NDArray[np.float64]:
    """Return the loss of each step under a strategy, of weights that stay as they began."""
    asked = Run(
        "dropout", strategy, devices=way(strategy).devices, sgd=True, more=STILL, seed=seed, lr=0.0
    )
    started = launch.start(train_each, store, [asked], ranks=way(strategy).ranks)
    assert not any(started.wait(SECONDS)), started.output()
    (seen,) = started.result()
    return np.array([seen.losses[step] for step in range(1, DRAWS + 1)])


@pytest.fixture(scope="module")
def alone(class_store: Path, launch: LaunchServer) -> list[NDArray[np.float64]]:
    """Give the losses of one process, twice: they differ by what is drawn alone."""
    return [losses(AUTO, seed, class_store, launch) for seed in (1, 2)]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_losses_have_the_mean_and_the_spread_of_one_process(
    strategy: str, alone: list[NDArray[np.float64]], class_store: Path, launch: LaunchServer
) -> None:
    if not there(strategy):
        pytest.skip(f"{strategy} needs the package {way(strategy).needs}")
    usual = alone[1] - alone[0]
    assert usual.std() > 1e-3, "nothing is dropped"
    gap = losses(strategy, 3, class_store, launch) - alone[0]
    # Four standard errors of a mean, and of the logarithm of a ratio of two variances.
    assert abs(gap.mean()) <= 4 * gap.std() / DRAWS**0.5
    assert abs(np.log(gap.var() / usual.var())) <= 4 * (4 / DRAWS) ** 0.5
