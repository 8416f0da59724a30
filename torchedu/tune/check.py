"""What can be known before any trial starts: options, ranges, objectives, data."""

import math
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from lightning.pytorch.utilities import rank_zero_info

from torchedu.errors import ConfigError, TorcheduError, worded
from torchedu.run import RunConfig, build
from torchedu.run.building import instantiated
from torchedu.tune.measure import Measure
from torchedu.tune.objectives import Goals, check_logged
from torchedu.tune.rungs import optuna_pruner
from torchedu.tune.space import Space, words
from torchedu.tune.study import Asked
from torchedu.tune.trial import QUIET, on_one_device


class Checked(NamedTuple):
    """What is known of a recipe whose options are searched.

    Attributes:
        goals: What the search is after.
        most: Epochs of a trial at most.
        recipe: The recipe's own values of the options searched, as a study names them.
    """

    goals: Goals
    most: int
    recipe: dict[str, Any]


class Devices(NamedTuple):
    """What a trial runs on.

    Attributes:
        ranks: Its processes, each with a device.
        accelerator: Lightning's name of these, such as ``auto``.
    """

    ranks: int
    accelerator: str


def devices_of(asked: Asked, alone: bool) -> Devices:
    """Return what a trial runs on, from its words alone.

    Args:
        asked: What the study is asked for.
        alone: Whether no other trial runs beside it.

    Raises:
        ConfigError: A word is wrong, a trial is to have several hosts, or all are to have the same
            devices at once.
    """
    trainer = on_one_device(RunConfig([*asked.words, *QUIET])).config["trainer"]
    if trainer["num_nodes"] > 1:
        raise ConfigError(
            f"⟦trainer.num_nodes⟧ is {trainer['num_nodes']}, and a trial has one host.",
            "Leave it out; the same command on each host joins the study.",
        )
    devices, accelerator = trainer["devices"], str(trainer["accelerator"])
    if not isinstance(devices, list):
        return Devices(max(1, int(devices)) if str(devices).isdigit() else 1, accelerator)
    if not alone:
        raise ConfigError(
            f"⟦trainer.devices⟧ is {devices}, which all trials would have at once.",
            "Give their number; CUDA_VISIBLE_DEVICES names the devices that trials share.",
        )
    return Devices(len(devices), accelerator)


def checked(asked: Asked, space: Space) -> Checked:
    """Try everything that a study will need once, without training.

    The recipe's network scores the validation part untrained, and each option takes the values at
    the ends of its range, or all of its choices.

    Args:
        asked: What the study is asked for.
        space: The space.

    Raises:
        ConfigError: Something is wrong with the recipe, the space or the goals.
        DataError: The data cannot be read.
    """
    whose = [name for name in ("--run", "--resume") if _names(asked.words, name)]
    if whose:
        raise ConfigError(
            f"⟦{whose[0][2:]}⟧ is given, which each trial has of its own.",
            "Leave it out; the study's folder is named by ⟦study⟧.",
        )
    config = RunConfig([*asked.words, *QUIET])
    goals = Goals.parse(asked.objectives, asked.limits, config.task.monitor)
    most = _scored(asked, goals)
    optuna_pruner(asked.pruner, goals, asked.first_rung, most)
    for probe in space.probes():
        own = words(probe.values)
        try:
            instantiated(RunConfig([*asked.words, *own]), meta=True)
        except TorcheduError as error:
            raise ConfigError(
                f"⟦space⟧ gives {', '.join(own)}: {error.problem}", error.remedy
            ) from None
    flat = {
        name.replace(".init_args.", ".").removesuffix(".class_path"): value
        for name, value in vars(config.config.as_flat()).items()
    }
    return Checked(goals, most, space.named(flat))


def _scored(asked: Asked, goals: Goals) -> int:
    """Score the recipe's network untrained, check that goals are measured; return the epochs."""
    with TemporaryDirectory(prefix="torchedu-tune-") as folder:
        alone = ["--trainer.devices=1", "--trainer.strategy=auto"]
        own = ["--run", str(Path(folder) / "run")]
        run = build(RunConfig([*asked.words, *QUIET, *alone, *own]))
        run.data.tell_leaks()
        measure = Measure(goals)
        run.trainer.callbacks.insert(0, measure)  # type: ignore[attr-defined]
        run.trainer.validate(run.task, datamodule=run.data, verbose=False)
        logged = [name for name in run.trainer.callback_metrics if name.startswith("val/")]
        compared = [name for name, gap in measure.measured.items() if not math.isnan(gap)]
        check_logged(goals, logged, compared, run.data.vocabulary.groups)
        for name, floor in measure.floors.items():
            if floor > 0:
                rank_zero_info(
                    worded(
                        f"{name}: chance alone makes gaps of about {floor:.2f} between so few as "
                        "the validation part has; smaller ones count as none (0). "
                        "More people (⟦data.val⟧) show smaller gaps."
                    )
                )
        return int(run.trainer.max_epochs or 1)


def _names(given: Sequence[str], option: str) -> bool:
    return any(word == option or word.startswith(f"{option}=") for word in given)
