"""One way to write what a trained network says, whatever its task."""

from functools import singledispatch
from pathlib import Path

from lightning import LightningDataModule, Trainer

from torchedu.errors import ConfigError, allowed
from torchedu.tasks import Task

FORMATS = ("parquet", "csv")


@singledispatch
def predict(
    task: Task, data: LightningDataModule, trainer: Trainer, folder: Path, form: str = "parquet"
) -> dict[Path, str]:
    """Write a network's predictions as tables.

    Each task has its own way to, in a file of ``torchedu.prediction`` that registers it.

    Args:
        task: The trained task.
        data: The data.
        trainer: Runs the network.
        folder: Where the tables go.
        form: ``parquet`` or ``csv``.

    Returns:
        The files, with what each holds; on ranks other than the first, none.

    Raises:
        ConfigError: The format is not known, or the task has no predictions to write.
    """
    raise ConfigError(
        f"{type(task).__name__} has no way to write its predictions.",
        "Register one with torchedu.prediction.predict.register.",
    )


def check_format(form: str) -> None:
    """Refuse a file format that tables are not written in.

    Raises:
        ConfigError: It is not known.
    """
    if form not in FORMATS:
        raise ConfigError(f"--format {form!r} is not known.", allowed(form, FORMATS))
