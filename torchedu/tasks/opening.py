"""A checkpoint opened as the task that wrote it."""

from pathlib import Path

from torchedu.checkpoints import read_usable
from torchedu.errors import CheckpointError, TorcheduError
from torchedu.run_folder import RunFolder
from torchedu.tasks.base import Task, class_by_path


def open_task(checkpoint: str | Path) -> Task:
    """Open a checkpoint as the task that wrote it; nothing in it is executed.

    Args:
        checkpoint: The file; where it is damaged, the newest other one of its run is opened.

    Returns:
        The task, on the CPU, in evaluation mode.

    Raises:
        CheckpointError: It cannot be used, or no task of torchedu wrote it.
    """
    read = read_usable(checkpoint)
    file, content = read.file, read.content
    try:
        kind = class_by_path(str(content["task"]), Task, "task")  # type: ignore[type-abstract]
        opened = kind.load_from_checkpoint(file)
    except TorcheduError:
        raise
    except Exception as error:  # noqa: BLE001  # what another program wrote can fail in every way
        raise CheckpointError(
            f"{file} cannot be opened as a task of torchedu ({type(error).__name__}: {error}).",
            f"Give a file that torchedu wrote, such as {RunFolder.EXAMPLE}.",
        ) from None
    return opened.eval()
