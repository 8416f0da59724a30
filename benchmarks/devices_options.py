"""Every option of Lightning's trainer, with ordinary and odd values: works, or is refused before.

A run that is refused says so in two lines, before anything was trained; one that trains ends well.
Each is a process of its own, forked from one that has imported everything, so that no run sees what
another has set. What was tried is kept, and is not tried again.
"""

import contextlib
import io
import itertools
import json
import os
import random
import tempfile
import traceback
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from torch.optim.optimizer import register_optimizer_step_pre_hook

from torchedu.cli import main
from torchedu.datasets.examples import write_example
from torchedu.testing.launch import LaunchError, LaunchServer

IMPORTED = ("torchedu.cli.fit", "torchedu.evaluation", "sklearn.linear_model", "matplotlib.pyplot")
"""What the process imports that the others are forked from."""
SECONDS = 600.0
"""What a run may take, on a machine that is busy; a few seconds on one that is not."""
WORKS, REFUSED = "works", "refused"
GOES = (WORKS, REFUSED)
OPTIONS: dict[str, tuple[str, ...]] = {
    "accelerator": ("cpu", "auto", "gpu", "tpu", "mps", "cuda", "hpu", "quantum", ""),
    "strategy": ("auto", "ddp", "dp", "ddp_spawn", "fork", "single", "ddp_notebook", ""),
    "devices": ("1", "auto", "-1", "0", "-2", "1.5", "[0]", "[0,0]", "[]", "many", "'1'", "null"),
    "num_nodes": ("1", "0", "-1", "1.5", "null"),
    "precision": ("32-true", "32", "bf16-mixed", "bf16-true", "16-mixed", "16-true", "64-true",
                  "64", "bf16", "16", "transformer-engine", "fp8", "null", "8"),
    "logger": ("true", "false", "[]", "null", "csv"),
    "callbacks": ("null", "[]", "LearningRateMonitor", "lightning.pytorch.callbacks.Timer",
                  "ModelSummary", "StochasticWeightAveraging", "RichProgressBar",
                  "OnExceptionCheckpoint", "nothing", "BackboneFinetuning", "LambdaCallback",
                  "DeviceStatsMonitor",
                  "GradientAccumulationScheduler", "BatchSizeFinder", "LearningRateFinder",
                  "ModelPruning", "EMAWeightAveraging", "ThroughputMonitor"),
    "fast_dev_run": ("true", "false", "2", "0", "-1", "1.5"),
    "max_epochs": ("1", "2", "0", "-1", "-2", "1.5", "null", "1e3"),
    "min_epochs": ("1", "0", "5", "-1", "null"),
    "max_steps": ("-1", "1", "7", "0", "-2", "1.5"),
    "min_steps": ("1", "0", "100", "-1", "null"),
    "max_time": ("00:00:00:05", "00:00:00:00", "{hours: 1}", "5", "soon", "-1", "null"),
    "limit_train_batches": ("1", "2", "0.5", "1.0", "0", "0.0", "-1", "1.5", "null", "1000"),
    "limit_val_batches": ("1", "0.5", "1.0", "0", "-1", "1.5", "null"),
    "limit_test_batches": ("1", "0.5", "0", "-1", "1.5", "null"),
    "limit_predict_batches": ("1", "0.5", "0", "-1", "1.5", "null"),
    "overfit_batches": ("0.0", "1", "0.5", "-1", "1.5"),
    "val_check_interval": ("1.0", "0.5", "1", "3", "0", "-1", "1000", "1.5", "null", "00:00:00:01"),
    "check_val_every_n_epoch": ("1", "2", "0", "-1", "null", "5"),
    "num_sanity_val_steps": ("0", "2", "-1", "-2", "null", "1000"),
    "log_every_n_steps": ("1", "10", "0", "-1", "null", "1.5"),
    "enable_checkpointing": ("true", "false", "null", "maybe"),
    "enable_progress_bar": ("true", "false", "null"),
    "enable_model_summary": ("true", "false", "null"),
    "accumulate_grad_batches": ("1", "2", "0", "-1", "1.5", "1000", "{0: 2}"),
    "gradient_clip_val": ("1.0", "0", "-1", "null", "nan", "inf", "0.001"),
    "gradient_clip_algorithm": ("norm", "value", "sum", "null"),
    "deterministic": ("true", "false", "warn", "null", "yes please"),
    "benchmark": ("true", "false", "null"),
    "inference_mode": ("true", "false"),
    "use_distributed_sampler": ("true", "false"),
    "profiler": ("null", "simple", "advanced", "pytorch", "xla", "fast"),
    "detect_anomaly": ("true", "false"),
    "barebones": ("false", "true"),
    "plugins": ("null", "[]", "LightningEnvironment", "SLURMEnvironment", "MixedPrecision",
                "nothing"),
    "sync_batchnorm": ("true", "false"),
    "reload_dataloaders_every_n_epochs": ("0", "1", "2", "-1"),
    "default_root_dir": ("here", "null", ""),
    "enable_autolog_hparams": ("true", "false"),
    "model_registry": ("null", "mine", "mine:version:1"),
}  # fmt: skip
"""What each option is tried with; the first value is an ordinary one."""
TASKS: dict[str, tuple[str, tuple[str, ...]]] = {
    "tracing": ("answers", ("--model.net", "IRT", "--data.batch_size", "16")),
    "recommendation": (
        "enrolments",
        ("--model", "CourseRecommendation", "--model.net", "MF", "--model.net.dim", "8"),
    ),
    "risk": ("events", ("--model", "AtRisk", "--model.net.dim", "4", "--model.net.members", "1")),
}  # fmt: skip


