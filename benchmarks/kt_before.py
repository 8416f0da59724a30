"""Scores the default network as it was at an earlier commit, once, for ``kt_default`` to stand on.

    git worktree add ../before 01bab74
    python benchmarks/kt_before.py ../before        # writes kt_before.json, half an hour

The same stores, splits and seeds as in ``kt_default``; the commit's own code trains and predicts in
processes of its own.
"""

import argparse
import json
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

import harness
import kt_scores
from kt_scores import SEEDS, SETS

from torchedu import Interactions

KEPT = Path(__file__).with_suffix(".json")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tree", type=Path, help="the earlier commit's files")
    parser.add_argument("--runs", type=Path, help="folder that keeps the runs, to go on with")
    given = parser.parse_args()
    theirs = {"PYTHONPATH": str(given.tree.resolve())}
    words = ["git", "-C", str(given.tree), "rev-parse", "HEAD"]
    commit = subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()
    fits: dict[str, dict[str, dict[str, object]]] = {}
    with TemporaryDirectory(prefix="kt-before-") as scratch:
        folder = (given.runs or Path(scratch)).resolve()
        folder.mkdir(exist_ok=True)
        for name in SETS:
            before = kt_scores.imported(name, folder / f"{name}.store", theirs)
            now = kt_scores.imported(name, Path(scratch) / f"{name}.now.store")
            for seed in SEEDS:
                run, cost = folder / f"{name}-{seed}", folder / f"{name}-{seed}.seconds"
                if not cost.is_file():
                    seconds = kt_scores.fit(before, run, seed, environment=theirs)
                    cost.write_text(f"{seconds:.1f}")
                data = Interactions(str(now), seed=seed)
                models, answers = kt_scores.judged(run, data, baselines=False)
                row = {**models[kt_scores.NETWORK].plain(), "answers": answers}
                row["cpu_seconds"] = float(cost.read_text())
                fits.setdefault(name, {})[str(seed)] = row
                print(f"{name}, seed {seed}: {row}", flush=True)
    content = {"commit": commit, "machine": harness.machine(), "fits": fits}
    KEPT.write_text(json.dumps(content, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
