"""Students' answers as a Lightning data module."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from shutil import rmtree
from tempfile import gettempdir, mkdtemp
from weakref import finalize

import numpy as np
from lightning import LightningDataModule
from lightning.pytorch.utilities.rank_zero import rank_zero_info

from torchedu.datamodules.batches import AnswerBatches
from torchedu.datamodules.stream import BatchStream, EpochLoader, ranks_of
from torchedu.datasets import AnswerStore
from torchedu.datasets.importers import guess_format, import_answers
from torchedu.datasets.order import Order, Windows, cut_windows
from torchedu.datasets.simulator import simulate
from torchedu.datasets.splits import Part, split
from torchedu.errors import ConfigError, TorcheduError
from torchedu.schema import ITEM, RESERVED, SKILL, Vocabulary

MOST_WINDOWS = 64
"""Windows in a batch whose size nobody said."""


class Interactions(LightningDataModule):
    """Answers of students, from a store, straight from a raw file, or of a simulated class.

    Args:
        path: A store, or a CSV, Parquet or JSON-lines file of answers; such a file is imported once
            into a store beside it (``answers.csv`` into ``answers.store``). Without a path, a class
            is simulated, for which the best score that any model can reach is known.
        columns: For a raw file, its headings by torchedu's names, such as ``student: user_id``;
            common headings are found without.
        groups: For a raw file, headings of student attributes.
        batch_size: Windows in a global batch, which is one step of the optimizer: over all ranks
            and accumulated batches, whose numbers so change no result. On average in training,
            since training batches have like numbers of answers. Where it is None, a sixteenth of
            the training windows, but 8 at least and 64 at most: a small class needs many steps too.
        window: Most answers that the network takes at once; longer histories are cut.
        context: In evaluation, how many answers before a window's first scored one are seen with
            it; below ``window``. A network that takes ``window`` answers sees at least so many of
            the history that there is.
        split: ``student``, ``time``, ``fold`` or ``column``; see ``torchedu.datasets.splits``.
        val: Share for validation.
        test: Share for test.
        folds: Number of folds.
        fold: Which of them is the test, from 0.
        split_column: The student attribute that says ``train``, ``val`` or ``test``.
        seed: Another seed draws other parts and another order of training.
        num_workers: Processes that build batches; 0 builds them in the training process.

    Raises:
        ConfigError: A value is out of range.
        DataError: The data cannot be read or divided.
    """

    def __init__(
        self,
        path: str | None = None,
        columns: dict[str, str] | None = None,
        groups: list[str] | None = None,
        batch_size: int | None = None,
        window: int = 200,
        context: int = 100,
        split: str = "student",
        val: float = 0.1,
        test: float = 0.2,
        folds: int = 5,
        fold: int = 0,
        split_column: str | None = None,
        seed: int = 0,
        num_workers: int = 0,
    ) -> None:
        super().__init__()
        for name, value, least in (
            ("batch_size", 1 if batch_size is None else batch_size, 1),
            ("window", window, 2),
            ("context", context, 0),
            ("num_workers", num_workers, 0),
            ("seed", seed, 0),
        ):
            if value < least:
                raise ConfigError(f"{name} is {value}.", f"It is at least {least}.")
        if context >= window:
            raise ConfigError(
                f"context {context} leaves no answer to score in a window of {window}.",
                "context is below window.",
            )
        self.path = path
        self.name = "simulated class" if path is None else Path(path).stem  # in reports
        self.batch_size = batch_size
        self.window = window
        self.context = context
        self.split = split
        self.val = val
        self.test = test
        self.folds = folds
        self.fold = fold
        self.split_column = split_column
        self.seed = seed
        self.num_workers = num_workers
        self.store = self._simulated() if path is None else open_answers(path, columns, groups)
        self.vocabulary = self.store.vocabulary
        self.predict_part: str | None = None
        self._parts: dict[str, Part] | None = None

    def __str__(self) -> str:
        """Say what the data is; Lightning's own text takes loaders apart."""
        return (
            f"Interactions: {self.name}, {self.store.num_students:,} students, "
            f"{self.store.num_answers:,} answers"
        )

    @property
    def num_items(self) -> int:
        """Number of item ids of the vocabulary in use, the reserved ones included."""
        return len(self.vocabulary[ITEM])

    @property
    def num_skills(self) -> int:
        """Number of skill ids of the vocabulary in use, the reserved ones included."""
        return len(self.vocabulary[SKILL])

    @property
    def parts(self) -> Mapping[str, Part]:
        """The parts ``train``, ``val`` and ``test``."""
        if self._parts is None:
            self._parts = split(
                self.store,
                self.split,
                val=self.val,
                test=self.test,
                seed=self.seed,
                folds=self.folds,
                fold=self.fold,
                column=self.split_column,
            )
        return self._parts

    def use(self, vocabulary: Vocabulary) -> None:
        """Give batches in the ids of another vocabulary, that of a trained network, say.

        Says how many of the data's names the vocabulary lacks; such an item is judged by its
        skills, such a skill as an unknown one.

        Args:
            vocabulary: The names and ids to use from now on.
        """
        for kind in (ITEM, SKILL):
            names = list(self.store.vocabulary[kind])
            new = [name for name in names if name not in vocabulary[kind]]
            if new:
                rank_zero_info(
                    f"{len(new)} of {len(names)} {kind}s are unknown to the network, "
                    f"such as {new[0]!r}."
                )
        self.vocabulary = vocabulary

    @property
    def steps_per_epoch(self) -> int:
        """Number of global batches in a pass over the training part."""
        return len(self._training_order(cut_windows(self.parts["train"], self.window)))

    def train_dataloader(self) -> EpochLoader:
        """Return the training batches, in another order each epoch."""
        windows = cut_windows(self.parts["train"], self.window)
        batches = AnswerBatches(self.store, windows, self.vocabulary)
        return self._loader(batches, self._training_order(windows))

    def val_dataloader(self) -> EpochLoader:
        """Return the validation batches."""
        return self._evaluation(self.parts["val"])

    def test_dataloader(self) -> EpochLoader:
        """Return the test batches."""
        return self._evaluation(self.parts["test"])

    def predict_dataloader(self) -> EpochLoader:
        """Return what ``predict_part`` names: ``val``, ``test`` or, by default, everyone."""
        if self.predict_part is not None:
            return self._evaluation(self.parts[self.predict_part])
        lengths = np.diff(self.store.history_offsets)
        students = np.flatnonzero(lengths)
        return self._evaluation(
            Part(students, np.zeros_like(students), lengths[students].astype(np.int64))
        )

    def _simulated(self) -> AnswerStore:
        for left in Path(gettempdir()).glob("torchedu-*-*"):  # by processes that were killed
            pid = left.name.split("-")[1]
            if pid.isdigit() and not _lives(int(pid)):
                rmtree(left, ignore_errors=True)
        folder = mkdtemp(prefix=f"torchedu-{os.getpid()}-")
        finalize(self, rmtree, folder, ignore_errors=True)  # it goes with this object
        return simulate(Path(folder) / "class.store", seed=self.seed)

    def _evaluation(self, part: Part) -> EpochLoader:
        windows = cut_windows(part, self.window, self.context)
        batches = AnswerBatches(self.store, windows, self.vocabulary)
        order = Order(windows.length, self.batch_size or MOST_WINDOWS, shuffle=False)
        return self._loader(batches, order)

    def _training_order(self, windows: Windows) -> Order:
        some = min(max(len(windows.student) // 16, 8), MOST_WINDOWS)
        return Order(windows.length, self.batch_size or some, self.seed)

    def _loader(self, batches: AnswerBatches, order: Order) -> EpochLoader:
        stream = BatchStream(batches, order, *ranks_of(self.trainer))
        return EpochLoader(
            stream, self.num_workers, lambda: self.trainer.current_epoch if self.trainer else 0
        )


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # another user's, or a system that cannot tell
        return True
    return True


def open_answers(
    path: str, columns: dict[str, str] | None = None, groups: list[str] | None = None
) -> AnswerStore:
    """Open a store, or import a raw file beside itself first unless that was done before.

    Args:
        path: A store or a raw file; the store of a file elsewhere (``s3://``) is made here.
        columns: The raw file's headings by torchedu's names.
        groups: The raw file's headings of student attributes.

    Returns:
        The store.

    Raises:
        ConfigError: A store of something else stands where this one would be made.
        DataError: The file cannot be read.
    """
    if Path(path).is_dir():
        return AnswerStore(path)
    raw = Path(path)
    out = (Path(raw.name) if "://" in path else raw).with_suffix(".store")
    options = {name: value for name, value in (("columns", columns), ("groups", groups)) if value}
    if out.exists():
        store = AnswerStore(out)
        source = store.about.get("source", [{}])[0]
        if source.get("file") != raw.name:
            raise ConfigError(
                f"{out} holds other data than {raw.name}.",
                f"Import it elsewhere: torchedu data import csv {raw} OUT, then --data.path OUT.",
            )
        fresh = raw.is_file() and raw.stat().st_mtime < (out / "manifest.json").stat().st_mtime
        if fresh and source["bytes"] == raw.stat().st_size and store.about["options"] == options:
            return store
    form = guess_format(path)
    try:
        store = import_answers(form, path, out, columns=columns, groups=groups)
    except TorcheduError as error:
        error.remedy = _own_remedy(error.remedy, f"torchedu data import {form} {path} {out}", out)
        raise
    rank_zero_info(
        f"Imported {raw.name}: {store.num_students:,} students, {store.num_answers:,} answers, "
        f"{len(store.vocabulary[ITEM]) - RESERVED:,} items, "
        f"{len(store.vocabulary[SKILL]) - RESERVED:,} skills."
    )
    return store


def _own_remedy(remedy: str, command: str, store: Path) -> str:
    """Return an importer's remedy as a user of ``--data.path`` can follow it."""
    remedy = re.sub("--(columns|groups)", r"--data.\1", remedy)
    if re.search(r"--(?!data\.)\w", remedy):
        remedy += f" It is an option of: {command}. Then --data.path {store}."
    return remedy
