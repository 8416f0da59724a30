"""Items that nobody in training has answered, judged by what they ask.

    python benchmarks/kt_cold.py            # the campaign, about half an hour of CPU
    python benchmarks/kt_cold.py --short    # one draw

No set of answers here has the texts of its items, so students are simulated. Texts are simulated
too: a dozen words of a few hundred, each of which makes an item easier or harder. Beside them the
same students meet real texts, the word problems of GSM8K, of which the number of steps of the
published solution makes an item harder: no network is told it, and a question's words tell it in
part. The data is looked for where TORCHEDU_DATA says, or in ../shared/data.
"""

import json
import re
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import harness
import kt_scores
import numpy as np
import pyarrow as pa
import pyarrow.csv
from harness import Goal, Job
from numpy.typing import NDArray
from scipy.special import expit

from torchedu import Interactions
from torchedu.metrics.paired import WIDE, Estimate, clustered
from torchedu.schema import ITEM

ITEMS, STUDENTS, ANSWERS = 2000, 1000, 50
"""Items of a draw, students, and answers of each."""
HELD_OUT, TESTED = 0.2, 1 / 3
"""Shares of the items that only students of the test part meet, and of these students."""
OF_TEXT = 0.5
"""Share of the variance of items' difficulty, which is 1, that words or steps make."""
WORDS, LENGTH = 300, 12
"""Different words of simulated texts, and words of one."""
ABOVE, LOSS = 0.02, -0.002
"""By how much texts are to raise the AUC on answers to held-out items; and how far texts that say
nothing may lower it."""
SEEDS = (0, 1, 2)
OPERATIONS = re.compile(r"<<[^>]*?([-+*/])[^>]*?=")


def problems() -> tuple[list[str], NDArray[np.float64], list[str]]:
    """Return word problems, how many steps their solutions have, and what these calculate with."""
    folder = harness.real_data() / "math" / "gsm8k"
    rows = [
        json.loads(line)
        for file in sorted(folder / name for name in ("train.jsonl", "test.jsonl"))
        for line in file.read_text("utf-8").splitlines()
    ]
    steps = np.array([row["answer"].count("<<") for row in rows], float)
    skills = [";".join(sorted(set(OPERATIONS.findall(row["answer"])))) or "=" for row in rows]
    return [row["question"] for row in rows], np.log(np.maximum(steps, 1)), skills


def draw(folder: Path, seed: int, real: bool) -> dict[str, Path]:
    """Draw a class; return its tables of answers, and its tables of texts, right and shuffled."""
    random = np.random.default_rng(seed)
    texts, told, skills = problems() if real else written(random)
    chosen = random.choice(len(texts), ITEMS, replace=False)
    told = (told[chosen] - told[chosen].mean()) / told[chosen].std()
    hard = OF_TEXT**0.5 * told + (1 - OF_TEXT) ** 0.5 * random.standard_normal(ITEMS)
    names, of = np.unique([skills[i] for i in chosen], return_inverse=True)
    held = random.random(ITEMS) < HELD_OUT
    tests = random.random(STUDENTS) < TESTED
    of_skills = random.standard_normal((STUDENTS, len(names)))
    ability = random.standard_normal((STUDENTS, 1)) + 0.4 * of_skills
    among = [np.arange(ITEMS) if test else np.flatnonzero(~held) for test in tests]
    what = np.concatenate([random.choice(some, ANSWERS, replace=False) for some in among])
    who = np.repeat(np.arange(STUDENTS), ANSWERS)
    learnt = 0.02 * np.tile(np.arange(ANSWERS), STUDENTS)
    logit = 0.5 + ability[who, of[what]] + learnt - hard[what]
    items = np.array([f"{'held-' if held[i] else ''}{i}" for i in range(ITEMS)])
    columns: dict[str, Any] = {
        "student": [f"s{i}" for i in who],
        "item": items[what],
        "skill": names[of[what]],
        "correct": (random.random(len(logit)) < expit(logit)).astype(int),
        # Students who choose the epoch answer the same items as those who are trained on.
        "part": np.where(tests[who], "test", np.where(who % 8 == 0, "val", "train")),
    }
    tables = {
        "skills": columns,
        "no skills": {name: column for name, column in columns.items() if name != "skill"},
    }
    for name, order in (("texts", np.arange(ITEMS)), ("shuffled", random.permutation(ITEMS))):
        tables[name] = {"item": items, "item_text": [texts[chosen[i]] for i in order]}
    files = {name: folder / f"{name}-{seed}-{real}.csv" for name in tables}
    for name, table in tables.items():
        pyarrow.csv.write_csv(pa.table(table), files[name])
    return files


