"""Makes the constants that ``torchedu.baselines.StreamingLR`` leans on where a class is small.

    python scripts/streaming_lr_centre.py            # half a minute on one core

They are the mean weights, over simulated classes whose laws are drawn at random, of the numbers
that answers to whatever item share. No real student is in them.
"""

import tempfile
from pathlib import Path

import numpy as np

from torchedu.baselines import streaming_lr
from torchedu.datasets.simulator import simulate

CLASSES, STUDENTS = 8, 1_500


def main() -> None:
    """Print the constants, and how far they differ between the classes."""
    streaming_lr.CENTRE = np.zeros(len(streaming_lr.CENTRE))  # none is known before
    streaming_lr.SHARED_SPREAD = 1.0
    rng = np.random.default_rng(0)
    learnt = []
    for number in range(CLASSES):
        laws = {
            "skills": int(rng.integers(5, 40)),
            "items": int(rng.integers(50, 1_500)),
            "answers": int(rng.integers(30, 150)),
            "guess": float(rng.uniform(0.05, 0.3)),
            "slip": float(rng.uniform(0.02, 0.12)),
            "growth": float(rng.uniform(0.1, 0.4)),
            "forgetting": float(rng.uniform(0.01, 0.08)),
        }
        with tempfile.TemporaryDirectory() as folder:
            store = simulate(
                Path(folder) / "class.store", students=STUDENTS, seed=100 + number, **laws
            )
            fitted = streaming_lr.StreamingLR(c=(1.0,)).fit(store.answers())
        learnt.append(fitted.weights.shared)
    print("mean  ", *(f"{one:.2f}" for one in np.mean(learnt, axis=0)))
    print("spread", *(f"{one:.2f}" for one in np.std(learnt, axis=0)))


if __name__ == "__main__":
    main()
