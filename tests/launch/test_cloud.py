"""SkyPilot's task: letter by letter, read by its own parser, and what is refused."""

import os
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.launch.test_kubernetes import plain
from torchedu.errors import ConfigError
from torchedu.launch.cloud import FILE, Cloud
from torchedu.launch.job import Job

WORDS = ("--run", "runs/x", "--data.path", "class.store")
PINNED = Path(__file__).with_name("sky.yaml")


def made(words: tuple[str, ...] = WORDS, **options: str) -> str:
    return Cloud(bucket="edu-runs", **options).files(Job(words, nodes=2, devices=8, cpus=6))[FILE]  # type: ignore[arg-type]


def test_the_task_stands_letter_by_letter() -> None:
    assert plain(made()) == PINNED.read_text("utf-8")


def test_options_are_skypilots() -> None:
    task = yaml.safe_load(made(gpu="H100", infra="gcp/us-central1", image="example.org/edu:1"))
    assert task["resources"]["accelerators"] == "H100:8"
    assert task["resources"]["infra"] == "gcp/us-central1"
    assert task["resources"]["image_id"] == "docker:example.org/edu:1"
    assert "setup" not in task
    cpu = yaml.safe_load(made((*WORDS, "--trainer.accelerator", "cpu")))
    assert "accelerators" not in cpu["resources"]
    assert cpu["resources"]["cpus"] == "48+"


def test_skypilots_own_parser_reads_the_task(tmp_path: Path) -> None:
    python = os.environ.get("TORCHEDU_SKYPILOT")
    if not python:
        pytest.skip("TORCHEDU_SKYPILOT names no Python that has skypilot")
    code = (
        "import sys; from sky import Task; from sky.utils import common_utils\n"
        "task = Task.from_yaml(sys.argv[1]); task.validate_name(); [own] = task.resources\n"
        "print(task.num_nodes, own.use_spot, own.job_recovery, own.accelerators)"
    )
    (tmp_path / FILE).write_text(made(), "utf-8")
    done = subprocess.run(
        [python, "-c", code, str(tmp_path / FILE)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("2 True "), done.stdout
    assert "[70, 75]" in done.stdout
    (tmp_path / FILE).write_text(made().replace("use_spot", "use_spott"), "utf-8")
    wrong = [python, "-c", code, str(tmp_path / FILE)]
    assert subprocess.run(wrong, capture_output=True, check=False).returncode


@pytest.mark.parametrize(
    ("options", "job", "said"),
    [
        ({"bucket": "X"}, Job(WORDS), ["bucket is 'X'"]),
        ({"gpu": "8"}, Job(WORDS), ["gpu is '8'", "sky show-gpus"]),
        ({"mount": "x"}, Job(WORDS), ["mount is 'x'"]),
        ({}, Job(("--run", "/tmp/x")), ["goes with the machine", "below /work"]),
        ({}, Job(WORDS, time="8h"), ["knows no time limit"]),
    ],
)
def test_what_would_not_run_is_told(options: dict[str, str], job: Job, said: list[str]) -> None:
    with pytest.raises(ConfigError) as error:
        Cloud(**{"bucket": "edu-runs", **options}).files(job)  # type: ignore[arg-type]
    assert all(text in str(error.value) for text in said), str(error.value)


def test_no_skypilot_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/no/such")
    with pytest.raises(ConfigError, match="there is no SkyPilot here: sky is not on the PATH"):
        Cloud(bucket="edu-runs").check(Job(WORDS))
