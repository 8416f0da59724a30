"""What the order and saving cost, on the class and the network that nobody has to name."""

import time
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import survive_runs as runs
from lightning import LightningModule, Trainer, seed_everything
from lightning.pytorch.callbacks import Callback

from torchedu import Interactions, ItemDKT, KnowledgeTracing
from torchedu.checkpoints import LastCheckpoint, VerifiedCheckpointIO
from torchedu.run import quiet

PER = 100
"""Steps between two checkpoints."""


def cost(pairs: int) -> dict[str, Any]:
    """Measure the shares of a step's time that the order and saving take.

    Args:
        pairs: Epochs with a checkpoint, each beside one without.

    Returns:
        Shares in percent: ``order_cpu``, ``saving_cpu`` and ``saving_wall``; what they are made of,
        medians all, in seconds.
    """
    with TemporaryDirectory(prefix="torchedu-survive-") as home, runs.server() as launches:
        launch = launches.start(measure, home, pairs)
        if any(launch.wait(1200)):
            raise RuntimeError(launch.output())
        raw: dict[str, Any] = launch.result()
    return raw


class Epochs(Callback):
    """Lets each second epoch save once, in its middle, and takes the time of each."""

    def __init__(self, last: LastCheckpoint) -> None:
        self.last = last
        self.seconds: list[tuple[float, float]] = []

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._begin = time.process_time(), time.perf_counter()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        middle = batch_idx == int(trainer.num_training_batches) // 2
        self.last.every_n_steps = 1 if middle and trainer.current_epoch % 2 else None

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        trainer.strategy.checkpoint_io.wait()  # type: ignore[attr-defined]
        cpu, wall = self._begin
        self.seconds.append((time.process_time() - cpu, time.perf_counter() - wall))


class BetweenSteps(LastCheckpoint):
    """Saves between steps alone: an epoch's end comes with every epoch, saving or not."""

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        pass


def measure(home: str, pairs: int) -> dict[str, Any]:
    """Train, saving in each second epoch; every epoch has the same answers."""
    quiet()
    seed_everything(0, verbose=False)
    data = Interactions()
    task = KnowledgeTracing(ItemDKT, data.num_items, data.num_skills, lr=2e-3)
    last = BetweenSteps(minutes=None)
    epochs = Epochs(last)
    Trainer(
        max_epochs=2 + 2 * pairs,
        accelerator="cpu",
        limit_val_batches=0,
        default_root_dir=home,
        logger=False,
        callbacks=[epochs, last],
        plugins=[VerifiedCheckpointIO()],
        enable_progress_bar=False,
        enable_model_summary=False,
    ).fit(task, data)
    steps = data.steps_per_epoch
    warm = epochs.seconds[2:]
    without_cpu, without_wall = (median(column) for column in zip(*warm[::2], strict=True))
    with_cpu, with_wall = (median(column) for column in zip(*warm[1::2], strict=True))
    order, order_cpu = data.train_dataloader().stream.order, []
    for epoch in range(pairs):
        begin = time.process_time()
        order.epoch(epoch)
        order_cpu.append(time.process_time() - begin)
    return {
        "order_cpu": 100 * median(order_cpu) / without_cpu,
        "saving_cpu": 100 * (with_cpu - without_cpu) / (without_cpu / steps * PER),
        "saving_wall": 100 * (with_wall - without_wall) / (without_wall / steps * PER),
        "steps_an_epoch": steps,
        "step_cpu_seconds": without_cpu / steps,
        "order_cpu_seconds_an_epoch": median(order_cpu),
        "saving_cpu_seconds": with_cpu - without_cpu,
        "saving_wall_seconds": with_wall - without_wall,
        "epochs_cpu_and_wall_seconds": [[round(s, 3) for s in both] for both in warm],
    }