class Tried(NamedTuple):
    """What came of a run.

    Attributes:
        words: What was asked for, beside what every run has.
        outcome: ``works``, ``refused``, or what is wrong: ``traceback``, ``late``, ``lines``, and
            ``endless`` or ``ended`` of a process that said nothing.
        said: What it said where it did not work.
    """

    words: tuple[str, ...]
    outcome: str
    said: str


def attempt(task: str, words: Sequence[str], data: Path, folder: Path) -> Tried:
    """Train with some words in this process, and say what came of it."""
    steps: list[int] = []
    register_optimizer_step_pre_hook(lambda *_: steps.append(1))
    run = folder / "run"
    usual = {"--trainer.max_epochs": "2", "--trainer.accelerator": "cpu"}
    named = {word.partition("=")[0] for word in words}
    more = [f"{name}={value}" for name, value in usual.items() if name not in named]
    every = ["fit", "--data.path", str(data), "--run", str(run), *TASKS[task][1], *more, *words]
    said, printed = io.StringIO(), io.StringIO()
    os.chdir(folder)  # where some options write
    try:
        with (
            contextlib.redirect_stderr(said),
            contextlib.redirect_stdout(printed),
            warnings.catch_warnings(action="ignore"),
        ):
            code = main(every)
    except BaseException:  # noqa: BLE001 - it is what is looked for
        return Tried(tuple(words), "traceback", traceback.format_exc()[-1500:])
    if code == 0:
        return Tried(tuple(words), WORKS, "")
    lines = [line for line in said.getvalue().splitlines() if line.strip()]
    if code != 2 or len(lines) != 2:
        return Tried(tuple(words), "lines", f"code {code}: {said.getvalue()[-1500:]}")
    return Tried(tuple(words), "late" if steps else REFUSED, said.getvalue())


