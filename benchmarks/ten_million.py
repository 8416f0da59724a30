"""Ten million students, a billion answers, on one machine: what each step costs.

    python benchmarks/ten_million.py                       # hours: goal by goal, --only GOAL --keep
    python benchmarks/ten_million.py --short               # a hundredth of it, in minutes

``ten.simulate`` writes the class; the others go on with it, in the folder that ``TORCHEDU_TEN``
names (``torchedu-ten-million`` among temporary files; 14 GB), which stays until you remove it.
``ten.split`` draws every kind of split of as many names of 36 letters, in two orders of rows.
``ten.import`` reads a CSV file of 20 million answers; then again, killed half-way and gone on with,
to the same store.
``ten.epoch`` trains DKT on three parts of one epoch's order, in turns, as a machine is faster in
one minute than in the next: each turn is a process that goes on where its part stood, with the
weights of the turn before. The epoch is computed from their mean. ``ten.linear`` holds the cost of
an answer there against that on a class of a hundred thousand. ``ten.quality`` trains DKT of a
million students whole, a part a process, and holds it against the best that is reachable.
``ten.damage`` damages stores, fills disks and kills what writes. Seconds
are of processors: the clock's stand beside them. Memory is anonymous memory, of the process that
holds most, and of all together.
"""

import filecmp
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import files
import harness
import numpy as np
import ten_million_damage
import ten_million_split
from harness import Goal, Job

ANSWERS_EACH, CORES = 84, 2
CLASS = ("--answers", str(ANSWERS_EACH), "--truth", "false", "--processes", str(CORES))
TURNS = 5
"""Processes that train a part of an epoch, one after the other."""
RATE = 1.5e6


class Size(NamedTuple):
    """How large a campaign is.

    Attributes:
        students: Of the class.
        rows: Of the CSV file.
        part: Answers of each part of an epoch.
        learning: Students of the class of ``ten.quality``.
        settings: How that one is trained; see ``ten_million_quality.Settings``.
        parts: Processes that train it, one after the other.
        below: How far its AUC may be below the best reachable one.
        suffix: Of its goals.
    """

    students: int
    rows: int
    part: int
    learning: int
    settings: tuple[int, int, int, float]
    parts: int
    below: float
    suffix: str = ""

    @property
    def store(self) -> Path:
        """The class."""
        return folder() / f"{self.students}.store"


WHOLE = Size(10_000_000, 20_000_000, 100_000_000, 1_000_000, (128, 4_000, 2, 4e-3), 12, 0.003)
SHORT = Size(100_000, 1_000_000, 1_000_000, 20_000, (128, 2_000, 3, 4e-3), 3, 0.01, "_short")


def folder() -> Path:
    """Return where the class stands between calls."""
    named = os.environ.get("TORCHEDU_TEN")
    place = Path(named) if named else Path(tempfile.gettempdir()) / "torchedu-ten-million"
    place.mkdir(parents=True, exist_ok=True)
    return place


class Watched(NamedTuple):
    """A command that has ended, and the memory that it took.

    Attributes:
        done: It.
        most: MiB of anonymous memory of the process that held most.
        together: Of all processes at one moment.
    """

    done: harness.Finished
    most: float
    together: float

    @property
    def told(self) -> dict[str, float]:
        """What is kept of it."""
        return {
            "command_cpu_seconds": round(self.done.cpu_seconds, 1),
            "seconds": round(self.done.seconds, 1),
            "mib_of_a_process": round(self.most), "mib_together": round(self.together),
        }  # fmt: skip


def watched(command: Sequence[str | Path], kill_after: float | None = None) -> Watched:
    """Run a command and look at its memory; kill it after so many seconds of processor time."""
    running = harness.Running(command)
    peaks = [0.0, 0.0]
    killed = False
    while not running.ended:
        each = [_anonymous(process) for process in _family(running.pid)]
        peaks = [max(peaks[0], max(each, default=0)), max(peaks[1], sum(each))]
        if kill_after is not None and _seconds(running.pid) > kill_after:
            running.kill()
            killed = True
            break
        time.sleep(0.05)
    try:
        done = running.finish()
    except RuntimeError:
        if not killed:
            raise
        done = harness.Finished(0, kill_after or 0, 0, "")
    return Watched(done, *peaks)


