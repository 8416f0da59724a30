"""Predictions as a stream: each rank's on its disk, those of all ranks in one order on the first's.

No rank ever holds more of them in memory than a batch. What ``predicted`` returns is mapped from
files that nobody else sees, and that go with it.
"""

import ctypes
import platform
import shutil
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from tempfile import gettempdir
from typing import Any, NamedTuple

import numpy as np
import torch
from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from numpy.typing import NDArray
from torch import Tensor

from torchedu.datamodules.base import DataModule
from torchedu.datamodules.stream import EpochLoader
from torchedu.errors import ConfigError, DataError
from torchedu.files import scratch, take_space
from torchedu.ranges import check_whole
from torchedu.ranks import on_all, sent
from torchedu.run_folder import RunFolder
from torchedu.tasks import Task

ROWS = 2**18
"""Rows that are put in order at once."""

SORTED = 2**22
"""Rows that are put in order in memory, beside those of one more key; more in files, by key."""

MMAP_THRESHOLD = -3
"""The number of that setting in ``malloc.h``."""

Columns = dict[str, NDArray[Any]]


class Column(NamedTuple):
    """How a column lies on the disk.

    Attributes:
        dtype: What its numbers are.
        shape: That of a row.
    """

    dtype: str
    shape: tuple[int, ...]


def predicted(
    task: Task, data: DataModule, part: str | None, trainer: Trainer, **which: Any
) -> Columns:
    """Predict a part, on all ranks, with what the task's ``predict_step`` returns of each row.

    Every rank has to call this. The rows come in the order of the columns that ``task.keys`` names,
    whatever ranks and batches they were predicted in.

    Args:
        task: The trained task, whose ``predict_step`` returns a ``NamedTuple`` of columns: tensors
            that have rows as their first dimension.
        data: The data.
        part: ``train``, ``val`` or ``test``; what is predicted by default where it is None.
        trainer: Runs the network.
        **which: What else ``data.part_dataloader`` takes.

    Returns:
        The columns by name, mapped from the disk; on ranks other than the first, without rows.

    Raises:
        ConfigError: It is to be scored, and the trainer predicts some batches alone.
        DataError: There is nothing to predict.
    """
    _give_back_what_is_freed()
    if part is not None:  # it is to be scored
        check_whole(trainer.limit_predict_batches)
        data.leave_out(task.people, part)
    with ExitStack() as stack:
        stack.enter_context(_as_it_was(task))
        shard = _Shard(stack)
        # Data first: the task's own hooks look for it, and a loader is built after they ran.
        trainer.datamodule, data.trainer = data, trainer  # type: ignore[attr-defined]
        trainer.callbacks.append(shard)  # type: ignore[attr-defined]
        limit = trainer.limit_predict_batches
        try:
            loader = _Later(data, part, which, trainer)
            trainer.predict(task, dataloaders=loader, return_predictions=False)
        finally:
            trainer.limit_predict_batches = limit
            trainer.callbacks.remove(shard)  # type: ignore[attr-defined]
            shard.close()
        columns, folder = shard.columns, shard.folder
        if not columns:  # the same on all ranks: one without work repeats a batch
            raise DataError(
                f"{data.name} has nothing to predict"
                + (f" in its {part} part." * bool(part) or "."),
                "Give more of it; ⟦data.path⟧ with torchedu data check says what it holds.",
            )
        _together(folder, shard.shared, list(columns), trainer)
        if not trainer.is_global_zero:
            return {
                name: np.empty((0, *column.shape), column.dtype) for name, column in columns.items()
            }
        whole = {name: _mapped(folder / name, column) for name, column in columns.items()}
        return _ordered(folder, whole, task.keys or tuple(whole)[:1])


@contextmanager
def _as_it_was(task: Task) -> Iterator[None]:
    """Give a network's numbers their kinds back, which a trainer's precision changes for good.

    What is asked of the network after it was scored, without a trainer, comes in float32.
    """
    tensors = [*task.parameters(), *task.buffers()]
    kinds = [tensor.dtype for tensor in tensors]
    try:
        yield
    finally:
        for tensor, kind in zip(tensors, kinds, strict=True):
            if tensor.dtype != kind:
                tensor.data = tensor.data.to(kind)


