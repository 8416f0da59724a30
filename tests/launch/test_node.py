"""A node is looked at before its part begins, and finds the network to the others."""

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from torchedu.errors import ConfigError, LostRankError
from torchedu.launch import node
from torchedu.launch.job import Job


@pytest.fixture
def expected(class_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.chdir(tmp_path)
    job = Job(
        (*("--run", "runs/x", "--data.path", str(class_store)), "--trainer.accelerator", "cpu"),
        free_gib=0.001,
    )
    job.folder.mkdir(parents=True)
    return job.expected(shared=True)


def test_a_node_like_the_one_that_wrote_the_job_passes(expected: dict[str, Any]) -> None:
    assert json.loads(json.dumps(expected)) == expected
    node.check(expected, time.time())
    node.check(expected)


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"versions": {"torch": "1.0"}}, ["torch is", "1.0 where", "Install the same"]),
        ({"versions": {"nothing": "1"}}, ["nothing is not installed there"]),
        ({"gpus": 64}, ["GPUs", "of 64", "devices"]),
        ({"folder": "/no/such"}, ["/no/such", "share"]),
        ({"free_gib": 1e9}, ["GiB left", "free_gib"]),
        ({"data": "/no/such.csv"}, ["path /no/such.csv is not there"]),
        ({"checksum": "0" * 64}, ["other data", "Copy it again"]),
    ],
)
def test_another_node_is_refused_in_two_lines(
    expected: dict[str, Any], other: dict[str, Any], said: list[str]
) -> None:
    with pytest.raises(ConfigError) as error:
        node.check({**expected, **other})
    message = str(error.value)
    assert message.startswith(f"node {node.platform.node()}: ")
    assert message.count("\n") == 1
    assert all(text in message for text in said), message


@pytest.mark.parametrize("apart", [-3600, 3600])
def test_a_clock_that_is_another_is_refused(expected: dict[str, Any], apart: int) -> None:
    with pytest.raises(ConfigError, match="its clock is"):
        node.check(expected, time.time() + apart)


def test_gpus_are_those_that_the_process_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    for visible, count in (("0,1", 2), ("", 0), ("-1", 0), ("MIG-a,MIG-b,MIG-c", 3)):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
        assert node._gpus() == count


def test_the_script_names_a_node_that_is_not_as_it_should_be(expected: dict[str, Any]) -> None:
    words = [sys.executable, "-m", "torchedu.launch.node", "check"]
    wrong = {**expected, "versions": {"torchedu": "9.9"}}
    done = subprocess.run([*words, json.dumps(wrong)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 2
    assert "torchedu is" in done.stderr


def ran(first: str, *command: str, **variables: str) -> list[str]:
    """Return what a command prints that a node has become."""
    code = "import os, sys; print(*sys.argv[1:], os.environ.get('GLOO_SOCKET_IFNAME'), sep='|')"
    words = [sys.executable, "-m", "torchedu.launch.node", "run", first]
    done = subprocess.run(
        [*words, sys.executable, "-c", code, *command],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, **variables},
    )
    return done.stdout.strip().split("|")


@pytest.mark.skipif(sys.platform != "linux", reason="networks are asked for as Linux answers")
def test_a_node_meets_others_by_the_network_that_leads_to_the_first() -> None:
    loopback = next(name for name, own in node._interfaces() if own == "127.0.0.1")
    assert ran("127.0.0.1:29400", "{address}", "{is_first}") == ["127.0.0.1", "true", loopback]
    assert ran("127.0.0.1", GLOO_SOCKET_IFNAME="ib0") == ["ib0"]
    assert ran("", "{address}", "{is_first}", "a {x}") == ["127.0.0.1", "true", "a {x}", "None"]


def test_an_address_of_another_is_not_here() -> None:
    assert node.is_here("127.0.0.1")
    assert not node.is_here("192.0.2.1")


def test_a_first_node_that_nobody_knows_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(self: socket.socket, place: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(node, "PATIENCE", -1.0)
    monkeypatch.setattr(node.socket, "socket", type("S", (socket.socket,), {"connect": unknown}))
    with pytest.raises(LostRankError, match="the first node 'nowhere' cannot be reached"):
        node.toward("nowhere")


def test_a_command_that_is_not_there_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert node.main(["run", "", "/no/such/torchedu"]) == 2
    assert "/no/such/torchedu cannot be run" in capsys.readouterr().err
