"""One way to write what a trained network says, whatever its task."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from functools import singledispatch
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from lightning import Trainer

from torchedu.datamodules.base import DataModule
from torchedu.errors import ConfigError, allowed
from torchedu.files import write_json
from torchedu.prediction.stream import Columns, predicted
from torchedu.prediction.tables import blocks, resolved, write_table
from torchedu.run_folder import RunFolder
from torchedu.tasks import Task

FORMATS = ("parquet", "csv")


class Output(NamedTuple):
    """A file of what a network says.

    Attributes:
        name: What the file is called.
        holds: What it holds, in words.
        rows: Its table, whole or part by part; or a list of plain values, which is written as JSON.
    """

    name: str
    holds: str
    rows: pa.Table | Iterator[pa.Table] | list[dict[str, Any]]


@dataclass(frozen=True)
class Asks:
    """What is asked of a network that follows students, beside what the data says.

    Attributes:
        student: Who alone is meant: what should this student do next?
        questions: A CSV file of items to be asked about, of everybody or of whom it names; with a
            student, those to choose among.
        count: How many items come next.
        target: The chance of a right answer that is wanted of them.
        prerequisites: A CSV file of pairs of skills, ``skill`` and ``requires``.
        mastered: The mastery from which on a skill opens those that require it.
    """

    student: str | None = None
    questions: str | None = None
    count: int = 5
    target: float = 0.7
    prerequisites: str | None = None
    mastered: float = 0.8


def predict(
    task: Task,
    data: DataModule,
    trainer: Trainer,
    folder: Path,
    form: str = "parquet",
    asks: Asks = Asks(),
) -> dict[Path, str]:
    """Write a network's predictions as tables.

    Args:
        task: The trained task.
        data: The data.
        trainer: Runs the network.
        folder: Where the tables go.
        form: ``parquet`` or ``csv``.
        asks: What is asked besides; of one student alone, that and nothing else.

    Returns:
        The files, with what each holds; on ranks other than the first, none.

    Raises:
        ConfigError: The format is not known, or the task does not answer what is asked.
    """
    check_format(form)
    written: dict[Path, str] = {}
    files = asked_outputs(task, data, asks)  # on every rank, so that all of them refuse a mistake
    if asks.student is None:
        columns = predicted(task, data, None, trainer)
        if trainer.is_global_zero:
            left_out = _left_out(task, data, columns)
            usual = outputs(task, data, columns)
            files = [*(each._replace(holds=each.holds + left_out) for each in usual), *files]
    for name, holds, rows in files if trainer.is_global_zero else ():
        file = RunFolder(folder).table(name, "json" if isinstance(rows, list) else form)
        if isinstance(rows, list):
            write_json(file, rows)
        else:
            write_table(file, rows)
        written[file] = holds
    return written


def predictions(
    task: Task, data: DataModule, trainer: Trainer | None = None
) -> dict[str, pa.Table]:
    """Return what a network says as tables in memory, by the names of the files of ``predict``.

    A table becomes a DataFrame by ``table.to_pandas()`` or ``polars.from_arrow(table)``.

    Args:
        task: The trained task.
        data: The data.
        trainer: Runs the network; one without logs where it is None.
    """
    if trainer is None:
        trainer = Trainer(
            logger=False, enable_checkpointing=False, enable_progress_bar=False,
            enable_model_summary=False,
        )  # fmt: skip
    tables = {}
    for name, _, rows in outputs(task, data, predicted(task, data, None, trainer)):
        if isinstance(rows, list):
            rows = pa.Table.from_pylist(rows)
        tables[name] = rows if isinstance(rows, pa.Table) else pa.concat_tables([*rows])
    return tables


def _left_out(task: Task, data: DataModule, columns: Columns) -> str:
    """Say how many rows of the data nothing is said of, such as students who have left a course."""
    key = (task.keys or ("",))[0]
    tables = data.store.manifest["tables"]
    if f"{key}s" not in tables or key not in columns:
        return ""
    number = data.store.num_rows(f"{key}s")
    left = number - len(np.unique(columns[key]))
    return f"; {left:,} of {number:,} {key}s are left out: nothing is to be said of them" * (
        left > 0
    )


@singledispatch
def asked_outputs(task: Task, data: DataModule, asks: Asks) -> list[Output]:
    """Return the files of what is asked besides; a task that answers such registers its own.

    Args:
        task: The trained task.
        data: The data.
        asks: What is asked.

    Raises:
        ConfigError: Something is asked that the task does not answer.
    """
    usual = asdict(Asks())
    for name, value in asdict(asks).items():
        if value != usual[name]:
            raise ConfigError(
                f"⟦{name}⟧ is asked of a {type(task).__name__}.",
                "It is answered by a network of knowledge tracing alone: leave it out.",
            )
    return []


@singledispatch
def outputs(task: Task, data: DataModule, columns: Columns) -> Iterable[Output]:
    """Return the files of what a network says.

    Each task of torchedu has its own, in a file of ``torchedu.prediction`` that registers them. One
    of another package that registers none gets the columns that its ``predict_step`` returns, in
    the user's own names where these are known (see ``tables.resolved``).

    Args:
        task: The trained task.
        data: The data.
        columns: What it predicted of all rows, or of those that it predicts by default.
    """
    return [Output("predictions", "what the network says of each row", _tables(data, columns))]


def _tables(data: DataModule, columns: Columns) -> Iterator[pa.Table]:
    """Yield the columns in the user's own names; one of several numbers a row becomes several."""
    flat: Columns = {}
    for name, column in columns.items():
        rows = column.reshape(len(column), int(np.prod(column.shape[1:])))
        names = [name] if column.ndim == 1 else [f"{name}_{i}" for i in range(rows.shape[1])]
        flat |= {each: rows[:, i] for i, each in enumerate(names)}
    for some in blocks(flat):
        yield pa.table({name: resolved(data, name, column) for name, column in some.items()})


def check_format(form: str) -> None:
    """Refuse a file format that tables are not written in.

    Raises:
        ConfigError: It is not known.
    """
    if form not in FORMATS:
        raise ConfigError(f"⟦format⟧ {form!r} is not known.", allowed(form, FORMATS))
