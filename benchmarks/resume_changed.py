"""Changes of data, words, encoder, features and base between a stop and its resume."""

import csv
import random
import shutil
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
import survive_runs as runs
from harness import ROOT

sys.path.append(str(ROOT))  # for the small models that tests read with

from torchedu.datasets.importers import import_data
from torchedu.testing.launch import LaunchServer

Rows = list[list[str]]
ALL = ["--trainer.accelerator", "cpu", "--trainer.max_epochs", "2", "--data.batch_size", "16"]
TRACING = [*ALL, "--model.net", "ItemDKT", "--model.net.dim", "8"]
GRADING = [*ALL, "--model", "EssayGrading"]


class Change(NamedTuple):
    """What differs when a run goes on.

    Attributes:
        name: What it is.
        kind: Which run.
        words: Further words, which come last.
        rows: Changes the rows of the run's file.
        folder: Changes the folder of all files.
    """

    name: str
    kind: str = "tracing"
    words: tuple[str, ...] = ()
    rows: Callable[[Rows], Rows] | None = None
    folder: Callable[[Path], object] | None = None


def _cell(column: int, value: str, rows: Rows) -> Rows:
    return [[*rows[0][:column], value, *rows[0][column + 1 :]], *rows[1:]]


def _swapped(rows: Rows) -> Rows:
    """Let two answers of a student to other items change their order."""
    other = next(i for i, row in enumerate(rows) if row[0] == rows[0][0] and row[1] != rows[0][1])
    rows = [list(row) for row in rows]
    rows[0][4], rows[other][4] = rows[other][4], rows[0][4]
    return rows


def _renamed(old: str, column: int, rows: Rows) -> Rows:
    return [
        [*row[:column], "new", *row[column + 1 :]] if row[column] == old else row for row in rows
    ]


def _one_prompt(rows: Rows) -> Rows:
    return [
        [*row[:2], row[2] + " a gap", *row[3:]] if i == 0 else row for i, row in enumerate(rows)
    ]


def _other_encoder(folder: Path) -> None:
    from tests.encoders import write_encoder

    shutil.rmtree(folder / "encoder")
    write_encoder(folder / "encoder", seed=1)


def _other_base(folder: Path) -> None:
    import torch
    from safetensors.torch import load_file, save_file

    for file in (folder / "base").glob("*.safetensors"):
        weights = load_file(file)
        save_file(
            {k: w + 0.01 * torch.ones_like(w) for k, w in weights.items()}, file, {"format": "pt"}
        )


def _other_features(folder: Path) -> None:
    for file in folder.rglob("*.vectors"):
        vectors = np.fromfile(file, "<f4")
        vectors[0] += 0.001
        vectors.tofile(file)


CHANGES = [
    Change("a mark", rows=lambda rows: _cell(3, str(1 - int(rows[0][3])), rows)),
    Change("an answer to another item", rows=lambda rows: _cell(1, rows[-1][1], rows)),
    Change("a student more", rows=lambda rows: [*rows, *([["new", *row[1:]] for row in rows[:9]])]),
    Change("a student less", rows=lambda rows: [row for row in rows if row[0] != rows[0][0]]),
    Change("a student's name", rows=lambda rows: _renamed(rows[0][0], 0, rows)),
    Change("an item's name", rows=lambda rows: _renamed(rows[0][1], 1, rows)),
    Change("a skill's name", rows=lambda rows: _renamed(rows[0][2], 2, rows)),
    Change("an order", rows=_swapped),
    Change("a time", rows=lambda rows: _cell(4, "2019-01-01T00:00:00", rows)),
    Change("an answer less", rows=lambda rows: rows[1:]),
    Change("a group", rows=lambda rows: _cell(5, "x", rows)),
    Change("the seed of the split", words=("--data.seed", "1")),
    Change("the share of the test", words=("--data.test", "0.3")),
    Change("the share of validation", words=("--data.val", "0.2")),
    Change("the kind of split", words=("--data.split", "time")),
    Change("a fold", words=("--data.split", "fold")),
    Change("the window", words=("--data.window", "50")),
    Change("the batch size", words=("--data.batch_size", "8")),
    Change("the seed", words=("--seed_everything", "1")),
    Change("the learning rate", words=("--model.lr", "0.1")),
    Change("weight decay", words=("--model.weight_decay", "0.9")),
    Change("the schedule", words=("--model.schedule", "constant")),
    Change("the length of a schedule", words=("--trainer.max_epochs", "4")),
    Change("how often it validates", words=("--trainer.check_val_every_n_epoch", "2")),
    Change("precision", words=("--trainer.precision", "bf16-mixed")),
    Change("clipping", words=("--trainer.gradient_clip_val", "0.1")),
    Change("when it validates", words=("--trainer.val_check_interval", "0.5")),
    Change("how much it validates", words=("--trainer.limit_val_batches", "1")),
    Change("how much it trains", words=("--trainer.limit_train_batches", "2")),
    Change("patience", words=("--early_stopping.patience", "1")),
    Change("what chooses", words=("--early_stopping.monitor", "val/acc")),
    Change("the width", words=("--model.net.dim", "16")),
    Change("the network", words=("--model.net", "DKT")),
    Change("dropout", words=("--model.net.dropout", "0.5")),
    Change("the encoder of texts", "grading", folder=_other_encoder),
    Change("their features", "grading", folder=_other_features),
    Change("their pooling", "grading", ("--data.pooling", "cls")),
    Change("a text", "grading", rows=_one_prompt),
    Change(
        "a score", "grading", rows=lambda rows: _cell(3, "1" if rows[0][3] != "1" else "2", rows)
    ),
    Change("the base of additions", "explaining", folder=_other_base),
]


