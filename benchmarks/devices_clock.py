"""A callback for ``torchedu fit``: answers and processor time of each pass, as lines of a file."""

import json
import os
import time
from pathlib import Path
from typing import Any

from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback

FILE = "TORCHEDU_CLOCK"
"""Names the file."""


class PassClock(Callback):
    """Notes how many answers a pass trained on, and the seconds that all its threads took."""

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begin a pass."""
        self._begin = time.process_time(), time.perf_counter()

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """End it, before it is scored."""
        if trainer.sanity_checking:
            return
        task: Any = pl_module
        cpu, wall = self._begin
        row = {
            "answers": int(task.counted),
            "cpu": time.process_time() - cpu,
            "seconds": time.perf_counter() - wall,
        }
        with Path(os.environ[FILE]).open("a", encoding="utf-8") as stream:
            stream.write(f"{json.dumps(row)}\n")
