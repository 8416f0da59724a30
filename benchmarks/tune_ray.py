"""A search on a Ray cluster of two nodes whose driver and a worker are killed: is it the same?"""

import contextlib
import csv
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from harness import Running
from tune_workers import command

NODES = """
import sys
from ray.cluster_utils import Cluster
least = {"num_cpus": 1, "object_store_memory": 80 * 2**20}
cluster = Cluster(initialize_head=True, head_node_args={**least, "include_dashboard": False})
cluster.add_node(**least)
print("address", cluster.address, flush=True)
sys.stdin.read()
cluster.shutdown()
"""


@contextlib.contextmanager
def cluster() -> Iterator[dict[str, str]]:
    """Run two nodes of a Ray cluster that let in who has their token.

    Gives:
        The variables that name the cluster and its token.
    """
    token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    with TemporaryFile("w+") as errors:
        nodes = subprocess.Popen(
            [sys.executable, "-c", NODES],
            env={**os.environ, **token, "OMP_NUM_THREADS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
        try:
            assert nodes.stdout is not None
            said = next((line for line in nodes.stdout if line.startswith("address ")), "")
            if not said:
                errors.seek(0)
                raise RuntimeError(f"the nodes ended with {nodes.wait()}: {errors.read()[-2000:]}")
            yield {**token, "RAY_ADDRESS": said.split()[1]}
        finally:
            nodes.communicate()  # they end where nobody holds their input any more


def same(
    folder: Path, variables: dict[str, str], trials: int, epochs: int
) -> tuple[list[str], Any]:
    """Search by Optuna's processes and on a cluster, killed and begun again there.

    Args:
        folder: An empty folder.
        variables: As ``cluster`` gives them.
        trials: How many trials.
        epochs: How long each is at most.

    Returns:
        What differs or went wrong, and what else to keep.
    """
    more = ["--sampler", "random", "--pruner", "asha"]
    by = {engine: folder / engine for engine in ("optuna", "ray")}
    for home in by.values():
        home.mkdir()
    words = {engine: command(home, trials, epochs, more) for engine, home in by.items()}
    Running([*words["optuna"], "--workers", 2]).finish()
    study = by["ray"] / "study"
    on_ray = [*words["ray"], "--engine", "ray"]
    begin = time.monotonic()
    driver = Running(on_ray, environment=variables)
    _until(driver, study / "trials" / "0001" / "metrics.csv")
    with contextlib.suppress(OSError, ValueError, KeyError):  # it may have ended this moment
        lock = next(iter(sorted(study.glob("claims/*/.lock"))), study)
        os.kill(json.loads(lock.read_text("utf-8"))["process"], signal.SIGKILL)
    _until(driver, study / "trials" / f"{trials // 2:04d}" / "metrics.csv")
    driver.kill()
    with contextlib.suppress(RuntimeError):
        driver.finish()
    begun = len(list(study.glob("trials/*")))
    done = Running(on_ray, environment=variables).finish()
    tables = {engine: _trials(home / "study") for engine, home in by.items()}
    problems = [
        f"trial {number} of {engine}: {row['state']} {row['error']}"
        for engine, rows in tables.items()
        for number, row in rows.items()
        if row["state"] not in ("whole", "stopped")
    ]
    problems += [f"{engine} has {len(rows)} trials" for engine, rows in tables.items()
                 if len(rows) != trials]  # fmt: skip
    compared = 0
    for number in range(trials):
        ours, theirs = (_curve(home / "study", number) for home in by.values())
        shared = min(len(ours), len(theirs))
        compared += shared
        if [epoch for epoch, _ in theirs] != list(range(len(theirs))):
            problems.append(f"trial {number}: its epochs are {[epoch for epoch, _ in theirs]}")
        if not shared or ours[:shared] != theirs[:shared]:
            problems.append(f"trial {number}: {ours} by Optuna, {theirs} by Ray")
    facts = {"trials": trials, "begun_when_killed": begun, "epochs_compared": compared,
             "seconds": round(time.monotonic() - begin),
             "taken_up": sum(bool(row["taken_up"]) for row in tables["ray"].values()),
             "driver_cpu_seconds": round(done.cpu_seconds)}  # fmt: skip
    return problems, facts


def _until(driver: Running, seen: Path) -> None:
    while not seen.exists():
        if driver.ended:
            driver.finish()
            raise RuntimeError(f"the driver ended before {seen} was there")
        time.sleep(0.05)


def _trials(study: Path) -> dict[int, dict[str, str]]:
    with (study / "trials.csv").open(newline="", encoding="utf-8") as file:
        return {int(row["trial"]): row for row in csv.DictReader(file)}


def _curve(study: Path, number: int) -> list[tuple[int, str]]:
    file = study / "trials" / f"{number:04d}" / "metrics.csv"
    with file.open(newline="", encoding="utf-8") as rows:
        return [(int(row["epoch"]), row["val/auc"]) for row in csv.DictReader(rows)
                if row["val/auc"]]  # fmt: skip
