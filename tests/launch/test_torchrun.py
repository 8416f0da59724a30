"""The script of a node under torchrun, letter by letter, and run."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from torchedu.errors import ConfigError
from torchedu.launch.job import Job, program_here
from torchedu.launch.launcher import State
from torchedu.launch.torchrun import SCRIPT, Torchrun

CPU = ("--run", "runs/x", "--trainer.accelerator", "cpu")

PINNED = Path(__file__).with_name("node.sh")


def plain(launcher: Torchrun, job: Job) -> str:
    """Return the script without this machine's places and versions."""
    text = launcher.files(job)[SCRIPT].replace(program_here(), "TORCHEDU")
    text = text.replace(sys.executable, "PYTHON").replace(str(job.here), "HERE")
    return re.sub(r"(node check) .*", r"\1 ...", text)


def test_several_nodes_meet_at_the_first_in_any_order(tmp_path: Path) -> None:
    job = Job((*CPU, "--model.net", "DKT"), nodes=2, devices=4, time="8h", here=tmp_path)
    assert plain(Torchrun(first="node-1"), job) == PINNED.read_text("utf-8")


def test_a_network_that_is_named_is_used_by_gloo_and_nccl(tmp_path: Path) -> None:
    text = plain(Torchrun(), Job(CPU, interface="ib0", here=tmp_path))
    assert "export GLOO_SOCKET_IFNAME=${GLOO_SOCKET_IFNAME:-ib0}  # " in text
    assert "export NCCL_SOCKET_IFNAME=${NCCL_SOCKET_IFNAME:-ib0}  # " in text
    assert "run '' \\" in text
    assert "--standalone \\" in text
    assert "timeout" not in text


def test_words_reach_the_training_as_they_were_given(tmp_path: Path) -> None:
    odd = ("--data.path", "a b's $HOME `x` {y}.csv", "--model.lr=1e-3")
    text = Torchrun().files(Job((*CPU, *odd), here=tmp_path))[SCRIPT]
    assert shlex.split(text.split(" fit ")[1])[4:7] == list(odd)
    assert subprocess.run(["sh", "-n"], input=text, text=True, check=False).returncode == 0


def test_several_nodes_need_to_know_where_they_meet() -> None:
    with pytest.raises(ConfigError, match="2 nodes meet at the first of them"):
        Torchrun().files(Job(CPU, nodes=2))
    for first in ("node-1:abc", "node-1:0", "node-1:70000", "node 1", "::1", ":29400"):
        with pytest.raises(ConfigError, match="A name or an address"):
            Torchrun(first=first).files(Job(CPU, nodes=2))
    with pytest.raises(ConfigError, match="in an array"):
        Torchrun().files(Job(("--run", "runs/{task}")))


def test_a_node_that_is_refused_begins_nothing(tmp_path: Path) -> None:
    job = Job((*CPU, "--data.path", "gone.csv"), here=tmp_path)
    job.folder.mkdir(parents=True)
    (job.folder / SCRIPT).write_text(Torchrun().files(job)[SCRIPT], "utf-8")
    started = Torchrun().start(job)
    started._process.wait(60)  # type: ignore[attr-defined]
    assert started.state() == State("ended with 2", 2)
    said = (job.folder / "logs" / "node-here.log").read_text("utf-8")
    assert "gone.csv is not there" in said
    assert said.count("\n") == 2
