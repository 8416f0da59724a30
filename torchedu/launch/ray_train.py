"""What asks a Ray cluster for a job, and what each of its workers does: it runs ``torchedu fit``.

python -m torchedu.launch.ray_train JOB.json
"""

import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torchedu.errors import ConfigError, LostRankError, TorcheduError, command_line, read_by
from torchedu.launch.launcher import LOGS
from torchedu.launch.node import check
from torchedu.ray_address import meet

MISTAKE = 2
"""Exit code of a run whose words are wrong: it does not begin again."""
ENDED = "ended"
"""File of the job's folder with the exit code of its training."""
PATIENCE = 60.0
"""Seconds for which a node may take to be looked at."""
_PDEATHSIG = 1


def train(job: Mapping[str, Any]) -> int:
    """Train on a Ray cluster, and return the exit code of the training.

    Args:
        job: What ``Ray.files`` wrote.

    Raises:
        ConfigError: There is no such cluster, or it has not what the job asks for.
        LostRankError: The training has failed more often than it may.
    """
    import ray
    from ray.train import FailureConfig, RunConfig, ScalingConfig
    from ray.train.v2.api.data_parallel_trainer import DataParallelTrainer

    _connect(job["address"])
    _look(job)
    devices = job["nodes"] * job["devices"]
    trainer = DataParallelTrainer(
        work,
        train_loop_config=dict(job),
        scaling_config=ScalingConfig(
            num_workers=devices,
            use_gpu=job["gpus"],
            resources_per_worker=_each(job),
            placement_strategy="STRICT_SPREAD" if job["devices"] == 1 else "PACK",
        ),
        run_config=RunConfig(
            name=job["name"],
            storage_path=str(Path(job["folder"]) / "ray"),
            failure_config=FailureConfig(max_failures=job["restarts"]),
        ),
    )
    ended = Path(job["folder"]) / ENDED
    ended.unlink(missing_ok=True)
    try:
        trainer.fit()
    except ray.exceptions.RayError as error:
        raise _failed(error) from None
    except Exception as error:  # Ray Train's own, which stand in no one place
        if "ray" not in type(error).__module__:
            raise
        raise _failed(error) from None
    return int(ended.read_text("ascii"))


def _failed(error: Exception) -> LostRankError:
    said = [line.strip() for line in str(error).splitlines() if line.strip()]
    return LostRankError(
        f"the workers have failed more often than they may: {said[-1] if said else error!r}",
        "What they said stands in the job's logs; the same job goes on from what was saved.",
    )


def _connect(address: str) -> None:
    """Join a cluster.

    Raises:
        ConfigError: There is none, or it does not know this user.
    """
    import ray

    try:
        meet(os.environ.get("RAY_ADDRESS", "") if address == "auto" else address)
        ray.init(address=address, logging_level="WARNING", log_to_driver=False)
    except (ray.exceptions.RayError, OSError, RuntimeError, ValueError) as error:
        first = " ".join(str(error).split())[:300]
        raise ConfigError(
            f"there is no Ray cluster at {address} that this user may use ({first}).",
            "Start one (ray start --head), name its ⟦address⟧, or give its token: "
            "RAY_AUTH_MODE=token RAY_AUTH_TOKEN=...",
        ) from None


def _each(job: Mapping[str, Any]) -> dict[str, float]:
    """Return what each worker takes."""
    return {"CPU": job["cpus"], **({"GPU": 1} if job["gpus"] else {})}