def _family(process: int) -> list[int]:
    """Return a process and all below it."""
    family = [process]
    with suppress(OSError):
        for children in Path(f"/proc/{process}/task").glob("*/children"):
            for child in children.read_text().split():
                family += _family(int(child))
    return family


def _anonymous(process: int) -> float:
    with suppress(OSError, IndexError):
        status = Path(f"/proc/{process}/status").read_text()
        return int(status.partition("RssAnon:")[2].split()[0]) / 1024
    return 0.0


def _seconds(process: int) -> float:
    with suppress(OSError):
        numbers = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        return (int(numbers[11]) + int(numbers[12])) / os.sysconf("SC_CLK_TCK")
    return 0.0


def simulated(size: Size) -> tuple[list[Goal], Any]:
    """Write the class."""
    command = [harness.script("torchedu"), "data", "simulate", size.store]
    ran = watched([*command, "--students", str(size.students), *CLASS])
    most = CORES * 180 * size.students / WHOLE.students + 5  # an interpreter begins in 5 at most
    must = f"at most {most:g} CPU-seconds on {CORES} cores and 1,024 MiB, by all processes together"
    holds = ran.done.cpu_seconds <= most and ran.together <= 1024
    figure = round(ran.done.cpu_seconds, 1)
    return [Goal(f"ten.simulate{size.suffix}", figure, must, holds)], ran.told


def split(size: Size) -> tuple[list[Goal], Any]:
    """Draw every kind of split, each in a process of its own."""
    from torchedu.datasets import AnswerStore

    if not size.store.exists():
        simulated(size)
    seen = AnswerStore(size.store)
    stores = ten_million_split.stores(folder(), seen)
    raw: dict[str, Any] = {}
    for kind, (store, by) in ten_million_split.kinds(stores, size.store).items():
        ran = watched([sys.executable, ten_million_split.__file__, store, by])
        raw[kind] = {**ran.told, **json.loads(ran.done.output.splitlines()[-1])}
        print(f"  {kind}: {raw[kind]}", flush=True)
    ten_million_split.remove(folder())
    same = all(
        raw[f"{by}, names"]["parts"] == raw[f"{by}, other order"]["parts"]
        for by in ten_million_split.BY_NAME
    )
    memory = max(told["mib_of_a_process"] for told in raw.values())
    figure = max(told["command_cpu_seconds"] for told in raw.values())
    must = "at most 60 CPU-seconds and 512 MiB a kind, the same parts in any order of rows"
    holds = figure <= 60 and memory <= 512 and same
    return [Goal(f"ten.split{size.suffix}", figure, must, holds)], {"kinds": raw, "same": same}


def imported(size: Size) -> tuple[list[Goal], Any]:
    """Read a CSV file of answers, at once and in two goes."""
    raw, out, again = (folder() / name for name in ("answers.csv", "answers.store", "again.store"))
    files.write_answers(raw, size.rows)
    command = [harness.script("torchedu"), "data", "import", "csv", raw]
    ran = watched([*command, out])
    killed = watched([*command, again], kill_after=ran.done.cpu_seconds / 2)
    resumed = watched([*command, again])
    said = json.loads((again / "manifest.json").read_text())["about"].get("interrupted", "")
    names = [file.relative_to(out) for file in out.rglob("*.*") if file.name != "manifest.json"]
    same = not any(filecmp.cmpfiles(out, again, names, shallow=False)[1:])
    rate, most = size.rows / ran.done.cpu_seconds, max(ran.most, killed.most, resumed.most)
    clean = not [file for file in folder().iterdir() if file.name.startswith(".again")]
    raw.unlink()
    must = (
        f"at least {RATE:,.0f} rows a CPU-second, under 512 MiB; killed and gone on with, the same "
        "store"
    )
    least = RATE if size is WHOLE else 0
    # The short one has too few rows for any to be noted.
    went_on = "gone on" in said or size is not WHOLE
    kept = {
        "whole": ran.told, "killed": killed.told, "resumed": {**resumed.told, "said": said},
        "same": same, "clean": clean,
    }  # fmt: skip
    holds = rate >= least and most <= 512 and went_on and same and clean
    return [Goal(f"ten.import{size.suffix}", round(rate), must, holds)], kept


