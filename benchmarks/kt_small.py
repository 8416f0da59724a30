"""The default tracing network in small classes, drawn from large ones, beside Best-LR.

    python benchmarks/kt_small.py            # the campaign, about ten CPU-minutes
    python benchmarks/kt_small.py --short    # two draws a size

The real data sets are looked for where TORCHEDU_DATA says, or in ../shared/data.
"""

import sys
import warnings
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import harness
import kt_scores
import numpy as np
from harness import Goal, Job

from torchedu.baselines import BestLR
from torchedu.datasets import AnswerStore
from torchedu.datasets.answers import stretch_index
from torchedu.datasets.simulator import simulate
from torchedu.datasets.splits import Part

SIZES = {
    "ednet": (100, 200, 30, 12),
    "statics": (30, 12),
    "algebra": (30, 12),
    "class": (100, 200, 30, 12),
}
"""The hardest first: sizes between those that are left to the regression and large ones."""
DRAWS, TESTED = 20, 500
"""How many classes of a size are drawn, and most students that each is scored on."""
ABOVE, NEVER_BELOW = 0.015, -0.005
"""AUC above Best-LR's on average, and in any draw; log loss is to be below it as well."""


def small(goal: str, draws: int = DRAWS) -> Iterator[tuple[list[Goal], Any]]:
    """Train the default on a few students, drawn many times, and score it on others.

    A seventh as many again choose the best pass. The network is the default of ``torchedu fit``,
    whose constants come from simulated classes alone; that of the classes drawn here has other
    laws than each of those. What it has come to is told after each size.
    """
    kept: dict[str, float] = {}
    raw: dict[str, Any] = {}
    warnings.filterwarnings("ignore", message=".*GPU available.*")
    with TemporaryDirectory(prefix="kt-small-") as scratch:
        folder = Path(scratch)
        for name, sizes in SIZES.items():
            store = folder / f"{name}.store"
            if name == "class":
                simulate(store, students=1500, seed=0)
            else:
                kt_scores.imported(name, store)
            for size in sizes:
                each = [_draw(store, folder / f"{name}-{size}-{i}", size, i) for i in range(draws)]
                auc, loss = (np.array(gains) for gains in zip(*each, strict=True))
                title = f"{name} {size}"
                kept[title] = float(min(auc.mean() - ABOVE, auc.min() - NEVER_BELOW, -loss.mean()))
                raw[title] = {"auc": auc.round(5).tolist(), "log_loss": loss.round(5).tolist()}
                print(
                    f"  {title}: AUC {auc.mean():+.4f}, at least {auc.min():+.4f}, log loss "
                    f"{loss.mean():+.4f}, at most {loss.max():+.4f}",
                    flush=True,
                )
                yield [_goal(goal, kept)], raw


def _goal(goal: str, kept: dict[str, float]) -> Goal:
    worst, whole = min(kept.values()), sum(map(len, SIZES.values()))
    listed = ", ".join(f"{name} {value:+.4f}" for name, value in kept.items())
    must = f"at least 0: the least that a bound of it is kept by, of {listed}"
    must += f"; {len(kept)} of {whole} sizes were measured" * (len(kept) < whole)
    return Goal(goal, round(worst, 5), must, worst >= 0 and len(kept) == whole)


def _draw(store: Path, run: Path, size: int, seed: int) -> tuple[float, float]:
    """Return AUC and log loss of the default on other students, less those of Best-LR."""
    data = AnswerStore(store)
    lengths = np.diff(data.history_offsets)
    order = np.random.default_rng(seed).permutation(np.flatnonzero(lengths))
    ends = np.cumsum([size, max(1, size // 7), TESTED])
    train, val, test = (np.sort(some) for some in np.split(order, ends)[:3])
    parts = {
        part: Part(who, np.zeros_like(who), lengths[who])
        for part, who in (("train", train), ("val", val), ("test", test))
    }
    words = ["--data.path", store, *kt_scores.split(seed), "--run", run]
    _, columns = kt_scores.trained(*words, parts=parts)
    learned = data.answers(train, lengths[train])
    other = BestLR().fit(learned).predict(data.answers(test, lengths[test]))
    place = stretch_index(data.history_offsets[test], lengths[test])[0]
    other = other[np.argsort(place, kind="stable")]
    ours, theirs = (
        kt_scores.judge(p, columns["correct"], columns["student"], len(lengths)).scores
        for p in (columns["probability"], other)
    )
    return (
        ours["auc"].value - theirs["auc"].value,
        ours["log_loss"].value - theirs["log_loss"].value,
    )


def jobs() -> list[Job]:
    """List the jobs of both campaigns."""
    return [
        Job(("kt.small",), partial(small, "kt.small")),
        Job(("kt.small_short",), partial(small, "kt.small_short", draws=2), short=True),
    ]


if __name__ == "__main__":
    sys.exit(harness.main("kt_small", jobs(), __doc__.splitlines()[0]))
