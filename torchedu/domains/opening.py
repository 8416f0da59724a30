"""A checkpoint opened without a trainer."""

from pathlib import Path

from torchedu.checkpoints import find_checkpoint, read_usable
from torchedu.domains.building import class_by_path
from torchedu.domains.domain import Domain


def open_domain(checkpoint: str | Path) -> Domain:
    """Open a checkpoint or a run's folder as what its task is of itself; nothing is executed.

    Args:
        checkpoint: The file, or the folder, of which the best checkpoint is taken.

    Returns:
        The task without its trainer's half, on the CPU, in evaluation mode.

    Raises:
        CheckpointError: It cannot be used, or no task of torchedu wrote it.
    """
    content = read_usable(find_checkpoint(checkpoint)).content
    kind = class_by_path(str(content["domain"]), Domain, "task")  # type: ignore[type-abstract]
    domain = kind(**content["hyper_parameters"])
    domain.take_beside(content)
    domain.load_state_dict(content["state_dict"])
    return domain.eval()