def _trained(
    store: Path, run: Path, place: float, answers: int, turn: int = 0, turns: int = 1
) -> dict[str, Any]:
    run.mkdir(exist_ok=True)
    words = f"{str(store)!r}, {str(run)!r}, {place}, {answers}, {turn}, {turns}"
    code = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); "
    code += f"import ten_million_epoch as epoch; epoch.train({words})"
    # The C library takes large blocks off its heap once it has met some, and keeps what is free.
    ran = watched(["env", "MALLOC_MMAP_THRESHOLD_=16777216", sys.executable, "-c", code])
    told = {**json.loads(ran.done.output.splitlines()[-1]), "mib": round(ran.most)}
    print(f"  {told}", flush=True)
    return told


def epoch(size: Size) -> tuple[list[Goal], Any]:
    """Train the first, a middle and the last part of an epoch.

    What was trained stays in the folder until all is: a campaign that was broken off goes on.
    """
    from torchedu.datasets import AnswerStore

    if not size.store.exists():
        simulated(size)
    run = folder() / f"{size.students}-epoch.run"
    kept = run / "turns.json"
    done: list[dict[str, Any]] = json.loads(kept.read_text()) if kept.exists() else []
    places = (0.0, 0.5, 1.0)
    while len(done) < len(places) * TURNS:
        turn, place = divmod(len(done), len(places))
        done.append(_trained(size.store, run, places[place], size.part, turn, TURNS))
        kept.write_text(json.dumps(done))
    shutil.rmtree(run)
    turns = [done[place :: len(places)] for place in range(len(places))]
    parts = [
        {
            "answers": sum(turn["answers"] for turn in part),
            "cpu_seconds": round(sum(turn["cpu_seconds"] for turn in part), 1),
            "seconds": round(sum(turn["seconds"] for turn in part), 1),
            "mib": max(turn["mib"] for turn in part),
            "turns": part,
        }
        for part in turns
    ]
    rates = [round(part["answers"] / part["cpu_seconds"]) for part in parts]
    answers = AnswerStore(size.store).num_answers
    hours = answers / float(np.mean(rates)) / 3600 / CORES
    apart = max(rates) / min(rates) - 1
    must = (
        f"at most 3 hours an epoch of {CORES} cores at full use, computed of three parts of "
        f"{size.part:,} answers whose rates differ by less than 5 %"
    )
    memory = max(part["mib"] for part in parts)
    goals = [
        Goal(f"ten.epoch{size.suffix}", round(hours, 2), must, hours <= 3 and apart < 0.05),
        Goal(f"ten.memory{size.suffix}", memory, "at most 512 MiB in training", memory <= 512),
    ]
    return goals, {
        "parts": parts, "answers_a_cpu_second": rates, "rates_apart": round(apart, 4),
        "answers": answers,
    }  # fmt: skip


