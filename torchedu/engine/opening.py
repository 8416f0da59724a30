"""A run, a checkpoint or an export opened for use."""

from pathlib import Path
from typing import Any

from torchedu.domains import open_domain
from torchedu.engine.engine import Engine, engine_of, source_of


def open_engine(path: str | Path) -> Engine[Any]:
    """Open a trained network for use.

    Args:
        path: A run's folder, of which the best checkpoint is taken, a checkpoint, or a folder that
            ``torchedu export`` wrote.

    Returns:
        What serves its task; see ``Engine.verbs``.

    Raises:
        CheckpointError: It cannot be used.
    """
    return engine_of(open_domain(source_of(path)))
