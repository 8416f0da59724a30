"""A checkpoint opened as the task that wrote it."""

from collections.abc import Iterable
from pathlib import Path

from torchedu.checkpoints import Checkpoint, read_usable
from torchedu.domains.building import class_by_path
from torchedu.domains.opening import of_run, opening
from torchedu.people import People
from torchedu.permissions import allowing
from torchedu.run_folder import RunFolder
from torchedu.tasks.task import Task


def open_task(checkpoint: str | Path | Checkpoint, trust: str | Iterable[str] = ()) -> Task:
    """Open a checkpoint as the task that wrote it; nothing in it is executed.

    Args:
        checkpoint: The file; where it is damaged, the newest other one of its run is opened. Or a
            checkpoint that was read, which is not read again.
        trust: Modules of one's own whose classes it may name; see ``torchedu.allowing``.

    Returns:
        The task, on the CPU, in evaluation mode.

    Raises:
        CheckpointError: It cannot be used, or no task of torchedu wrote it.
    """
    read = checkpoint if isinstance(checkpoint, Checkpoint) else read_usable(checkpoint)
    with opening(read), allowing(trust=trust):
        task = task_class(read).load_from_checkpoint(read).eval()
    task.companions = of_run(task.companions, read.file)
    people = RunFolder.of_checkpoint(read.file).people
    if people.is_file():
        task.people = People.read(people)
    return task


def task_class(checkpoint: Checkpoint) -> type[Task]:
    """Return the class of the task that wrote a checkpoint.

    Raises:
        CheckpointError: No task of torchedu did, or its class cannot be imported.
    """
    with opening(checkpoint):
        path = checkpoint.task
    return class_by_path(path, Task, "task")  # type: ignore[type-abstract]
