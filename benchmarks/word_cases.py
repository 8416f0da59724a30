"""Cases of a newcomer that once failed, each run again: what is wrong with it now."""

import io
import json
import shlex
import subprocess
import sys
import warnings
from collections.abc import Callable
from contextlib import chdir, redirect_stderr, redirect_stdout
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
from harness import ROOT
from lightning import seed_everything

from tests.report.each_task import SHAPES, TASKS, scored, words_for
from torchedu import Interactions, KnowledgeTracing, fit
from torchedu.cli import main
from torchedu.datasets.examples import write_example
from torchedu.run import RunConfig, build

SMALL = "--model.net DKT --model.net.dim 4 --trainer.accelerator cpu --trainer.max_epochs 1"
"""Words of a short training."""


HERE = "import sys; from torchedu.cli import main; sys.exit(main(sys.argv[1:]))"
"""A program that is the command, in a process of its own."""


class Ended(NamedTuple):
    """A command that has run.

    Attributes:
        code: Its exit code.
        out: What it said.
        lines: What it said of mistakes, in lines.
    """

    code: int
    out: str
    lines: list[str]

    def refused(self, *parts: str) -> bool:
        """Say whether it ended with two lines that have these parts."""
        whole = "\n".join(self.lines)
        two = self.code == 2 and len(self.lines) == 2
        return two and all(part in whole for part in parts)


def torchedu(words: str) -> Ended:
    """Run a command here, in a terminal of 80 columns."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        code = main(shlex.split(words))
    lines = [line for line in err.getvalue().splitlines() if line.strip()]
    return Ended(code, out.getvalue(), lines)


def tables_are_whole() -> bool:
    """C6: the table of courses has more columns than a terminal of 80 holds."""
    write_example("enrolments", Path("courses.csv"))
    words = "fit --config two_tower --data.path courses.csv --data.sampled 99 --run courses"
    said = torchedu(f"{words} --trainer.max_epochs 1 --trainer.accelerator cpu")
    wide = max(map(len, said.out.splitlines()), default=99)
    return said.code == 0 and "…" not in said.out and wide <= 80 + len(str(Path.cwd()))


def essays_of_a_score_are_told_as_essays() -> bool:
    """T9: all essays have the same score."""
    write_example("texts", Path("texts.csv"))
    heading, *rows = Path("texts.csv").read_text("utf-8").splitlines()
    place = heading.split(",").index("score")
    made = [heading]
    for row in rows:
        before, quote, after = row.rpartition('"')
        cells = after.split(",")
        cells[place - heading.count(",") - 1] = "2"
        made.append(before + quote + ",".join(cells))
    Path("alike.csv").write_text("\n".join(made) + "\n", "utf-8")
    words = " ".join(words_for("grading", Path()))
    said = torchedu(f"fit --data.path alike.csv --run alike {words}")
    whole = "\n".join([said.out, *said.lines])
    return "right and wrong answers" not in whole and (said.code == 0 or said.refused("score"))


def patience_is_kept() -> bool:
    """O1: what an option was given is what is done."""
    run = build(RunConfig(shlex.split(f"--early_stopping.patience 2 --run patient {SMALL}")))
    return run.trainer.early_stopping_callback.patience == 2


def same_again_works_elsewhere() -> bool:
    """O2: the command on the page, from another folder."""
    page = (Path("first") / "report.html").read_text("utf-8")
    command = page.partition("<pre>torchedu ")[2].partition("</pre>")[0].replace("&#39;", "'")
    Path("other").mkdir()
    with chdir("other"):
        said = torchedu(f"{command} --run again")
        again = Path("again/evaluation.json").read_text("utf-8") if not said.code else "{}"
    before = json.loads(Path("first/evaluation.json").read_text("utf-8"))
    return before["scores"] == json.loads(again).get("scores")


def limits_and_precisions_work() -> bool:
    """O7: a tenth of the batches, no step logged, double precision, no place to say anything."""
    each = ("--trainer.limit_train_batches 0.1", "--trainer.log_every_n_steps 0",
            "--trainer.precision 64-true")  # fmt: skip
    for number, option in enumerate(each):
        said = torchedu(f"fit --data.path answers.csv --run limit{number} {SMALL} {option}")
        if said.code and not said.refused("--trainer."):
            return False
    program = shlex.join([sys.executable, "-c", HERE])
    closed = f"{program} fit --data.path answers.csv --run closed {SMALL} >&-"
    ended = subprocess.run(["sh", "-c", closed], capture_output=True, check=False)
    return ended.returncode == 0 and b"Traceback" not in ended.stderr


def net_beside_a_start_is_not_dropped() -> bool:
    """O9: a network is named beside the run to begin with."""
    said = torchedu("fit --data.path answers.csv --init_from first --model.net SAKT --run sakt")
    return said.refused("SAKT", "--init_from")


def theirs_are_answered_by_ours() -> bool:
    """O10: words of other programs."""
    ours = {
        "fit --epochs 3": "--trainer.max_epochs", "fit --lr 1": "--model.lr",
        "fit --learning_rate 1": "--model.lr", "fit --seed 1": "--seed_everything",
        "fit --batch-size 3": "--data.batch_size", "fit --batch_size 3": "--data.batch_size",
        "fit --gpus 1": "--trainer.devices", "fit --output_dir x": "--run", "train": "fit",
        "eval": "test",
    }  # fmt: skip
    return all(torchedu(theirs).refused(f"mean {mine}?") for theirs, mine in ours.items())


def failed_runs_leave_their_name() -> bool:
    """O11: a run that failed, and the same name again."""
    words = f"fit --data.path answers.csv --run failed {SMALL}"
    bad = torchedu(f"{words} --model.lr 1e38 --trainer.max_epochs 20")
    return bad.code != 0 and torchedu(words).code == 0


def missing_loggers_name_their_extra() -> bool:
    """O13: a logger of Lightning's whose package is not there."""
    for name, package in {"WandbLogger": "wandb", "MLFlowLogger": "mlflow"}.items():
        if find_spec(package) is None:
            said = torchedu(
                f"fit --data.path answers.csv --run log {SMALL} --trainer.logger {name}"
            )
            if not said.refused(f"torchedu[{package}]"):
                return False
            if not torchedu(f"fit --log {package}").refused(f"torchedu[{package}]"):
                return False
    return True


