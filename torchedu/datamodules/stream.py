"""Batches as an iterable data set, so that no trainer puts its own sampler in between."""

import multiprocessing
import os
import traceback
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

import torch
from lightning import Trainer
from lightning.pytorch.callbacks import GradientAccumulationScheduler
from torch.utils.data import DataLoader, IterableDataset, get_worker_info
from torch.utils.data.dataloader import _MultiProcessingDataLoaderIter

from torchedu.datasets.order import Order, Windows, divided
from torchedu.datasets.splits import Rows
from torchedu.errors import ConfigError
from torchedu.parallel import traits_of


class Batches(Protocol):
    """Builds batches of windows: ``AnswerBatches``, say.

    Attributes:
        windows: The stretches of histories that batches are made of.
    """

    windows: Windows

    def __call__(self, index: Rows, scored: bool = True) -> Any:
        """Build the batch of some windows; without ``scored``, one in which nothing counts."""


class BatchStream(IterableDataset[Any]):
    """One rank's batches of an epoch.

    For training, a global batch is one step of the optimizer: it is divided among the ranks and the
    accumulated batches of each, so that neither number changes what a step sees. For evaluation
    whole batches are dealt out, so that their shapes do not depend on the number of ranks. Where
    nothing is left for a rank it gets a batch in which no answer counts: all ranks take the same
    number of steps.

    Ranks that share one copy of the network, as tensor parallel ones do, take the same batches. In
    evaluation the answers of the first of them count, so that none is scored twice.

    Args:
        batches: Builds a batch from indices of windows.
        order: Which windows come when.
        rank: Number of this process's share of the batches.
        world_size: Number of shares.
        accumulate: Parts that each rank takes one after the other for one step of the optimizer.
        counts: Whether this rank's answers count in evaluation.
    """

    def __init__(
        self,
        batches: Batches,
        order: Order,
        rank: int = 0,
        world_size: int = 1,
        accumulate: int = 1,
        counts: bool = True,
    ) -> None:
        self.batches = batches
        self.order = order
        self.rank = rank
        self.world_size = world_size
        self.accumulate = accumulate
        self.counts = counts
        self.epoch = 0
        self.first = 0  # global batches of this epoch that are done already
        self._planned = -1
        self._plan: Sequence[Rows] = []

    def __len__(self) -> int:
        """Return the number of batches that this rank gets."""
        if self.order.shuffle:
            return len(self.order) * self.accumulate
        return -(-len(self.order) // self.world_size)

    def __iter__(self) -> Iterator[Any]:
        """Yield the batches, dealt out in turn to the loader's workers."""
        worker = get_worker_info()
        begin, stride = (0, 1) if worker is None else (worker.id, worker.num_workers)
        plan = self.plan()
        for i in range(self.first * self.accumulate + begin, len(self), stride):
            if self.order.shuffle:
                yield self._part(plan[i // self.accumulate], i % self.accumulate)
            else:
                j = i * self.world_size + self.rank
                left = j < len(plan)
                yield self.batches(plan[j if left else 0], left and self.counts)

    def plan(self) -> Sequence[Rows]:
        """Return the windows of each global batch of the epoch.

        It is drawn once an epoch: workers that are forked after that share its memory.
        """
        if self._planned != self.epoch:
            self._plan, self._planned = self.order.epoch(self.epoch), self.epoch
        return self._plan

    def _part(self, step: Rows, turn: int) -> Any:
        """Return what this rank takes of a global batch at a turn."""
        parts = self.world_size * self.accumulate
        mine = divided(step, turn * self.world_size + self.rank, parts)
        batch = self.batches(mine) if len(mine) else self.batches(step[:1], False)
        windows = self.batches.windows
        batch.mean_over_B.fill_(int((windows.stop[step] - windows.first[step]).sum()) / parts)
        return batch


class EpochLoader:
    """A loader that tells its data set which epoch begins, and that goes on where a run broke off.

    It is no ``DataLoader`` itself and shows no ``dataset``, so that no trainer takes it apart to
    put a sampler into it. Its state is the number of global batches that training has consumed in
    the epoch; it counts what was handed out, whatever workers have built ahead, and holds on any
    number of ranks and accumulated batches.

    Args:
        stream: The batches.
        num_workers: Processes that build them; 0 builds them in this one.
        epoch: Says which epoch it is.
        pinned: Keep batches where a GPU copies them from while the host goes on.
    """

    def __init__(
        self,
        stream: BatchStream,
        num_workers: int,
        epoch: Callable[[], int],
        pinned: bool = False,
    ) -> None:
        self.stream = stream
        self.num_workers = num_workers
        self.pinned = pinned
        self._epoch = epoch
        self._handed_out = 0
        self._resume: dict[str, int] | None = None

    def __len__(self) -> int:
        """Return the number of batches of a whole epoch."""
        return len(self.stream)

    def __iter__(self) -> Iterator[Any]:
        """Begin an epoch, or go on with the one that a loaded state belongs to."""
        # A generator: a trainer may ask for it before it knows which epoch comes.
        epoch, state = self._epoch(), self._resume
        self._resume = None
        known = state is not None and state["epoch"] == epoch
        self.stream.epoch = epoch
        self.stream.first = state["batches"] if known and state else 0
        self._handed_out = self.stream.first * self.stream.accumulate
        self.stream.plan()
        # A random generator of its own: an epoch's begin draws nothing from the run's numbers.
        loader = DataLoader(
            self.stream,
            batch_size=None,
            num_workers=self.num_workers,
            pin_memory=self.pinned,
            generator=torch.Generator().manual_seed(epoch),
            worker_init_fn=with_its_loader,
        )
        try:
            for batch in loader:
                self._handed_out += 1
                yield batch
        except (ConnectionError, EOFError) as error:  # a process died while it sent a batch
            raise RuntimeError("DataLoader worker exited unexpectedly") from error
        except OSError as error:
            _end_half_begun(error)
            raise

    def state_dict(self) -> dict[str, int]:
        """Return the position in the epoch."""
        return {
            "epoch": self.stream.epoch,
            "batches": self._handed_out // self.stream.accumulate,
            "accumulate": self.stream.accumulate,
            "batch_size": self.stream.order.batch_size,
            "seed": self.stream.order.seed,
            "all_windows": len(self.stream.order.lengths),
        }

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go on at a position.

        Args:
            state: What ``state_dict`` returned, on any number of ranks.

        Raises:
            ConfigError: The order of this run is another one.
        """
        own = self.state_dict()
        for name in ("batch_size", "seed", "all_windows"):
            if state[name] != own[name]:
                raise ConfigError(
                    f"the checkpoint's order has {name} {state[name]}, this run {own[name]}.",
                    "Go on with the same data, seed and batch_size, or start with ⟦init_from⟧.",
                )
        self._resume = dict(state)


def with_its_loader(worker: int) -> None:
    """End a worker whose loader was killed while it began.

    torch ends workers that get another parent, and asks who theirs is only when they have begun:
    who takes orphans in would then be taken for the loader, and the worker would stay for ever.

    Args:
        worker: Its number.
    """
    parent = multiprocessing.parent_process()
    if parent is not None and os.getppid() != parent.pid:
        os._exit(1)


def _end_half_begun(error: OSError) -> None:
    """Let torch end the workers that run where another cannot be started, which it forgets."""
    for frame, _ in traceback.walk_tb(error.__traceback__):
        loading = frame.f_locals.get("self")
        if isinstance(loading, _MultiProcessingDataLoaderIter):
            vars(loading).setdefault("_workers_status", [True] * loading._num_workers)


def ranks_of(trainer: Trainer | None) -> tuple[int, int, int, bool]:
    """Return a trainer's rank, number of ranks, accumulated batches, and whether the rank counts.

    As a ``BatchStream`` takes them: ranks are those that take batches of their own, as the
    trainer's strategy numbers them.

    Raises:
        ConfigError: Its accumulation changes while it trains.
    """
    if trainer is None:
        return 0, 1, 1, True
    callbacks = trainer.callbacks  # type: ignore[attr-defined]
    if any(isinstance(callback, GradientAccumulationScheduler) for callback in callbacks):
        raise ConfigError(
            "GradientAccumulationScheduler would divide batches in ever other ways.",
            "Set accumulate_grad_batches of the trainer instead; it changes no result.",
        )
    traits = traits_of(trainer)
    return traits.share, traits.shares, trainer.accumulate_grad_batches, traits.counts
