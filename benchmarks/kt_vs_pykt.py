"""How fast do torchedu's networks train beside pyKT's own loop, at equal quality?

    python benchmarks/kt_vs_pykt.py            # the campaign, about 40 minutes on two cores
    python benchmarks/kt_vs_pykt.py --short    # smaller goals of its own, under three minutes
    python benchmarks/kt_vs_pykt.py --only fast.dkt_k100

Both sides train the same students in the same windows for the same number of epochs, in processes
of one thread each. They take turns, so that each epoch of ours meets the machine as a neighbouring
epoch of pyKT's does; the figure is the ratio of the medians of the processor time of an epoch of
training, validation left out. ``peers/README.md`` tells what is pyKT's and what is not.

pyKT runs in the better of two ways: with its batch of 64 windows and glibc told to keep its memory
(as for the comparison of quality), and also, in what is kept beside, as it is shipped.
"""

import statistics
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import harness
import kt_versus
import numpy as np
import pyarrow as pa
import pyarrow.csv
import torch
from harness import Goal, Job
from kt_versus import KEEP_MEMORY, DataSet
from numpy.typing import NDArray
from peers import environment

from torchedu.datasets.answers import stretch_index
from torchedu.datasets.simulator import simulate

EPOCHS = 5  # after which pyKT's score on the validation part no longer rises, on each data set
TURNS = 2  # of EPOCHS each, another seed a turn, from 1; others chose the recipes
WORSE = 0.002  # most that the validation AUC may lie below pyKT's
MEDIAN, MEAN, LONGEST = 35, 99, 200  # answers of a student, log-normal, and where they are cut
STUDENTS = 3000
SHIPPED_BATCH = {"DKT": 256, "SAKT": 64}  # pyKT's defaults
MFLOP = 1.92  # products an answer of an LSTM of width 200: 3 times 2 * 4 * 200 * (200 + 200)


class Recipe(NamedTuple):
    """How ours trains; chosen on the validation parts of seeds that are not measured.

    Attributes:
        batch_size: Windows in a batch, on average.
        lr: Learning rate.
        schedule: Of the learning rate.
        precision: As Lightning has it.
    """

    batch_size: int
    lr: float
    schedule: str = "one_cycle"
    precision: str = "bf16-mixed"


RECIPES = {
    "DKT k1000": Recipe(256, 5e-3),
    "DKT k100": Recipe(128, 5e-3),
    "DKT ednet": Recipe(320, 2e-3, "constant"),  # on seeds 10 to 12
    "SAKT ednet": Recipe(64, 1e-3),
}


def against(
    goal: str, net: str, data: str, least: float, epochs: int = EPOCHS, turns: int = TURNS
) -> tuple[list[Goal], Any]:
    """Train a network and its peer in turns.

    Args:
        goal: The goal's id.
        net: ``DKT`` or ``SAKT``.
        data: ``ednet``, or ``k`` and a number of skills for simulated students.
        least: The least ratio of answers a CPU-second that will do.
        epochs: Passes in a turn.
        turns: Turns of each side; each draws the parts and the first weights anew.
    """
    recipe = RECIPES[f"{net} {data}"]
    try:
        peer = environment.interpreter("pykt")
    except (RuntimeError, OSError) as error:
        print(error, flush=True)
        raise harness.Skip("pyKT's environment cannot be made") from error
    sides: dict[str, list[dict[str, Any]]] = {"ours": [], "pykt": []}
    with TemporaryDirectory(prefix="kt-vs-pykt-") as name:
        folder = Path(name)
        seeds = range(1, turns + 1)
        answers = dict(zip(seeds, prepare(data, folder, seeds), strict=True))
        for seed in seeds:
            ours = _fit(folder, data, seed, net, recipe, epochs)
            theirs = _peer(peer, folder, data, seed, net, epochs)
            for side, done in (("ours", ours), ("pykt", theirs)):
                sides[side].append({**done, "answers": answers[seed]})
                _tell(f"{data}, seed {seed}, {side}", sides[side][-1])
        shipped = _peer(peer, folder, data, 1, net, 1, shipped=True)
        shipped["answers"] = answers[1]
        _tell(f"{data}, pyKT as it is shipped", shipped)
    speed = {side: _speed(runs) for side, runs in sides.items()}
    ratio = speed["ours"] / speed["pykt"]
    worse = statistics.mean(
        theirs["shared_val_auc"] - ours["shared_val_auc"]
        for ours, theirs in zip(sides["ours"], sides["pykt"], strict=True)
    )
    must = f"at least {least} times pyKT's, validation AUC at most {WORSE} below (is {-worse:+.4f})"
    return (
        [Goal(goal, round(ratio, 2), must, ratio >= least and worse <= WORSE)],
        {
            "answers_a_cpu_second": speed,
            "ratio_to_pykt_as_shipped": round(speed["ours"] / _speed([shipped]), 2),
            "validation_auc_below": worse,
            "recipe": recipe._asdict(),
            "runs": sides,
            "as_shipped": shipped,
        },
    )


