import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.strategies.runs import Run, Seen, assert_equal, losses_apart, train, train_each
from torchedu.errors import ConfigError
from torchedu.strategies import horovod
from torchedu.strategies.horovod import Horovod
from torchedu.strategies.named import AUTO
from torchedu.testing.launch import LaunchServer

CODE = "import sys; from tests.strategies.test_horovod import report; report(*sys.argv[1:])"


CLIPPED = {"accumulate_grad_batches": 2, "gradient_clip_val": 0.05, "max_steps": 4}


def runs(strategy: str) -> dict[str, Run]:
    """Return what is compared, beside what ``test_equal.py`` does."""
    return {
        "clipped": Run("DKT", strategy, sgd=True, more=CLIPPED),
        "bf16-true": Run("DKT", strategy, precision="bf16-true", sgd=True),
    }


@pytest.fixture(scope="module")
def one(class_store: Path) -> dict[str, Seen]:
    """Give the numbers of one process."""
    wanted = runs(AUTO)
    return dict(zip(wanted, train_each(class_store, list(wanted.values())), strict=True))


def test_numbers_are_those_of_one_process(
    class_store: Path, one: dict[str, Seen], launch: LaunchServer
) -> None:
    pytest.importorskip("horovod", reason="Horovod is not built: scripts/build_horovod.sh")
    asked = runs("horovod")
    started = launch.start(train_each, class_store, list(asked.values()), ranks=2)
    assert started.wait(100) == [0, 0], started.output()
    two = dict(zip(asked, started.result(), strict=True))
    assert_equal(two["clipped"], one["clipped"])
    # A weight's gradient is summed over a rank's rows, and then rounded to 8 bits, and so are the
    # weights.
    name = "bf16-true"
    assert_equal(two[name], one[name], gradients=5e-2, losses=1e-2, weights=1e-2)


def test_without_horovod_the_script_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(horovod, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"scripts/build_horovod\.sh"):
        Horovod()


def report(store: str, file: str) -> None:
    """What ``horovodrun`` starts: train, and leave the first rank's losses in a file."""
    seen = train(Path(store), Run("DKT", "horovod", devices=2, sgd=True, more=CLIPPED))
    if os.environ["HOROVOD_RANK"] == "0":
        Path(file).write_text(json.dumps(seen.losses), "utf-8")


@pytest.mark.service
def test_horovodrun_starts_it(class_store: Path, tmp_path: Path, one: dict[str, Seen]) -> None:
    pytest.importorskip("horovod", reason="Horovod is not built: scripts/build_horovod.sh")
    file = tmp_path / "losses.json"
    told = subprocess.run(
        [
            *(sys.executable, "-m", "horovod.runner.launch", "--gloo", "-np", "2"),
            *(sys.executable, "-c", CODE, str(class_store), str(file)),
        ],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=110,
    )
    assert told.returncode == 0, told.stdout + told.stderr
    losses = {int(step): loss for step, loss in json.loads(file.read_text("utf-8")).items()}
    assert losses_apart(losses, one["clipped"].losses) <= 1e-5
