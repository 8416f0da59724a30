"""Searches with trials in PostgreSQL or on a Ray cluster, of which processes are killed."""

import contextlib
import csv
import json
import os
import signal
import time
from pathlib import Path

import pytest

from torchedu.errors import ConfigError
from torchedu.testing.launch import LaunchServer

pytest.importorskip("optuna", reason="needs the package optuna")
pytest.importorskip("psycopg", reason="needs the package psycopg")

pytestmark = [pytest.mark.service, pytest.mark.timeout(600)]

SECONDS = 500.0
BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def searched(words: list[str]) -> None:
    from torchedu.cli import main

    raise SystemExit(main(words))


def test_trials_in_postgresql_outlive_a_worker(
    launch: LaunchServer,
    class_store: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    from harness import Skip
    from tune_workers import postgresql

    (tmp_path / "space.yaml").write_text("model.lr: {float: [0.001, 0.1], log: true}", "utf-8")
    study = tmp_path / "study"
    words = ["tune", "--space", str(tmp_path / "space.yaml"), "--study", str(study)]
    words += ["--data.path", str(class_store), "--model.net", "ItemDKT", "--model.net.dim", "8"]
    words += ["--trainer.accelerator", "cpu", "--trainer.max_epochs", "3", "--pruner", "none"]
    words += ["--workers", "2", "--trials", "4", "--seeds", "0", "--sampler", "random"]
    with contextlib.ExitStack() as stack:
        try:
            storage = stack.enter_context(postgresql())
        except Skip as reason:
            pytest.skip(str(reason))
        started = launch.start(searched, [*words, "--storage", storage])
        lock = study / "claims" / "0001" / ".lock"
        while not (study / "trials" / "0001" / "metrics.csv").exists():
            assert started.running()
            time.sleep(0.02)
        with contextlib.suppress(OSError, ValueError):  # it may have ended this moment
            os.kill(json.loads(lock.read_text("utf-8"))["process"], signal.SIGKILL)
        assert started.wait(SECONDS) == [0], started.output()
        away = storage.replace("/trials", "/nowhere")
        from torchedu.tune.objectives import Goals
        from torchedu.tune.study import Asked, Study

        with pytest.raises(ConfigError, match="cannot be reached") as error:
            Study(tmp_path / "other", Asked((), ""), Goals.parse("val/auc", "", ""), away)
        assert "nowhere" in str(error.value)
    with (study / "trials.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["trial"], row["state"]) for row in rows] == [(n, "whole") for n in "0123"]
    assert not (study / "journal.log").exists()


def test_a_search_on_a_cluster_that_is_killed_goes_on_and_is_the_one_of_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ray", reason="needs the package ray")
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    from harness import Running
    from tune_ray import cluster, same
    from tune_workers import command

    with cluster() as variables:
        words = [*command(tmp_path, 2, 1, []), "--engine", "ray"]
        stranger = {**variables, "RAY_AUTH_TOKEN": "0" * 64}
        with pytest.raises(RuntimeError, match=r"--engine ray: no cluster at .*\n.*RAY_AUTH_TOKEN"):
            Running(words, environment=stranger).finish()
        assert not (tmp_path / "study").exists()
        problems, facts = same(tmp_path, variables, trials=4, epochs=3)
    assert not problems
    assert facts["taken_up"]
    assert facts["epochs_compared"] >= 4


def test_a_cluster_that_is_not_there_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ray", reason="needs the package ray")
    from torchedu.ray_address import cluster

    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    with pytest.raises(ConfigError, match=r"no cluster at 127\.0\.0\.1:1: "), cluster():
        pass
