"""What may stand in a checkpoint, whoever wrote it: the one table of its keys and their forms.

It holds before anything is built of the content. What a task, a network or a data module takes is
said by the annotations of their arguments (``strict.arguments``), and checked when the class is
known.
"""

from pathlib import PurePath
from typing import Any

import torch
from torch.optim import lr_scheduler

from torchedu.companions import KEY
from torchedu.companions.form import companions, tensor
from torchedu.strict import (
    IMPORT_PATH,
    Form,
    Look,
    Unfit,
    anything,
    either,
    exactly,
    flag,
    listed,
    nothing,
    number,
    plain,
    record,
    row,
    table,
    text,
    whole,
)

PART = r"[0-9a-f]{32}\.ckpt"
"""The name of a file that holds a part of a checkpoint."""
DIGEST = r"[0-9a-f]{64}"
_METHODS = {
    name
    for kind in vars(lr_scheduler).values()
    if isinstance(kind, type)
    for name in dir(kind)
    if callable(getattr(kind, name, None))
} | {"optimizer"}


def _kind(*shape: int, dtype: torch.dtype | None = None) -> Form:
    def form(value: Any, look: Look) -> None:
        tensor(value, look)
        if tuple(value.shape) != shape or (dtype and value.dtype != dtype):
            raise Unfit(f"a tensor of {value.dtype} {tuple(value.shape)} and not of {shape}")

    return form


def _dtype(value: Any, look: Look) -> None:
    if not isinstance(value, torch.dtype):
        raise Unfit("no type of numbers")


def _spoken(value: Any, look: Look) -> None:
    """Texts that are no path: what a callback of one's own says of itself."""
    text()(value, look)
    if value.startswith(("/", "\\", "~")) or ".." in value or "://" in value or "\0" in value:
        raise Unfit("a path, and callbacks take none from a checkpoint")


def _path(value: Any, look: Look) -> None:
    """Where a checkpoint stood; empty where there is none."""
    text(most=4096)(value, look)
    if value and (PurePath(value).suffix != ".ckpt" or _climbs(value)):
        raise Unfit(f"{value[:60]!r} and not the path of a checkpoint")


def _climbs(path: str) -> bool:
    return ".." in PurePath(path).parts or "\0" in path or "://" in path


def _kept(value: Any, look: Look) -> None:
    """What ``ModelCheckpoint`` knows of its files: all but the best stand in one folder."""
    fields = {
        "monitor": either(nothing, text(most=1000)),
        "best_model_score": either(nothing, _kind()),
        "best_model_path": _path,
        "current_score": either(nothing, _kind()),
        "dirpath": either(nothing, text(most=4096)),
        "best_k_models": table(_kind(), key=_path),
        "kth_best_model_path": _path,
        "kth_value": either(nothing, _kind()),
        "last_model_path": _path,
    }
    record(fields, ("best_model_path",))(value, look)
    folder = value.get("dirpath")
    paths = [*value.get("best_k_models", ())]
    paths += [value.get(name) for name in ("kth_best_model_path", "last_model_path")]
    if folder is not None and _climbs(folder):
        raise Unfit(f"{folder[:60]!r} and not a folder", "dirpath")
    for path in filter(None, paths):
        if folder is None or PurePath(path).parent != PurePath(folder):
            raise Unfit("a path outside its folder", path)


_leaf = either(flag, nothing, number(), tensor, _spoken)
_word = either(flag, nothing, number(), text(most=1 << 16))
_mt19937 = listed(whole(0, 2**32 - 1), 625, 625)
CALLBACKS: dict[str, Form] = {
    "ModelCheckpoint": _kept,
    "EarlyStopping": record(
        {
            "wait_count": whole(),
            "stopped_epoch": whole(),
            "best_score": _kind(),
            "patience": whole(),
            "stopping_reason": whole(),
            "stopping_reason_message": either(nothing, text()),
        },
        ("wait_count", "stopped_epoch", "best_score", "patience"),
    ),
    "LastCheckpoint": record(
        {"rows": either(nothing, whole()), "should_stop": flag, "asked": table(_word)},
        ("should_stop",),
    ),
    "RandomState": record(
        {
            "ranks": listed(
                record(
                    {
                        "python": row(whole(3, 3), _mt19937, either(nothing, number())),
                        "numpy": row(
                            exactly("MT19937"),
                            _kind(624, dtype=torch.int64),
                            whole(0, 624),
                            whole(0, 1),
                            number(),
                        ),
                        "torch": _kind(5056, dtype=torch.uint8),
                        "cuda": listed(tensor),
                    },
                    ("python", "numpy", "torch", "cuda"),
                )
            )
        },
        ("ranks",),
    ),
    "GradientGuard": record(
        {
            "skipped": whole(),
            "overflowed": whole(),
            "in_a_row": whole(),
            "norms": listed(listed(number())),
            "quiet_until": whole(),
        },
        ("skipped", "in_a_row", "norms", "quiet_until"),
    ),
}
"""The states of callbacks by the class, which stands before a brace in their key."""


