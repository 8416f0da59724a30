"""Trains each configuration of a grid once, so that searches can be replayed without training.

    python benchmarks/tune_table.py             # ten minutes of one core
    python benchmarks/tune_table.py --seed 1    # another class, by which a method may be chosen

One that was stopped goes on.

Writes ``tune_table.csv`` (with ``--seed 1`` ``tune_table-1.csv``): a row a configuration, with the
AUC of the validation part after each epoch, and the gap between its groups after those of rungs and
of the best epoch's network, as ``torchedu tune`` measures them (``val/abroca.support``).

The class is simulated: engaged students click more, get better marks and pass more often. Those who
get support also learn away from the screen: they click less, and their clicks tell nothing. So what
foretells risks best for all, clicks, serves these worse, and marks alone serve both alike.
"""

import argparse
import csv
import itertools
import logging
import os
import sys
import time
from collections.abc import Mapping
from copy import deepcopy
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

FILE = Path(__file__).parent / "tune_table.csv"
EPOCHS = 9
RUNGS = (1, 3)
"""After these epochs searches compare configurations, besides the last."""
GRID: dict[str, list[Any]] = {
    "lr": [0.001, 0.003, 0.01, 0.03, 0.1],
    "parity_weight": [0.0, 0.3, 1.0, 3.0, 10.0],
    "dim": [8, 32],
    "dropout": [0.0, 0.4],
    "mitigation": ["none", "reweighing", "balanced_batches"],
}
"""What is searched, and the values of each; 300 configurations."""
STUDENTS = 1500
"""In each of two years; the later one is the test part, which is never looked at here."""
WORK = {"A": 8, "B": 16, "C": 24, "D": 32, "E": 40}
"""Pieces of work, and the days when they are due."""


def simulate(file: Path, seed: int) -> None:
    """Write the events of a class of two years.

    Args:
        file: The CSV file.
        seed: Decides everything that is drawn.
    """
    random = np.random.default_rng(seed)
    rows: list[tuple[Any, ...]] = []
    for year in ("2023", "2024"):
        rows += [("due", year, "", day, work, "TMA", 0.2, "") for work, day in WORK.items()]
        rows += [("starts", year, "", 0, "", "", "", ""), ("ends", year, "", 60, "", "", "", "")]
        for number in range(STUDENTS):
            student, support = f"{year}-{number}", "yes" if random.random() < 0.4 else "no"
            engaged, otherwise = random.normal(size=2)
            shown = 1.3 + 0.9 * engaged if support == "no" else 0.3 + 0.9 * otherwise
            rows.append(("registered", year, student, -5, "", "", "", support))
            for day in range(0, 60, 5):
                clicks = random.poisson(np.exp(shown))
                if clicks:
                    rows.append(("clicked", year, student, day, "", "", clicks, support))
            for work, due in WORK.items():
                if random.random() < 0.6:
                    mark = 1 / (1 + np.exp(-0.4 - 0.6 * engaged - 2.0 * random.normal()))
                    rows.append(("submitted", year, student, due - 1, work, "", mark, support))
            failed = random.random() < 1 / (1 + np.exp(0.6 + 3.0 * engaged))
            ended = "Fail" if failed else "Pass"
            rows.append(("outcome", year, student, "", "", "", ended, support))
    heads = (
        "event",
        "presentation",
        "student",
        "day",
        "work",
        "type",
        "value",
        "support",
        "course",
    )
    with file.open("w", newline="", encoding="utf-8") as text:
        writer = csv.writer(text)
        writer.writerow(heads)
        writer.writerows((*row, "ABC") for row in rows)