def _give_back_what_is_freed() -> None:
    """Have large arrays given back to the machine as soon as they are freed, under Linux.

    Its C library would keep them for later ones, up to several times what is in use: it raises the
    size from which it gives blocks back as it sees larger ones, unless that is set.
    """
    if platform.libc_ver()[0] == "glibc":
        ctypes.CDLL(None).mallopt(MMAP_THRESHOLD, 2**20)


class _Later:
    """A part's loader, built when it is first asked for: when the task has met the data.

    A share of its batches is one at least: a trainer refuses less, when all has been trained.
    """

    def __init__(
        self, data: DataModule, part: str | None, which: dict[str, Any], trainer: Trainer
    ) -> None:
        self._of = data, part, which
        self._trainer = trainer

    @cached_property
    def _loader(self) -> EpochLoader:
        data, part, which = self._of
        loader = data.part_dataloader(part, **which)
        limit = self._trainer.limit_predict_batches
        if isinstance(limit, float) and 0 < limit * len(loader) < 1:
            self._trainer.limit_predict_batches = 1
        return loader

    def __len__(self) -> int:
        return len(self._loader)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._loader)


class _Shard(Callback):
    """Writes what a rank predicts to its disk, a file a column, batch by batch.

    Attributes:
        columns: What was written, known when all is.
        folder: Where.
        shared: Of each rank whether it writes where the first one sees it.
    """

    def __init__(self, stack: ExitStack) -> None:
        self._stack, self._files = stack, ExitStack()
        self._open: dict[str, Any] = {}
        self.columns: dict[str, Column] = {}
        self.folder, self.shared = Path(), [True]

    def on_predict_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Find a folder; before this the ranks do not know of one another."""
        own = RunFolder.of_trainer(trainer).path / "predictions"
        self.folder, self.shared = _folder(self._stack, own, trainer)

    def on_predict_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, *_: Any
    ) -> None:
        """Add a batch."""
        for name, values in outputs._asdict().items():
            rows = _array(values)
            if name not in self._open:
                file = _shard(self.folder, name, trainer.global_rank)
                self._open[name] = self._files.enter_context(file.open("wb"))
            if len(rows) or name not in self.columns:
                self.columns[name] = Column(rows.dtype.str, rows.shape[1:])
            self._open[name].write(rows.data)  # `tofile` says nothing of a disk that is full

    def close(self) -> None:
        """Complete the files."""
        self._files.close()


def _array(values: Tensor) -> NDArray[Any]:
    values = values.detach()
    if values.dtype in (torch.bfloat16, torch.float16):  # numpy has no bfloat16
        values = values.float()
    return values.cpu().contiguous().numpy()


def _shard(folder: Path, name: str, rank: int) -> Path:
    return folder / f"{name}.{rank}"


def _mapped(file: Path, column: Column) -> NDArray[Any]:
    """Map a column of a file; torch takes only what can be written, which the file never is."""
    size = np.dtype(column.dtype).itemsize * int(np.prod(column.shape))
    count = file.stat().st_size // size
    if not count:  # nothing cannot be mapped
        return np.empty((0, *column.shape), column.dtype)
    return np.memmap(file, np.dtype(column.dtype), "c", shape=(count, *column.shape))


def _folder(stack: ExitStack, own: Path, trainer: Trainer) -> tuple[Path, list[bool]]:
    """Return where this rank writes, and which ranks write where the first one sees it."""
    token = str(uuid.uuid4())
    folder = _scratch(stack, own) if trainer.is_global_zero else own
    if trainer.is_global_zero:
        (folder / "token").write_text(token)
    first, wanted = on_all((folder, token))[0]
    seen = _sees(first, wanted)
    shared = on_all(seen)
    return first if seen else _scratch(stack, Path(gettempdir()) / "predictions"), shared


def _sees(folder: Path, token: str) -> bool:
    """Say whether a folder of the first rank is one of this rank's too."""
    try:
        return (folder / "token").read_text() == token
    except OSError:
        return False


