"""Options of the trainer that it takes and cannot do, refused before anything is built of them."""

import re
from collections.abc import Mapping
from typing import Any

from lightning import Trainer
from lightning.pytorch.callbacks import Timer

from torchedu.datamodules.base import DataModule
from torchedu.errors import ConfigError
from torchedu.ranges import COUNT, NOT_NEGATIVE, POSITIVE, Range, check_range, check_whole

RANGES = {
    **dict.fromkeys(("num_nodes", "accumulate_grad_batches", "check_val_every_n_epoch"), COUNT),
    **dict.fromkeys(("max_epochs", "max_steps", "num_sanity_val_steps"), Range(-1)),
    **dict.fromkeys(("min_epochs", "min_steps", "log_every_n_steps"), NOT_NEGATIVE),
    **dict.fromkeys(("gradient_clip_val", "overfit_batches", "fast_dev_run"), NOT_NEGATIVE),
    **dict.fromkeys(("limit_val_batches", "limit_test_batches"), NOT_NEGATIVE),
    **dict.fromkeys(("limit_predict_batches", "limit_train_batches"), NOT_NEGATIVE),
    "reload_dataloaders_every_n_epochs": NOT_NEGATIVE,
    "val_check_interval": POSITIVE,
}
"""Numbers that the trainer's options may be; -1 is without end, or all."""
SHARES = (
    *("limit_train_batches", "limit_val_batches", "limit_test_batches", "limit_predict_batches"),
    *("overfit_batches", "val_check_interval"),
)
"""Options that are a share where they are no whole number."""
TIME = re.compile(r"\d+(:\d{1,2}){3}")
TIMES = {"max_time": "training ends", "val_check_interval": "the network is scored"}
"""Options that may be a time, and what happens then."""
NEEDED = {
    "enable_checkpointing": (False, "the best epoch is kept, to be scored"),
    "barebones": (True, "it switches off what chooses the best epoch"),
}
"""Values with which no run can be scored, and why."""
WRONG_HERE = (ValueError, TypeError, RuntimeError, AttributeError, LookupError, ArithmeticError)
"""What Lightning raises of options that do not go together, beside its own error."""
ELSEWHERE = {"profiler": ("xla", "only TPUs are looked at by it")}
"""Values that torchedu has no use for, and why."""
CALLBACKS = {
    "BatchSizeFinder": (
        "changes ⟦data.batch_size⟧, and with it the steps that the learning rate is fitted to",
        "Name a size, or search one: torchedu tune.",
    ),
    "BackboneFinetuning": (
        "thaws the part of a network that is called its backbone, and none of torchedu's has one",
        "Leave it out.",
    ),
}
"""Callbacks of Lightning's that do not go with what torchedu trains: why, and what to do."""
LEAST = {"min_epochs": "max_epochs", "min_steps": "max_steps"}
"""Least numbers, and the most beside them."""
NOTHING = ("max_epochs", "max_steps", "limit_train_batches")
"""Options that leave nothing to train where they are 0."""


def check_options(asked: Mapping[str, Any], trains: bool) -> None:
    """Refuse values of the trainer's options that nothing good can come of.

    Args:
        asked: The options by name.
        trains: Whether a task is trained with them.

    Raises:
        ConfigError: There is such a value.
    """
    for name, numbers in RANGES.items():
        check_range(f"trainer.{name}", asked[name], numbers)
    for name, (word, reason) in ELSEWHERE.items():
        if asked[name] == word:
            raise ConfigError(f"⟦trainer.{name}⟧ is {word}, and {reason}.", "Leave it out.")
    for name in SHARES:
        if isinstance(asked[name], float) and asked[name] > 1:
            raise ConfigError(
                f"⟦trainer.{name}⟧ is {asked[name]}, which is neither a share nor a whole number.",
                "Give at most 1.0 of all batches, or how many.",
            )
    for name, what in TIMES.items():
        if isinstance(asked[name], str) and not TIME.fullmatch(asked[name]):
            raise ConfigError(
                f"⟦trainer.{name}⟧ is {asked[name]!r}.",
                f"Give days, hours, minutes and seconds after which {what}: 00:02:00:00.",
            )
    if asked["limit_predict_batches"] == 0 and not asked["fast_dev_run"]:
        raise ConfigError(
            "⟦trainer.limit_predict_batches⟧ is 0, and scores are made of predictions.",
            "Give at least 1, or leave it out.",
        )
    if not trains:
        return
    check_whole(asked["limit_predict_batches"])
    for name, most in LEAST.items():
        if 0 < (asked[most] or 0) < (asked[name] or 0):
            raise ConfigError(
                f"⟦trainer.{name}⟧ is {asked[name]}, and ⟦trainer.{most}⟧ {asked[most]}.",
                "Raise the one or lower the other.",
            )
    for callback in _several(asked["callbacks"]):
        for kind in type(callback).__mro__:
            if kind.__name__ in CALLBACKS:
                problem, remedy = CALLBACKS[kind.__name__]
                raise ConfigError(f"⟦trainer.callbacks⟧: {kind.__name__} {problem}.", remedy)
    for name in NOTHING:
        if asked[name] == 0:
            raise ConfigError(
                f"⟦trainer.{name}⟧ is 0: there is nothing to train.",
                "Give at least 1; or score a trained network: torchedu test RUN.",
            )
    for name, (value, reason) in NEEDED.items():
        if asked[name] is value:
            raise ConfigError(
                f"⟦trainer.{name}⟧ is {str(value).lower()}, and {reason}.", "Leave it out."
            )


