"""Trains and scores one of pyKT's models with pyKT's own classes and loops.

Run by the environment that ``environment.py`` makes, never by torchedu's:

    .venv-pykt/bin/python pykt_train.py --answers answers.npz --model dkt --epochs 5 --out dkt.npz

``answers.npz`` holds one row an answer, each student's answers together and in order: ``student``,
``question``, ``skill``, ``correct`` and ``part`` (0 train, 1 validation, 2 test; the same for all
answers of a student). Written is one row for each test answer that pyKT predicts: ``student``,
``position`` (in the student's history, from 0), ``question``, ``probability``, ``label``; and for
each epoch ``val_auc``, ``epoch_cpu_seconds`` and ``train_cpu_seconds``, which leaves the validation
out. README.md tells what is pyKT's and what is not.
"""

import argparse
import contextlib
import copy
import csv
import io
import re
import time
import warnings
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

# pyKT's data sets are made of torch.cuda's tensor types, which a CPU build cannot fill.
if not torch.cuda.is_available():
    torch.cuda.FloatTensor, torch.cuda.LongTensor = torch.FloatTensor, torch.LongTensor

from pykt.datasets import init_dataset4train
from pykt.models import evaluate, init_model, train_model
from pykt.utils import set_seed

WINDOW = 200
LR = {"akt": 1e-4}  # else .001
# The defaults of examples/wandb_<model>_train.py at v0.0.38.
CONFIGS = {
    "dkt": {"emb_size": 200, "dropout": 0.2},
    "sakt": {
        "emb_size": 256,
        "dropout": 0.2,
        "num_attn_heads": 8,
        "num_en": 1,
        "seq_len": WINDOW,
    },
    "dkvmn": {"dim_s": 200, "size_m": 50, "dropout": 0.2},
    "akt": {"d_model": 256, "d_ff": 512, "num_attn_heads": 8, "n_blocks": 4, "dropout": 0.2},
}
TRAIN, VAL, TEST = range(3)
FOLDS = {VAL: 0, TRAIN: 1, TEST: -1}  # pyKT's numbers: fold 0 validates, -1 is the test


class Noted:
    """A loader that notes the processor time at which it is first asked for a batch."""

    def __init__(self, loader) -> None:
        self.loader = loader

    def __iter__(self):
        self.begin = time.process_time()
        return iter(self.loader)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--answers", type=Path, required=True)
    parser.add_argument("--model", choices=CONFIGS, required=True)
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--patience", type=int, help="epochs without a better one that end it")
    parser.add_argument(
        "--cpu-minutes", type=float, default=float("inf"), help="most that it takes"
    )
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()

    torch.set_num_threads(1)
    # pyKT also scores each window by itself, and windows with marks of one kind have no AUC.
    warnings.filterwarnings("ignore", message="Only one class is present in y_true")
    answers = dict(np.load(given.answers))
    windows = cut(answers["student"], WINDOW)
    set_seed(given.seed)
    with TemporaryDirectory(prefix="pykt-") as folder:
        result = run(given, answers, windows, Path(folder))
    part = given.out.with_name(f".{given.out.name}.part")
    with part.open("wb") as file:
        np.savez_compressed(file, **result)
    part.replace(given.out)


