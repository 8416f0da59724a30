"""Runs of the real command line, in processes that can be killed, and what they leave."""

import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, NamedTuple

import torch
from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback

from torchedu.checkpoints import read_checkpoint
from torchedu.cli import main
from torchedu.datasets.simulator import simulate
from torchedu.errors import CheckpointError
from torchedu.testing.launch import Launch, LaunchServer

EVERY = 5
"""Steps between two checkpoints."""
SMALL = (
    *("--model.net", "ItemDKT", "--model.net.dim", "16"),
    *("--data.batch_size", "16", "--data.val", "0.2"),
    *("--trainer.accelerator", "cpu"),
)
"""Words of a small network."""
IMPORTED = ("torchedu.cli.fit", "torchedu.cli.test", "torchedu.report.page", "matplotlib.pyplot")
"""What the launch server imports once."""


class Diary(Callback):
    """Notes on the disk, line by line, where a run is and what it has seen.

    Args:
        folder: Where each rank writes its lines, in a file of its own.
    """

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self._file = -1
        self._step = 0

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        if self._file < 0:
            file = Path(self.folder) / f"{trainer.global_rank}.jsonl"
            self._file = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        self._note(f"starts {stage}", trainer)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._note("trains", trainer)

    def on_train_batch_start(self, trainer: Trainer, *args: Any) -> None:
        self._step = trainer.global_step + 1

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        scored_B = batch.scored_BL.any(1)
        windows = torch.stack([batch.student_B, batch.start_B], 1)[scored_B]
        seen = {"loss": float(outputs["loss"]), "windows": windows.tolist()}
        self._note("trains", trainer, **seen, step=self._step)  # of which this is a part

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._note("validates", trainer)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._note("trains", trainer)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._note("evaluates", trainer)

    def _note(self, place: str, trainer: Trainer, **more: Any) -> None:
        at = {"place": place, "step": trainer.global_step, "time": time.monotonic()}
        line = json.dumps({**at, **more})
        os.write(self._file, line.encode() + b"\n")  # whole, also if the process is killed next


class End(NamedTuple):
    """What a finished run has come to."""

    files: dict[str, bytes]
    weights: dict[str, dict[str, torch.Tensor]]


def command(words: Sequence[str]) -> None:
    """Be the command line."""
    sys.exit(main(words))


def server() -> LaunchServer:
    """Return the server that forks every process of a campaign."""
    return LaunchServer(IMPORTED)


def small_class(folder: Path) -> Path:
    """Simulate the class that small runs train on."""
    return simulate(folder / "class.store", students=240, skills=3, items=12, answers=15).path


class Start(NamedTuple):
    """One start of a run."""

    launch: Launch
    folder: Path

    def lines(self, rank: int = 0) -> list[dict[str, Any]]:
        """Return the diary of a rank."""
        file = self.folder / f"{rank}.jsonl"
        text = file.read_text() if file.exists() else ""
        whole = text.rpartition("\n")[0]  # a kill may fall into the last line
        return [json.loads(line) for line in whole.splitlines()]

    def steps(self, rank: int = 0) -> list[int]:
        """Return the steps that a rank trained before and after, in order."""
        return [line["step"] for line in self.lines(rank) if line["place"] == "trains"]

    def ended(self, seconds: float) -> list[int] | None:
        """Return the exit codes if all processes end within some seconds, else None."""
        try:
            return self.launch.wait(seconds)
        except TimeoutError:
            return None

    def reach(self, step: int, seconds: float = 120.0) -> None:
        """Wait until a step was taken.

        Raises:
            RuntimeError: The run has ended before.
        """
        end = time.monotonic() + seconds
        while max(self.steps(), default=0) < step:
            if self.ended(0.01) is not None or time.monotonic() > end:
                raise RuntimeError(f"step {step} was not reached: {self.launch.output()[-2000:]}")


def fit(
    launches: LaunchServer,
    store: Path,
    run: Path,
    ranks: int = 1,
    workers: int = 0,
    more: Sequence[str] = (),
    environment: dict[str, str] | None = None,
) -> Start:
    """Start ``torchedu fit --resume auto`` in one process or several."""
    folder = Path(mkdtemp(prefix=f"{run.name} start ", dir=store.parent))
    launch = launches.start(
        command,
        words(store, run, folder, ranks, workers, more),
        ranks=ranks,
        folder=folder,
        environment=environment,
    )
    return Start(launch, folder)


def words(
    store: Path,
    run: Path,
    diary: Path,
    ranks: int = 1,
    workers: int = 0,
    more: Sequence[str] = (),
) -> list[str]:
    """Return the words of a start, whose ranks keep their diaries in a folder."""
    notes = {"class_path": "survive_runs.Diary", "init_args": {"folder": str(diary)}}
    begin = ["fit", "--data.path", str(store), "--run", str(run), "--resume", "auto", *SMALL]
    begin += ["--save.every_n_steps", str(EVERY), "--data.num_workers", str(workers)]
    begin += ["--trainer.callbacks+", json.dumps(notes)]
    if ranks > 1:
        begin += ["--trainer.devices", str(ranks), "--trainer.strategy", "ddp"]
    return [*begin, *more]


def newest_step(run: Path) -> int | None:
    """Return the step of the newest checkpoint that can be used, looked up by hand."""
    steps = []
    for file in (run / "checkpoints").glob("*.ckpt"):
        try:
            steps.append(int(read_checkpoint(file).content["global_step"]))
        except CheckpointError:
            continue
    return max(steps, default=None)


def end(run: Path) -> End:
    """Return what a finished run has come to."""
    files = {name: (run / name).read_bytes() for name in ("metrics.csv", "evaluation.json")}
    weights = {
        name: read_checkpoint(run / "checkpoints" / name).content["state_dict"]
        for name in ("best.ckpt", "last.ckpt")
    }
    return End(files, weights)


def differences(one: End, other: End) -> list[str]:
    """Return what of two runs is not the same to the last bit."""
    found = [name for name, content in one.files.items() if content != other.files[name]]
    for file, weights in one.weights.items():
        theirs = other.weights[file]
        if weights.keys() != theirs.keys():
            found.append(f"{file}: keys")
        found += [f"{file}: {n}" for n, w in weights.items() if not torch.equal(w, theirs[n])]
    return found
