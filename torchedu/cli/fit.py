"""``torchedu fit``: train, then score on students that training has not seen."""

import re
from collections.abc import Sequence
from pathlib import Path

from lightning.pytorch.tuner import Tuner
from lightning.pytorch.utilities.exceptions import MisconfigurationException
from rich.console import Console

from torchedu.checkpoints import find_checkpoint
from torchedu.cli.results import show
from torchedu.errors import ConfigError, allowed
from torchedu.evaluation import evaluate
from torchedu.run import RunCLI, run_folder
from torchedu.tasks import open_task


def main(words: Sequence[str]) -> None:
    """Run the command.

    Args:
        words: The words after ``fit``.
    """
    cli = RunCLI(words, "fit")
    task, data, trainer = cli.model, cli.datamodule, cli.trainer
    console = Console(soft_wrap=True)
    if cli.config.lr_find:
        finder = Tuner(trainer).lr_find(task, datamodule=data, min_lr=1e-5)
        found = finder.suggestion() if finder else None
        if found is None:
            raise ConfigError(
                "no learning rate could be found: training is too short to try enough of them.",
                "Raise --trainer.max_epochs, lower --data.batch_size, or set --model.lr yourself.",
            )
        console.print(f"learning rate found: {found:.2g}")
    checkpoint = None if cli.resume is None else cli.resume.file
    try:
        trainer.fit(task, datamodule=data, ckpt_path=checkpoint, weights_only=True)
    except (MisconfigurationException, RuntimeError, ValueError) as error:
        raise _mistake(error, task.monitor) from error
    if trainer.fast_dev_run:  # type: ignore[attr-defined]
        return
    best = trainer.checkpoint_callback.best_model_path  # type: ignore[union-attr]
    folder = run_folder(trainer)
    if best and not Path(best).exists():  # the run went on in a folder that was moved
        best = find_checkpoint(folder)
    trained = open_task(best) if best else task
    evaluation = evaluate(trained, data, trainer, folder=folder)
    if trainer.is_global_zero:
        show(console, evaluation, folder)


def _mistake(error: Exception, monitor: str) -> Exception:
    """Return what a user can put right of what Lightning and torch find out while training."""
    said = str(error)
    if "Early stopping conditioned on metric" in said:
        metric, *known = re.findall(
            r"`([a-z]+/[^`]+|[^`/ ]+)`", said.replace("`EarlyStopping`", "")
        )
        if metric != monitor or not any(name.startswith("val/") for name in known):
            remedy = f"--early_stopping.monitor: {allowed(metric, known)}"
        else:
            remedy = "Use more data, a larger --data.val or another --data.seed."
            metric += ", which needs right and wrong answers"
        return ConfigError(
            f"training watches {metric}: the validation part does not give it.", remedy
        )
    if "specified number of total steps" in said:
        return ConfigError(
            "the checkpoint's schedule of the learning rate has come to its end.",
            "Go on from its network with --init_from instead of --resume.",
        )
    if "positive integer total_steps" in said:
        return ConfigError("there is nothing to train.", "Raise --trainer.max_epochs.")
    if "Invalid learning rate" in said or "Invalid weight_decay" in said:
        return ConfigError(f"the optimizer cannot be built: {said}", "Give a value above 0.")
    return error