def _callbacks(value: Any, look: Look) -> None:
    table(anything)(value, look)
    for key, state in value.items():
        try:
            CALLBACKS.get(key.partition("{")[0], plain(_leaf))(state, look)
        except Unfit as error:
            raise error.inside(key.partition("{")[0]) from None


_schedule = record(
    {
        "total_steps": whole(1),
        "_schedule_phases": listed(
            record(
                {
                    "end_step": number(),
                    "start_lr": exactly("initial_lr", "max_lr", "min_lr"),
                    "end_lr": exactly("initial_lr", "max_lr", "min_lr"),
                    "start_momentum": exactly("max_momentum", "base_momentum"),
                    "end_momentum": exactly("max_momentum", "base_momentum"),
                },
                ("end_step", "start_lr", "end_lr"),
            ),
            1,
            10,
        ),
        "_anneal_func_type": exactly("cos", "linear"),
        "cycle_momentum": flag,
        "use_beta1": flag,
        "base_lrs": listed(number()),
        "_last_lr": listed(number()),
        "last_epoch": whole(-1),
        "_step_count": whole(),
    },
    others=plain(_leaf),
)


def _schedulers(value: Any, look: Look) -> None:
    listed(_schedule, most=1000)(value, look)
    for i, state in enumerate(value):
        if methods := _METHODS & state.keys():  # a schedule takes all that it is given as its own
            raise Unfit("no value of a schedule", min(methods), i)


_optimizer = record(
    {
        "state": table(table(either(nothing, number(), tensor)), key=either(whole(), text())),
        "param_groups": listed(
            record(
                {
                    "params": listed(either(whole(), text())),
                    "lr": either(number(0), tensor),
                    "initial_lr": number(0),
                    "betas": row(number(0, 1), number(0, 1)),
                    "eps": number(0),
                    "weight_decay": number(),
                },
                ("params",),
                others=plain(_leaf),
            )
        ),
    },
    ("state", "param_groups"),
    others=plain(_leaf),
)
_loops = plain(either(flag, nothing, whole(-1), number(), text(r"\w*", 100)))

WEIGHTS: dict[str, Form] = {
    "state_dict": table(tensor),
    "epoch": whole(),
    "global_step": whole(),
    "pytorch-lightning_version": text(r"[2-9]\.\d[\w.+-]*", 100, "a version of Lightning 2"),
}
"""What every checkpoint holds."""
TRAINING: dict[str, Form] = {
    "loops": table(_loops),
    "callbacks": _callbacks,
    "optimizer_states": listed(_optimizer, most=1000),
    "lr_schedulers": _schedulers,
}
"""What one holds besides, from which training can go on."""
BESIDE: dict[str, Form] = {
    "hparams_name": either(nothing, text(r"\w*", 100)),
    "hyper_parameters": table(plain(either(flag, nothing, number(), text()))),
    "task": text(IMPORT_PATH, 500, "the import path of a class"),
    "domain": text(IMPORT_PATH, 500, "the import path of a class"),
    KEY: companions,
    "loss_sums": row(number(), number()),
    "loss_logged_at": whole(-1),
}
"""What a task of torchedu adds."""
PARTS: dict[str, Form] = {
    "parts": table(text(DIGEST, 64, "a digest"), key=text(PART, 37, "the name of a part")),
    "divided": table(row(listed(whole(), most=16), _dtype)),
}
"""What a checkpoint holds whose tensors stand in other files."""

whole_checkpoint = record({**WEIGHTS, **TRAINING, **BESIDE}, tuple(WEIGHTS), others=plain(_leaf))
"""A checkpoint, its parts put together; what a task of one's own adds is numbers and words."""
divided_checkpoint = record(PARTS, tuple(PARTS), others=anything)
"""One that is still to be put together: the rest is looked at when that is done."""
part_of_checkpoint = record(
    {"pieces": table(row(listed(whole(), most=16), tensor))}, ("pieces",), others=plain(_leaf)
)
"""A file that holds a part of one."""
