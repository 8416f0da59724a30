"""Everything that a GPU can tell in eight minutes, in stages, the most worth knowing first.

    make gpu-campaign                                      # on one GPU, without network
    python benchmarks/gpu_campaign.py --only kt lm         # some stages
    python benchmarks/gpu_campaign.py --small              # in small, on a CPU: does it run at all?

Each stage is a process with a time of its own, and its figures are in results/gpu.json as soon as
it ends: what is cut keeps what is done. It needs torch from torchedu's lower bound on, no network
and no real data; ``--wheels FOLDER`` installs what is missing from files carried along. No GPU has
run it yet: there is no results/gpu.json.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import harness

MINUTES = 8.0


class Stage(NamedTuple):
    """A part of the campaign.

    Attributes:
        words: What is run, after the interpreter.
        seconds: For how long at most.
        about: What it tells.
    """

    words: tuple[str, ...]
    seconds: int
    about: str


STAGES = {
    "kt": Stage(("benchmarks/gpu_kt.py",), 150, "answers a second beside a bare loop"),
    "lm": Stage(("benchmarks/gpu_lm.py", "--short"), 100, "share of the peak, and packing"),
    "steps": Stage(("benchmarks/gpu_steps.py",), 60, "rows a second of recommenders, an encoder"),
    "tests": Stage(("-m", "pytest", "-q", "-m", "gpu", "--maxfail", "20", "tests/strategies"), 150,
                   "networks, precisions, strategies; what goes on is equal to the bit"),
}  # fmt: skip
"""The stages in order of worth."""
SMALL = "TORCHEDU_SMALL"
"""Set for scripts that are to run in small, on whatever there is."""
GONE = {"tests": ("-m", "pytest", "-q", "--collect-only", "-m", "gpu", "tests/strategies")}
"""What stands for a stage in small, where no CPU can do it."""


def run(name: str, small: bool, left: float, python: str) -> dict[str, Any]:
    """Run a stage, and return what it told."""
    stage = STAGES[name]
    words = GONE.get(name, (stage.words[0], "--short")) if small else stage.words
    begin = time.perf_counter()
    environment = {**os.environ, **({SMALL: "1"} if small else {})}
    place = str(harness.ROOT)
    environment["PYTHONPATH"] = os.pathsep.join(
        filter(None, [place, environment.get("PYTHONPATH", "")])
    )
    try:
        done = subprocess.run(
            [python, *words], cwd=harness.ROOT, env=environment, text=True, check=False,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=min(stage.seconds, left),
        )  # fmt: skip
        output, code = done.stdout, done.returncode
    except subprocess.TimeoutExpired as cut:
        output, code = str(cut.stdout or b"", "utf-8", "replace"), -1
    lines = output.strip().splitlines()
    goals = [json.loads(line) for line in lines[-1:] if line.startswith('{"benchmark"')]
    return {
        "about": stage.about,
        "seconds": round(time.perf_counter() - begin, 1),
        "code": code,
        "goals": goals[0]["goals"] if goals else [],
        "end": lines[-25:],
    }


def install(folder: Path) -> None:
    """Install what is missing from wheels that were carried along."""
    words = ["-m", "pip", "install", "-q", "--no-index", "--find-links", str(folder)]
    subprocess.run([sys.executable, *words, "torchedu[dev]"], check=True)


def main() -> int:
    """Run the campaign as the command line asks."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    stages = ", ".join(STAGES)
    parser.add_argument("--only", nargs="+", choices=STAGES, metavar="STAGE", help=stages)
    parser.add_argument("--small", action="store_true", help="in small, on whatever there is")
    parser.add_argument("--minutes", type=float, default=MINUTES, help="for all of it, at most")
    parser.add_argument("--wheels", type=Path, help="folder of wheels to install from first")
    parser.add_argument("--out", type=Path, default=harness.RESULTS / "gpu.json")
    given = parser.parse_args()
    if given.wheels is not None:
        install(given.wheels)
    device = subprocess.run(
        [sys.executable, "-c", DEVICE], capture_output=True, text=True, check=False
    ).stdout.strip()
    if not (device or given.small):
        print("There is no GPU here: nothing is measured.")
        return 0
    campaign: dict[str, Any] = {
        "benchmark": "gpu", "commit": harness.commit(), "gpu": device or None,
        "small": given.small, "machine": harness.machine(), "stages": {},
    }  # fmt: skip
    begin = time.perf_counter()
    for name in given.only or STAGES:
        left = 60 * given.minutes - (time.perf_counter() - begin)
        if left < 5:
            print(f"{name}: no time is left")
            continue
        print(f"{name}: {STAGES[name].about} ...", flush=True)
        campaign["stages"][name] = run(name, given.small, left, sys.executable)
        told = campaign["stages"][name]
        print(f"  {told['seconds']} s, exit code {told['code']}", flush=True)
        for goal in told["goals"]:
            print(f"  {goal['goal']}: {goal['figure']} ({goal['must']})", flush=True)
        given.out.parent.mkdir(exist_ok=True)
        given.out.write_text(json.dumps(campaign, indent=1) + "\n", "utf-8")
    return max((abs(stage["code"]) > 1 for stage in campaign["stages"].values()), default=0)


DEVICE = "import torch; print(torch.cuda.get_device_name() if torch.cuda.is_available() else '')"

if __name__ == "__main__":
    sys.exit(main())
