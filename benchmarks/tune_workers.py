"""Processes that join a study, one of them killed again and again: is a trial lost or doubled?"""

import contextlib
import csv
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from harness import Running, Skip, run, script

SPACE = """
model.lr: {float: [0.001, 0.1], log: true}
model.net.dropout: {float: [0.0, 0.5]}
"""
EPOCHS = 8
WORKERS = 4


def workers(
    folder: Path, storage: str, trials: int, every: float, kills: int
) -> tuple[list[str], Any]:
    """Search by four processes, one of which is killed every few seconds.

    Args:
        folder: An empty folder.
        storage: As ``torchedu tune --storage``.
        trials: How many trials.
        every: Seconds between two kills.
        kills: How many are wanted at least.

    Returns:
        What went wrong, and what else to keep.
    """
    study = folder / "study"
    more = ["--workers", WORKERS, "--sampler", "random", "--pruner", "none"]
    more += ["--storage", storage] if storage else []
    words = command(folder, trials, EPOCHS, more)
    begin = time.monotonic()
    running = Running(words)
    drawn, killed, last = random.Random(0), 0, begin
    while not running.ended:
        time.sleep(0.2)
        at_work = sorted(study.glob("claims/*/.lock"))
        if at_work and time.monotonic() - last > every:
            with contextlib.suppress(OSError, ValueError, KeyError):
                process = json.loads(drawn.choice(at_work).read_text("utf-8"))["process"]
                os.kill(process, signal.SIGKILL)
                killed += 1
            last = time.monotonic()
    running.finish()
    seconds = time.monotonic() - begin
    problems, resumed = _judged(study, trials)
    if killed < kills:
        problems.append(f"{killed} workers were killed, {kills} are wanted")
    facts = {"kills": killed, "trials_resumed_from_a_checkpoint": resumed}
    return problems, {**facts, "trials": trials, "seconds": round(seconds)}


def command(folder: Path, trials: int, epochs: int, more: Sequence[object]) -> list[object]:
    """Return the words of a small search, whose data and space are made in a folder.

    Args:
        folder: The folder; the study is ``study`` in it.
        trials: How many trials.
        epochs: How long each is.
        more: Further words.
    """
    data, space = folder / "class.store", folder / "space.yaml"
    run([script("torchedu"), "data", "simulate", data, "--students", "150"])
    space.write_text(SPACE, "utf-8")
    words = [script("torchedu"), "tune", "--space", space, "--study", folder / "study"]
    words += ["--trials", trials, "--seeds", "0", "--data.path", data, "--model.net", "ItemDKT"]
    words += ["--model.net.dim", "16", "--trainer.max_epochs", epochs]
    words += ["--early_stopping.patience", epochs, "--trainer.accelerator", "cpu"]
    return [*words, *more]


def _judged(study: Path, trials: int) -> tuple[list[str], int]:
    """Return what is wrong with a study, and how many trials went on from a checkpoint."""
    with (study / "trials.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    problems = []
    if [int(row["trial"]) for row in rows] != list(range(trials)):
        problems.append(f"{len(rows)} trials, and {trials} are wanted")
    problems += [
        f"trial {row['trial']}: {row['state']} {row['error']}"
        for row in rows
        if row["state"] != "whole"
    ]
    drawn = Counter((row["model.lr"], row["model.net.dropout"]) for row in rows)
    problems += [f"{times} trials of {which}" for which, times in drawn.items() if times > 1]
    resumed = 0
    for row in rows:
        run_folder = study / "trials" / f"{int(row['trial']):04d}"
        with (run_folder / "metrics.csv").open(newline="", encoding="utf-8") as file:
            epochs = [int(line["epoch"]) for line in csv.DictReader(file) if line["val/auc"]]
        if epochs != list(range(EPOCHS)):
            problems.append(f"trial {row['trial']}: its epochs are {epochs}")
        resumed += int(row["taken_up"] or 0) > 1  # then there is a checkpoint
    return problems, resumed


@contextlib.contextmanager
def postgresql() -> Iterator[str]:
    """Run a PostgreSQL server of one's own; give its address.

    Raises:
        Skip: There is none here.
    """
    programs = {name: shutil.which(name) for name in ("initdb", "pg_ctl", "createdb")}
    if None in programs.values():
        raise Skip("PostgreSQL is not installed")
    with contextlib.ExitStack() as stack:
        home = Path(stack.enter_context(TemporaryDirectory(prefix="torchedu-postgresql-")))
        as_user: list[str] = []
        if os.geteuid() == 0:  # it refuses to run as root
            shutil.chown(home, "postgres")
            as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            port = taken.getsockname()[1]

        def do(*words: object) -> None:
            subprocess.run(
                [*as_user, *map(str, words)], check=True, stdout=subprocess.DEVNULL, cwd=home
            )

        do(programs["initdb"], "-D", home / "data", "-U", "torchedu", "--auth=trust")
        options = f"-p {port} -k {home} -c listen_addresses=127.0.0.1"
        server = (programs["pg_ctl"], "-D", home / "data")
        do(*server, "-o", options, "-l", home / "log", "-w", "start")
        stack.callback(do, *server, "-m", "immediate", "stop")
        do(programs["createdb"], "-h", "127.0.0.1", "-p", port, "-U", "torchedu", "trials")
        yield f"postgresql+psycopg://torchedu@127.0.0.1:{port}/trials"