def _scratch(stack: ExitStack, path: Path) -> Path:
    """Make a folder that goes with the stack, in the temporary one where none can be made."""
    try:
        return stack.enter_context(scratch(path))
    except ConfigError:
        return stack.enter_context(scratch(Path(gettempdir()) / path.name))


def _together(folder: Path, shared: Sequence[bool], names: Sequence[str], trainer: Trainer) -> None:
    """Put the shards of all ranks one after the other, where the first rank sees them."""
    on_all(None)  # all are written
    first = trainer.is_global_zero
    for name in names:
        with ExitStack() as stack:
            whole = stack.enter_context((folder / name).open("wb")) if first else None
            for rank, seen in enumerate(shared):
                shard = _shard(folder, name, rank)
                if not seen:
                    for block in sent(shard, rank, trainer.strategy.root_device):
                        if whole:
                            whole.write(block)
                elif whole:
                    with shard.open("rb") as rows:
                        shutil.copyfileobj(rows, whole, ROWS)
                    shard.unlink()
    on_all(None)  # none is taken away before it is read


def _ordered(folder: Path, whole: Columns, keys: Sequence[str]) -> Columns:
    """Return columns in the order of some of them, rows with the same as they came."""
    bounds = [0, len(whole[keys[0]])]
    if bounds[-1] > SORTED:
        whole, bounds = _parted(folder, whole, keys[0])
    with ExitStack() as stack:
        files = {
            name: stack.enter_context((folder / f"{name}.ordered").open("wb")) for name in whole
        }
        for first, last in pairwise(bounds):
            order = first + np.lexsort([whole[name][first:last] for name in reversed(keys)])
            for name, column in whole.items():
                for begin in range(0, len(order), ROWS):
                    files[name].write(column[order[begin : begin + ROWS]].data)
    ordered: Columns = {}
    for name, column in whole.items():
        file = folder / f"{name}.ordered"
        ordered[name] = _mapped(file, Column(column.dtype.str, column.shape[1:]))
        for old in (name, f"{name}.parted"):
            (folder / old).unlink(missing_ok=True)
    return ordered


def _parted(folder: Path, whole: Columns, key: str) -> tuple[Columns, list[int]]:
    """Put rows of neighbouring keys together, in parts that memory holds.

    Args:
        folder: Where files can be written.
        whole: The columns.
        key: The one that parts are told by: whole numbers from 0.

    Returns:
        The columns, in which each part's rows stand as they came; and where the parts begin, with
        the end of the last.
    """
    size = len(whole[key])
    some = [slice(first, first + ROWS) for first in range(0, size, ROWS)]
    counts = np.zeros(1 + max(int(whole[key][rows].max()) for rows in some), np.int64)
    for rows in some:
        counts += np.bincount(whole[key][rows], minlength=len(counts))
    part_of = np.maximum(np.cumsum(counts) - 1, 0) // SORTED
    lengths = np.bincount(part_of, counts).astype(np.int64)
    bounds = np.concatenate([[0], np.cumsum(lengths)])
    place, parted = bounds[:-1].copy(), Columns()
    for name, column in whole.items():
        with (folder / f"{name}.parted").open("w+b") as file:
            take_space(file, column.nbytes)
            parted[name] = np.memmap(file, column.dtype, "r+", shape=column.shape)
    for rows in some:
        part = part_of[whole[key][rows]]
        order = np.argsort(part, kind="stable")
        many = np.bincount(part, minlength=len(place))
        before = np.cumsum(many) - many
        to = np.arange(len(part)) + np.repeat(place - before, many)
        for name, column in whole.items():
            parted[name][to] = column[rows][order]
        place += many
    return parted, bounds.tolist()