def run(given, answers, windows, folder: Path) -> dict[str, np.ndarray]:
    tests = write_sequences(folder / "sequences.csv", answers, windows)
    config = {
        "dpath": str(folder),
        "train_valid_file": "sequences.csv",
        "test_file": "sequences.csv",
        "input_type": ["questions", "concepts"],
        "folds": [FOLDS[VAL], FOLDS[TRAIN]],
        "num_c": int(answers["skill"].max()) + 1,
        "num_q": int(answers["question"].max()) + 1,
        "emb_path": "",
    }
    with contextlib.redirect_stdout(io.StringIO()):
        train, val, test, _ = init_dataset4train(
            "data", given.model, {"data": config}, FOLDS[VAL], given.batch_size
        )
        model = init_model(given.model, CONFIGS[given.model], config, "qid")
    optimizer = torch.optim.Adam(model.parameters(), LR.get(given.model, 1e-3))

    val = Noted(val)
    val_auc, seconds, train_seconds, best = [], [], [], None
    for epoch in range(given.epochs):
        begin = time.process_time()
        # pyKT's loop, an epoch at a time: it then gives each epoch's score on the validation part,
        # and neither stops early nor passes over an epoch that is better by less than .001.
        with contextlib.redirect_stdout(io.StringIO()):
            auc = train_model(model, train, val, 1, optimizer, str(folder))[4]
        seconds.append(time.process_time() - begin)
        train_seconds.append(val.begin - begin)
        if not val_auc or auc > max(val_auc):
            best = copy.deepcopy(model.state_dict())
        val_auc.append(auc)
        since = len(val_auc) - 1 - int(np.argmax(val_auc))
        print(f"epoch {epoch + 1}: validation AUC {auc:.4f}, {seconds[-1]:.1f} CPU-s", flush=True)
        if since == given.patience or sum(seconds) + seconds[-1] > 60 * given.cpu_minutes:
            break
    model.load_state_dict(best)
    with contextlib.redirect_stdout(io.StringIO()):
        auc, _ = evaluate(model, test, given.model, str(folder / "predictions.txt"))
    print(f"pyKT's own test AUC: {auc:.6f}")

    label, probability = read_predictions(folder / "predictions.txt")
    index = np.concatenate([np.arange(start + 1, stop) for start, stop in tests])
    if not np.array_equal(label, answers["correct"][index]):
        raise SystemExit("pyKT's predictions are not in the order of the windows it was given.")
    first = np.flatnonzero(np.diff(answers["student"], prepend=-1))
    begin = first[np.searchsorted(first, index, "right") - 1]
    return {
        "student": answers["student"][index],
        "position": index - begin,
        "question": answers["question"][index],
        "probability": probability,
        "label": label,
        "val_auc": np.array(val_auc),
        "epoch_cpu_seconds": np.array(seconds),
        "train_cpu_seconds": np.array(train_seconds),
        "own_test_auc": np.array(auc),
    }


def cut(student: np.ndarray, length: int) -> list[tuple[int, int]]:
    """Cut each history into consecutive windows, as pyKT's preprocessing does.

    A window of one answer is left out: there is nothing in it that pyKT predicts.
    """
    bounds = [*np.flatnonzero(np.diff(student, prepend=-1)), len(student)]
    starts = [
        (start, min(start + length, stop))
        for begin, stop in pairwise(bounds)
        for start in range(begin, stop, length)
    ]
    return [(start, stop) for start, stop in starts if stop - start > 1]


def write_sequences(
    file: Path, answers: dict[str, np.ndarray], windows: list[tuple[int, int]]
) -> list[tuple[int, int]]:
    """Write pyKT's table of padded sequences, students shuffled as its preprocessing does.

    Returns:
        The windows of the test part, in the order in which pyKT will read them.
    """
    names = np.unique(answers["student"])
    place = dict(zip(names, np.random.default_rng(1024).permutation(len(names)), strict=True))
    windows = sorted(windows, key=lambda one: (place[answers["student"][one[0]]], one[0]))
    columns = {"questions": "question", "concepts": "skill", "responses": "correct"}
    with file.open("w", newline="") as out:
        table = csv.writer(out)
        table.writerow(["fold", "uid", *columns, "selectmasks"])
        for start, stop in windows:
            padding = [-1] * (WINDOW - (stop - start))
            lists = [answers[name][start:stop].tolist() for name in columns.values()]
            lists.append([1] * (stop - start))
            table.writerow(
                [FOLDS[int(answers["part"][start])], int(answers["student"][start])]
                + [",".join(map(str, values + padding)) for values in lists]
            )
    return [one for one in windows if answers["part"][one[0]] == TEST]


def read_predictions(file: Path) -> tuple[np.ndarray, np.ndarray]:
    """Read the file that pyKT's ``evaluate`` leaves: a line of lists for each window.

    The fourth list is the marks of the predicted answers, the fifth the predictions.
    """
    marks, predictions = [], []
    for line in file.read_text("utf-8").splitlines():
        lists = re.findall(r"\[([^\[\]]*)\]", line)
        marks.append(np.array(lists[3].split(","), np.int64))
        predictions.append(np.array(lists[4].split(","), np.float64))
    return np.concatenate(marks), np.concatenate(predictions)


if __name__ == "__main__":
    main()
