"""A study on a Ray cluster: Ray Tune says where a trial runs, the study all the rest.

Rungs, epochs and checkpoints are the study's. Ray Tune loses its rungs when it is restored, and
counts iterations anew; here it has nothing to restore: whoever runs a trial takes up one of which
the process is gone, or begins one.
"""

import multiprocessing
import os
import time
from collections.abc import Callable
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import ray
from ray import tune

from torchedu.errors import ConfigError, TrainingError
from torchedu.ray_address import of_nodes
from torchedu.tune.check import Devices
from torchedu.tune.forks import end_with
from torchedu.tune.results import WHOLE, standing
from torchedu.tune.space import Space
from torchedu.tune.study import LIVES, Study
from torchedu.tune.workers import LOOK, ended_with_this, speak_apart, work


def work_on_ray(
    study: Study,
    space: Space,
    most: int,
    workers: int | None,
    devices: Devices,
    show: Callable[[], None],
) -> None:
    """Let a Ray cluster, which this process has joined, work on a study.

    Args:
        study: The study, whose folder all nodes see.
        space: What is searched.
        most: Trials of the whole study.
        workers: How many trials run at once at most; as there is room for where it is None.
        devices: What a trial runs on, all of it on one node.
        show: Called again and again meanwhile.

    Raises:
        ConfigError: A node does not see the study, or none has room for a trial.
        TrainingError: Ray could not run a trial.
    """
    here = str(Path.cwd())
    room, ranks = _room(devices), devices.ranks
    _seen(study)
    ended = sum(trial.state.is_finished() for trial in study.trials())
    run = partial(_trial, parts=study.parts, space=space, most=most, ranks=ranks, home=here)
    tuner = tune.Tuner(
        tune.with_resources(run, room),
        tune_config=tune.TuneConfig(
            num_samples=max(1, most - ended),
            max_concurrent_trials=workers,
            reuse_actors=True,
        ),
        run_config=tune.RunConfig(
            name=f"{study.token[:8]}-{time.time_ns():x}",
            storage_path=str((study.folder / "ray").absolute()),
            failure_config=tune.FailureConfig(max_failures=LIVES),
            callbacks=[_Shown(show)],
            verbose=0,
        ),
    )
    with ended_with_this({}):
        results = tuner.fit()
    if results.errors and not all(trial.state.is_finished() for trial in study.trials()):
        said = str(results.errors[0]).strip().splitlines() or ["no word"]
        raise TrainingError(
            f"Ray could not run a trial: {said[-1][:200]}",
            f"What it said stands in {study.folder / 'workers'}, and in Ray's own logs.",
        )


def _room(devices: Devices) -> dict[str, float]:
    """Return what a trial takes of a node, of which one has to have as much."""
    alive = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    room = {"CPU": float(devices.ranks)}
    if devices.accelerator in ("gpu", "cuda") or (
        devices.accelerator == "auto" and any(node.get("GPU") for node in alive)
    ):
        room["GPU"] = float(devices.ranks)
    if any(all(node.get(kind, 0) >= count for kind, count in room.items()) for node in alive):
        return room
    wanted = " and ".join(f"{count:g} {kind}" for kind, count in room.items())
    raise ConfigError(
        f"⟦trainer.devices⟧: a trial takes {wanted} of one node, and no node of the cluster has "
        "it.",
        "Give fewer devices, or begin nodes with more (ray start).",
    )


def _seen(study: Study) -> None:
    """Refuse a cluster of which a node does not see the study's folder, or has another torchedu."""
    for address, text in of_nodes(_text, str(study.folder / "study.yaml")).items():
        if study.token not in text:
            raise ConfigError(
                f"⟦study⟧ {study.folder} is not seen by the node {address}.",
                "Name a folder that all nodes share, and begin in one that all have.",
            )


def _text(file: str) -> str:
    try:
        return Path(file).read_text("utf-8")
    except OSError:
        return ""


def _trial(
    config: dict[str, Any], parts: tuple[Any, ...], space: Space, most: int, ranks: int, home: str
) -> None:
    """Be a trial of Ray Tune: have one of the study run, and report what it came to.

    It runs in a process of its own, forked from one that has imported all and that nothing of Ray
    runs in; both end with this one.
    """
    apart = multiprocessing.get_context("forkserver")
    apart.set_forkserver_preload(["__main__", "torchedu.tune.workers"])
    os.chdir(home)
    here, there = apart.Pipe(duplex=False)
    child = apart.Process(target=_run, args=(there, parts, space, most, ranks))
    child.start()
    there.close()
    try:
        reached = here.recv()
    except EOFError:
        reached = None
    child.join()
    if reached is None:
        raise RuntimeError(f"process {child.pid} ended at its trial (exit code {child.exitcode})")
    tune.report(reached)


def _run(said: Connection, parts: tuple[Any, ...], space: Space, most: int, ranks: int) -> None:
    """Work on one trial, and say what it came to."""
    end_with(os.getppid())
    study = Study(*parts)
    speak_apart(study.folder)
    number = work(study, space, most, ranks, once=True)
    rows = {row.number: row for row in standing(study).rows}
    if number is None:
        said.send({"trial": -1})
        return
    row = rows[number]
    ends = {"trial": number, "state": row.state, "validations": row.validations}
    said.send({**ends, **(row.reached if row.state == WHOLE else {})})


class _Shown(tune.Callback):  # type: ignore[misc]
    """Shows how the study stands while Ray Tune works on it; is left out of what Tune saves."""

    def __init__(self, show: Callable[[], None]) -> None:
        self._show, self._last = show, 0.0

    def __getstate__(self) -> dict[str, Any]:
        return {}

    def on_step_end(self, iteration: int, trials: list[Any], **info: Any) -> None:
        if time.monotonic() - self._last > LOOK:
            self._last = time.monotonic()
            self._show()