def floor(goal: str, least: float, epochs: int, turns: int) -> tuple[list[Goal], Any]:
    """Compare training with the time that its products alone would take.

    Args:
        goal: The goal's id.
        least: The least share of the products in the time of an epoch that will do.
        epochs: Passes in a turn.
        turns: Turns; the rate of products is measured before and after each.
    """
    recipe = RECIPES["DKT k1000"]
    rates, seconds = [gemm_rate()], []
    with TemporaryDirectory(prefix="kt-floor-") as name:
        answers = prepare("k1000", Path(name), [0])[0]
        for _ in range(turns):
            done = _fit(Path(name), "k1000", 0, "DKT", recipe, epochs)
            seconds += done["train_cpu_seconds"]
            rates.append(gemm_rate())
    rate, second = statistics.median(rates), statistics.median(seconds)
    share = answers * MFLOP * 1e6 / rate / second
    must = f"at least {least} of the time of an epoch is what its products need"
    return (
        [Goal(goal, round(share, 3), must, share >= least)],
        {
            "gflops": [round(one / 1e9, 1) for one in rates],
            "train_cpu_seconds": [round(one, 3) for one in seconds],
            "answers": answers,
            "recipe": recipe._asdict(),
        },
    )


def gemm_rate() -> float:
    """Return how many operations of a bfloat16 product are done a CPU-second, on one thread."""
    torch.set_num_threads(1)
    left = torch.randn(8192, 400).bfloat16()
    right = torch.randn(400, 800).bfloat16()
    seconds = []
    for _ in range(30):
        begin = time.process_time()
        left @ right
        seconds.append(time.process_time() - begin)
    return 2 * 8192 * 400 * 800 / statistics.median(seconds)


def prepare(data: str, folder: Path, seeds: Sequence[int]) -> list[int]:
    """Write both sides' data; return the number of training answers by seed."""
    if data == "ednet":
        kt_versus.prepare(kt_versus.EDNET, harness.real_data(), folder, seeds)
    else:
        simulated(folder / f"{data}.raw.csv", int(data[1:]))
        one = DataSet(data, ("csv",), f"{data}.raw.csv", EPOCHS)
        kt_versus.prepare(one, folder, folder, seeds)
    return [int((np.load(folder / f"{data}-{seed}.npz")["part"] == 0).sum()) for seed in seeds]


