"""What a run was asked for, as its checkpoints keep it, and what may change when it goes on."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jsonargparse import Namespace
from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback

from torchedu.checkpoints import Checkpoint, LastCheckpoint
from torchedu.datamodules.base import DataModule
from torchedu.errors import ConfigError, allowed
from torchedu.tasks import Task

# Where and how often, which the numbers of a run do not depend on.
_FREE = (
    "log",
    *("run", "start_timeout", "resume", "init_from", "config", "compile", "lr_find", "enough."),
    *("save.", "hung_rank.", "gradients.", "data.path", "data.out", "data.num_workers"),
    *("data.class_path",),
    *("trainer.accelerator", "trainer.devices", "trainer.num_nodes", "trainer.strategy"),
    *("trainer.accumulate_grad_batches", "trainer.logger", "trainer.callbacks", "trainer.plugins"),
    *("trainer.enable_", "trainer.profiler", "trainer.default_root_dir", "trainer.fast_dev_run"),
    *("trainer.log_every_n_steps", "trainer.max_time", "trainer.barebones", "trainer.detect_"),
    *("trainer.use_distributed", "trainer.model_registry", "trainer.sync_", "trainer.inference_"),
    *("trainer.limit_test", "trainer.limit_predict", "trainer.benchmark", "trainer.num_sanity"),
)
_LENGTH = ("trainer.max_epochs", "trainer.max_steps")
# What a run can go on with otherwise than it began; the rest is what it is.
FEATURES = "features"
_MAY_CHANGE = ("model.lr", "model.weight_decay", "trainer.", "early_stopping.", "data", FEATURES)
_OTHER = {"data": "other data than now", FEATURES: "other vectors of its texts than now"}


def asked_of(given: Namespace, trainer: Trainer, data: DataModule) -> dict[str, Any]:
    """Return what the numbers of a run depend on, by dotted name.

    Args:
        given: The values of all options.
        trainer: The trainer, which knows how long it trains where the options do not say.
        data: Its data, of which the content is asked for, wherever it stands.
    """
    flat = {
        name.replace(".init_args.", "."): _plain(value)
        for name, value in vars(given.as_flat()).items()
    }
    asked = {name: value for name, value in flat.items() if not is_free(name)}
    precision = asked.get("trainer.precision") or "32-true"
    own = {"trainer.precision": precision, "data": data.digest}
    return {**asked, "trainer.max_epochs": trainer.max_epochs, **_limit(trainer), **own}


def _limit(trainer: Trainer) -> dict[str, Any]:
    """Return how much of a pass an epoch is; all is None, as where no words say anything."""
    limit = trainer.limit_train_batches
    whole = isinstance(limit, float) and limit == 1
    return {"trainer.limit_train_batches": None if whole else limit}


def asked_before(checkpoint: Checkpoint) -> dict[str, Any]:
    """Return what ``asked_of`` said when a checkpoint was written; nothing where nobody asked."""
    kept = checkpoint.content.get("callbacks", {}).get("LastCheckpoint", {})
    asked: dict[str, Any] = kept.get("asked", {})
    return asked


def is_free(name: str) -> bool:
    """Say whether the numbers of a run do not depend on an option, given by its dotted name."""
    return name.startswith(_FREE)


class SameWords(Callback):
    """Keeps in checkpoints what a run was asked for, and holds one that goes on to it.

    From Python, the data, how the task is trained, and the trainer's own words are compared with
    those of a run that was begun either way, when its checkpoint is loaded. Of a command's words,
    which were compared before, it looks at the vectors of texts, which all ranks make together.

    Args:
        accepted: Names of what may differ; see ``go_on``.
        asked: What a command asks for; task, data and trainer are asked where it is None.
        resume: The checkpoint that the command goes on from.
    """

    def __init__(
        self,
        accepted: Sequence[str] = (),
        asked: Mapping[str, Any] | None = None,
        resume: Checkpoint | None = None,
    ) -> None:
        self._accepted = accepted
        self._asked, self._resume = asked, resume
        self._kept: Mapping[str, Any] = {}

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Let checkpoints keep what is asked.

        Raises:
            ConfigError: The vectors of the texts are others than the run began with.
        """
        data = trainer.datamodule  # type: ignore[attr-defined]
        if stage != "fit" or not (isinstance(pl_module, Task) and isinstance(data, DataModule)):
            return
        made = {} if data.features_digest is None else {FEATURES: data.features_digest}
        if self._resume is not None:
            go_on(self._resume, made, [name for name in self._accepted if name == FEATURES])
        given = _asked_in_python(pl_module, data, trainer) if self._asked is None else self._asked
        self._kept = {**given, **made}
        for callback in trainer.callbacks:  # type: ignore[attr-defined]
            if isinstance(callback, LastCheckpoint):
                callback.asked = dict(self._kept)

    def on_load_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Refuse what differs, or let what is accepted hold.

        Raises:
            ConfigError: Something differs that is not accepted.
        """
        if self._asked is None and "optimizer_states" in checkpoint:
            go_on(
                Checkpoint(Path(str(trainer.ckpt_path)), None, checkpoint, False),
                self._kept,
                self._accepted,
            )


def _asked_in_python(task: Task, data: DataModule, trainer: Trainer) -> dict[str, Any]:
    arguments = task.arguments()
    options = {"batch_size", "seed", "window", "val", "test"} & vars(data).keys()
    stops: list[Any] = trainer.early_stopping_callbacks
    return {
        **{f"model.{name}": arguments[name] for name in task.trained_by},
        **{f"data.{name}": vars(data)[name] for name in sorted(options)},
        **({"early_stopping.patience": stops[0].patience} if stops else {}),
        "trainer.max_epochs": trainer.max_epochs,
        "trainer.max_steps": trainer.max_steps,
        **_limit(trainer),
        "trainer.precision": str(trainer.precision),
        "trainer.gradient_clip_val": trainer.gradient_clip_val,
        "data": data.digest,
    }


def _plain(value: Any) -> Any:
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)


def go_on(checkpoint: Checkpoint, asked: Mapping[str, Any], accepted: Sequence[str]) -> list[str]:
    """Let a checkpoint be gone on from as is asked now.

    Args:
        checkpoint: It; what is accepted is changed in its content.
        asked: What ``asked_of`` returns of this run.
        accepted: Names of what may differ from what the run began with, whole or their last parts.

    Returns:
        What differs, a text each.

    Raises:
        ConfigError: Something differs that is not accepted, or cannot; or it has come further than
            is asked for.
    """
    content, before = checkpoint.content, asked_before(checkpoint)
    free = () if content["lr_schedulers"] else _LENGTH  # no schedule depends on them
    changed = [
        name
        for name in asked
        if name in before and before[name] != asked[name] and name not in free
    ]
    parts = {name: {name, name.rpartition(".")[2]} for name in changed}
    for name in accepted:
        if not any(name in known for known in parts.values()):
            raise ConfigError(
                f"⟦resume_with⟧ names {name!r}, which is as it was.", allowed(name, changed)
            )
    fixed = [name for name in changed if _is_fixed(name)]
    refused = fixed or [name for name in changed if parts[name].isdisjoint(accepted)]
    if refused:
        raise ConfigError(
            f"{checkpoint.file} began with "
            f"{'; with '.join(_told(name, before[name], asked[name]) for name in refused)}.",
            "Give the words that it began with, or start from it with ⟦init_from⟧."
            if fixed
            else "Give what it began with, or accept the change: ⟦resume_with⟧ "
            f"{','.join(min(parts[name]) for name in refused)}.",
            option=refused[0],
            value=str(asked[refused[0]])[:60],
        )
    most = asked.get("trainer.max_epochs")
    if most is not None and 0 <= most < content["epoch"]:
        raise ConfigError(
            f"⟦trainer.max_epochs⟧ is {most}, and {checkpoint.file} is in epoch "
            f"{content['epoch'] + 1}.",
            "Ask for as many at least, or score it as it is: torchedu test RUN.",
        )
    _change(content, {name: (before[name], asked[name]) for name in changed})
    return [f"{name}: {before[name]} -> {asked[name]}" for name in changed]


def _is_fixed(name: str) -> bool:
    return not name.startswith(_MAY_CHANGE) or name.startswith("data.")


def _told(name: str, old: object, new: object) -> str:
    return _OTHER.get(name, f"⟦{name}⟧ {str(old)[:60]}, and {str(new)[:60]} is asked")


def _change(content: dict[str, Any], changed: Mapping[str, tuple[Any, Any]]) -> None:
    """Change what a trainer would put back from the checkpoint as it was."""
    groups = [group for state in content["optimizer_states"] for group in state["param_groups"]]
    if "model.lr" in changed:
        old, new = changed["model.lr"]
        for values in groups:
            for name in {"lr", "initial_lr", "max_lr", "min_lr"} & values.keys():
                values[name] *= new / old
        for schedule in content["lr_schedulers"]:
            for name in {"base_lrs", "_last_lr"} & schedule.keys():
                schedule[name] = [lr * new / old for lr in schedule[name]]
    if "model.weight_decay" in changed:
        old, new = changed["model.weight_decay"]
        for values in groups:
            if values.get("weight_decay") == old:
                values["weight_decay"] = new
    if not changed.keys().isdisjoint(_LENGTH):
        for schedule in content["lr_schedulers"]:
            for name in ("total_steps", "_schedule_phases"):
                schedule.pop(name, None)  # this run's stay
    if "early_stopping.patience" in changed:
        for name, state in content["callbacks"].items():
            if name.startswith("EarlyStopping"):
                state["patience"] = changed["early_stopping.patience"][1]
