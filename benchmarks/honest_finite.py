"""Is any part scored, or predicted, for whose rows a network gave no number?"""

from collections.abc import Iterator
from functools import wraps
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import honest_planted
import numpy as np
import torch
from harness import Goal
from lightning import Trainer
from lightning.pytorch.plugins import MixedPrecision
from torch.utils._pytree import tree_map_only
from transformers.utils import ModelOutput

from torchedu.datasets.importers import import_data
from torchedu.errors import TorcheduError, TrainingError
from torchedu.models import CausalLM
from torchedu.parsing import RECIPES
from torchedu.prediction.stream import predicted
from torchedu.run import RunConfig, build
from torchedu.run.building import Run

VALUES = {"nan": float("nan"), "inf": float("inf"), "-inf": -float("inf"), "overflow": 3e38}
PRECISIONS = ("32-true", "bf16-mixed", "16-mixed")
STEPS = ("validate", "test", "predict")
TRACING = ("AKT", "BKT", "DKT", "DKVMN", "IRT", "ItemDKT", "LogisticDKT", "PFA", "ReKT", "SAKT")
COURSES = ("GMF", "GRU4Rec", "MF", "MLP", "NeuMF", "SASRec", "TwoTower")
NETWORKS = {
    **dict.fromkeys((*TRACING, "SimpleKT"), ("item_dkt", "answers")),
    **dict.fromkeys(COURSES, ("two_tower", "enrolments")),
    "EventGRU": ("at_risk", "events"),
    "FrozenGrader": ("essay", "texts"),
    "TextGrader": ("essay_finetune", "texts"),
    "TurnContext": ("talk_moves", "lessons"),
    "LessonTransformer": ("talk_moves", "lessons"),
    "CausalLM": ("math_small", "chats"),
}
"""The networks, each with a recipe of its task and the kind of its data."""
SIZES = {"answers": 60, "enrolments": 120, "events": 100, "texts": 80, "lessons": 12, "chats": 40}


def measure(networks: int | None) -> tuple[list[Goal], Any]:
    """Plant what is no number in the output of each network, in each precision and step.

    Args:
        networks: How many of the networks; all where it is None. Values take turns.
    """
    from tests.encoders import write_encoder

    names = list(NETWORKS)[:: 1 if networks is None else len(NETWORKS) // networks]
    problems: list[str] = []
    cases = 0
    with TemporaryDirectory() as folder:
        root = Path(folder)
        encoder = write_encoder(root / "encoder", layers=3)
        stores = stores_of_each_kind(root)
        for name in names:
            recipe, kind = NETWORKS[name]
            words = ["--config", recipe, "--data.path", str(stores[kind])]
            if recipe not in ("item_dkt", "two_tower", "at_risk", "math_small"):
                words += ["--data.encoder", str(encoder)]
            if name not in (RECIPES / f"{recipe}.yaml").read_text("utf-8"):
                words += ["--model.net", name]
            words += ["--run", str(root / "runs" / name), "--trainer.accelerator", "cpu"]
            run = build(RunConfig(words))
            for n, (precision, step) in enumerate(product(PRECISIONS, STEPS)):
                for value in (list(VALUES)[n % 3], "overflow"):
                    cases += 1
                    said = _case(run, precision, step, value)
                    if said:
                        problems.append(f"{name} {precision} {step} {value}: {said}")
                        print(f"  {problems[-1]}", flush=True)
    must = f"0 of {cases} cases scored, {len(names)} networks"
    return [Goal("honest.finite", len(problems), must, not problems)], {"problems": problems}


def stores_of_each_kind(root: Path) -> dict[str, Path]:
    """Import small data of each kind into stores of a folder."""
    stores = {}
    for kind, size in SIZES.items():
        made = getattr(honest_planted, kind)(np.random.default_rng(0), size)
        (folder := root / kind).mkdir()
        raw, out = made.write(folder), folder.with_suffix(".store")
        stores[kind] = import_data(made.format, raw, out, made.options).path
    return stores


def _case(run: Run, precision: str, step: str, value: str) -> str:
    """Return what is wrong with what is said; nothing where the part was refused."""
    reached: list[str] = []
    with _spoilt(run.task.net, VALUES[value], reached):
        try:
            _take(run, step, _trainer(precision))
        except TrainingError as error:
            return "" if "not finite" in str(error) else f"refused otherwise: {error}"
        except TorcheduError as error:
            return f"refused otherwise: {error}"
    return "scored" if reached else "the network was not asked"


def _trainer(precision: str) -> Trainer:
    own: dict[str, Any] = {"precision": precision}
    if precision == "16-mixed":  # by itself Lightning has it for other devices alone
        own = {"plugins": [MixedPrecision("16-mixed", "cpu")]}
    quiet = {"enable_progress_bar": False, "enable_model_summary": False}
    return Trainer(accelerator="cpu", logger=False, enable_checkpointing=False, **quiet, **own)


def _take(run: Run, step: str, trainer: Trainer) -> None:
    if step == "predict":
        predicted(run.task, run.data, "test", trainer)
    else:
        getattr(trainer, step)(run.task, datamodule=run.data, verbose=False)


class _spoilt:
    """Within it, the first row of all that a network gives in evaluation is another number."""

    def __init__(self, net: Any, value: float, reached: list[str]) -> None:
        self.net, self.value, self.reached = net, value, reached

    def __enter__(self) -> None:
        for owner, name in self._places():
            setattr(owner, name, self._other(name, getattr(owner, name)))

    def __exit__(self, *error: Any) -> None:
        for owner, name in self._places():
            delattr(owner, name)

    def _places(self) -> Iterator[tuple[Any, str]]:
        yield from ((self.net, name) for name in ("forward", "logits") if hasattr(self.net, name))
        if isinstance(self.net, CausalLM):  # which writes by its library's own loop
            yield self.net.lm, "forward"

    def _other(self, name: str, plain: Any) -> Any:
        @wraps(plain)
        def other(*arguments: Any, **named: Any) -> Any:
            given = plain(*arguments, **named)
            self.reached.append(name)
            if isinstance(given, ModelOutput):
                given.logits = self._spoil(given.logits)
                return given
            return tree_map_only(torch.Tensor, self._spoil, given)

        return other

    def _spoil(self, given: torch.Tensor) -> torch.Tensor:
        if not given.is_floating_point() or not given.numel():
            return given
        given = given.clone()
        # What overflows does so in the network: the largest number times ten.
        given[:1] = given.new_tensor(self.value) * (10 if self.value == VALUES["overflow"] else 1)
        return given