def changed(number: int = len(CHANGES)) -> tuple[list[str], Any]:
    """Stop runs, change something, and let them go on: each has to be refused, and to say why.

    Args:
        number: How many of ``CHANGES``, evenly taken.

    Returns:
        What went wrong, and what else to keep.
    """
    problems: list[str] = []
    told: dict[str, str] = {}
    wanted = [CHANGES[i * len(CHANGES) // number] for i in range(number)]
    with TemporaryDirectory(prefix="torchedu-resume-") as home, runs.server() as launches:
        bases = {}
        for kind in dict.fromkeys(change.kind for change in wanted):
            bases[kind] = _base(launches, Path(home) / kind, kind)
        for change in wanted:
            base, words = bases[change.kind]
            # In the same place, since some words name it.
            kept = base.with_name("kept")
            shutil.copytree(base, kept)
            if change.rows is not None:
                _write(base, change.kind, change.rows(_rows(base)))
            if change.folder is not None:
                change.folder(base)
            before = _state(base / "run")
            code, said = _fit(launches, base, [*words, *change.words])
            if code != 2:
                problems.append(f"{change.name}: ended with {code}: {said[-300:]}")
            written = [
                name
                for name, content in _state(base / "run").items()
                if content != before.get(name)
            ]
            if written:
                problems.append(f"{change.name}: {', '.join(written)} were written: {said[-300:]}")
            told[change.name] = said.strip().replace(home, "")[-400:]
            shutil.rmtree(base)
            kept.rename(base)
        same = [kind for kind, (base, words) in bases.items() if _fit(launches, base, words)[0]]
        problems += [f"{kind}: refused without any change" for kind in same]
    return problems, {"changes": len(wanted), "told": told}


def _base(launches: LaunchServer, home: Path, kind: str) -> tuple[Path, list[str]]:
    """Make the files of a kind of run, and train it."""
    folder = home / "files"
    folder.mkdir(parents=True)
    words = TRACING
    if kind == "grading":
        from tests.encoders import write_encoder
        from tests.essays import write_essays

        write_essays(folder / "raw.csv", num=80)
        write_encoder(folder / "encoder")
        words = [*GRADING, "--data.encoder", str(folder / "encoder")]
    elif kind == "explaining":
        words = _write_base(folder)
    else:
        _write(folder, kind, _answers())
    if kind != "explaining":
        _write(folder, kind, _rows(folder))
    code, said = _fit(launches, folder, words)
    if code:
        raise RuntimeError(f"the {kind} run ended with {code}: {said[-2000:]}")
    return folder, words


def _write_base(folder: Path) -> list[str]:
    from tests.tasks.explaining import write_model
    from torchedu.datasets.chats import Chat, Message, write_chats
    from torchedu.readers.chat_tokenizer import ChatTokenizer

    chats = [
        Chat(
            (Message("user", f"How many is {i} and 1?"), Message("assistant", f"It is {i + 1}.")),
            f"sum {i}",
        )
        for i in range(60)
    ]
    write_chats(folder / "data.store", chats, {"source": [], "licence": ""})
    said = (one.content for chat in chats for one in chat.messages)
    tokenizer = ChatTokenizer.train(said, 300)
    write_model(folder / "base", tokenizer)
    return [
        *(
            "--trainer.accelerator",
            "cpu",
            "--trainer.max_epochs",
            "2",
            "--model",
            "MathExplanation",
        ),
        *("--model.max_new_tokens", "4", "--data.tokenizer", str(folder / "base")),
        *("--model.net.source", str(folder / "base"), "--model.net.lora_rank", "2"),
        *("--data.max_tokens", "64", "--data.batch_tokens", "400"),
    ]


def _answers() -> Rows:
    drawn = random.Random("answers")
    return [
        [f"s{s}", f"i{(i := drawn.randrange(12))}", f"k{i % 3}", str(drawn.randrange(2)),
         f"2020-01-{1 + n:02}T00:00:{s % 60:02}", "ab"[s % 2]]
        for s in range(90) for n in range(15)
    ]  # fmt: skip


def _rows(folder: Path) -> Rows:
    with (folder / "raw.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))[1:]


def _write(folder: Path, kind: str, rows: Rows) -> None:
    """Write rows below their headings, and import them."""
    headings = ["student", "item", "skill", "correct", "time", "group"]
    if kind == "grading":
        with (folder / "raw.csv").open(newline="", encoding="utf-8") as file:
            headings = next(csv.reader(file))
    with (folder / "raw.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([headings, *rows])
    form, options = ("texts", {}) if kind == "grading" else ("csv", {"groups": ["group"]})
    import_data(form, folder / "raw.csv", folder / "data.store", options)


def _fit(launches: LaunchServer, folder: Path, words: list[str]) -> tuple[int, str]:
    launch = launches.start(
        runs.command,
        ["fit", "--data.path", str(folder / "data.store"), "--run", str(folder / "run"),
         "--resume", "auto", *words],
    )  # fmt: skip
    (code,) = launch.wait(300)
    return code, launch.output()


def _state(run: Path) -> dict[str, bytes]:
    return {str(file): file.read_bytes() for file in sorted(run.rglob("*")) if file.is_file()}


assert len(CHANGES) == 40 == len(Counter(change.name for change in CHANGES))
