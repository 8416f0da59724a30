"""Which checkpoint a run goes on from."""

from pathlib import Path
from typing import NamedTuple

from torch import nn

from torchedu.checkpoints.content import Checkpoint, local
from torchedu.checkpoints.folder import open_checkpoint, read_newest, warn
from torchedu.errors import CheckpointError, ConfigError
from torchedu.run_folder import RunFolder


class Resume(NamedTuple):
    """Where a run goes on from.

    Attributes:
        checkpoint: The checkpoint, verified and read.
        same_run: Whether the run goes on in the checkpoint's own folder.
    """

    checkpoint: Checkpoint
    same_run: bool

    @property
    def file(self) -> Path:
        """Where the checkpoint stands."""
        return self.checkpoint.file

    @property
    def step(self) -> int:
        """Optimizer steps taken."""
        return int(self.checkpoint.content["global_step"])

    @property
    def rows(self) -> int | None:
        """Rows of the run's log that belong to the checkpoint, if it says so."""
        rows: int | None = (
            self.checkpoint.content["callbacks"].get("LastCheckpoint", {}).get("rows")
        )
        return rows


def resume_from(resume: str | None, run: str | None, module: nn.Module) -> Resume | None:
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
                "⟦resume⟧ auto goes on in the run's folder, and none is named.", "Add ⟦run⟧ FOLDER."
            )
        checkpoint = newest(Path(run))
        if checkpoint is None:
            return None
    else:
        path = local(resume)
        checkpoint = newest(path) if path.is_dir() else None
        checkpoint = checkpoint or open_checkpoint(path, RunFolder.LAST)
    _check_fit(checkpoint, module)
    own = None if run is None else RunFolder(Path(run)).checkpoints.resolve()
    same_run = checkpoint.file.resolve().parent == own
    return Resume(checkpoint, same_run)


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
    checkpoint, problems = read_newest(RunFolder(run).checkpoints)
    for problem in problems:
        if checkpoint is None:
            raise CheckpointError(
                f"no checkpoint of {run} can be gone on from; the first: {problem}",
                "Move the folder away to start afresh, or name a checkpoint: ⟦resume⟧ FILE.",
            )
        warn(f"{problem} The run goes on from {checkpoint.file}.")
    return checkpoint


def _check_fit(checkpoint: Checkpoint, module: nn.Module) -> None:
    """Check that a run which goes on has the network that it began with."""
    saved = {name: tuple(w.shape) for name, w in checkpoint.content["state_dict"].items()}
    own = {name: tuple(w.shape) for name, w in module.state_dict().items()}
    for name in {**own, **saved}:
        if saved.get(name) != own.get(name):
            raise CheckpointError(
                f"{checkpoint.file} belongs to another network: its weights {name} have the shape "
                f"{saved.get(name, 'of none')}, this run's {own.get(name, 'of none')}.",
                "Give the words that the run began with, or start from it with ⟦init_from⟧.",
            )
    if "optimizer_states" not in checkpoint.content:
        raise CheckpointError(
            f"{checkpoint.file} holds weights alone, from which no training can go on.",
            "Start from its network with ⟦init_from⟧.",
        )
