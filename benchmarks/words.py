"""Are mistakes told at once, is help short, and is the same again the same?

    python benchmarks/words.py            # twenty minutes
    python benchmarks/words.py --short    # two: words.typo and words.help alone

``words.typo`` makes 60 mistakes in a command that is right: an option, a class, a recipe, a path, a
column, a run. Each is told by a process of its own, whose processor time is measured and which says
whether it imported torch; and the second line of each has to offer the word that was meant.
``words.help`` counts lines of help. ``words.again`` trains two runs of each of the seven tasks, and
the command of each report's "The same again" from another folder; every score has to be the same.
``words.cases`` runs what once failed a newcomer, case by case (``word_cases.py``).
Pages and notebooks (``words.pages``, ``words.notebook``) are tests: ``make test-browser``.
"""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import harness
import word_cases
from harness import ROOT, Goal, Job

sys.path.insert(0, str(ROOT))
from tests.report.each_task import TASKS, words_for, write_shape
from torchedu.cli import main
from torchedu.cli.manual import manual
from torchedu.parsing import RECIPES

CPU_SECONDS = 0.7
LINES, LINES_OF_A_RECIPE = 30, 60
RIGHT = (
    "fit --data.path marks.csv --data.columns.student who --data.columns.correct mark",
    "fit --data.path answers.csv --init_from runs/old",
    "fit --data.path answers.csv --model.net SAKT --model.net.dim 32 --model.lr 0.01",
    "fit --config akt --data.path answers.csv --trainer.max_epochs 3 --data.batch_size 8",
    "fit --data.path answers.csv --data.window 100 --early_stopping.patience 3 --run runs/new",
    "test runs/old --data.path answers.csv",
    "predict runs/old --data.path answers.csv --format csv",
)
"""Commands; each word of theirs that is ours is misspelt in turn."""
PLACES = ("answers.csv", "marks.csv", "runs/old", "who", "mark")
"""What is there: files, a run, and headings."""
WAYS = (
    lambda word: word[:-2] + word[-1] + word[-2],  # two letters change places
    lambda word: word[:-1],  # one is missing
    lambda word: word + word[-1],  # one is doubled
)
COUNTED = """
import resource, sys
from torchedu.cli import main
code = main(sys.argv[1:])
used = resource.getrusage(resource.RUSAGE_SELF)
print("", code, used.ru_utime + used.ru_stime, "torch" in sys.modules, sep="|", file=sys.stderr)
"""


def mistakes() -> list[tuple[list[str], list[str], int]]:
    """Return wrong words, the right ones, and the place that differs."""
    made: dict[tuple[str, ...], tuple[list[str], list[str], int]] = {}
    for way in WAYS:
        for line in RIGHT:
            words = shlex.split(line)
            for place, word in enumerate(words[1:], 1):
                before = words[place - 1]
                ours = word.startswith("--") or before in ("--config", "--model.net")
                path = word in PLACES
                if not (ours or path) or word in ("--config", "--format"):
                    continue
                wrong = [*words[:place], way(word), *words[place + 1 :]]
                made.setdefault(tuple(wrong), (wrong, words, place))
    return list(made.values())


def typo() -> tuple[list[Goal], Any]:
    """Make mistakes, follow what is said, and look again."""
    slow, silent, left, every = {}, [], {}, []
    with TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "answers.csv").write_text("student,item,skill,correct\nann,q1,k,1\n")
        (place / "marks.csv").write_text("who,item,skill,mark\nann,q1,k,1\n")
        old = place / "runs" / "old" / "checkpoints"
        old.mkdir(parents=True)
        (old / "best.ckpt").write_bytes(b"")
        for wrong, right, at in mistakes()[:60]:
            ended = subprocess.run(
                [sys.executable, "-c", COUNTED, *wrong], cwd=place, capture_output=True, text=True,
                env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False,
            )  # fmt: skip
            told, _, figures = ended.stderr.rpartition("\n|")
            code, cpu, torch = figures.strip().split("|")
            every.append(float(cpu))
            name = shlex.join(wrong)
            if float(cpu) > CPU_SECONDS or torch == "True":
                slow[name] = figures.strip()
            if code != "2" or len(told.strip().splitlines()) != 2:
                silent.append(name)
                continue
            if not _offers(told, right[at]):
                left[name] = told.strip()
    holds = not (slow or silent or left)
    goal = Goal("words.typo", max(every), f"{CPU_SECONDS} CPU-s at most of {len(every)}", holds)
    return [goal], {"slow": slow, "not told": silent, "remedy does not help": left}


def _offers(told: str, right: str) -> bool:
    """Say whether the second line names the right word: who takes it has the right command."""
    remedy = told.strip().splitlines()[-1]
    return re.search(rf"(?<![\w./-]){re.escape(right)}(?![\w/-])", remedy) is not None


def helps() -> tuple[list[Goal], Any]:
    """Count the lines of help."""
    usual = len((manual("fit", ["--help"]) or "").splitlines())
    recipes = {
        file.stem: len((manual("fit", ["--help", file.stem]) or "").splitlines())
        for file in RECIPES.glob("*.yaml")
    }
    holds = usual <= LINES and max(recipes.values()) <= LINES_OF_A_RECIPE
    must = f"{LINES} lines at most, of a recipe {LINES_OF_A_RECIPE}"
    return [Goal("words.help", usual, must, holds)], {"recipes": recipes}


def again() -> tuple[list[Goal], Any]:
    """Train runs, and what their reports say trains the same, from another folder."""
    other = {}
    with TemporaryDirectory() as folder:
        base = Path(folder)
        for seed in (0, 1):
            for task in TASKS:
                here = base / f"{task}-{seed}"
                here.mkdir()
                os.chdir(here)
                suffix = "csv" if TASKS[task].person else "jsonl"
                data = write_shape(task, "normal", Path(f"data.{suffix}"))
                words = [*words_for(task, base), "--data.path", str(data)]
                assert main(["fit", *words, "--run", "run", "--seed_everything", str(seed)]) == 0
                page = (here / "run" / "report.html").read_text("utf-8")
                command = page.partition("<pre>torchedu ")[2].partition("</pre>")[0]
                os.chdir(base)
                code = main([*shlex.split(command), "--run", f"again-{task}-{seed}"])
                scores = [
                    json.loads((run / "evaluation.json").read_text("utf-8"))["scores"]
                    for run in (here / "run", base / f"again-{task}-{seed}")
                    if code == 0
                ]
                if code or scores[0] != scores[1]:
                    other[f"{task}, seed {seed}"] = scores or code
        os.chdir(ROOT)
    goal = Goal("words.again", len(other), f"0 of {2 * len(TASKS)} runs differ", not other)
    return [goal], {"differ": other}


def cases() -> tuple[list[Goal], Any]:
    """Run each case of a newcomer that once failed."""
    wrong = word_cases.left()
    return [Goal("words.cases", len(wrong), f"0 of {len(word_cases.CASES)}", not wrong)], wrong


JOBS = [
    Job(("words.typo",), typo, short=True),
    Job(("words.typo",), typo),
    Job(("words.help",), helps, short=True),
    Job(("words.help",), helps),
    Job(("words.again",), again),
    Job(("words.cases",), cases),
]

if __name__ == "__main__":
    sys.exit(harness.main("words", JOBS, __doc__.splitlines()[0]))
