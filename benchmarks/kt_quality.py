"""Is the core what it says? Knowledge tracing's goals, pyKT's own code among them.

    python benchmarks/kt_quality.py            # the campaign, about half an hour on two cores
    python benchmarks/kt_quality.py --short    # smaller goals of its own, under five minutes
    python benchmarks/kt_quality.py --only core.help core.dkt_vs_pykt

The real data sets are looked for where TORCHEDU_DATA says, or in ../shared/data.
"""

import json
import re
import statistics
import sys
from functools import partial
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import harness
import kt_scores
import kt_versus
import numpy as np
import pyarrow as pa
import pyarrow.csv
from harness import Goal, Job

from torchedu.datasets import AnswerStore
from torchedu.schema import RESERVED, SKILL

TORCHEDU = harness.script("torchedu")
MOST_SECONDS = {"ednet": 5, "statics": 5, "algebra": 10}
"""How long the import of a data set may take."""

HEAVY = ("torch", "lightning", "torchmetrics", "numpy", "pyarrow", "sklearn")
SMALL_CLASS = ("--trainer.max_epochs", "3")


def help_(goal: str) -> tuple[list[Goal], Any]:
    """Ask for the command line's help, and see what it imports."""
    code = (
        "import sys, torchedu.cli as cli; cli.main(['--help']); "
        f"print('heavy:', *sorted({{m.split('.')[0] for m in sys.modules}} & set({HEAVY!r})))"
    )
    done = harness.run([sys.executable, "-c", code])
    heavy = done.output.rpartition("heavy:")[2].split()
    told = harness.run([TORCHEDU, "--help"])
    must = "0 of torch, Lightning, numpy ... imported by torchedu --help"
    return [Goal(goal, len(heavy), must, not heavy)], {
        "imported": heavy,
        "seconds": round(told.seconds, 2),
    }


def train(
    minutes: str, gap: str | None, most: float, words: tuple[str, ...] = ()
) -> tuple[list[Goal], Any]:
    """Do the main job with its defaults, as ``make train`` does, in an empty folder."""
    with TemporaryDirectory(prefix="kt-train-") as folder:
        done = harness.run([TORCHEDU, "fit", *words], Path(folder))
        (file,) = Path(folder).rglob("evaluation.json")
        rows = json.loads(file.read_text("utf-8"))["scores"]
        report = re.search(r"Report: (.+)", done.output)
        written = report is not None and (Path(folder) / report[1].strip()).is_file()
    auc = {row["name"]: row["auc"] for row in rows}
    (network,) = (row["auc"] for row in rows if row["kind"] == "network")
    (best,) = (row["auc"] for row in rows if row["kind"] == "bound")
    baselines = [row["auc"] for row in rows if row["kind"] == "baseline"]
    shown = [name for name in auc if name in done.output and f"{auc[name]:.4f}" in done.output]
    complete = written and len(shown) == len(auc) and len(baselines) > 0
    taken = done.seconds / 60
    goals = [
        Goal(
            minutes,
            round(taken, 2),
            f"under {most:g} minutes, all scores and the report's path printed",
            taken < most and complete,
        )
    ]
    if gap is not None:
        goals.append(
            Goal(
                gap,
                round(best - network, 5),
                "at most .01 AUC below the best reachable, above every baseline",
                best - network <= 0.01 and network > max(baselines),
            )
        )
    return goals, {"auc": auc, "train_cpu_seconds": round(done.cpu_seconds, 1)}


def imports(goal: str, name: str, times: int = 3) -> tuple[list[Goal], Any]:
    """Import a real data set, some times over."""
    most, ((kind, *rest), source) = MOST_SECONDS[name], kt_scores.SETS[name]
    raw = harness.real_data() / source
    with TemporaryDirectory(prefix="kt-import-") as folder:
        command = [TORCHEDU, "data", "import", kind, raw, Path(folder) / "out.store", *rest]
        done = [harness.run(command) for _ in range(times)]
        answers = AnswerStore(Path(folder) / "out.store").num_answers
    taken = statistics.median(one.seconds for one in done)
    return [Goal(goal, round(taken, 2), f"under {most} s", taken < most)], {
        "answers": answers,
        "seconds": [round(one.seconds, 2) for one in done],
        "import_cpu_seconds": [round(one.cpu_seconds, 2) for one in done],
        "peak_mib": round(max(one.peak_mib for one in done)),
    }


