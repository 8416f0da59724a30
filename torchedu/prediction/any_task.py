"""One way to write what a trained network says, whatever its task."""

from collections.abc import Iterator
from functools import singledispatch
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from lightning import Trainer
from numpy.typing import NDArray

from torchedu.datamodules.base import DataModule
from torchedu.errors import ConfigError, allowed
from torchedu.prediction.stream import Columns, predicted
from torchedu.prediction.tables import CHUNK, resolved, write_table
from torchedu.run_folder import RunFolder
from torchedu.tasks import Task

FORMATS = ("parquet", "csv")


@singledispatch
def predict(
    task: Task, data: DataModule, trainer: Trainer, folder: Path, form: str = "parquet"
) -> dict[Path, str]:
    """Write a network's predictions as tables.

    Each task of torchedu has its own way to, in a file of ``torchedu.prediction`` that registers
    it. One of another package that registers none gets the columns that its ``predict_step``
    returns, in the user's own names where these are known (see ``tables.resolved``).

    Args:
        task: The trained task.
        data: The data.
        trainer: Runs the network.
        folder: Where the tables go.
        form: ``parquet`` or ``csv``.

    Returns:
        The files, with what each holds; on ranks other than the first, none.

    Raises:
        ConfigError: The format is not known.
    """
    check_format(form)
    columns = predicted(task, data, None, trainer)
    if not trainer.is_global_zero:
        return {}
    file = RunFolder(folder).table(form=form)
    write_table(file, _tables(data, columns))
    return {file: "what the network says of each row"}


def _tables(data: DataModule, columns: Columns) -> Iterator[pa.Table]:
    """Yield the columns in the user's own names; one of several numbers a row becomes several."""
    flat: dict[str, NDArray[Any]] = {}
    for name, column in columns.items():
        if column.ndim == 1:
            flat[name] = column
        else:
            rows = column.reshape(len(column), int(np.prod(column.shape[1:])))
            flat |= {f"{name}_{i}": rows[:, i] for i in range(rows.shape[1])}
    for first in range(0, max(1, max(map(len, flat.values()), default=0)), CHUNK):
        some = {name: column[first : first + CHUNK] for name, column in flat.items()}
        yield pa.table({name: resolved(data, name, one) for name, one in some.items()})


def check_format(form: str) -> None:
    """Refuse a file format that tables are not written in.

    Raises:
        ConfigError: It is not known.
    """
    if form not in FORMATS:
        raise ConfigError(f"⟦format⟧ {form!r} is not known.", allowed(form, FORMATS))
