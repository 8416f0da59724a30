"""The checkpoints of a run's folder: the newest that is whole, and which one is meant."""

import os
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from lightning_utilities.core.rank_zero import rank_zero_only

from torchedu.checkpoints.content import Checkpoint, local, read, read_checkpoint
from torchedu.checkpoints.seal import Verified, verify
from torchedu.errors import CheckpointError, worded
from torchedu.run_folder import RunFolder


@contextmanager
def newest_first(
    folder: Path, other_than: Path | None = None
) -> Iterator[tuple[list[Verified], list[str]]]:
    """Verify and open the checkpoints of a folder, none of which is read yet.

    Args:
        folder: A folder of checkpoints; it need not exist.
        other_than: One to leave out.

    Yields:
        Those that are sealed and whole, by step and then by time of writing, the newest first, open
        as long as the block lasts; and what is wrong with each other.
    """
    whole: list[tuple[tuple[int, int], Verified]] = []
    problems = []
    with ExitStack() as opened:
        for file in sorted(folder.glob("*.ckpt")):
            if other_than is not None and file.name == other_than.name:
                continue
            try:
                verified = opened.enter_context(verify(file))
            except CheckpointError as error:
                problems.append(error.problem)
                continue
            if verified.manifest is None:
                problems.append(f"{file} carries no seal of torchedu.")
                continue
            written = os.fstat(verified.opened.fileno()).st_mtime_ns
            whole.append(((verified.manifest.step, written), verified))
        whole.sort(key=lambda aged: aged[0], reverse=True)
        yield [verified for _, verified in whole], problems


def read_newest(
    folder: Path, other_than: Path | None = None, map_location: Any = "cpu"
) -> tuple[Checkpoint | None, list[str]]:
    """Read the newest checkpoint of a folder that can be used.

    Args:
        folder: A folder of checkpoints; it need not exist.
        other_than: One to leave out.
        map_location: Where its tensors go, as ``torch.load`` has it.

    Returns:
        The checkpoint, if there is one; and what is wrong with those that cannot be used, as far as
        they were looked into.
    """
    with newest_first(folder, other_than) as (whole, problems):
        for verified in whole:
            try:
                return read(verified, map_location), problems
            except CheckpointError as error:
                problems.append(error.problem)
    return None, problems


def read_usable(file: str | Path, map_location: Any = "cpu") -> Checkpoint:
    """Read a checkpoint, or where it cannot be used the newest other of its run.

    Args:
        file: The checkpoint.
        map_location: Where its tensors go, as ``torch.load`` has it.

    Returns:
        A checkpoint; a warning says where it is another than the one given.

    Raises:
        CheckpointError: It cannot be used, and no other stands beside it.
    """
    file = local(file)
    try:
        return read_checkpoint(file, map_location)
    except CheckpointError as error:
        if not RunFolder.has(file):
            raise
        other, _ = read_newest(file.parent, file, map_location)
        if other is None:
            raise
        warn(
            f"{error.problem} Used instead: {other.file}, of step "
            f"{other.content['global_step']:,}, the newest other one that is whole."
        )
        return other


def open_checkpoint(path: str | Path, name: str = RunFolder.BEST) -> Checkpoint:
    """Verify and read the checkpoint that is meant, once.

    Args:
        path: A checkpoint, or a run's folder, whose best one is meant.
        name: Which checkpoint of a run's folder.

    Returns:
        The checkpoint; where it cannot be used, the newest other one of its run, with a warning.

    Raises:
        CheckpointError: There is none that can be used.
    """
    return read_usable(RunFolder.find(local(path), name))


def warn(message: str) -> None:
    """Warn on a job's first process, which Lightning knows where it is in use."""
    if vars(rank_zero_only).get("rank", 0) == 0:
        warnings.warn(worded(message), stacklevel=3)