def shuffled(goal: str, name: str, epochs: int, within: float) -> tuple[list[Goal], Any]:
    """Train on marks that are shuffled over all answered questions: no skill must be left.

    A leak of a question's mark from one of its skills to the next would show here.
    """
    with TemporaryDirectory(prefix="kt-shuffled-") as work:
        folder = Path(work)
        raw = kt_scores.imported(name, folder / "raw.store")
        _write_shuffled(AnswerStore(raw), folder / "shuffled.csv")
        words = ["--model.net", "DKT", "--trainer.max_epochs", str(epochs), "--run", "run"]
        harness.run([TORCHEDU, "fit", "--data.path", "shuffled.csv", *words], folder)
        rows = json.loads((folder / "run" / "evaluation.json").read_text("utf-8"))["scores"]
    auc = {row["name"]: row["auc"] for row in rows}
    farthest = max(auc.values(), key=lambda one: abs(one - 0.5))
    must = f".5 ± {within:g}, network and baselines"
    holds = abs(farthest - 0.5) <= within
    return [Goal(goal, round(farthest, 5), must, holds)], {"auc": auc}


def _write_shuffled(store: AnswerStore, file: Path) -> None:
    """Write a store's answers as a CSV file, each with the mark of another one."""
    names = [*store.vocabulary[SKILL]]
    bounds = store.skill_offsets
    skills = np.array(
        [
            ";".join(names[k - RESERVED] for k in store.skill[begin:end])
            for begin, end in pairwise(bounds)
        ],
        object,
    )
    columns = {
        "student": np.repeat(np.arange(store.num_students), np.diff(store.history_offsets)),
        "item": store.item,
        "skill": skills[store.item],
        "correct": np.random.default_rng(0).permutation(store.correct),
    }
    pyarrow.csv.write_csv(pa.table(columns), file)


def versus(goal: str, net: str, short: bool = False) -> tuple[list[Goal], Any]:
    """Compare a network with pyKT's; see ``kt_versus``."""
    if short:
        few = kt_versus.STATICS._replace(epochs=5)
        return kt_versus.compare(goal, net, [few], [0], -0.02)
    return kt_versus.compare(goal, net, [kt_versus.EDNET, kt_versus.STATICS], [0, 1, 2], -0.002)


def jobs() -> list[Job]:
    """List the jobs of both campaigns."""

    def job(measure: Any, *goals: str) -> Job:
        return Job(goals, partial(measure, *goals), goals[0].endswith("_short"))

    listed = [
        job(help_, "core.help"),
        *(job(partial(imports, name=name), f"core.{name}_import_s") for name in MOST_SECONDS),
        job(partial(train, most=3), "core.train_minutes", "core.gap_to_best"),
        job(partial(shuffled, name="ednet", epochs=3, within=0.01), "core.shuffled"),
        job(partial(versus, net="DKT"), "core.dkt_vs_pykt"),
        job(partial(versus, net="SAKT"), "core.sakt_vs_pykt"),
    ]
    small = [
        job(help_, "core.help_short"),
        *(job(partial(imports, name=n, times=1), f"core.{n}_import_s_short") for n in MOST_SECONDS),
        job(partial(train, gap=None, most=2, words=SMALL_CLASS), "core.train_minutes_short"),
        job(partial(shuffled, name="statics", epochs=1, within=0.02), "core.shuffled_short"),
        job(partial(versus, net="DKT", short=True), "core.dkt_vs_pykt_short"),
    ]
    return listed + small


if __name__ == "__main__":
    sys.exit(harness.main("kt_quality", jobs(), __doc__.splitlines()[0]))
