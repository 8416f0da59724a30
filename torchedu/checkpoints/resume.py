"""Which checkpoint a run goes on from."""

from pathlib import Path
from typing import NamedTuple

from lightning import LightningModule
from lightning.pytorch.utilities.rank_zero import rank_zero_warn

from torchedu.checkpoints.content import Checkpoint, local, read_checkpoint
from torchedu.checkpoints.folder import find_checkpoint, read_usable, verified
from torchedu.errors import CheckpointError, ConfigError
from torchedu.run_folder import RunFolder


class Resume(NamedTuple):
    """Where a run goes on from.

    Attributes:
        file: The checkpoint, which was verified.
        step: Optimizer steps taken.
        same_run: Whether the run goes on in the checkpoint's own folder.
        rows: Rows of the run's log that belong to the checkpoint, if it says so.
    """

    file: Path
    step: int
    same_run: bool
    rows: int | None


def resume_from(resume: str | None, run: str | None, module: LightningModule) -> Resume | None:
    """Return the checkpoint that ``--resume`` asks for.

    Args:
        resume: A checkpoint, a run's folder, or ``auto``: the run's own folder, if it has begun.
        run: The run's folder.
        module: What is trained.

    Returns:
        The checkpoint, or None where the run starts afresh.

    Raises:
        ConfigError: ``auto`` is asked for and no folder is named.
        CheckpointError: There is no checkpoint that can be used, or it belongs to another network.
    """
    if resume is None:
        return None
    if resume == "auto":
        if run is None:
            raise ConfigError(
                "--resume auto goes on in the run's folder, and none is named.", "Add --run FOLDER."
            )
        found = newest(Path(run))
        if found is None:
            return None
    else:
        path = local(resume)
        found = newest(path) if path.is_dir() else None
        found = found or read_usable(find_checkpoint(path, RunFolder.LAST))
    _check_fit(found, module)
    own = None if run is None else RunFolder(Path(run)).checkpoints.resolve()
    same_run = found.file.resolve().parent == own
    rows = found.content["callbacks"].get("LastCheckpoint", {}).get("rows")
    return Resume(found.file, int(found.content["global_step"]), same_run, rows)


def newest(run: Path) -> Checkpoint | None:
    """Return the newest checkpoint of a run that can be used.

    Args:
        run: The run's folder.

    Returns:
        The checkpoint, with a warning for each that cannot be used; None where the run has not
        come to its first one.

    Raises:
        CheckpointError: There are checkpoints, and none can be used.
    """
    folder = RunFolder(run).checkpoints
    there = sorted(folder.glob("*.ckpt"))
    whole = verified(folder)
    for file in sorted(set(there) - {file for file, _ in whole}):
        problem = _problem(file)
        if not whole:
            raise CheckpointError(
                f"no checkpoint of {run} can be gone on from; the first: {problem}",
                "Move the folder away to start afresh, or name a checkpoint: --resume FILE.",
            )
        rank_zero_warn(f"{problem} The run goes on from {whole[0][0]}.")
    return read_checkpoint(whole[0][0]) if whole else None


def _problem(file: Path) -> str:
    try:
        read_checkpoint(file)
    except CheckpointError as error:
        return error.problem
    return f"{file} carries no seal of torchedu."


def _check_fit(checkpoint: Checkpoint, module: LightningModule) -> None:
    """Check that a run which goes on has the network that it began with."""
    saved = {name: tuple(w.shape) for name, w in checkpoint.content["state_dict"].items()}
    own = {name: tuple(w.shape) for name, w in module.state_dict().items()}
    for name in {**own, **saved}:
        if saved.get(name) != own.get(name):
            raise CheckpointError(
                f"{checkpoint.file} belongs to another network: its weights {name} have the shape "
                f"{saved.get(name, 'of none')}, this run's {own.get(name, 'of none')}.",
                "Give the words that the run began with, or start from it with --init_from.",
            )
    if "optimizer_states" not in checkpoint.content:
        raise CheckpointError(
            f"{checkpoint.file} holds weights alone, from which no training can go on.",
            "Start from its network with --init_from.",
        )
