"""From a checkpoint to a folder of files for other programs, checked equal to it."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import torch

from torchedu.checkpoints import Checkpoint, open_checkpoint
from torchedu.domains import Domain, open_domain
from torchedu.domains.building import class_path
from torchedu.errors import CheckpointError, ConfigError, MissingExtraError, TorcheduError, allowed
from torchedu.export import onnx, torch_export
from torchedu.export.capture import capture
from torchedu.export.check import Checked, check
from torchedu.export.entries import entries, initial_state
from torchedu.export.folder import (
    WEIGHTS,
    open_export,
    whole_folder,
    write_config,
    write_task,
    write_tensors,
)
from torchedu.export.language import LANGUAGE_FORMATS, export_language
from torchedu.models.kt_model import KTModel, State
from torchedu.tasks import MathExplanation, Task, open_task

GRAPHS: dict[str, ModuleType] = {"onnx": onnx, "torch_export": torch_export}
"""Formats that hold the network's code too, as graphs."""
FORMATS: dict[str, tuple[str, ...]] = {
    "safetensors": (),
    **{name: (name,) for name in GRAPHS},
    "all": tuple(GRAPHS),
}
"""What may be asked for, and which graphs it adds to the weights."""
INITIAL_STATE = "initial_state.safetensors"


class Exported(NamedTuple):
    """What was exported.

    Attributes:
        folder: The folder.
        checked: How each of its formats was found equal to the checkpoint.
    """

    folder: Path
    checked: tuple[Checked, ...]


def export_network(
    checkpoint: str | Path, out: str | Path, format: str = "safetensors"
) -> Exported:
    """Write a trained network for other programs, and check that it equals its checkpoint.

    The folder always holds the weights (``model.safetensors``), what builds the network
    (``config.json``) and what its weights belong to (``companions.json``). Everything is read back
    from these files before the folder takes its name.

    Args:
        checkpoint: A checkpoint, or a run's folder, whose best one is meant.
        out: The folder to make.
        format: ``safetensors``; ``onnx`` or ``torch_export``, which add the network's graphs;
            ``all``. Of a language model ``safetensors``, a folder that transformers opens, or
            ``adapter``, its low-rank additions as peft keeps them; see ``export_language``.

    Returns:
        The folder, and how much of it was compared.

    Raises:
        ConfigError: The folder exists, or the format is not known.
        CheckpointError: The checkpoint cannot be used, or its network not be written in the format.
        MissingExtraError: A package that the format needs is not installed.
    """
    known = dict.fromkeys((*FORMATS, *LANGUAGE_FORMATS))
    if format not in known:
        raise ConfigError(f"⟦format⟧ {format!r} is not known.", allowed(format, known))
    graphs = FORMATS.get(format, ())
    for name in graphs:
        for package in GRAPHS[name].PACKAGES:
            if find_spec(package) is None:
                raise MissingExtraError(f"⟦format⟧ {name}", package, name)
    source = open_checkpoint(checkpoint)
    task = open_task(source)
    if isinstance(task, MathExplanation):
        return Exported(Path(out), tuple(export_language(task, out, format)))
    if format not in FORMATS:
        raise ConfigError(f"⟦format⟧ {format!r} is for language models.", allowed(format, FORMATS))
    domain, start = open_domain(source), initial_state(task)
    with whole_folder(out) as folder:
        about = write_task(domain, folder)
        if graphs:
            _write_graphs(domain, start, graphs, folder)
        write_config(_about(source, task) | about, folder)
        checked = [_opened(domain, start, folder)]
        for name in graphs:
            form = GRAPHS[name]
            with _possible(domain, name):
                own = entries(domain)
                files = ", ".join(f"{entry}{form.SUFFIX}" for entry in own)
                runs = form.read(folder, own)
                checked.append(check(domain, runs, start, files, form.TOLERANCE))
    return Exported(Path(out), tuple(checked))


def _opened(task: Domain, start: State | None, folder: Path) -> Checked:
    """Check that what is opened from the files is the task; weights alone if it has no example."""
    again = open_export(folder)
    same = again.companions == task.companions
    own = again.state_dict()
    if not same or any(not torch.equal(x, own[name]) for name, x in task.state_dict().items()):
        raise CheckpointError(
            f"{WEIGHTS} would not equal the checkpoint.", "Nothing was written; export again."
        )
    try:
        known = entries(again)
    except NotImplementedError:
        return Checked(WEIGHTS, 0, 0, 0.0, 0.0)
    return check(task, known, start, WEIGHTS, 0.0)


def _write_graphs(task: Domain, start: State | None, forms: Sequence[str], folder: Path) -> None:
    if start is not None:
        state = {f"state_{i}": tensor for i, tensor in enumerate(start)}
        write_tensors(state, folder / INITIAL_STATE)
    with _possible(task, forms[0]):
        graphs = capture(task)
    for name in forms:
        with _possible(task, name):
            GRAPHS[name].write(graphs, folder)


def _about(source: Checkpoint, task: Task) -> dict[str, Any]:
    """Return what to say of a task in the folder's configuration."""
    content = source.content
    return {
        "torch": str(torch.__version__),
        "task": class_path(type(task)),
        "max_history": task.net.max_history,
        "reads": list(task.net.reads) if isinstance(task.net, KTModel) else [],
        "checkpoint": {
            "name": source.file.name,
            "epoch": content["epoch"],
            "step": content["global_step"],
            **(source.manifest._asdict() if source.manifest else {}),
            "metrics": _metrics(source),
        },
    }


def _metrics(source: Checkpoint) -> dict[str, float]:
    """Return the scores that a run's best checkpoint was kept for; of others none are known."""
    states = source.content.get("callbacks", {}).values()
    kept = [state for state in states if isinstance(state, Mapping) and "monitor" in state]
    return {
        str(state["monitor"]): float(state["best_model_score"])
        for state in kept
        if state.get("best_model_score") is not None
        and source.manifest is not None
        and Path(str(state.get("best_model_path"))).name == source.manifest.name
    }


@contextmanager
def _possible(task: Domain, form: str) -> Iterator[None]:
    """Tell in two lines why a network has no graph in a format."""
    try:
        yield
    except (TorcheduError, OSError):
        raise
    except Exception as error:  # noqa: BLE001  # compilers fail in every way
        raise CheckpointError(
            f"{type(task.net).__name__} cannot be exported as {form}: {_reason(error)}",
            "Export it as safetensors, or see in docs/export.md what a graph asks of a network.",
        ) from None


def _reason(error: BaseException) -> str:
    """Return the line of a compiler's long message that says why."""
    while error.__cause__ is not None:
        error = error.__cause__
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    points = [line[2:] for line in lines if line.startswith("- ")]
    said = points[0] if points else " ".join(lines[:2]) or type(error).__name__
    return said if len(said) < 300 else f"{said[:300]} ..."
