import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.strategies.numbers import SAVED, Asked, Numbers, assert_equal, compute
from torchedu.errors import ConfigError
from torchedu.strategies import horovod
from torchedu.strategies.horovod import Horovod
from torchedu.testing.launch import LaunchServer

CODE = "import sys; from tests.strategies.test_horovod import report; report(*sys.argv[1:])"


def runs(ranks: int, folder: Path) -> dict[str, Asked]:
    name = "auto" if ranks == 1 else "horovod"
    clipped = {"accumulate_grad_batches": 2, "gradient_clip_val": 0.05}
    return {
        "DKT": Asked(name, ranks=ranks),
        "SAKT": Asked(name, ranks=ranks, net="SAKT"),
        "DKT, clipped": Asked(name, ranks=ranks, more=clipped),
        "DKT, bf16-mixed": Asked(name, ranks=ranks, precision="bf16-mixed"),
        "DKT, bf16-true": Asked(name, ranks=ranks, precision="bf16-true"),
        "DKT, AdamW": Asked(name, ranks=ranks, optimizer="AdamW", save=folder / f"{name}.ckpt"),
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("horovod")


@pytest.fixture(scope="module")
def one(class_store: Path, folder: Path) -> dict[str, Numbers]:
    """Give the numbers of one process."""
    wanted = runs(1, folder)
    return dict(zip(wanted, compute(class_store, list(wanted.values())), strict=True))


@pytest.fixture(scope="module")
def two(
    class_store: Path, folder: Path, one: dict[str, Numbers], launch: LaunchServer
) -> dict[str, Numbers]:
    """Give the numbers of two ranks, and of their going on from one process's file."""
    pytest.importorskip("horovod", reason="Horovod is not built: scripts/build_horovod.sh")
    asked = runs(2, folder)
    asked["resumed"] = Asked("horovod", ranks=2, optimizer="AdamW", resume=folder / "auto.ckpt")
    started = launch.start(compute, class_store, list(asked.values()), ranks=2)
    assert started.wait(100) == [0, 0], started.output()
    return dict(zip(asked, started.result(), strict=True))


def test_numbers_are_those_of_one_process(one: dict[str, Numbers], two: dict[str, Numbers]) -> None:
    for name in ("DKT", "SAKT", "DKT, clipped"):
        assert_equal(two[name], one[name])
    # A weight's gradient is summed over a rank's rows, and then rounded to 8 bits.
    name = "DKT, bf16-mixed"
    assert_equal(two[name], one[name], gradients=1e-2, losses=2e-3, weights=1e-3)
    name = "DKT, bf16-true"  # and so are the weights
    assert_equal(two[name], one[name], gradients=5e-2, losses=1e-2, weights=1e-2)


def test_a_checkpoint_goes_on_with_and_without_it(
    one: dict[str, Numbers], two: dict[str, Numbers], class_store: Path, folder: Path
) -> None:
    whole = one["DKT, AdamW"].losses
    assert two["DKT, AdamW"].losses == pytest.approx(whole, rel=1e-5)
    assert two["resumed"].losses == pytest.approx(whole[SAVED:], rel=1e-5)
    back = compute(class_store, [Asked(optimizer="AdamW", resume=folder / "horovod.ckpt")])[0]
    assert back.losses == pytest.approx(whole[SAVED:], rel=1e-5)


def test_without_horovod_the_script_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(horovod, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"scripts/build_horovod\.sh"):
        Horovod()


def report(store: str, file: str) -> None:
    """What ``horovodrun`` starts: train, and leave the first rank's losses in a file."""
    numbers = compute(Path(store), [Asked("horovod", ranks=2)])[0]
    if os.environ["HOROVOD_RANK"] == "0":
        Path(file).write_text(json.dumps(numbers.losses), "utf-8")


@pytest.mark.service
def test_horovodrun_starts_it(class_store: Path, tmp_path: Path, one: dict[str, Numbers]) -> None:
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
    assert json.loads(file.read_text("utf-8")) == pytest.approx(one["DKT"].losses, rel=1e-5)
