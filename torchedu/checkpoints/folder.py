"""The checkpoints of a run's folder: the newest that is whole, and which one to go on from."""

from pathlib import Path
from typing import Any

from lightning.pytorch.utilities.rank_zero import rank_zero_warn

from torchedu.checkpoints.content import Checkpoint, local, read_checkpoint
from torchedu.checkpoints.seal import Manifest
from torchedu.errors import CheckpointError
from torchedu.run_folder import RunFolder


def verified(folder: Path, other_than: Path | None = None) -> list[tuple[Path, Manifest]]:
    """Return the sealed checkpoints of a folder that can be used, the newest first.

    Args:
        folder: A folder of checkpoints.
        other_than: One to leave out.

    Returns:
        Each file with its manifest, by step and then by time of writing.
    """
    found = []
    for file in sorted(folder.glob("*.ckpt")) if folder.is_dir() else []:
        if other_than is not None and file.name == other_than.name:
            continue
        try:
            manifest = read_checkpoint(file).manifest
        except CheckpointError:
            continue
        if manifest is not None:
            found.append((file, manifest))
    return sorted(found, key=lambda one: (one[1].step, one[0].stat().st_mtime_ns), reverse=True)


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
        others = verified(file.parent, other_than=file) if RunFolder.has(file) else []
        if not others:
            raise
        other, manifest = others[0]
        rank_zero_warn(
            f"{error.problem} Used instead: {other}, of step {manifest.step:,}, "
            "the newest other one that is whole."
        )
        return read_checkpoint(other, map_location)


def find_checkpoint(path: str | Path, name: str = RunFolder.BEST) -> Path:
    """Return a checkpoint that was verified.

    Args:
        path: A checkpoint, or a run's folder, whose best one is meant.
        name: Which checkpoint of a run's folder.

    Returns:
        The file; where it cannot be used, the newest other one of its run, with a warning.

    Raises:
        CheckpointError: There is none that can be used.
    """
    path = local(path)
    file = RunFolder(path).checkpoints / name if path.is_dir() else path
    # One that is gone from its run's folder is replaced as a damaged one is.
    there = any(file.parent.glob("*.ckpt")) if path.is_dir() else file.exists()
    if not there:
        raise CheckpointError(
            f"{path} holds no checkpoint{'' if path.exists() else ' (it does not exist)'}.",
            "Give a run's folder, such as runs/version_0, or a file in its checkpoints.",
        )
    return read_usable(file).file
