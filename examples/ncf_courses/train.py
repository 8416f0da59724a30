"""Neural collaborative filtering on several devices: GMF, an MLP, then NeuMF that begins from both.

    python examples/ncf_courses/train.py enrolments.csv --devices 2

He et al., "Neural Collaborative Filtering", WWW 2017, https://arxiv.org/abs/1708.05031, with the
paper's sizes, loss and four negatives an enrolment. Deviations: AdamW throughout, where the paper
goes on with SGD after pre-training; the best pass is chosen, and everything scored, over the whole
catalogue.
"""

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

HALF = {"GMF": "gmf", "MLP": "mlp"}
DIM, HIDDEN = "32", "[64, 32, 16]"


def stages(data: str, runs: Path, more: Sequence[str] = ()) -> list[list[str]]:
    """Return the words of the three commands, one after the other.

    Args:
        data: The enrolments: whatever ``torchedu fit --data.path`` reads.
        runs: Where the three runs go.
        more: Words for all three, such as how many devices.

    Returns:
        For each of GMF, MLP and NeuMF the words after ``torchedu``.
    """
    commands = []
    for net in (*HALF, "NeuMF"):
        words = ["fit", "--model", "CourseRecommendation", "--model.net", net]
        words += ["--model.net.dim", DIM]
        words += [] if net == "GMF" else ["--model.net.hidden", HIDDEN]
        words += ["--model.loss", "bce", "--model.negatives", "4"]
        words += ["--model.weight_decay", "0.0", "--model.schedule", "constant"]
        words += ["--data.batch_size", "512"]
        if net in HALF:
            words += ["--model.lr", "0.001", "--run", str(runs / HALF[net])]
        else:
            halves = ", ".join(str(runs / half) for half in HALF.values())
            words += ["--model.start_from", f"[{halves}]"]
            words += ["--model.lr", "0.0003", "--run", str(runs / "neumf")]
        commands.append([*words, "--data.path", data, *more])
    return commands


def main() -> None:
    """Run the three commands, each when the one before has ended well."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", help="enrolments, such as enrolments.csv; docs/recommendation.md")
    parser.add_argument("--runs", type=Path, default=Path("runs/ncf"), help="where the runs go")
    parser.add_argument("--devices", default="auto", help="how many, or auto for all there are")
    parser.add_argument("--accelerator", default="auto", help="cpu, gpu or auto")
    given, more = parser.parse_known_args()

    more += ["--trainer.devices", given.devices, "--trainer.accelerator", given.accelerator]
    for words in stages(given.data, given.runs, more):
        done = subprocess.run([Path(sys.executable).parent / "torchedu", *words], check=False)
        if done.returncode:
            sys.exit(done.returncode)


if __name__ == "__main__":
    main()
