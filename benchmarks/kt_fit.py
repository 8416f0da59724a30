"""Trains and scores one of torchedu's networks, as ``peers/pykt_train.py`` does with pyKT's.

    python benchmarks/kt_fit.py --store ednet.store --parts part_0 --net DKT --epochs 5 --out o.npz

The store has a student attribute, named by ``--parts``, that says ``train``, ``val`` or ``test``.
Written is one row for each test answer but the first of each window, which pyKT does not predict:
``student`` (row in the store), ``position``, ``probability``, ``label``; and for each epoch
``val_auc``, ``epoch_cpu_seconds`` and ``train_cpu_seconds``, which leaves the validation out.
``shared_val_auc`` is the best epoch's over those validation answers that pyKT predicts as well.
"""

import argparse
import time
import warnings
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from lightning import Trainer, seed_everything
from lightning.pytorch.callbacks import Callback
from sklearn.metrics import roc_auc_score

import torchedu
from torchedu import models
from torchedu.prediction.stream import predicted
from torchedu.tasks import open_task

WINDOW = 200
LR = 1e-3
PARTS = ("val", "test")


class Epochs(Callback):
    """Notes what each epoch reached and cost, its validation included."""

    def __init__(self) -> None:
        self.val_auc: list[float] = []
        self.cpu_seconds: list[float] = []
        self.train_cpu_seconds: list[float] = []

    def on_train_epoch_start(self, trainer: Trainer, *args: Any) -> None:
        self._begin = time.process_time()

    def on_validation_start(self, trainer: Trainer, *args: Any) -> None:
        if not trainer.sanity_checking:
            self.train_cpu_seconds.append(time.process_time() - self._begin)

    def on_validation_end(self, trainer: Trainer, *args: Any) -> None:
        if not trainer.sanity_checking:
            self.val_auc.append(float(trainer.callback_metrics["val/auc"]))
            self.cpu_seconds.append(time.process_time() - self._begin)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--store", required=True)
    parser.add_argument("--parts", required=True)
    parser.add_argument("--net", choices=("DKT", "SAKT"), required=True)
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--lr", type=float, default=LR)
    parser.add_argument("--schedule", choices=("constant", "one_cycle"), default="constant")
    parser.add_argument("--precision", default="32-true")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()

    torch.set_num_threads(1)
    warnings.filterwarnings("ignore", message="GPU available but not used")
    seed_everything(given.seed, verbose=False)
    # Without context, evaluation cuts histories into the same consecutive windows as training.
    data = torchedu.Interactions(
        given.store,
        batch_size=given.batch_size,
        window=WINDOW,
        context=0,
        split="column",
        split_column=given.parts,
        seed=given.seed,
    )
    net = partial(getattr(models, given.net))
    task = torchedu.KnowledgeTracing(
        net, data.num_items, data.num_skills, lr=given.lr, schedule=given.schedule
    )
    epochs = Epochs()
    with TemporaryDirectory(prefix="torchedu-") as folder:
        trainer = torchedu.trainer(
            f"{folder}/run",
            max_epochs=given.epochs,
            patience=given.epochs,  # as many epochs as pyKT trains
            accelerator="cpu",
            precision=given.precision,
            callbacks=[epochs],
        )
        trainer.fit(task, datamodule=data)
        best = open_task(Path(trainer.checkpoint_callback.best_model_path))
        shared, result = (_shared(predicted(best, data, part, trainer)) for part in PARTS)
    result["label"] = result.pop("correct")
    part = given.out.with_name(f".{given.out.name}.part")
    with part.open("wb") as file:
        np.savez_compressed(
            file,
            **result,
            val_auc=np.array(epochs.val_auc),
            shared_val_auc=np.array(roc_auc_score(shared["correct"], shared["probability"])),
            epoch_cpu_seconds=np.array(epochs.cpu_seconds),
            train_cpu_seconds=np.array(epochs.train_cpu_seconds),
        )
    part.replace(given.out)


def _shared(columns: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the predictions of the answers that pyKT predicts as well."""
    later = columns["position"] % WINDOW > 0
    return {name: column[later] for name, column in columns.items()}


if __name__ == "__main__":
    main()
