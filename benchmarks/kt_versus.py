"""torchedu's networks against pyKT's: the same answers, parts, windows and epochs, by seed."""

import os
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import harness
import numpy as np
import pyarrow as pa
import pyarrow.csv
from harness import Goal
from numpy.typing import NDArray
from peers import environment
from sklearn.metrics import roc_auc_score

from torchedu.datasets import AnswerStore
from torchedu.schema import RESERVED

HERE = Path(__file__).parent
PARTS = np.array(["train", "val", "test"])
TEST, VAL = 0.2, 0.1  # shares of the students, and of those that are not for the test

# glibc hands large buffers back to the system after each step, and pyKT asks for hundreds of
# megabytes anew in the next: kept instead, it trains in half the time, to the same numbers.
KEEP_MEMORY = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": "-1"}


class DataSet(NamedTuple):
    """A real data set in which each question has one skill.

    Attributes:
        name: What it is called.
        words: What ``torchedu data import`` is told, and the folder under the real data.
        epochs: So many that pyKT's score on the validation part no longer rises.
    """

    name: str
    words: tuple[str, ...]
    folder: str
    epochs: int


EDNET = DataSet("ednet", ("ednet", "--skills", "joint"), "kt/ednet_pebg5k", 5)
STATICS = DataSet("statics", ("tsv",), "kt/statics2011_ts", 20)
ALGEBRA = DataSet("algebra", ("tsv",), "kt/algebra2005_ts_test20", 10)


def compare(
    goal: str, net: str, sets: Sequence[DataSet], seeds: Sequence[int], least: float
) -> tuple[list[Goal], Any]:
    """Train and score a network and its peer, and compare their AUC on the same test answers.

    Args:
        goal: The goal's id.
        net: ``DKT`` or ``SAKT``.
        sets: The data sets.
        seeds: Each draws the parts, and the networks' first weights.
        least: The least difference that will do, ours less pyKT's, as a mean over the seeds.

    Returns:
        The goal, whose figure is that of the data set that is worst for us, and all runs.
    """
    data = harness.real_data()
    try:
        peer = environment.interpreter("pykt")
    except (RuntimeError, OSError) as error:
        print(error, flush=True)
        raise harness.Skip("pyKT's environment cannot be made") from error
    means, rows = {}, []
    with TemporaryDirectory(prefix="kt-versus-") as name:
        folder = Path(name)
        for one in sets:
            prepare(one, data, folder, seeds)
        # Each seed's two runs are neighbours in the queue: they meet the machine as it then is.
        runs = [(one, seed, side) for one in sets for seed in seeds for side in ("ours", "pykt")]
        workers = min(2, os.cpu_count() or 1)
        with ThreadPoolExecutor(workers) as pool:
            ends = pool.map(lambda asked: _train(*asked, net, peer, folder), runs)
            done = dict(zip(runs, ends, strict=True))
        for one in sets:
            pairs = [
                _pair(one.name, seed, done[one, seed, "ours"], done[one, seed, "pykt"])
                for seed in seeds
            ]
            means[one.name] = float(np.mean([pair["difference"] for pair in pairs]))
            rows += pairs
    worst = min(means.values())
    told = ", ".join(f"{name} {mean:+.4f}" for name, mean in means.items())
    print(f"  AUC, ours less pyKT's, mean of {len(seeds)} seeds: {told}", flush=True)
    return (
        [Goal(goal, round(worst, 5), f"at least {least} AUC against pyKT", worst >= least)],
        {"differences": means, "runs": rows},
    )


