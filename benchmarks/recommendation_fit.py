"""Trains and scores torchedu's NeuMF, as ``peers/recbole_train.py`` does with RecBole's.

    python benchmarks/recommendation_fit.py --store courses.store --epochs 2 --out out.json

Written are the instances of an epoch (enrolments and the courses drawn against them), each epoch's
processor seconds, drawing included, and HR@10 and NDCG@10 on the validation part over the whole
catalogue.
"""

import argparse
import json
import time
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from lightning import Trainer, seed_everything
from lightning.pytorch.callbacks import Callback

import torchedu
from torchedu.datasets.order import cut_windows
from torchedu.models import NeuMF


class Epochs(Callback):
    """Notes the processor time of each pass over the training part."""

    def __init__(self) -> None:
        self.cpu_seconds: list[float] = []

    def on_train_epoch_start(self, trainer: Trainer, *args: Any) -> None:
        self._begin = time.process_time()

    def on_train_epoch_end(self, trainer: Trainer, *args: Any) -> None:
        self.cpu_seconds.append(time.process_time() - self._begin)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--store", required=True)
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--dim", type=int, default=64)
    parser.add_argument("--hidden", type=int, nargs="+", default=[128, 64])
    parser.add_argument("--negatives", type=int, default=4)
    parser.add_argument("--batch-size", type=int, default=2048, help="instances")
    parser.add_argument("--sparse", action="store_true", help="row-wise Adagrad on the tables")
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()

    torch.set_num_threads(1)
    seed_everything(given.seed, verbose=False)
    data = torchedu.Enrolments(given.store)
    sizes = data.num_items, data.num_students, data.num_groups
    net = partial(NeuMF, dim=given.dim, hidden=given.hidden)
    task = torchedu.CourseRecommendation(
        net, *sizes, loss="bce", negatives=given.negatives, sparse=given.sparse, lr=given.lr
    )
    data.suit(task.net)
    enrolments = data.parts["train"].num_answers
    # A batch is counted in windows: as many as hold the enrolments of so many instances.
    steps = enrolments * (1 + given.negatives) / given.batch_size
    windows = len(cut_windows(data.parts["train"], data.window).length)
    data.batch_size = max(1, round(windows / steps))
    epochs = Epochs()
    with TemporaryDirectory(prefix="neumf-") as folder:
        trainer = Trainer(
            max_epochs=given.epochs, accelerator="cpu", logger=False, callbacks=[epochs],
            default_root_dir=folder, limit_val_batches=0, num_sanity_val_steps=0,
            enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
        )  # fmt: skip
        trainer.fit(task, datamodule=data)
        scorer = Trainer(
            accelerator="cpu", logger=False, enable_progress_bar=False, default_root_dir=folder
        )
        (scores,) = scorer.validate(task, datamodule=data, verbose=False)
    told = {
        "instances": enrolments * (1 + given.negatives),
        "steps": trainer.global_step // given.epochs,
        "epoch_cpu_seconds": epochs.cpu_seconds,
        "hr10": scores["val/hr10"],
        "ndcg10": scores["val/ndcg10"],
    }
    given.out.write_text(json.dumps(told), "utf-8")


if __name__ == "__main__":
    main()
