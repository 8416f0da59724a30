"""Networks of knowledge tracing on data sets, under equal conditions."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from lightning.pytorch.callbacks import ModelCheckpoint

from torchedu.bench.comparison import Contender, compare, named_once
from torchedu.bounded import parse_yaml
from torchedu.datamodules import Interactions
from torchedu.errors import ConfigError, allowed
from torchedu.evaluation.any_task import Request
from torchedu.evaluation.tracing import models
from torchedu.files import write_json
from torchedu.leaks import check
from torchedu.parsing import RECIPES
from torchedu.prediction.stream import predicted
from torchedu.ranges import SEED, check_range
from torchedu.run import Run, RunConfig, build
from torchedu.run.training import best_of
from torchedu.tasks import KnowledgeTracing

TASK = "torchedu.KnowledgeTracing"
AGAINST = "Best-LR"
RATES = (1.0, 1 / 3, 3.0)
"""Learning rates that are tried, in turn, as multiples of the recipe's."""
STEPS = 100
"""Optimizer steps of a quick comparison."""
Show = Callable[[str], None]


def networks() -> dict[str, dict[str, Any]]:
    """Return the recipes of knowledge tracing, by name."""
    known = {file.stem: parse_yaml(file.read_text("utf-8")) for file in sorted(RECIPES.glob("*"))}
    return {
        name: content
        for name, content in known.items()
        if content.get("model", {}).get("class_path") == TASK
    }


def bench(
    data: Sequence[str],
    folder: Path,
    nets: Sequence[str] = (),
    tries: int = 1,
    quick: bool = False,
    seed: int = 0,
    show: Show = lambda text: None,
) -> dict[str, Any]:
    """Train networks on data sets, each by its recipe, and compare them on the test parts.

    Of a data set every network gets the same split, the same seed and as many learning rates, of
    which the one with the best validation score counts; the baselines choose for themselves.

    Args:
        data: The data sets: files of answers, or stores.
        folder: Where the results and the runs go.
        nets: Recipes of the networks; all that there are where it names none.
        tries: How many learning rates each is given, up to ``len(RATES)``.
        quick: Whether training ends after ``STEPS`` steps.
        seed: Of the splits, and of everything drawn in training.
        show: Called with what is done next.

    Returns:
        ``sets``, each with the ``leaks`` found before anything was trained, and what ``compare``
        returns, each network with its ``cpu_seconds`` of all tries and predictions; written to
        ``results.json`` after each set.

    Raises:
        ConfigError: A recipe is not known, data or a recipe is named twice, there is no data or no
            try, or the folder is in use.
        DataError: A data set cannot be read or divided.
    """
    known = networks()
    for name in nets:
        if name not in known:
            raise ConfigError(f"⟦nets⟧ names {name!r}.", allowed(name, known))
    if not data:
        raise ConfigError("⟦data⟧ names none.", "Name files of answers, or stores.")
    if not 1 <= tries <= len(RATES):
        raise ConfigError(f"⟦tries⟧ is {tries}.", f"It is from 1 to {len(RATES)}.")
    check_range("seed", seed, SEED)
    for option, values in (("data", data), ("nets", nets)):
        named_once(option, [str(value) for value in values])
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        raise ConfigError(f"⟦run⟧ {folder} is in use.", "Name a folder that does not exist yet.")
    titles = [Path(path).name.partition(".")[0] for path in data]
    titles = [f"{t}-{i + 1}" if titles.count(t) > 1 else t for i, t in enumerate(titles)]
    results: dict[str, Any] = {"tries": tries, "quick": quick, "seed": seed, "sets": {}}
    sets = [Interactions(str(path), seed=seed) for path in data]
    for whole in sets:
        _ = whole.parts  # what cannot be read or divided is told before hours of training
    for title, path, whole in zip(titles, data, sets, strict=True):
        show(f"{title}: leaks")
        leaks = [str(leak) for leak in check(whole.store, whole.parts)]
        contenders: list[Contender] = []
        for name in nets or known:
            show(f"{title}: {name}")
            words = _words(path, folder / title / name, seed, quick)
            lr = known[name]["model"]["init_args"]["lr"]
            before = _cpu()
            run = _best(name, lr, tries, words)
            assert isinstance(run.task, KnowledgeTracing)
            assert isinstance(run.data, Interactions)
            columns = predicted(run.task, run.data, "test", run.trainer)
            spent = _cpu() - before
            beside = Request(run.trainer, "test", None, not contenders)
            said = models(run.task, run.data, columns, beside)
            _, _, probability = next(said)
            size = sum(parameter.numel() for parameter in run.task.net.parameters())
            facts = {"cpu_seconds": round(spent, 1), "parameters": size}
            own = Contender(type(run.task.net).__name__, "network", probability, facts)
            if not contenders:
                show(f"{title}: baselines")
                correct, student = columns["correct"], columns["student"]
                contenders += [Contender(*row) for row in said]
            contenders.append(own)
        first = columns["position"] == 0
        results["sets"][title] = {
            "data": str(path),
            "leaks": leaks,
            **compare(contenders, correct, student, AGAINST, first),
        }
        write_json(folder / "results.json", results)
    return results


def _words(path: str, folder: Path, seed: int, quick: bool) -> list[str]:
    same = ["--data.path", str(path), "--data.seed", str(seed), "--seed_everything", str(seed)]
    rest = ["--run", str(folder), "--trainer.accelerator", "cpu"]
    rest += ["--trainer.enable_progress_bar", "false"]
    return [*same, *rest, *(["--trainer.max_steps", str(STEPS)] if quick else [])]


def _best(name: str, lr: float, tries: int, words: Sequence[str]) -> Run:
    """Train a network some times over, and return the run with the best of them."""
    scored: list[tuple[float, Run]] = []
    for i, rate in enumerate(RATES[:tries]):
        own = list(words)
        own[own.index("--run") + 1] += f"/lr-{i}"
        run = build(RunConfig(["--config", name, *own, "--model.lr", repr(lr * rate)]))
        trained = best_of(run)
        kept = run.trainer.checkpoint_callback
        assert isinstance(kept, ModelCheckpoint)
        score = kept.best_model_score
        reached = float("-inf") if score is None else float(score)
        scored.append((-reached if kept.mode == "min" else reached, trained))
    return max(scored, key=lambda pair: pair[0])[1]


def _cpu() -> float:
    """Return the CPU-seconds of this process and of those that it has ended."""
    return sum(os.times()[:4])
