"""Checkpoints damaged in ten ways, none of which may pass for a whole one."""

import gzip
import hashlib
import io
import json
import random
import re
import shutil
import warnings
import zipfile
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
import survive_runs as runs
import torch
from safetensors.torch import save

from torchedu.checkpoints import Checkpoint, newest, open_checkpoint, read_checkpoint
from torchedu.checkpoints.form import TRAINING, WEIGHTS
from torchedu.errors import CheckpointError
from torchedu.testing.launch import LaunchServer

LAST = "last.ckpt"
CONSTANT = ("--model.schedule", "constant")
"""Words without which no run can go on for more epochs."""


class Whole(NamedTuple):
    """A run's last checkpoint before it is damaged."""

    run: Path
    archive: bytes
    checkpoint: Checkpoint

    @property
    def content(self) -> dict[str, Any]:
        return dict(self.checkpoint.content)


Damage = Callable[[Whole, random.Random], bytes]


def cut(whole: Whole, wanted: random.Random) -> bytes:
    return whole.archive[: wanted.randrange(1, len(whole.archive))]


def flip(whole: Whole, wanted: random.Random) -> bytes:
    damaged = bytearray(whole.archive)
    for place in wanted.sample(range(len(damaged)), wanted.choice((1, 1, 2, 8))):
        damaged[place] ^= 1 << wanted.randrange(8)
    return bytes(damaged)


def missing_keys(whole: Whole, wanted: random.Random) -> bytes:
    content = whole.content
    for key in wanted.sample([*WEIGHTS, *TRAINING], wanted.choice((1, 2))):
        del content[key]
    return _written(whole, content, wanted)


def wrong_types(whole: Whole, wanted: random.Random) -> bytes:
    content = whole.content
    value = wanted.choice((None, "7", 1.5, b"7", torch.zeros(2), (1, 2)))
    if wanted.random() < 0.3:
        key = wanted.choice(list(content["state_dict"]))
        content["state_dict"] = content["state_dict"] | {key: wanted.choice((None, 3, "w", [1.0]))}
    else:
        key = wanted.choice([*WEIGHTS, *TRAINING])
        content[key] = 7 if key == "pytorch-lightning_version" else value
    return _written(whole, content, wanted)


def swapped(whole: Whole, wanted: random.Random) -> bytes:
    way = wanted.randrange(3)
    best = whole.run / "checkpoints" / "best.ckpt"
    if way == 0:  # the best over the last one
        return best.read_bytes()
    if way == 1:  # each in the other's place
        archive = best.read_bytes()
        best.write_bytes(whole.archive)
        return archive
    content = whole.content  # the last one of a run with other items
    names = json.loads(json.dumps(content["companions"]["vocabulary"]))
    names["item"][-1 - wanted.randrange(5)] += f" {wanted.randrange(100)}"
    companions = content["companions"] | {"vocabulary": names}
    return sealed(content | {"companions": companions}, whole)


def old_versions(whole: Whole, wanted: random.Random) -> bytes:
    way = wanted.randrange(4)
    if way == 0:
        old = io.BytesIO()
        torch.save(whole.content, old, _use_new_zipfile_serialization=False)
        return old.getvalue()
    if way == 1:
        return sealed(whole.content, whole, format=wanted.choice((0, *range(2, 50))))
    if way == 2:
        return sealed(whole.content, whole, new=wanted.randrange(100))
    return sealed(whole.content, whole, without=wanted.choice(("format", "step", "size", "torch")))


def empty(whole: Whole, wanted: random.Random) -> bytes:
    # Some file systems leave zeros after a loss of power.
    return bytes(wanted.choice((0, wanted.randrange(1, len(whole.archive)))))


def html(whole: Whole, wanted: random.Random) -> bytes:
    space = "".join(wanted.choices(" \n\r\t", k=wanted.randrange(5)))
    begin = wanted.choice(
        ("<!DOCTYPE html>", "<!doctype html>\n<html>", "<html lang='de'>", "<HTML>")
    )
    text = "".join(wanted.choices("abc <>/=", k=wanted.randrange(5000)))
    return f"{space}{begin}{text}</html>".encode()


def foreign(whole: Whole, wanted: random.Random) -> bytes:
    file = io.BytesIO()
    some = wanted.randbytes(wanted.randrange(1, 5000))
    way = wanted.randrange(9)
    if way == 0:
        np.savez(file, weights=np.frombuffer(some, np.uint8))
    elif way == 1:
        with zipfile.ZipFile(file, "w", wanted.choice((zipfile.ZIP_DEFLATED, 0))) as archive:
            archive.writestr("word/document.xml", some)
    elif way == 2:
        torch.save(torch.frombuffer(bytearray(some), dtype=torch.uint8), file)
    elif way == 3:
        torch.save(whole.content["state_dict"], file)
    elif way == 4:
        return save({"weights": torch.zeros(len(some))})
    elif way == 5:
        return gzip.compress(some)
    elif way == 6:
        return wanted.choice((b"\x89PNG\r\n\x1a\n", b"%PDF-1.7\n", b"PAR1", b"\x7fELF", b"")) + some
    elif way == 7:
        return b"PK\x03\x04" + some
    else:
        return json.dumps({"weights": list(some)}).encode()
    return file.getvalue()