def linear(size: Size) -> tuple[list[Goal], Any]:
    """Compare the cost of an answer with that on a hundred thousand students, in turns."""
    small = folder() / "small.store"
    command = [harness.script("torchedu"), "data", "simulate", small, "--students"]
    harness.run([*command, str(min(100_000, size.students // 10)), *CLASS])
    rates: dict[str, list[int]] = {"large": [], "small": []}
    for _ in range(3):
        for name, store in (("large", size.store), ("small", small)):
            with tempfile.TemporaryDirectory() as scratch:
                part = _trained(store, Path(scratch) / "run", 0.5, max(200_000, size.part // 50))
            rates[name].append(part["answers_a_cpu_second"])
    others = {}
    for students in (10_000, 1_000_000):
        if students < size.students:
            store = folder() / f"{students}.store"
            if not store.exists():
                harness.run([*command[:3], store, "--students", str(students), *CLASS])
            with tempfile.TemporaryDirectory() as scratch:
                part = _trained(store, Path(scratch) / "run", 0.5, max(200_000, size.part // 50))
            others[students] = [part["answers_a_cpu_second"]]
    more = float(np.median(rates["small"]) / np.median(rates["large"])) - 1
    must = "an answer costs at most 10 % more than of a hundredth of the students"
    return [Goal(f"ten.linear{size.suffix}", round(more, 4), must, more <= 0.1)], {
        "rates": rates, "by_students": others
    }  # fmt: skip


def damage(size: Size) -> tuple[list[Goal], Any]:
    """Damage stores, fill disks and end what writes."""
    few = None if size is WHOLE else 1
    with tempfile.TemporaryDirectory() as scratch:
        cases = ten_million_damage.campaign(Path(scratch), 20_000 if few is None else 2_000, few)
    bad = [case for case in cases if not case["well"]]
    must = (
        f"0 of {len(cases)} stores damaged, disks full and writers killed end otherwise than told"
    )
    return [Goal(f"ten.damage{size.suffix}", len(bad), must, not bad)], {
        "cases": [case["case"] for case in cases], "failed": bad
    }  # fmt: skip


def quality(size: Size) -> tuple[list[Goal], Any]:
    """Train a class whole, in parts that go on with one another, and score held-out students.

    What was trained stays in the folder: a campaign that was broken off goes on with it.
    """
    store = folder() / f"{size.learning}.store"
    run = folder() / f"{'-'.join(map(str, (size.learning, *size.settings)))}.run"
    if not store.exists():
        command = [harness.script("torchedu"), "data", "simulate", store, "--students"]
        harness.run([*command, str(size.learning), *CLASS])
    words = f"{str(store)!r}, {str(run)!r}, {tuple(size.settings)}"
    with tempfile.TemporaryDirectory() as scratch:
        again = f"{str(store)!r}, {scratch!r}, {tuple(size.settings)}, 10"
        same = _of_quality(f"repeated({again})")["same"]
    _, step, epochs, _ = size.settings
    steps = size.learning * ANSWERS_EACH * epochs // step // size.parts
    simpler = _of_quality(f"score({words}, 'val', 'Best-LR', 'best reachable')")
    parts: list[dict[str, Any]] = []
    kept = run / "parts.json"
    if kept.exists():
        parts = json.loads(kept.read_text())
    while not parts or parts[-1]["step"] < parts[-1]["of"]:
        parts.append(_of_quality(f"part({words}, {steps})"))
        kept.write_text(json.dumps(parts))
        print(f"  {parts[-1]}", flush=True)
    # Apart, so that the memory is that of the network alone.
    scored = _of_quality(f"score({words}, 'test', 'DKT')")
    test = {**_of_quality(f"score({words}, 'test', 'Best-LR', 'best reachable')"), **scored}
    below = test["best reachable"]["auc"] - test["DKT"]["auc"]
    inside = test["best reachable"]["auc_within"] - test["DKT"]["auc_within"]
    as_good = [x for x in parts if x["val"]["DKT"]["auc"] >= simpler["Best-LR"]["auc"]]
    minutes = round(as_good[0]["cpu_seconds"] / 60, 1) if as_good else None
    memory = max(part["mib"] for part in (*parts, scored))
    must = (
        f"at most {size.below} below the best reachable AUC of held-out students, within students "
        f"({inside:+.4f}) too; it was as good as Best-LR after {minutes} CPU-minutes; two parts "
        "come to the weights of one"
    )
    holds = max(below, inside) <= size.below and same
    goals = [
        Goal(f"ten.quality{size.suffix}", round(below, 5), must, holds),
        Goal(f"ten.quality_memory{size.suffix}", memory, "at most 512 MiB", memory <= 512),
    ]
    told = {
        "parts": parts, "val": simpler, "test": test, "same": same, "minutes_to_best_lr": minutes
    }  # fmt: skip
    return goals, told


def _of_quality(call: str) -> dict[str, Any]:
    code = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); "
    ran = watched([sys.executable, "-c", f"{code}import ten_million_quality as q; q.{call}"])
    return {**json.loads(ran.done.output.splitlines()[-1]), "mib": round(ran.most)}


JOBS = [
    Job(
        tuple(f"ten.{goal}{size.suffix}" for goal in goals), partial(measure, size), size is SHORT
    )
    for size in (WHOLE, SHORT)
    for goals, measure in (
        (("simulate",), simulated), (("split",), split), (("import",), imported),
        (("epoch", "memory"), epoch), (("linear",), linear),
        (("quality", "quality_memory"), quality), (("damage",), damage),
    )
]  # fmt: skip

if __name__ == "__main__":
    sys.exit(harness.main("ten_million", JOBS, __doc__.splitlines()[0]))
