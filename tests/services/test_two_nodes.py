"""Two machines, as two network namespaces with a cable between them that can be pulled."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from lightning import LightningModule, Trainer, seed_everything
from lightning.pytorch.callbacks import Callback

from torchedu import Interactions, ItemDKT, KnowledgeTracing
from torchedu.callbacks import HungRank
from torchedu.callbacks.hung_rank import HUNG
from torchedu.checkpoints import LastCheckpoint, VerifiedCheckpointIO, resume_from
from torchedu.metrics_log import metrics_log
from torchedu.strategies.ddp import DDP
from torchedu.testing.launch import LaunchServer

pytestmark = [pytest.mark.service, pytest.mark.timeout(300)]

TIMEOUT = 8.0
"""Seconds after which a side that hears nothing ends."""
CUT = 7
"""Step at which the cable is pulled."""
NODES = ("torchedu-a", "torchedu-b")
ADDRESSES = ("10.213.77.1", "10.213.77.2")
CODE = "import sys; from tests.services.test_two_nodes import train; train(*sys.argv[1:])"


class Slow(Callback):
    """Gives the test time to pull the cable, and says where training stands."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self.file.write_text(str(trainer.global_step), "utf-8")
        if trainer.global_step >= CUT:
            time.sleep(1.0)


def train(store: str, run: str, nodes: str, pull: str = "") -> None:
    """Train in a run's folder on so many machines, going on with what is there."""
    folder = Path(run)
    folder.mkdir(exist_ok=True)
    (folder / "config.yaml").touch()  # as the command line begins a run
    seed_everything(0, verbose=False)
    data = Interactions(store, batch_size=16)
    net = partial(ItemDKT, dim=8, dropout=0.1)
    task = KnowledgeTracing(net, data.num_items, data.num_skills, lr=0.02)
    again = resume_from("auto", run, task)
    step, rows = (again.step, again.rows) if again else (None, None)
    slow = [Slow(folder.with_suffix(f".{os.environ['RANK']}.txt"))] if pull else []
    trainer = Trainer(
        accelerator="cpu",
        devices=2 // int(nodes),
        num_nodes=int(nodes),
        strategy=DDP(),
        max_epochs=4,
        logger=metrics_log(run, step, True, rows),
        callbacks=[*slow, HungRank(TIMEOUT), LastCheckpoint(every_n_steps=3, minutes=None)],
        plugins=[VerifiedCheckpointIO()],
        log_every_n_steps=1,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(task, data, ckpt_path=again.file if again else None, weights_only=True)


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, text=True)


def remove() -> None:
    for node in NODES:
        subprocess.run(["ip", "netns", "delete", node], check=False, capture_output=True)


@pytest.fixture(scope="module")
def cable() -> Iterator[None]:
    """Join two namespaces by a cable."""
    if shutil.which("ip") is None:
        pytest.skip("needs ip (Debian and Ubuntu: apt-get install iproute2)")
    remove()
    try:
        for node in NODES:
            ip("netns", "add", node)
        ip("link", "add", "cable", "netns", NODES[0], "type", "veth", "peer", "name", "cable",
           "netns", NODES[1])  # fmt: skip
        for node, address in zip(NODES, ADDRESSES, strict=True):
            ip("-n", node, "address", "add", f"{address}/24", "dev", "cable")
            ip("-n", node, "link", "set", "lo", "up")
            ip("-n", node, "link", "set", "cable", "up")
    except subprocess.CalledProcessError as error:
        remove()
        pytest.skip(f"network namespaces are not permitted here: {error.stderr.strip()}")
    yield
    remove()


class Node(NamedTuple):
    process: subprocess.Popen[str]
    output: Path

    def said(self) -> str:
        return self.output.read_text("utf-8", errors="replace")


def start(node: int, folder: Path, *words: str) -> Node:
    """Begin one machine's part, by torchrun under a host name of its own."""
    output = folder / f"node-{node}.txt"
    torchrun = [
        *(sys.executable, "-m", "torch.distributed.run", "--nnodes", "2", "--nproc-per-node", "1"),
        *("--node-rank", str(node), "--master-addr", ADDRESSES[0], "--master-port", "29577"),
        *("--no-python", sys.executable, "-c", CODE, *words),
    ]
    named = ["unshare", "--uts", "sh", "-c", f'hostname {NODES[node]} && exec "$@"', "sh"]
    with output.open("w", encoding="utf-8") as out:
        process = subprocess.Popen(
            ["ip", "netns", "exec", NODES[node], *named, *torchrun],
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join(sys.path),
                "OMP_NUM_THREADS": "1",
                "GLOO_SOCKET_IFNAME": "cable",
            },
            stdout=out,
            stderr=out,
            text=True,
        )
    return Node(process, output)


def both(folder: Path, *words: str) -> list[Node]:
    folder.mkdir(exist_ok=True)
    return [start(node, folder, *words) for node in (0, 1)]


def wait(nodes: list[Node], seconds: float) -> list[int]:
    end = time.monotonic() + seconds
    try:
        return [node.process.wait(max(0.1, end - time.monotonic())) for node in nodes]
    finally:
        for node in nodes:
            node.process.kill()


def test_two_machines_compute_what_one_does_and_part_when_the_cable_is_pulled(
    class_store: Path, tmp_path: Path, cable: None, launch: LaunchServer
) -> None:
    one = launch.start(train, str(class_store), str(tmp_path / "one"), "1", ranks=2)
    pulled = str(tmp_path / "pulled")
    nodes = both(tmp_path / "first", str(class_store), pulled, "2", "pull")
    steps = [tmp_path / f"pulled.{rank}.txt" for rank in (0, 1)]
    patience = time.monotonic() + 90
    while not all(file.exists() and int(file.read_text() or 0) >= CUT for file in steps):
        running = all(node.process.poll() is None for node in nodes)
        in_time = running and time.monotonic() < patience
        assert in_time, "".join(node.said() for node in nodes)
        time.sleep(0.05)
    began = time.monotonic()
    ip("-n", NODES[0], "link", "set", "cable", "down")
    codes = wait(nodes, 3 * TIMEOUT)
    took = time.monotonic() - began
    assert all(codes), codes
    assert took < 2 * TIMEOUT, took
    for node, other in zip(nodes, (1, 0), strict=True):
        said = node.said()
        assert f"rank {other} ({NODES[other]}, pid " in said, said
        assert f"exitcode  : {HUNG}" in said, said

    ip("-n", NODES[0], "link", "set", "cable", "up")
    again = both(tmp_path / "again", str(class_store), pulled, "2")
    assert wait(again, 90) == [0, 0], "".join(node.said() for node in again)
    assert one.wait(90) == [0, 0], one.output()
    curve = (tmp_path / "one" / "metrics.csv").read_text("utf-8")
    assert (tmp_path / "pulled" / "metrics.csv").read_text("utf-8") == curve
