"""Processes that do not meet end, with two lines."""

import atexit
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest
import torch
from lightning import Trainer
from lightning.fabric.strategies.launchers.subprocess_script import _ChildProcessObserver
from torch import distributed

from torchedu.errors import ConfigError, TrainingError
from torchedu.run.start import APART, _gone, _started, meeting
from torchedu.testing.launch import LaunchServer

SECONDS = 60.0


def join(port: int, seconds: float) -> None:
    """Meet the other rank at a port, as a trainer does."""
    trainer = Trainer(
        accelerator="cpu", devices=2, strategy="ddp", logger=False, enable_checkpointing=False
    )
    with meeting(trainer, seconds):
        trainer.strategy.setup_environment()


def alone(port: int, seconds: float) -> None:
    """Begin as the first of two ranks of which the other never comes."""
    import os

    os.environ |= {"WORLD_SIZE": "2", "RANK": "0", "LOCAL_RANK": "0", "GROUP_RANK": "0"}
    os.environ |= {"LOCAL_WORLD_SIZE": "2", "TORCHELASTIC_RUN_ID": "x"}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    join(port, seconds)


def test_a_rank_whose_peer_never_comes_ends_in_time(launch: LaunchServer, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    begun = time.monotonic()
    started = launch.start(alone, port, 2.0, folder=tmp_path)
    assert started.wait(SECONDS) == [APART]
    assert time.monotonic() - begun < SECONDS
    said = started.output(0).splitlines()
    place = f"127.0.0.1:{port}"
    assert f"not all of 2 processes met at {place} within 2 s." in said
    assert said[-1].startswith("Start as many as are asked for")


def refused(port: int) -> None:
    with pytest.raises(TrainingError, match="is in use"):
        alone(port, 20.0)


def test_a_port_in_use_is_told(launch: LaunchServer, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        started = launch.start(refused, taken.getsockname()[1], folder=tmp_path)
        assert started.wait(SECONDS) == [0], started.output(0)


def parted() -> None:
    """Meet the other rank, share a number with it, and do what is done at the end of Python."""
    trainer = Trainer(
        accelerator="cpu", devices=2, strategy="ddp", logger=False, enable_checkpointing=False
    )
    ends = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(atexit, "register", ends.append)
        with meeting(trainer, SECONDS):
            trainer.strategy.setup_environment()
            distributed.all_reduce(torch.ones(1))
    assert "pt_gloo_runloop" in threads()
    ends[-1]()
    # The system goes on to list a thread for a moment after it was waited for.
    until = time.monotonic() + SECONDS
    while "pt_gloo_runloop" in threads():
        assert time.monotonic() < until, "it may abort the process while Python ends"
        time.sleep(0.01)


def threads() -> set[str]:
    """Return the names of this process's threads; one that ends meanwhile has none."""
    names = set()
    for file in Path("/proc/self/task").glob("*/comm"):
        with suppress(OSError):
            names.add(file.read_text().strip())
    return names


@pytest.mark.skipif(sys.platform != "linux", reason="threads are told by /proc")
def test_no_thread_of_torch_outlives_the_end(launch: LaunchServer) -> None:
    started = launch.start(parted, ranks=2)
    assert started.wait(SECONDS) == [0, 0], started.output(0)


def test_a_trainer_of_one_process_waits_for_nobody() -> None:
    trainer = Trainer(accelerator="cpu", devices=1, logger=False, enable_checkpointing=False)
    with meeting(trainer, 0.01):
        time.sleep(0.05)
    with pytest.raises(ConfigError, match="start_timeout is 0") as told, meeting(trainer, 0):
        pass
    assert told.value.option == "start_timeout"


def test_a_process_that_failed_is_told_by_us_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lightning's observer would kill this process before a word is said."""
    trainer = Trainer(
        accelerator="cpu", devices=3, strategy="ddp", logger=False, enable_checkpointing=False
    )
    launcher = trainer.strategy.launcher
    assert launcher is not None
    codes = (0, 3)
    processes = [
        subprocess.Popen([sys.executable, "-c", f"raise SystemExit({code})"]) for code in codes
    ]
    monkeypatch.setattr(launcher, "procs", processes)
    for process in processes:
        process.wait()
    observer = _ChildProcessObserver(0, processes)
    monkeypatch.setattr(threading, "enumerate", lambda: [threading.main_thread(), observer])
    assert _gone(_started(trainer)) == ("rank 2", "exit code 3")
    assert observer._run(), "it has nothing more to look after"
