"""Starts of several processes that cannot succeed: are all of them gone in time?

Time is counted from when a process begins to meet the others.
"""

import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from harness import script

from torchedu.datasets.simulator import simulate

TIMEOUT, GONE = 20.0, 30.0
KINDS = ("busy port", "missing peer", "dead rank", "srun without peers", "stopped rank")


def starts(cases: int) -> Iterator[tuple[list[str], Any]]:
    """Start what cannot start, and wait until all of it is gone."""
    problems, met = [], []
    with TemporaryDirectory() as desk:
        data = simulate(Path(desk) / "class.store", students=60, skills=3, items=9, answers=10).path
        for number in range(cases):
            kind, ranks = KINDS[number % len(KINDS)], 2 + number % 3
            seconds, code, said, left = _start(kind, ranks, data, Path(desk) / f"run{number}")
            met.append({"kind": kind, "ranks": ranks, "seconds": round(seconds, 1), "code": code})
            lines = [one for one in said.splitlines() if one and not one.startswith(QUIET)]
            if seconds > GONE or code == 0 or left or len(lines) < 2 or "Traceback" in said:
                problems.append(f"{met[-1]}, left {left}: {said[-400:]}")
            yield problems, {"cases": len(met), "of": cases, "met": met}


QUIET = ("GPU", "TPU", "HPU", "Initializing distributed", "---", "distributed_backend", "All distr")


def _start(kind: str, ranks: int, data: Path, run: Path) -> tuple[float, int, str, list[int]]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        if kind == "busy port":
            taken.listen()
        else:
            taken.close()
        nodes = 2 if kind == "missing peer" else 1
        words = ["fit", "--data.path", str(data), "--run", str(run), "--model.net", "ItemDKT"]
        words += ["--trainer.accelerator", "cpu", "--trainer.devices", str(ranks)]
        words += ["--trainer.num_nodes", str(nodes), "--trainer.strategy", "ddp"]
        words += ["--trainer.enable_progress_bar", "false", "--start_timeout", str(TIMEOUT)]
        more = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "SAFE_START": run.name}
        if kind == "srun without peers":
            more |= {"SLURM_NTASKS": str(ranks), "SLURM_JOB_ID": "1", "SLURM_JOB_NAME": "x"}
            more |= {"SLURM_PROCID": "0", "SLURM_LOCALID": "0", "SLURM_NODEID": "0"}
            more |= {"SLURM_NTASKS_PER_NODE": str(ranks), "SLURM_NODELIST": "localhost"}
            more |= {"SLURM_STEP_ID": "0", "SLURM_STEP_NUM_TASKS": str(ranks)}
        begun = time.monotonic()
        process = subprocess.Popen(
            [str(script("torchedu")), *words],  # ranks are started by this name again
            env={**os.environ, **more},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if kind in ("dead rank", "stopped rank"):
            others: list[int] = []
            while process.poll() is None and not others:
                others = [one for one in _of(run.name) if one != process.pid]
                time.sleep(0.1)
            begun = time.monotonic()
            for one in others[:1]:
                os.kill(one, signal.SIGKILL if kind == "dead rank" else signal.SIGSTOP)
        end = threading.Timer(240, process.kill)
        end.start()
        said = ""
        for line in process.stdout or ():
            said += line
            if "Initializing distributed" in line:
                begun = time.monotonic()  # what is imported before takes as long as it takes
        process.wait()
        end.cancel()
        while _of(run.name) and time.monotonic() < begun + 60:
            time.sleep(0.2)
        left = _of(run.name)
        for one in left:
            os.kill(one, signal.SIGKILL)
        return time.monotonic() - begun, process.returncode, said, left


def _of(name: str) -> list[int]:
    """Return the processes of a start, by a variable that they inherit."""
    found, wanted = [], f"SAFE_START={name}\0".encode()
    for one in Path("/proc").iterdir():
        try:
            if one.name.isdigit() and wanted in (one / "environ").read_bytes():
                found.append(int(one.name))
        except OSError:
            continue
    return found