def prepare(
    one: DataSet, data: Path, folder: Path, seeds: Iterable[int], most: int | None = None
) -> None:
    """Write the same answers, divided the same, for both sides.

    Args:
        one: The data set.
        data: The folder of real data sets.
        folder: Where ``<name>.store`` (ours) and ``<name>-<seed>.npz`` (pyKT's) go.
        seeds: One way to draw the parts each.
        most: So many students, the first; all where it is None.
    """
    raw = folder / f"{one.name}.raw.store"
    kind, *rest = one.words
    torchedu = harness.script("torchedu")
    harness.run([torchedu, "data", "import", kind, data / one.folder, raw, *rest])
    store = AnswerStore(raw)
    students = min(store.num_students, most or store.num_students)
    answers = int(store.history_offsets[students])
    student = np.repeat(np.arange(students), np.diff(store.history_offsets[: students + 1]))
    item, correct = store.item[:answers], store.correct[:answers]
    skill = store.skill[store.skill_offsets[item]]
    columns: dict[str, NDArray[Any]] = {
        "student": student,
        "item": item,
        "skill": skill,
        "correct": correct,
    }
    for seed in seeds:
        part = draw_parts(students, seed)[student]
        columns[f"part_{seed}"] = PARTS[part]
        np.savez(
            folder / f"{one.name}-{seed}.npz",
            student=student,
            question=item - RESERVED,
            skill=skill - RESERVED,
            correct=correct.astype(np.int64),
            part=part,
        )
    table = folder / f"{one.name}.csv"
    pyarrow.csv.write_csv(pa.table(columns), table)
    groups = ",".join(name for name in columns if name.startswith("part_"))
    out = folder / f"{one.name}.store"
    harness.run([torchedu, "data", "import", "csv", table, out, "--groups", groups])
    again = AnswerStore(out)
    if again.student_names(range(again.num_students)) != [*map(str, range(students))]:
        raise RuntimeError(f"{one.name}: the students of the two sides stand in another order")


def draw_parts(num_students: int, seed: int) -> NDArray[np.int64]:
    """Draw each student's part: 0 train, 1 validation, 2 test; shape (students,)."""
    order = np.random.default_rng(seed).permutation(num_students)
    num_test = round(TEST * num_students)
    num_val = round(VAL * (num_students - num_test))
    part = np.zeros(num_students, np.int64)
    part[order[:num_test]] = 2
    part[order[num_test : num_test + num_val]] = 1
    return part


def _train(
    one: DataSet, seed: int, side: str, net: str, peer: Path, folder: Path
) -> tuple[dict[str, NDArray[Any]], harness.Finished]:
    """Train and score one side; return its predictions and what it cost."""
    out = folder / f"{one.name}-{net}-{seed}-{side}.npz"
    if side == "ours":
        words = [sys.executable, HERE / "kt_fit.py", "--net", net]
        words += ["--store", folder / f"{one.name}.store", "--parts", f"part_{seed}"]
    else:
        words = [peer, HERE / "peers" / "pykt_train.py", "--model", net.lower()]
        words += ["--answers", folder / f"{one.name}-{seed}.npz"]
    words += ["--epochs", one.epochs, "--seed", seed, "--out", out]
    finished = harness.run(words, folder, KEEP_MEMORY)
    print(f"  {one.name}, seed {seed}, {side}: {finished.cpu_seconds:.0f} CPU-s", flush=True)
    predicted = dict(np.load(out))
    order = np.lexsort((predicted["position"], predicted["student"]))
    for name in ("student", "position", "label", "probability"):
        predicted[name] = predicted[name][order]
    return predicted, finished


def _pair(
    name: str,
    seed: int,
    ours: tuple[dict[str, NDArray[Any]], harness.Finished],
    pykt: tuple[dict[str, NDArray[Any]], harness.Finished],
) -> dict[str, Any]:
    """Score both sides of a seed on the same answers."""
    for column in ("student", "position", "label"):
        if not np.array_equal(ours[0][column], pykt[0][column]):
            raise RuntimeError(f"{name}, seed {seed}: the sides predict different answers")
    row: dict[str, Any] = {"data": name, "seed": seed, "answers": len(ours[0]["label"])}
    for side, (predicted, finished) in (("ours", ours), ("pykt", pykt)):
        row[side] = {
            "auc": float(roc_auc_score(predicted["label"], predicted["probability"])),
            "val_auc": predicted["val_auc"].round(5).tolist(),
            "epoch": int(predicted["val_auc"].argmax()) + 1,
            "cpu_seconds_an_epoch": round(float(predicted["epoch_cpu_seconds"].mean()), 2),
            "cpu_seconds": round(finished.cpu_seconds, 1),
            "peak_mib": round(finished.peak_mib),
        }
    row["difference"] = row["ours"]["auc"] - row["pykt"]["auc"]
    print(
        f"  {name}, seed {seed}: ours {row['ours']['auc']:.4f}, pyKT {row['pykt']['auc']:.4f} "
        f"({row['difference']:+.4f})",
        flush=True,
    )
    return row