def _look(job: Mapping[str, Any]) -> None:
    """Refuse a cluster that is too small, or a node that is not as the others.

    Raises:
        ConfigError: It is.
    """
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    wanted = {name: each * job["devices"] for name, each in _each(job).items()}
    nodes = [node for node in ray.nodes() if node["Alive"]]
    fit = [
        node
        for node in nodes
        if all(node["Resources"].get(name, 0) >= least for name, least in wanted.items())
    ]
    if len(fit) < job["nodes"]:
        asked = ", ".join(f"{number:g} {name}" for name, number in wanted.items())
        raise ConfigError(
            f"⟦nodes⟧ is {job['nodes']}, and {len(fit)} of {len(nodes)} here have {asked}.",
            "Ask for fewer ⟦nodes⟧ or ⟦devices⟧, or add nodes: ray start --address=HEAD.",
        )
    look = ray.remote(num_cpus=0)(looked)
    expected = {**job["expected"], "gpus": 0}  # Ray hides them from what asks for none
    answers = [
        look.options(
            scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
        ).remote(expected, job["here"], time.time())
        for node in fit
    ]
    try:
        for refused in ray.get(answers, timeout=PATIENCE):
            if refused is not None:
                raise ConfigError(*refused)
    except ray.exceptions.RayError as error:
        said = [line for line in str(error).splitlines() if line.strip()]
        raise ConfigError(
            f"a node cannot be looked at: {said[-1].strip() if said else type(error).__name__}",
            "Install the same torchedu on all nodes of the cluster.",
        ) from None


def looked(expected: Mapping[str, Any], here: str, now: float) -> tuple[str, str] | None:
    """Return why this node is refused, in two lines; None where it is not.

    Args:
        expected: As ``node.check`` has it.
        here: Where relative paths start.
        now: The time, by the clock of who asks.
    """
    os.chdir(here) if Path(here).is_dir() else None
    try:
        with read_by(command_line):
            check(expected, now)
    except ConfigError as error:
        return error.problem, error.remedy
    return None


def work(job: Mapping[str, Any]) -> None:
    """Do one worker's part: run ``torchedu fit`` as a process of its own, under its own signals.

    Raises:
        RuntimeError: It did not end well, and may begin again.
    """
    from ray import train as session
    from ray.train.collective import broadcast_from_rank_zero
    from ray.util import get_node_ip_address

    context = session.get_context()
    rank = context.get_world_rank()
    place = broadcast_from_rank_zero(
        [get_node_ip_address(), _free_port(), int(time.time())] if rank == 0 else None
    )
    address, port, began = place
    variables = {
        "MASTER_ADDR": address,
        "MASTER_PORT": str(port),
        "RANK": str(rank),
        "WORLD_SIZE": str(context.get_world_size()),
        "LOCAL_RANK": str(context.get_local_rank()),
        "LOCAL_WORLD_SIZE": str(context.get_local_world_size()),
        "GROUP_RANK": str(context.get_node_rank()),
        "TORCHELASTIC_RUN_ID": job["name"],
        # Ray tells its workers not how often they have begun: a later time is a later attempt.
        "TORCHELASTIC_RESTART_COUNT": str(began),
    }
    program = str(Path(sys.executable).parent / "torchedu")
    run = [sys.executable, "-m", "torchedu.launch.node", "run", address, program]
    code = _ended([*run, *job["words"]], variables, job, rank)
    if code not in (0, MISTAKE):
        raise RuntimeError(f"rank {rank} ended with {code}")
    if rank == 0:  # Ray keeps what workers report beside checkpoints of its own alone
        (Path(job["folder"]) / ENDED).write_text(str(code), "ascii")


def _ended(
    command: Sequence[str], variables: Mapping[str, str], job: Mapping[str, Any], rank: int
) -> int:
    """Return the exit code of a command, which ends with this process."""
    log = Path(job["folder"]) / LOGS / f"rank-{rank}.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            cwd=job["here"],
            env={**os.environ, **variables},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            preexec_fn=_ends_with_parent if sys.platform == "linux" else None,
        )
        return process.wait()


def _ends_with_parent() -> None:
    """Let this process be asked to end where the worker that began it dies."""
    ctypes.CDLL(None).prctl(_PDEATHSIG, signal.SIGTERM)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("", 0))
        return int(probe.getsockname()[1])


def main(words: Sequence[str]) -> int:
    """Ask for the job that a file describes, and return its exit code."""
    with read_by(command_line):
        try:
            return train(json.loads(Path(words[0]).read_text("utf-8")))
        except TorcheduError as error:
            print(error, file=sys.stderr)
            return error.code


if __name__ == "__main__":
    # By its name, so that workers find what they are to do there.
    from torchedu.launch.ray_train import main as asked_by_name

    sys.exit(asked_by_name(sys.argv[1:]))