def _several(value: Any) -> list[Any]:
    return [*value] if isinstance(value, list | tuple) else [] if value is None else [value]


def check_scored(data: DataModule, trainer: Trainer) -> None:
    """Refuse training that ends before anything has told which epoch is the best.

    Args:
        data: What is trained on.
        trainer: The trainer, as it is built.

    Raises:
        ConfigError: It does.
    """
    if trainer.fast_dev_run:  # type: ignore[attr-defined]
        return
    if trainer.limit_val_batches == 0:
        raise ConfigError(
            "⟦trainer.limit_val_batches⟧ is 0, and the validation part chooses the best epoch.",
            "Leave it out; ⟦trainer.fast_dev_run⟧ true tries a run without scores.",
        )
    for callback in trainer.callbacks:  # type: ignore[attr-defined]
        left = callback.time_remaining() if isinstance(callback, Timer) else None
        if left is not None and left <= 0:
            raise ConfigError(
                "⟦trainer.max_time⟧ is over before training begins.",
                "Give days, hours, minutes and seconds, such as 00:02:00:00 for two hours.",
            )
    steps, interval = trainer.max_steps, trainer.val_check_interval  # None: a time
    if 0 < steps < data.steps_per_epoch and interval == 1.0 and trainer.limit_train_batches == 1.0:
        raise ConfigError(
            f"⟦trainer.max_steps⟧ of {steps} end before the first of {data.steps_per_epoch} steps' "
            "epochs, after which the network is scored.",
            f"Give {data.steps_per_epoch} at least, or score it sooner: "
            f"⟦trainer.val_check_interval⟧ {steps}.",
        )
    every, epochs = trainer.check_val_every_n_epoch, trainer.max_epochs
    if every is not None and epochs is not None and 0 < epochs < every and steps < 0:
        raise ConfigError(
            f"⟦trainer.check_val_every_n_epoch⟧ is {every}, and training ends after {epochs} "
            "epochs: no score chooses the best.",
            f"Give at most {epochs}.",
        )
    batches = _batches(data, trainer)
    if not batches:
        name = "overfit_batches" if vars(trainer).get("overfit_batches") else "limit_train_batches"
        raise ConfigError(
            f"⟦trainer.{name}⟧ is {trainer.limit_train_batches}, less than one of the batches of "
            f"an epoch: {_whole(data, trainer)}.",
            "Give a number of batches, or a larger share.",
        )
    if isinstance(interval, int) and every is not None and interval > batches:
        raise ConfigError(
            f"⟦trainer.val_check_interval⟧ is {interval}, and an epoch has {batches} batches.",
            f"Give at most {batches}, or a share of the epoch, such as 0.5.",
        )


def _batches(data: DataModule, trainer: Trainer) -> int:
    """Return how many batches of an epoch are trained on."""
    whole = _whole(data, trainer)
    limit = trainer.limit_train_batches
    return int(whole * limit) if isinstance(limit, float) else min(whole, limit)


def _whole(data: DataModule, trainer: Trainer) -> int:
    """Return how many batches an epoch has."""
    return data.steps_per_epoch * trainer.accumulate_grad_batches
