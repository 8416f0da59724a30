"""Two machines, as network namespaces, under torchrun: workers are killed, and the run goes on."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from harness import Skip
from launch_jobs import LONG, alone, class_of, outcome, paced, step_of, until, variables

from torchedu.cli import main

NODES = ("launch-a", "launch-b")
ADDRESSES = ("10.213.78.1", "10.213.78.2")


def ip(*words: str) -> str:
    return subprocess.run(["ip", *words], check=True, capture_output=True, text=True).stdout


@contextmanager
def cable() -> Iterator[None]:
    """Join two namespaces by a cable.

    Raises:
        Skip: This machine permits none.
    """
    try:
        for node in NODES:
            ip("netns", "add", node)
        ip("link", "add", "cable", "netns", NODES[0], "type", "veth", "peer", "name", "cable",
           "netns", NODES[1])  # fmt: skip
        for node, address in zip(NODES, ADDRESSES, strict=True):
            ip("-n", node, "address", "add", f"{address}/24", "dev", "cable")
            ip("-n", node, "link", "set", "lo", "up")
            ip("-n", node, "link", "set", "cable", "up")
        yield
    except (FileNotFoundError, subprocess.CalledProcessError) as error:
        raise Skip(f"network namespaces are not permitted here: {error}") from None
    finally:
        for node in NODES:
            subprocess.run(["ip", "netns", "delete", node], check=False, capture_output=True)


def worker_of(node: str) -> int | None:
    """Return the process that trains on a node."""
    for number in ip("netns", "pids", node).split():
        with suppress(OSError):
            words = Path(f"/proc/{number}/cmdline").read_bytes().decode().split("\0")
            if len(words) > 2 and words[1].endswith("/torchedu") and words[2] == "fit":
                return int(number)
    return None


def ended(agents: list["subprocess.Popen[bytes]"]) -> bool:
    return any(agent.poll() is not None for agent in agents)


def killed(folder: Path, times: int) -> tuple[int, bool]:
    """Train on two nodes of which a worker is killed again and again.

    Args:
        folder: Where to work.
        times: How many kills.

    Returns:
        How many of them the run went on after, and whether it came to what it comes to alone.
    """
    folder.mkdir(parents=True)
    store = class_of(folder)
    words = ["--data.path", str(store), *LONG]
    whole = alone(store, folder / "whole", training=LONG)
    before = Path.cwd()
    os.chdir(folder)
    options = ["--nodes", "2", "--first", ADDRESSES[0], "--restarts", str(times + 2)]
    save = ["--save.every_n_steps", "3"]
    run = ["--", "fit", "--run", "runs/elastic", *words, *save, *paced(0.5)]
    assert main(["launch", "torchrun", *options, "--name", "elastic", *run]) == 0
    os.chdir(before)
    job = folder / "jobs" / "elastic"
    agents: list[subprocess.Popen[bytes]] = []
    went_on = 0
    with cable():
        try:
            for node in NODES:
                named = ["unshare", "--uts", "sh", "-c", f'hostname {node} && exec "$@"', "sh"]
                with (job / f"{node}.txt").open("wb") as log:
                    agents.append(
                        subprocess.Popen(
                            ["ip", "netns", "exec", node, *named, "sh", str(job / "node.sh")],
                            env={**os.environ, **variables(), "TORCHEDU_STATUS": ""},
                            stdout=log,
                            stderr=log,
                        )
                    )

            def told() -> str:
                return "".join(log.read_text()[-3000:] for log in sorted(job.glob("*.txt")))

            for kill in range(times):
                reached = step_of(job)
                until(lambda least=reached: step_of(job) > least or ended(agents), 300, told)
                victim = worker_of(NODES[kill % 2])
                if victim is None:
                    raise RuntimeError(f"no worker on {NODES[kill % 2]}: {told()}")
                reached = step_of(job)
                os.kill(victim, signal.SIGKILL)
                until(lambda least=reached: step_of(job) > least or ended(agents), 300, told)
                went_on += not ended(agents)
            codes = [agent.wait(600) for agent in agents]
        finally:
            for agent in agents:
                agent.terminate()
            for agent in agents:
                with suppress(subprocess.TimeoutExpired):
                    agent.wait(40)
    return went_on, codes == [0, 0] and outcome(folder / "runs" / "elastic") == whole