class Trials:
    """Runs of one task, each tried once.

    Args:
        task: Its name.
        data: What it is trained on.
        launch: Forks the processes.
        folder: Keeps what came of each run, and goes on with what it has.
    """

    def __init__(self, task: str, data: Path, launch: LaunchServer, folder: Path) -> None:
        self._task, self._data, self._launch = task, data, launch
        self._file = folder / f"{task}.jsonl"
        self._file.touch()
        whole = self._file.read_text("utf-8").split("\n")[:-1]
        lines = [json.loads(line) for line in whole]
        self.tried = {
            tuple(words): Tried(tuple(words), outcome, said) for words, outcome, said in lines
        }

    def __call__(self, words: Sequence[str]) -> Tried:
        """Try a run, where it was not tried before."""
        key = tuple(sorted(words))
        if key not in self.tried:
            tried = self._new(key)
            with self._file.open("a", encoding="utf-8") as file:
                file.write(f"{json.dumps(tried)}\n")
            self.tried[key] = tried
        return self.tried[key]

    def _new(self, words: tuple[str, ...]) -> Tried:
        with tempfile.TemporaryDirectory() as place:
            begun = self._launch.start(attempt, self._task, words, self._data, Path(place))
            try:
                begun.wait(SECONDS)
                return Tried(*begun.result())
            except TimeoutError:
                begun.kill(tree=True)
                return Tried(words, "endless", begun.output()[-1500:])
            except LaunchError as error:
                return Tried(words, "ended", str(error)[-1500:])

    def singles(self, every: int = 1) -> Iterator[Tried]:
        """Try each value of each option alone, or one in so many of them."""
        words = [f"--trainer.{name}={value}" for name in OPTIONS for value in OPTIONS[name]]
        yield from (self((word,)) for word in words[::every])

    def pairs(self, working: Sequence[str], seed: int = 0) -> Iterator[Tried]:
        """Try all options at once, until each two values of two options were tried together.

        Of a run that is not trained to its end the fewest words are found that are not; they are
        not put together again, and hide nothing else.

        Args:
            working: Words of one option each that work alone.
            seed: Of the order.
        """
        draw = random.Random(seed)
        groups: dict[str, list[str]] = {}
        for word in working:
            groups.setdefault(word.partition("=")[0], []).append(word)
        left = {
            frozenset(pair)
            for ours, theirs in itertools.combinations(groups.values(), 2)
            for pair in itertools.product(ours, theirs)
        }
        apart: set[frozenset[str]] = set()
        while left:
            run = {*draw.choice(sorted(map(sorted, left)))}
            for name in draw.sample(list(groups), len(groups)):
                may = [
                    word for word in groups[name] if not any(some <= run | {word} for some in apart)
                ]
                if may and not any(word.startswith(f"{name}=") for word in run):
                    met = [sum(frozenset((word, x)) in left for x in run) for word in may]
                    run.add(may[met.index(max(met))])
            if (tried := self(sorted(run))).outcome == WORKS:
                yield tried
                left -= {frozenset(pair) for pair in itertools.combinations(run, 2)}
                continue
            fewest = self._fewest(tried)
            yield fewest
            apart.add(frozenset(fewest.words))
            left = {pair for pair in left if not any(some <= pair for some in apart)}

    def _fewest(self, tried: Tried) -> Tried:
        """Return a run of as few of another one's words as come to the same."""
        named = [
            word for word in tried.words if word.partition("=")[0].partition(".")[2] in tried.said
        ]
        if named and (shorter := self(named)).outcome == tried.outcome:
            tried = shorter
        size = len(tried.words)
        while size := size // 2:
            begin = 0
            while begin < len(tried.words) > 1:
                shorter = self([*tried.words[:begin], *tried.words[begin + size :]])
                if shorter.outcome == tried.outcome:
                    tried = shorter
                else:
                    begin += size
        return tried


def write_data(folder: Path) -> dict[str, Path]:
    """Write the data of every task, a few students each, and return the files."""
    files = {task: folder / f"{task}.csv" for task in TASKS}
    for task, (kind, _) in TASKS.items():
        write_example(kind, files[task])
        lines = files[task].read_text("utf-8").splitlines()[:400]
        files[task].write_text("\n".join([*lines, ""]), "utf-8")
    return files
