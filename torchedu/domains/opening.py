"""A checkpoint opened without a trainer."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from torchedu.checkpoints import Checkpoint, open_checkpoint
from torchedu.companions import KEY, Companions
from torchedu.domains.building import check_build, class_by_path
from torchedu.domains.domain import Domain
from torchedu.errors import CheckpointError, TorcheduError
from torchedu.permissions import allowing
from torchedu.run_folder import RunFolder


def open_domain(checkpoint: str | Path | Checkpoint, trust: str | Iterable[str] = ()) -> Domain:
    """Open a checkpoint or a run's folder as what its task is of itself; nothing is executed.

    Args:
        checkpoint: The file, or the folder, of which the best checkpoint is taken; or a checkpoint
            that was read, which is not read again.
        trust: Modules of one's own whose classes it may name; see ``torchedu.allowing``.

    Returns:
        The task without its trainer's half, on the CPU, in evaluation mode.

    Raises:
        CheckpointError: It cannot be used, or no task of torchedu wrote it.
    """
    read = checkpoint if isinstance(checkpoint, Checkpoint) else open_checkpoint(checkpoint)
    with opening(read):
        with allowing(trust=trust):
            path = str(read.content["domain"])
            kind = class_by_path(path, Domain, "task")  # type: ignore[type-abstract]
            check_build(kind, read.hyper_parameters, read.content["state_dict"])
            domain = kind(**read.hyper_parameters)
        if domain.net.deferred:
            domain.net.load()
        domain.take(Companions.of(read.content.get(KEY, {})))
        domain.load_state_dict(read.content["state_dict"])
    domain.companions = of_run(domain.companions, read.file)
    return domain.eval()


@contextmanager
def opening(checkpoint: Checkpoint) -> Iterator[None]:
    """Say what goes wrong while a task is made of a checkpoint, in two lines.

    Raises:
        CheckpointError: No task of torchedu wrote it.
    """
    try:
        yield
    except TorcheduError:
        raise
    except Exception as error:  # noqa: BLE001  # what another program wrote can fail in every way
        raise CheckpointError(
            f"{checkpoint.file} cannot be opened as a task of torchedu "
            f"({type(error).__name__}: {error}).",
            f"Give a file that torchedu wrote, such as {RunFolder.EXAMPLE}.",
        ) from None


def of_run(companions: Companions | None, checkpoint: Path) -> Companions | None:
    """Return the companions of a checkpoint with what its run found after training.

    Args:
        companions: The checkpoint's.
        checkpoint: Its file.
    """
    beside = RunFolder.of_checkpoint(checkpoint).companions
    if companions is None or not (RunFolder.has(checkpoint) and beside.is_file()):
        return companions
    return replace(companions, thresholds=Companions.read(beside).thresholds)