def curve(log: Path, options: dict[str, Any]) -> dict[str, float]:
    """Train a configuration; return the AUC of each epoch, and the gaps at rungs and at the best.

    Args:
        log: The file of events.
        options: Its values.
    """
    from lightning import Trainer, seed_everything

    from torchedu import AtRisk, CourseEvents, EventGRU
    from torchedu.evaluation.judged import judged
    from torchedu.prediction.stream import predicted
    from torchedu.tune.measure import Measure, gaps
    from torchedu.tune.objectives import Goals

    goals = Goals.parse("val/auc,val/abroca.support", "", "")
    auc, gap = goals.names
    seen: list[dict[str, float]] = []
    best: dict[str, Any] = {}

    def note(step: int, measured: dict[str, float]) -> bool:
        if not seen or measured[auc] > max(each[auc] for each in seen):
            best.update(deepcopy(task.state_dict()))
        seen.append(measured)
        return True

    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    seed_everything(0, verbose=False)
    data = CourseEvents(
        str(log), val=0.4, every_days=14, batch_size=256, fair_to="support",
        mitigation=options["mitigation"],
    )  # fmt: skip
    net = partial(EventGRU, dim=options["dim"], members=1, dropout=options["dropout"])
    task = AtRisk(
        net, data.num_modules, data.num_attributes, parity_weight=options["parity_weight"],
        lr=options["lr"],
    )  # fmt: skip
    trainer = Trainer(
        accelerator="cpu", devices=1, max_epochs=EPOCHS, logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False, num_sanity_val_steps=0,
        callbacks=[Measure(goals, note, lambda step: step in RUNGS)],
    )  # fmt: skip
    trainer.fit(task, data)
    task.load_state_dict(best)
    of_best = gaps(judged(task, data, predicted(task, data, "val", trainer)), goals)
    rungs = {f"gap {step}": seen[step - 1][gap] for step in RUNGS}
    return {
        **{f"auc {step}": each[auc] for step, each in enumerate(seen, 1)},
        **rungs,
        "gap of the best": of_best[gap].value,
    }


class Known(NamedTuple):
    """What is known of a configuration.

    Attributes:
        at: After each rung's epoch, the AUC and the gap then.
        whole: Those of the best epoch, where it is trained to its end.
    """

    at: dict[int, tuple[float, float]]
    whole: tuple[float, float]


def key(options: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what a table calls a configuration."""
    return tuple(str(options[name]) for name in GRID)


def read(file: Path) -> dict[tuple[str, ...], Known]:
    """Read a table.

    Args:
        file: It.
    """
    known = {}
    with file.open(newline="", encoding="utf-8") as text:
        for row in csv.DictReader(text):
            aucs = [float(row[f"auc {step}"]) for step in range(1, EPOCHS + 1)]
            at = {step: (aucs[step - 1], float(row[f"gap {step}"])) for step in RUNGS}
            known[key(row)] = Known(at, (max(aucs), float(row["gap of the best"])))
    return known


def main() -> int:
    """Train all of the grid."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0, help="of the class")
    parser.add_argument("--first", type=int, help="train so many alone, and write nothing")
    asked = parser.parse_args()
    file = FILE.with_stem(f"{FILE.stem}-{asked.seed}") if asked.seed else FILE
    grid = [dict(zip(GRID, values, strict=True)) for values in itertools.product(*GRID.values())]
    done = read(file) if file.exists() else {}
    with TemporaryDirectory(prefix="torchedu-table-") as folder:
        log = Path(folder) / "class.csv"
        simulate(log, asked.seed)
        for number, options in enumerate(grid[: asked.first]):
            if key(options) in done:
                continue
            begin = time.process_time()
            known = curve(log, options)
            last = f"auc {known[f'auc {EPOCHS}']:.3f}, gap {known['gap of the best']:.3f}"
            print(f"{number} {options}: {last}; {time.process_time() - begin:.1f} s", flush=True)
            if asked.first is None:
                row = {**options, **{name: f"{value:.5f}" for name, value in known.items()}}
                _add(file, row)
    return 0


def _add(file: Path, row: dict[str, Any]) -> None:
    is_new = not file.exists()
    with file.open("a", newline="", encoding="utf-8") as text:
        writer = csv.DictWriter(text, list(row), lineterminator="\n")
        if is_new:
            writer.writeheader()
        writer.writerow(row)


if __name__ == "__main__":
    sys.exit(main())
