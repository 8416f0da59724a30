"""Trains and scores NeuMF with RecBole's own classes and loops.

Run by the environment that ``environment.py`` makes, never by torchedu's:

    .venv-recbole/bin/python recbole_train.py --enrolments enrolments.npz --epochs 2 --out out.json

``enrolments.npz`` holds one row an enrolment: ``student``, ``course`` and ``part`` (0 train, 1
validation). Written are the instances of an epoch (enrolments and the courses drawn against them),
each epoch's processor seconds, drawing included, and HR@10 and NDCG@10 on the validation part over
the whole catalogue. README.md tells what is RecBole's and what is not.
"""

import argparse
import json
import sys
import time
import types
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

warnings.filterwarnings("ignore", category=FutureWarning)
# Its trainer asks for a writer of TensorBoard's files, whose own dependencies are left out.
sys.modules["torch.utils.tensorboard"] = types.SimpleNamespace(SummaryWriter=lambda folder: None)

from recbole.config import Config  # noqa: E402 - after the stand-in
from recbole.data import create_dataset, data_preparation  # noqa: E402 - after the stand-in
from recbole.model.general_recommender import NeuMF  # noqa: E402 - after the stand-in
from recbole.trainer import Trainer  # noqa: E402 - after the stand-in
from recbole.utils import init_seed  # noqa: E402 - after the stand-in

PARTS = {"train": 0, "valid": 1, "test": 1}  # it asks for three parts; the third is never looked at


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--enrolments", type=Path, required=True)
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--dim", type=int, default=64)
    parser.add_argument("--hidden", type=int, nargs="+", default=[128, 64])
    parser.add_argument("--negatives", type=int, default=4)
    parser.add_argument("--batch-size", type=int, default=2048, help="instances")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()

    torch.set_num_threads(1)
    with TemporaryDirectory(prefix="recbole-") as folder:
        told = run(given, Path(folder))
    given.out.write_text(json.dumps(told), "utf-8")


def run(given: argparse.Namespace, folder: Path) -> dict:
    write_parts(folder / "courses", dict(np.load(given.enrolments)))
    config = Config(
        model="NeuMF",
        dataset="courses",
        config_dict={
            "data_path": str(folder),
            "checkpoint_dir": str(folder),
            "benchmark_filename": list(PARTS),
            "load_col": {"inter": ["user_id", "item_id"]},
            "USER_ID_FIELD": "user_id",
            "ITEM_ID_FIELD": "item_id",
            "use_gpu": False,
            "show_progress": False,
            "state": "ERROR",
            "seed": given.seed,
            "mf_embedding_size": given.dim,
            "mlp_embedding_size": given.dim,
            "mlp_hidden_size": given.hidden,
            "dropout_prob": 0.0,
            "train_batch_size": given.batch_size,
            "train_neg_sample_args": {
                "distribution": "uniform",
                "sample_num": given.negatives,
                "alpha": 1.0,
                "dynamic": False,
                "candidate_num": 0,
            },
            "metrics": ["Hit", "NDCG"],
            "valid_metric": "NDCG@10",
            "topk": [10],
            "metric_decimal_place": 6,
        },
    )
    init_seed(given.seed, reproducibility=True)
    dataset = create_dataset(config)
    train, valid, _ = data_preparation(config, dataset)
    trainer = Trainer(config, NeuMF(config, train.dataset))
    trainer.eval_collector.data_collect(train)
    seconds = []
    for epoch in range(given.epochs):
        begin = time.process_time()
        trainer._train_epoch(train, epoch)
        seconds.append(time.process_time() - begin)
    scores = trainer.evaluate(valid, load_best_model=False)
    enrolments = len(train.dataset.inter_feat)
    return {
        "instances": enrolments * (1 + given.negatives),
        "epoch_cpu_seconds": seconds,
        "hr10": float(scores["hit@10"]),
        "ndcg10": float(scores["ndcg@10"]),
    }


def write_parts(folder: Path, enrolments: dict[str, np.ndarray]) -> None:
    """Write RecBole's tables of enrolments, one a part."""
    folder.mkdir()
    for name, part in PARTS.items():
        some = enrolments["part"] == part
        rows = zip(enrolments["student"][some], enrolments["course"][some], strict=True)
        lines = ["user_id:token\titem_id:token", *(f"{s}\t{c}" for s, c in rows)]
        (folder / f"{folder.name}.{name}.inter").write_text("\n".join(lines) + "\n", "utf-8")


if __name__ == "__main__":
    main()
