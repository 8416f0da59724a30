"""Kills and SIGTERMs of runs that validate in the middle of an epoch."""

import random
import signal
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import survive_runs as runs
import torch

from torchedu.checkpoints import read_checkpoint
from torchedu.testing.launch import LaunchServer

SETTINGS = [
    (ranks, words)
    for ranks in (1, 2)
    for words in (
        ["--trainer.val_check_interval", "0.3"],
        ["--trainer.val_check_interval", "4", "--early_stopping.patience", "3"],
    )
]
"""Numbers of ranks, and how often a run validates: a share of an epoch, a number of batches."""
GRACE = 5.0
"""Seconds that ranks have to notice that another one was killed, before they are killed too."""


def validation(kills: int, terms: int, epochs: int) -> tuple[list[str], Any]:
    """Stop runs at random and while they validate, let them go on to their end, and compare.

    Args:
        kills: SIGKILLs in each of ``SETTINGS``.
        terms: SIGTERMs in each.
        epochs: Epochs of a run.

    Returns:
        What went wrong, and what else to keep.
    """
    problems: list[str] = []
    places: Counter[str] = Counter()
    number_of_runs = 0
    with TemporaryDirectory(prefix="torchedu-resume-") as home, runs.server() as launches:
        store = runs.small_class(Path(home))
        for ranks, how in SETTINGS:
            name = f"{ranks} ranks, {' '.join(how)}"
            # A length in epochs, and one in steps that ends in the middle of an epoch.
            lengths = (["--trainer.max_epochs", str(epochs)], ["--trainer.max_steps", "57"])
            for length in lengths:
                more = [*how, *length, "--hung_rank.timeout", "60"]
                whole = Path(home) / f"whole {number_of_runs}"
                start = runs.fit(launches, store, whole, ranks, more=more)
                codes = start.launch.wait(300)
                steps = max(start.steps(), default=0)
                if any(codes):
                    problems.append(f"{name}: the uninterrupted run ended with {codes}")
                    continue
                first = length is lengths[0]
                share = lambda n, first=first: -(-n // 2) if first else n // 2  # noqa: E731
                left = [signal.SIGKILL] * share(kills) + [signal.SIGTERM] * share(terms)
                wanted = random.Random(f"{name} {length}")
                wanted.shuffle(left)
                while left:
                    run = Path(home) / f"run {number_of_runs}"
                    number_of_runs += 1
                    problems += [
                        f"{name} {length[0]}, {run.name}: {problem}"
                        for problem in _to_its_end(
                            launches, store, run, ranks, more, left, wanted, steps, places
                        )
                    ]
                    problems += [
                        f"{name} {length[0]}, {run.name}: {d}" for d in differences(whole, run)
                    ]
    return problems, {"runs": number_of_runs, "places": dict(places)}


def _to_its_end(
    launches: LaunchServer,
    store: Path,
    run: Path,
    ranks: int,
    more: list[str],
    left: list[signal.Signals],
    wanted: random.Random,
    steps: int,
    places: Counter[str],
) -> Iterator[str]:
    """Start a run, stop it and start it again, until it ends or no stop is left."""
    while True:
        start = runs.fit(launches, store, run, ranks, more=more)
        codes = None if left else start.ended(300)
        # At any step, some of them twice; every other stop falls into the next validation.
        step, validates = wanted.randint(0, steps - 1), wanted.random() < 0.5
        while left and codes is None and max(start.steps(), default=-1) < step:
            codes = start.ended(0.005)
        while left and codes is None and validates and _place(start) != "validates":
            codes = start.ended(0.002)
        if codes is None:
            number = left.pop()
            place = _place(start)
            rank = wanted.choice([None, *range(ranks)])
            start.launch.kill(number, rank)
            # All ranks stop where one gets SIGTERM; where one is killed, the others notice or hang.
            codes = start.ended(120 if number == signal.SIGTERM else GRACE)
            if codes is None:
                if number == signal.SIGTERM:
                    said = [start.launch.output(one)[-2000:] for one in range(ranks)]
                    yield f"SIGTERM to {rank} was not heard in {place}: {said}"
                start.launch.kill(signal.SIGKILL)
                start.launch.wait(60)
            elif number == signal.SIGTERM:
                # Before training begins, nobody listens yet; after it, nothing is saved any more.
                heard = place in ("trains", "validates")
                if heard and codes[0] != 75 and _place(start) != "evaluates":
                    yield f"SIGTERM in {place} ended with {codes}: {start.launch.output()[-300:]}"
            places[f"{number.name} {place}"] += 1
            continue
        if any(codes):
            yield f"ended with {codes}: {start.launch.output()[-500:]}"
        return


def _place(start: runs.Start) -> str:
    places = [line["place"] for line in start.lines()]
    return places[-1] if places else "starts"


def differences(whole: Path, run: Path) -> list[str]:
    """Return what of two finished runs is not the same to the last bit, paths aside."""
    found = runs.differences(runs.end(whole), runs.end(run))
    for name in ("best.ckpt", "last.ckpt"):
        one, other = (
            read_checkpoint(folder / "checkpoints" / name).content for folder in (whole, run)
        )
        found += [
            f"{name}: {path}: {a!r:.80} and {b!r:.80}"
            for key in (
                "callbacks",
                "optimizer_states",
                "lr_schedulers",
                "loops",
                "epoch",
                "global_step",
            )
            for path, a, b in _apart(_neutral(one[key], whole), _neutral(other[key], run), key)
        ]
    return found


def _neutral(value: Any, folder: Path) -> Any:
    """Return a value in which a run's folder has no name."""
    if isinstance(value, Mapping):
        return {str(_neutral(k, folder)): _neutral(v, folder) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_neutral(one, folder) for one in value]
    return value.replace(str(folder), "RUN") if isinstance(value, str) else value


def _apart(one: Any, other: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(one, dict) and isinstance(other, dict):
        for key in {**one, **other}:
            yield from _apart(one.get(key), other.get(key), f"{path}.{key}")
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for i, pair in enumerate(zip(one, other, strict=True)):
            yield from _apart(*pair, f"{path}.{i}")
    elif isinstance(one, torch.Tensor) and isinstance(other, torch.Tensor):
        if not torch.equal(one, other):
            yield path, one, other
    elif one != other and not (one != one and other != other):
        yield path, one, other
