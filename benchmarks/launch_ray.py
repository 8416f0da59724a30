"""A Ray cluster of two nodes on this machine, known by a token."""

import os
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path

from harness import Skip
from launch_jobs import WORDS, alone, class_of, outcome, until, variables

from torchedu.cli import main

OTHER = "127.0.0.2"


@contextmanager
def cluster(folder: Path) -> Iterator[dict[str, str]]:
    """Run a head and a second node, each with one core.

    Args:
        folder: Where its files stand; a short path, since sockets are among them.

    Yields:
        Variables of the environment by which it is reached.

    Raises:
        Skip: Ray is not installed.
    """
    if find_spec("ray") is None:
        raise Skip("needs the package ray")
    own = {
        **variables(),
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": secrets.token_hex(16),
        "RAY_worker_niceness": "0",  # Ray's 15 gives them nothing where other work goes on
    }
    environment = {**os.environ, **own}
    ray = str(Path(sys.executable).parent / "ray")
    port = _free_port()
    each = ["--num-cpus=1", "--disable-usage-stats", "--object-store-memory=100000000", "--block"]
    head = ["--head", f"--port={port}", "--include-dashboard=false", f"--temp-dir={folder}"]
    nodes: list[subprocess.Popen[bytes]] = []

    def start(*words: str) -> None:
        # A group of its own: `ray stop` would end the clusters of others here too.
        nodes.append(
            subprocess.Popen(
                [ray, "start", *words, *each],
                env=environment,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        )

    try:
        start(*head)
        _until_open(port)
        start(f"--address=127.0.0.1:{port}", f"--node-ip-address={OTHER}")
        yield {**own, "RAY_ADDRESS": f"127.0.0.1:{port}"}
    finally:
        for node in reversed(nodes):
            node.terminate()
        for node in reversed(nodes):
            with suppress(subprocess.TimeoutExpired):
                node.wait(30)
            with suppress(ProcessLookupError):
                os.killpg(node.pid, signal.SIGKILL)
            node.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _until_open(port: int) -> None:
    def is_open() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    until(is_open, 120, lambda: "Ray's head does not begin")


def has_nodes(environment: dict[str, str], count: int) -> bool:
    """Say whether a cluster has so many nodes."""
    code = "import ray; ray.init(logging_level='ERROR'); print(len(ray.nodes()))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() == str(count)


def as_alone(folder: Path) -> bool:
    """Train on a cluster of two nodes, and say whether it comes to what it comes to alone."""
    folder.mkdir(parents=True)
    store = class_of(folder)
    words = ["--data.path", str(store), *WORDS]
    whole = alone(store, folder / "whole")
    before = Path.cwd()
    with cluster(Path("/tmp/torchedu-ray")) as own:
        os.environ.update(own)
        until(lambda: has_nodes(own, 2), 240, lambda: "the second node does not come")
        os.chdir(folder)
        code = 0
        try:
            run = ["--", "fit", "--run", "runs/ray", *words]
            main(["launch", "ray", "--nodes", "2", "--name", "onray", "--submit", *run])
        except SystemExit as ended:
            code = int(ended.code or 0)
        finally:
            os.chdir(before)
    return code == 0 and outcome(folder / "runs" / "ray") == whole
