"""What Ray is asked for, and what is refused before it is."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest

from torchedu.errors import ConfigError, MissingExtraError
from torchedu.launch import ray
from torchedu.launch.job import Job
from torchedu.launch.ray import FILE, SCRIPT, Ray

WORDS = ("--run", "runs/x", "--trainer.accelerator", "cpu")


def test_ray_is_asked_for_as_many_workers_as_the_job_has_devices(tmp_path: Path) -> None:
    job = Job(WORDS, nodes=2, devices=4, cpus=6, restarts=3, here=tmp_path)
    files = Ray("head:6379").files(job)
    asked = json.loads(files[FILE])
    expected = asked.pop("expected")
    assert asked == {
        "address": "head:6379",
        "name": "x",
        "nodes": 2,
        "devices": 4,
        "cpus": 6,
        "gpus": False,
        "restarts": 3,
        "here": str(tmp_path),
        "folder": f"{tmp_path}/jobs/x",
        "words": job.training()[1:],
    }
    assert expected == job.expected(shared=True)
    last = files[SCRIPT].splitlines()[-1]
    assert last == f"exec {sys.executable} -m torchedu.launch.ray_train {tmp_path}/jobs/x/job.json"
    assert json.loads(Ray().files(Job(("--run", "x")))[FILE])["gpus"] is True


@pytest.mark.parametrize(
    ("job", "said"),
    [
        (Job(WORDS, time="8h"), "Ray knows no time limit"),
        (Job(("--run", "runs/{task}")), "in an array"),
    ],
)
def test_what_ray_does_not_know_is_told(job: Job, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        Ray().files(job)


def test_an_empty_address_is_told() -> None:
    with pytest.raises(ConfigError, match="address is empty"):
        Ray("")


def test_ray_comes_by_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"torchedu\[ray\]"):
        Ray().check(Job(WORDS))
    assert importlib.util.find_spec("torchedu.launch.ray_train") is not None
