"""Does a small language model learn to explain, and what does its training cost?

    python benchmarks/causal_lm.py                    # half an hour of a processor's time
    python benchmarks/causal_lm.py --only lm.vs_hf    # ten minutes of it
    python benchmarks/causal_lm.py --short            # four minutes: lm.vs_hf, one turn each

``lm.learns`` trains the recipe ``math_small`` on GSM8K under ``fsdp`` on 2 processes of one thread,
with a tokenizer of its own, and compares the cost of a token of the test part's solutions with that
of interpolated Kneser-Ney 5-grams on the same tokens. ``lm.vs_hf`` trains the same network on the
same conversations by torchedu and by Hugging Face's Trainer at its default padding, in turns; it
counts the tokens of conversations, padding left out, that a second of processor time gets through,
start-up and the first steps left out. The Trainer's figure with batches of like lengths
(``group_by_length``) stands beside.
"""

import json
import statistics
import sys
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import harness
from harness import Goal, Job

CONFIG = "math_small"
MINUTES = 45
LEAST = 1.3
TURNS = 3
PEERS = Path(__file__).parent / "peers"
WAYS = ("torchedu", "hf", "hf_by_length")


def store(folder: Path) -> Path:
    """Import GSM8K."""
    out = folder / "gsm8k.store"
    raw = harness.real_data() / "math" / "gsm8k"
    harness.run([harness.script("torchedu"), "data", "import", "gsm8k", raw, out])
    return out


def learns() -> tuple[list[Goal], Any]:
    """Train the recipe on 2 ranks."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        words = ["fit", "--config", CONFIG, "--data.path", store(folder), "--run", folder / "run"]
        words += ["--trainer.accelerator", "cpu", "--trainer.devices", "2"]
        words += ["--trainer.strategy", "fsdp"]
        done = harness.run([harness.script("torchedu"), *words])
        told = json.loads((folder / "run" / "evaluation.json").read_text("utf-8"))
    costs = {row["name"]: row["cost"] for row in told["scores"]}
    network, ngrams = costs["CausalLM"], costs["Kneser-Ney 5-grams"]
    minutes = done.seconds / 60
    must = f"below Kneser-Ney's {ngrams:.3f} nats a token, in {MINUTES} minutes of 2 cores"
    holds = network < ngrams and minutes <= MINUTES
    return [Goal("lm.learns", network, must, holds)], {
        "nats_a_token": costs,
        "wall_minutes": round(minutes, 1),
        "peak_mib": round(done.peak_mib),
    }


def versus(goal: str, turns: int) -> tuple[list[Goal], Any]:
    """Train by torchedu and by the Trainer in turns."""
    found: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
    with TemporaryDirectory() as name:
        data = store(Path(name))
        for turn in range(turns):
            for way in WAYS:
                words = [sys.executable, PEERS / "hf_trainer.py", way, data, f"{name}/{way}-{turn}"]
                done = harness.run(words)
                told = json.loads(done.output.splitlines()[-1])
                found[way].append({**told, "peak_mib": round(done.peak_mib)})
                print(f"  {way}: {found[way][-1]}", flush=True)
    rate, peak = (
        {way: statistics.median(one[key] for one in found[way]) for way in WAYS}
        for key in ("tokens_a_cpu_second", "peak_mib")
    )
    ratio = rate["torchedu"] / rate["hf"]
    holds = ratio >= LEAST and peak["torchedu"] <= peak["hf"]
    must = f"{LEAST} times the Trainer's tokens a CPU-second, no more memory"
    return [Goal(goal, ratio, must, holds)], {
        "tokens_a_cpu_second": rate,
        "peak_mib": peak,
        "times_group_by_length": round(rate["torchedu"] / rate["hf_by_length"], 3),
        "turns": found,
    }


JOBS = [
    Job(("lm.learns",), learns),
    Job(("lm.vs_hf",), partial(versus, "lm.vs_hf", TURNS)),
    Job(("lm.vs_hf_short",), partial(versus, "lm.vs_hf_short", 1), short=True),
]

if __name__ == "__main__":
    sys.exit(harness.main("causal_lm", JOBS, __doc__.splitlines()[0]))