def simulated(file: Path, skills: int) -> None:
    """Write a table of simulated students' answers, with lengths as in large platforms."""
    with TemporaryDirectory(prefix="kt-class-") as name:
        # Long histories, of which each student keeps the first answers.
        store = simulate(
            Path(name) / "class.store",
            students=STUDENTS,
            skills=skills,
            items=5 * skills,
            answers=5 * LONGEST,
            seed=skills,
        )
        spread = np.sqrt(2 * np.log(MEAN / MEDIAN))
        drawn = MEDIAN * np.exp(spread * np.random.default_rng(skills).standard_normal(STUDENTS))
        offsets = store.history_offsets
        length = np.minimum(np.diff(offsets), np.rint(drawn).clip(2, LONGEST).astype(np.int64))
        index, _ = stretch_index(np.asarray(offsets[:-1]), length)
        item = np.asarray(store.item)[index]
        columns: dict[str, NDArray[Any]] = {
            "student": np.repeat(np.arange(STUDENTS), length),
            "item": item,
            "skill": store.skill[store.skill_offsets[item]],
            "correct": np.asarray(store.correct)[index],
        }
        pyarrow.csv.write_csv(pa.table(columns), file)


def _fit(
    folder: Path, data: str, seed: int, net: str, recipe: Recipe, epochs: int
) -> dict[str, Any]:
    out = folder / "ours.npz"
    words = [sys.executable, kt_versus.HERE / "kt_fit.py", "--net", net, "--epochs", epochs]
    words += ["--store", folder / f"{data}.store", "--parts", f"part_{seed}", "--seed", seed]
    words += ["--batch-size", recipe.batch_size, "--lr", recipe.lr]
    words += ["--schedule", recipe.schedule, "--precision", recipe.precision, "--out", out]
    harness.run(words, folder, KEEP_MEMORY)
    return _curves(out)


def _peer(
    peer: Path, folder: Path, data: str, seed: int, net: str, epochs: int, shipped: bool = False
) -> dict[str, Any]:
    out = folder / "pykt.npz"
    words = [peer, kt_versus.HERE / "peers" / "pykt_train.py", "--model", net.lower()]
    words += ["--answers", folder / f"{data}-{seed}.npz", "--seed", seed, "--epochs", epochs]
    words += ["--batch-size", SHIPPED_BATCH[net] if shipped else 64, "--out", out]
    harness.run(words, folder, {} if shipped else KEEP_MEMORY)
    return _curves(out)


def _curves(file: Path) -> dict[str, Any]:
    kept = np.load(file)
    run = {name: kept[name].round(5).tolist() for name in ("val_auc", "train_cpu_seconds")}
    # pyKT's own score; ours is over all answers, the first of each window included.
    best = float(kept.get("shared_val_auc", kept["val_auc"].max()))
    return {**run, "shared_val_auc": round(best, 5)}


def _speed(runs: Sequence[dict[str, Any]]) -> float:
    """Return the median over all epochs of the answers trained on in a CPU-second."""
    return statistics.median(
        run["answers"] / seconds for run in runs for seconds in run["train_cpu_seconds"]
    )


def _tell(who: str, run: dict[str, Any]) -> None:
    print(
        f"  {who}: {_speed([run]):,.0f} answers a CPU-second, "
        f"validation AUC {run['shared_val_auc']:.4f}",
        flush=True,
    )


JOBS = [
    Job(("fast.dkt_k1000",), partial(against, "fast.dkt_k1000", "DKT", "k1000", 10)),
    Job(("fast.dkt_k100",), partial(against, "fast.dkt_k100", "DKT", "k100", 5)),
    Job(("fast.dkt_ednet",), partial(against, "fast.dkt_ednet", "DKT", "ednet", 22)),
    Job(("fast.sakt",), partial(against, "fast.sakt", "SAKT", "ednet", 8)),
    Job(("fast.floor",), partial(floor, "fast.floor", 0.45, EPOCHS, 4)),
    Job(
        ("fast.dkt_k100_short",),
        partial(against, "fast.dkt_k100_short", "DKT", "k100", 4, turns=1),
        short=True,
    ),
    Job(("fast.floor_short",), partial(floor, "fast.floor_short", 0.4, 3, 1), short=True),
]

if __name__ == "__main__":
    sys.exit(harness.main("kt_vs_pykt", JOBS, __doc__.splitlines()[0]))
