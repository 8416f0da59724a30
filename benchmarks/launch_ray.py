"""A Ray cluster of two nodes on this machine, known by a token."""

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from harness import Skip
from launch_jobs import WORDS, alone, class_of, outcome, variables

from torchedu.cli import main

PORT = 6399
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
        "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
    }
    environment = {**os.environ, **own}
    ray = str(Path(sys.executable).parent / "ray")
    each = ["--num-cpus=1", "--disable-usage-stats", "--object-store-memory=100000000"]
    head = ["--head", f"--port={PORT}", "--include-dashboard=false", f"--temp-dir={folder}"]
    try:
        for words in (head, [f"--address=127.0.0.1:{PORT}", f"--node-ip-address={OTHER}"]):
            subprocess.run(
                [ray, "start", *words, *each], env=environment, check=True, capture_output=True
            )
        yield {**own, "RAY_ADDRESS": f"127.0.0.1:{PORT}"}
    finally:
        subprocess.run([ray, "stop"], env=environment, check=False, capture_output=True)


def as_alone(folder: Path) -> bool:
    """Train on a cluster of two nodes, and say whether it comes to what it comes to alone."""
    folder.mkdir(parents=True)
    store = class_of(folder)
    words = ["--data.path", str(store), *WORDS]
    whole = alone(store, folder / "whole")
    before = Path.cwd()
    with cluster(Path("/tmp/torchedu-ray")) as own:
        os.environ.update(own)
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