def too_short_trainings_are_told_before() -> bool:
    """O15: fewer steps than an epoch, and no validation."""
    words = f"fit --data.path answers.csv --run short {SMALL}"
    steps = torchedu(f"{words} --trainer.max_steps 1 --data.batch_size 2")
    none = torchedu(f"{words} --trainer.limit_val_batches 0")
    early = steps.code == 0 or steps.refused("--trainer.max_steps")
    return early and none.refused("--trainer.limit_val_batches")


def texts_are_printed_as_they_are() -> bool:
    """O17: what looks like markup in a path, in data's name and in a remedy."""
    file = Path("class[bold]x.csv")
    file.write_text(Path("answers.csv").read_text("utf-8"), "utf-8")
    said = torchedu(f"fit --data.path '{file}' --run 'runs[/red]' {SMALL}")
    whole = " ".join(said.out.split())
    bare = f"import sys; sys.modules['jinja2'] = None; {HERE}"
    words = shlex.split(f"fit --data.path answers.csv --run bare {SMALL}")
    without = subprocess.run(
        [sys.executable, "-c", bare, *words], capture_output=True, text=True, check=False
    )
    remedy = "torchedu[plots]" in without.stdout + without.stderr
    return said.code == 0 and "class[bold]x" in whole and "runs[/red]" in whole and remedy


def pages_print_whole() -> bool:
    """P1: pages on paper, in Chromium; skipped where there is none."""
    if find_spec("playwright") is None:
        raise LookupError("needs playwright")
    words = ["-q", "-m", "browser", "tests/report/test_browser.py", "-k", "everyone"]
    ran = subprocess.run([sys.executable, "-m", "pytest", *words], cwd=ROOT, check=False)
    return ran.returncode == 0


def pages_say_what_came_out() -> bool:
    """P2 to P4: bars and axes of any data, the best row in bold, a sentence first."""
    base = Path("pages")
    base.mkdir()
    for task in TASKS:
        for shape in SHAPES:
            if (task, shape) == ("recommendation", "flat"):  # nobody took a second course
                continue
            page = (scored(task, shape, base) / "report.html").read_text("utf-8")
            first = page.partition('<p class="lead">')[2].partition("</p>")[0]
            if not first.rstrip().endswith((".", "</a>")) or "nan" in first:
                return False
    return True


def python_takes_what_is_meant() -> bool:
    """Y1: a DataFrame, a string where a list is meant, a network by its name."""
    import pandas

    frame = pandas.read_csv("answers.csv")
    data = Interactions(frame, groups="school", batch_size=8)
    task = KnowledgeTracing("ItemDKT", data)
    return type(task.net).__name__ == "ItemDKT" and data.store.vocabulary.groups == ("school",)


def readme_is_seeded() -> bool:
    """Y3: the program of the README twice."""
    scores = []
    for number in range(2):
        seed_everything(0, workers=True)
        data = Interactions("answers.csv")
        task = KnowledgeTracing("ItemDKT", data)
        result = fit(task, data, run=f"python{number}", max_epochs=2, accelerator="cpu")
        scores.append(result.evaluation["scores"])
    return bool(np.all(scores[0] == scores[1]))


CASES: dict[str, Callable[[], bool]] = {
    "C6": tables_are_whole,
    "T9": essays_of_a_score_are_told_as_essays,
    "O1": patience_is_kept,
    "O2": same_again_works_elsewhere,
    "O7": limits_and_precisions_work,
    "O9": net_beside_a_start_is_not_dropped,
    "O10": theirs_are_answered_by_ours,
    "O11": failed_runs_leave_their_name,
    "O13": missing_loggers_name_their_extra,
    "O15": too_short_trainings_are_told_before,
    "O17": texts_are_printed_as_they_are,
    "P1": pages_print_whole,
    "P2, P3, P4": pages_say_what_came_out,
    "Y1": python_takes_what_is_meant,
    "Y3": readme_is_seeded,
}


def left(names: list[str] | None = None) -> dict[str, str]:
    """Return what is wrong with cases, each by its name; nothing where all are right.

    Args:
        names: Those that are run; all where it is None.
    """
    wrong = {}
    with TemporaryDirectory() as folder, chdir(folder):
        write_example("answers", Path("answers.csv"))
        assert torchedu(f"fit --data.path answers.csv --run first {SMALL}").code == 0
        for name, case in CASES.items():
            if names is None or name in names:
                try:
                    if not case():
                        wrong[name] = case.__doc__ or ""
                except Exception as error:  # noqa: BLE001 - it is what is looked for
                    wrong[name] = f"{type(error).__name__}: {error}"
                print(f"{name}: {wrong.get(name, 'right')}", flush=True)
    return wrong


if __name__ == "__main__":
    sys.exit(bool(left(sys.argv[1:] or None)))