def written(random: np.random.Generator) -> tuple[list[str], NDArray[np.float64], list[str]]:
    """Write texts of words; return them, how hard their words are, and skills."""
    weight, often = random.standard_normal(WORDS), 1 / np.arange(1, WORDS + 1)
    words = random.choice(WORDS, (ITEMS, LENGTH), p=often / often.sum())
    names = ["".join(random.choice(list("aeioklmnprst"), 6)) for _ in range(WORDS)]
    texts = [" ".join(names[word] for word in row) + "?" for row in words]
    return texts, weight[words].sum(1), [f"skill {i}" for i in random.integers(10, size=ITEMS)]


def fit(table: Path, texts: Path, run: Path, seed: int, *more: str) -> Estimate:
    """Train the default; return its AUC on answers to held-out items."""
    store = run.with_suffix(".store")
    if not store.is_dir():
        words = ["data", "import", "csv", table, store, "--item_texts", texts, "--groups", "part"]
        harness.run([harness.script("torchedu"), *words])
    words = ["--data.path", store, "--data.split", "column", "--data.split_column", "part"]
    done, columns = kt_scores.trained(*words, *more, *kt_scores.split(seed), "--run", run)
    assert isinstance(done.data, Interactions)
    known = done.data.store
    item = known.item[known.history_offsets[columns["student"]] + columns["position"]]
    held = np.array([name.startswith("held-") for name in known.vocabulary[ITEM]])[item - 2]
    some = (columns[name][held] for name in ("probability", "correct", "student"))
    return clustered(*some)["auc"]


def cold(goal: str, seeds: Sequence[int] = SEEDS) -> tuple[list[Goal], Any]:
    """Compare the default with texts, without, and with texts of other items."""
    kept: dict[str, float] = {}
    raw: dict[str, Any] = {}
    with TemporaryDirectory(prefix="kt-cold-") as scratch:
        for skills, real in (("skills", False), ("no skills", False), ("skills", True)):
            name = skills + ", real texts" * real
            rows = [_row(Path(scratch), skills, real, seed) for seed in seeds]
            auc = {way: np.array([row[way].value for row in rows]) for way in rows[0]}
            more, lost = auc["texts"] - auc["none"], auc["shuffled"] - auc["none"]
            error = more.std(ddof=1) / len(more) ** 0.5 if len(more) > 1 else 0.0
            if not real:
                kept[name] = min(more.mean() - ABOVE, more.mean() - WIDE * error)
            kept[f"{name} that say nothing"] = lost.mean() - LOSS
            raw[name] = {
                "auc": {way: round(float(values.mean()), 5) for way, values in auc.items()},
                "above": [round(float(value), 5) for value in more],
                "of_texts_that_say_nothing": [round(float(value), 5) for value in lost],
            }
            print(f"  {name}: {raw[name]}", flush=True)
    worst = float(min(kept.values()))
    listed = ", ".join(f"{name} {value:+.4f}" for name, value in kept.items())
    must = (
        "at least 0: the least that a bound of it is kept by, on answers of simulated students to "
        f"items that nobody in training has answered, of {listed}"
    )
    return [Goal(goal, round(worst, 5), must, worst >= 0)], raw


def _row(folder: Path, skills: str, real: bool, seed: int) -> dict[str, Estimate]:
    tables = draw(folder, seed, real)
    asked: dict[str, tuple[str, Sequence[str]]] = {
        "texts": ("texts", ()),
        "none": ("texts", ("--data.encoder", "null")),
        "shuffled": ("shuffled", ()),
    }
    run = folder / f"{skills.replace(' ', '-')}-{seed}-{real}"
    return {
        way: fit(tables[skills], tables[table], Path(f"{run}-{way}"), seed, *more)
        for way, (table, more) in asked.items()
    }


def jobs() -> list[Job]:
    """List the jobs of both campaigns."""
    few = partial(cold, "kt.cold_short", seeds=SEEDS[:1])
    return [
        Job(("kt.cold",), partial(cold, "kt.cold")),
        Job(("kt.cold_short",), few, short=True),
    ]


if __name__ == "__main__":
    sys.exit(harness.main("kt_cold", jobs(), __doc__.splitlines()[0]))
