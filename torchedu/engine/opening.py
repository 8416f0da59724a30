"""A run, a checkpoint or an export opened for use."""

from pathlib import Path
from typing import Any

from torchedu.domains import Domain, open_domain
from torchedu.engine.engine import Engine, engine_of
from torchedu.errors import CheckpointError
from torchedu.export.folder import CONFIG, open_export


def open_engine(path: str | Path) -> Engine[Any]:
    """Open a trained network for use; see ``open_task``.

    Returns:
        What serves its task; see ``Engine.verbs``.
    """
    return engine_of(open_task(path))


def open_task(path: str | Path) -> Domain:
    """Open the task of a trained network.

    Args:
        path: A run's folder, of which the best checkpoint is taken, a checkpoint, or a folder that
            ``torchedu export`` wrote.

    Raises:
        CheckpointError: Nothing is there, or it cannot be used.
    """
    source = Path(path)
    if not source.exists():
        raise CheckpointError(
            f"{source} does not exist.", "Give a run's folder, a checkpoint or an export."
        )
    return open_export(source) if (source / CONFIG).is_file() else open_domain(source)
