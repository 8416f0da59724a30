"""What each part of the default tracing network adds: one row a part, on validation parts.

    python benchmarks/kt_parts.py                        # about ten CPU-minutes
    python benchmarks/kt_parts.py algebra --rows whole no_lstm

Each row trains LogisticDKT with one thing changed, all else as by default (``split student``, seed
0), and scores the epoch with the best validation AUC: AUC / AUC within students, log loss,
calibration error. The table is that of docs/models.md.
"""

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import kt_scores
import numpy as np
import pyarrow.csv
import torch
from lightning import seed_everything
from torch import Tensor, nn

import torchedu
from torchedu.baselines import BestLR, ItemMean
from torchedu.batch import AnswerBatch
from torchedu.layers.past import PastNumbers
from torchedu.metrics import scores
from torchedu.metrics.within import within
from torchedu.models import LogisticDKT

SCORES = ("auc", "auc_within", "log_loss", "calibration_error")


class OwnMarksLeft(LogisticDKT):
    """Trains on a regression that has seen the student's own marks."""

    def forward(self, batch: AnswerBatch) -> Tensor:
        """Leave them in."""
        return super().forward(batch._replace(moved_BL=None))


class BlindToItem(LogisticDKT):
    """Sees neither how easy the item asked is nor what the regression says."""

    def _logit(self, h: Tensor, before: PastNumbers, easy: Tensor, skill: Tensor) -> Tensor:
        shared = before.shared(skill)
        numbers = nn.functional.pad(shared, (0, 2))
        added = (self.drop(h + self.counted(numbers)) * self.asked.mean(skill)).sum(-1)
        return self._regressed(before, shared, easy, skill) + self.gate * added


class NoLSTM(LogisticDKT):
    """Has the layer on the numbers alone."""

    def _logit(self, h: Tensor, before: PastNumbers, easy: Tensor, skill: Tensor) -> Tensor:
        return super()._logit(0 * h, before, easy, skill)


class NoLayer(LogisticDKT):
    """Has the LSTM alone."""

    def __init__(self, num_items: int, num_skills: int, **more: Any) -> None:
        super().__init__(num_items, num_skills, **more)
        last = self.counted[-1]
        for parameter in last.parameters():
            nn.init.zeros_(parameter).requires_grad_(False)


ROWS: dict[str, tuple[str, Callable[..., LogisticDKT], dict[str, Any]]] = {
    "whole": ("LogisticDKT", LogisticDKT, {}),
    "own_marks": ("... the regression keeps the student's own marks", OwnMarksLeft, {}),
    "blind": ("... the added part does not see the item asked", BlindToItem, {}),
    "no_lstm": ("... without the LSTM", NoLSTM, {}),
    "no_layer": ("... without the layer on the numbers", NoLayer, {}),
    "no_pairs": ("... without comparing answers", partial(LogisticDKT, pairwise=0.0), {}),
    "more_pairs": ("... with three times its weight", partial(LogisticDKT, pairwise=0.3), {}),
    "slow": ("... learning rate .002 in place of .005", LogisticDKT, {"lr": 2e-3}),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sets", nargs="*", default=[*kt_scores.SETS])
    parser.add_argument("--rows", nargs="+", default=[*ROWS], choices=[*ROWS])
    given = parser.parse_args()
    torch.set_num_threads(1)
    with TemporaryDirectory(prefix="kt-parts-") as scratch:
        folder = Path(scratch)
        for name in given.sets:
            store = kt_scores.imported(name, folder / f"{name}.store")
            data = torchedu.Interactions(str(store))
            for title, row in baselines(data).items():
                print(f"| {name} | {title} | {row} |", flush=True)
            for key in given.rows:
                title, net, words = ROWS[key]
                data = _again(data, store)
                row = trained(net, data, folder / f"{name}-{key}", **words)
                print(f"| {name} | {title} | {row} |", flush=True)


def baselines(data: torchedu.Interactions) -> dict[str, str]:
    """Return the baselines' scores on the validation part."""
    train, val = data.parts["train"], data.parts["val"]
    learned = data.store.answers(train.student, train.stop)
    asked = data.store.answers(np.sort(val.student), val.stop[np.argsort(val.student)])
    student = np.repeat(np.arange(len(asked.offsets) - 1), np.diff(asked.offsets))
    rows = {}
    for model in (ItemMean().fit(learned), BestLR().fit(learned), data.regression):
        p = model.predict(asked)
        inside = within(p, asked.correct, student).auc()
        rows[model.name] = _row({**scores(p, asked.correct), "auc_within": inside})
    return rows


def trained(
    net: Callable[..., LogisticDKT], data: torchedu.Interactions, run: Path, lr: float = 5e-3
) -> str:
    """Train a network as by default, and return the scores of its best epoch."""
    seed_everything(0, verbose=False)
    sizes = data.num_items, data.num_skills
    task = torchedu.KnowledgeTracing(net, *sizes, lr=lr, weight_decay=0.5, schedule="one_cycle")
    trainer = torchedu.trainer(str(run), max_epochs=LogisticDKT.epochs, accelerator="cpu")
    trainer.fit(task, datamodule=data)
    rows = pyarrow.csv.read_csv(run / "metrics.csv").to_pylist()
    scored = [row for row in rows if row.get("val/auc") is not None]
    best = max(scored, key=lambda row: row["val/auc"])
    return _row({name: best[f"val/{name}"] for name in SCORES})


def _again(data: torchedu.Interactions, store: Path) -> torchedu.Interactions:
    """Return the same data for another network, without fitting the regression again."""
    fresh = torchedu.Interactions(str(store))
    fresh.__dict__["regression"] = data.regression
    return fresh


def _row(by_name: dict[str, Any]) -> str:
    auc, inside, loss, error = (f"{by_name[name]:.4f}".lstrip("0") for name in SCORES)
    return f"{auc} / {inside}, {loss}, {error}"


if __name__ == "__main__":
    main()
