"""The campaign of a GPU, in small and without one: no minute of a GPU is to be lost on a slip."""

import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
SCRIPTS = ("gpu_kt", "gpu_lm", "gpu_steps")


@pytest.fixture
def scripts(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, ModuleType]]:
    """Give the scripts of the campaign, imported in small."""
    monkeypatch.setenv("TORCHEDU_SMALL", "1")
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    before = set(sys.modules)
    yield {name: importlib.import_module(name) for name in (*SCRIPTS, "gpu_campaign")}
    for name in set(sys.modules) - before:
        if str(BENCHMARKS) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


@pytest.mark.timeout(900)  # seconds alone, and minutes beside much other work
@pytest.mark.filterwarnings("ignore")
def test_every_stage_measures_something_in_small(scripts: dict[str, ModuleType]) -> None:
    for name in SCRIPTS:
        jobs = [job for job in scripts[name].JOBS if job.short]
        assert jobs
        for job in jobs:
            measured: Any = job.measure()
            goals, _ = measured
            assert [goal.goal for goal in goals] == list(job.goals)
            assert all(goal.figure is not None for goal in goals)


def test_figures_are_kept_stage_by_stage_and_a_cut_keeps_what_is_done(
    scripts: dict[str, ModuleType], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign: Any = scripts["gpu_campaign"]
    for stage in campaign.STAGES.values():
        script = stage.words[0]
        assert script == "-m" or (BENCHMARKS.parent / script).is_file()
    told = json.dumps({"benchmark": "x", "goals": [{"goal": "g", "figure": 1, "must": "m"}]})
    stages = {
        "quick": campaign.Stage(("-c", f"print({told!r})"), 60, "says"),
        "slow": campaign.Stage(
            ("-c", "print('begun', flush=True); raise SystemExit(3)"), 60, "breaks off"
        ),
    }
    monkeypatch.setattr(campaign, "STAGES", stages)
    monkeypatch.setattr(campaign, "GONE", {name: stage.words for name, stage in stages.items()})
    monkeypatch.setattr(campaign, "DEVICE", "print('a GPU')")
    out = tmp_path / "gpu.json"
    monkeypatch.setattr(sys, "argv", ["gpu_campaign", "--small", "--out", str(out)])
    campaign.main()
    kept = json.loads(out.read_text("utf-8"))["stages"]
    assert kept["quick"]["goals"][0]["figure"] == 1
    assert kept["slow"]["code"] != 0
    assert kept["slow"]["end"][0] == "begun"