def not_numbers(whole: Whole, wanted: random.Random) -> bytes:
    content = whole.content
    weights = dict(content["state_dict"])
    names = [name for name, w in weights.items() if w.is_floating_point() and w.numel()]
    for name in wanted.sample(names, wanted.choice((1, 1, 3))):
        kind = wanted.choice((torch.float32, torch.float64, torch.float16, torch.bfloat16))
        weights[name] = weights[name].to(kind, copy=True)
        weights[name].view(-1)[wanted.randrange(weights[name].numel())] = torch.nan
    return _written(whole, content | {"state_dict": weights}, wanted)


KINDS: dict[str, tuple[Damage, str]] = {
    "cuts": (cut, "cut short|its beginning is damaged"),
    "flips": (flip, "SHA-256 differs|cut short|its beginning is damaged"),
    "missing keys": (missing_keys, "its content is without '"),
    "wrong types": (wrong_types, r"its \S+( > \S+)* is .+ and not an? \w+"),
    "swapped files": (swapped, "the two were swapped|belongs to other data than .* says: item '"),
    "old versions": (old_versions, r"wrote it in form \d+|its seal is not of a form|is a pickle"),
    "empty": (empty, "it is empty|its beginning is damaged"),
    "HTML": (html, "it is a web page"),
    "foreign": (foreign, "cannot be used: "),
    "NaN": (not_numbers, r"its weights .* are not numbers \(NaN\)"),
}
"""How each kind is damaged, and what the message has to say."""


def damage(number: int) -> tuple[list[str], Any]:
    """Damage a run's last checkpoint, and try to use it.

    Args:
        number: Files of each kind.

    Returns:
        What went wrong, and what else to keep.
    """
    problems: list[str] = []
    raw: dict[str, Any] = {"files": 0, "told": {}}
    with TemporaryDirectory(prefix="torchedu-survive-") as home:
        with runs.server() as launches:
            whole = trained_run(Path(home), launches)
        before = {file.name: file.read_bytes() for file in _checkpoints(whole.run)}
        for kind, (damaged, cause) in KINDS.items():
            wanted = random.Random(kind)
            told: Counter[str] = Counter()
            for i in range(number):
                for name, content in before.items():
                    (whole.run / "checkpoints" / name).write_bytes(content)
                (whole.run / "checkpoints" / LAST).write_bytes(damaged(whole, wanted))
                found, said = _try(whole.run, cause)
                told[said] += 1
                problems += [f"{kind} {i}: {one}" for one in found]
            raw["files"] += number
            raw["told"][kind] = dict(told)
    return problems, raw


def _try(run: Path, cause: str) -> tuple[list[str], str]:
    """Use a damaged checkpoint in every way, and return what is wrong, and the cause told."""
    last = run / "checkpoints" / LAST
    try:
        read_checkpoint(last)
    except CheckpointError as error:
        problem, remedy = str(error).splitlines()
    else:
        return ["it was not detected"], ""
    found = []
    if str(last) not in problem or not re.search(cause, problem):
        found.append(f"the message does not name file and cause: {problem}")
    if len(remedy) < 10:
        found.append(f"no next step is named: {remedy!r}")
    ways = (
        partial(open_checkpoint, run, LAST),
        partial(open_checkpoint, last),
        partial(gone_on, run),
    )
    for way in ways:
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            try:
                used = way().file
            except CheckpointError as error:
                found.append(f"no other one was used: {error.problem}")
                continue
        if used.name == LAST:
            found.append("the damaged one was used")
        if not any(
            str(last) in str(one.message) and used.name in str(one.message) for one in warned
        ):
            found.append("no warning says that another one was used")
    said = problem.replace(str(last), "").partition("cannot be used: ")[2] or problem
    return found, re.sub(r"[\d,.]+|'[^']*'|net\S+|\(.*", "_", said)[:60]


def gone_on(run: Path) -> Checkpoint:
    """Return the checkpoint that ``--resume auto`` goes on from."""
    there = newest(run)
    assert there is not None
    return there


def sealed(content: object, whole: Whole, without: str = "", **manifest: Any) -> bytes:
    """Seal a checkpoint by hand, as somebody else's program could."""
    assert whole.checkpoint.manifest is not None
    written = io.BytesIO()
    torch.save(content, written)
    archive = written.getvalue()
    says = whole.checkpoint.manifest._asdict() | {"size": len(archive)} | manifest
    says.pop(without, None)  # a seal of another form
    line = json.dumps(says).encode() + b"\n"
    text = archive[:-2] + (len(line) + 64).to_bytes(2, "little") + line
    return text + hashlib.sha256(text).hexdigest().encode()


def _written(whole: Whole, content: object, wanted: random.Random) -> bytes:
    """Write a checkpoint with a seal, or as a stock trainer does."""
    if wanted.random() < 0.7:
        return sealed(content, whole)
    stock = io.BytesIO()
    torch.save(content, stock)
    return stock.getvalue()


def _checkpoints(run: Path) -> list[Path]:
    return sorted((run / "checkpoints").glob("*.ckpt"))


def trained_run(home: Path, launches: LaunchServer) -> Whole:
    """Train a small run; beside its best and last checkpoint a user has kept the best one."""
    run = home / "run"
    more = ["--trainer.max_epochs", "2", *CONSTANT]
    start = runs.fit(launches, runs.small_class(home), run, more=more)
    if any(start.launch.wait(300)):
        raise RuntimeError(start.launch.output())
    folder = run / "checkpoints"
    shutil.copy(folder / "best.ckpt", folder / "kept.ckpt")
    return Whole(run, (folder / LAST).read_bytes(), read_checkpoint(folder / LAST))
