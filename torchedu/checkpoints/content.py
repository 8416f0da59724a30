"""What a checkpoint holds: read safely, and checked for what has to be there."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, NamedTuple

import torch
from torch import Tensor

from torchedu.checkpoints.parts import put_together
from torchedu.checkpoints.seal import ANOTHER, OURS, Manifest, Verified, verify
from torchedu.companions import KEY, Companions
from torchedu.errors import CheckpointError
from torchedu.run_folder import RunFolder

KEYS: dict[str, type] = {
    "state_dict": dict,
    "epoch": int,
    "global_step": int,
    "pytorch-lightning_version": str,
}
"""What every checkpoint holds."""
TRAINING_KEYS: dict[str, type] = {
    "loops": dict,
    "callbacks": dict,
    "optimizer_states": list,
    "lr_schedulers": list,
}
"""What one holds besides, from which training can go on."""
BLOCK = 1 << 24
"""Numbers that are looked at together."""


class Checkpoint(NamedTuple):
    """A checkpoint that was verified and read: what is used of it is what was checked.

    Attributes:
        file: Where it stood.
        manifest: Its seal's manifest; None for one without a seal, as a stock Trainer writes it.
        content: What Lightning saved, whole; its tensors are those of the file, mapped.
        in_parts: Whether the file itself lacks tensors, which its ranks wrote beside it.
    """

    file: Path
    manifest: Manifest | None
    content: dict[str, Any]
    in_parts: bool

    @property
    def task(self) -> str:
        """Import path of the task that wrote it; ``KeyError`` where no task of torchedu did."""
        return str(self.content["task"])

    @property
    def hyper_parameters(self) -> dict[str, Any]:
        """Arguments of that task."""
        return dict(self.content.get("hyper_parameters", {}))


def read_checkpoint(file: str | Path, map_location: Any = "cpu") -> Checkpoint:
    """Read a checkpoint after verifying it; nothing in it is executed.

    Args:
        file: The checkpoint, a file of this machine.
        map_location: Where its tensors go, as ``torch.load`` has it.

    Returns:
        The checkpoint.

    Raises:
        CheckpointError: It is damaged, foreign, swapped, or lacks what has to be in it.
    """
    with verify(local(file)) as verified:
        return read(verified, map_location)


def read(verified: Verified, map_location: Any = "cpu") -> Checkpoint:
    """Read a checkpoint that was verified and is still open; see ``read_checkpoint``."""
    path, manifest = verified.file, verified.manifest
    # Of the two that a run writes, a file under the other's name was swapped.
    both = {RunFolder.BEST, RunFolder.LAST}
    swapped = manifest is not None and {manifest.name, path.name} == both
    if manifest is not None and swapped and RunFolder.has(path):
        raise CheckpointError(
            f"{path} cannot be used: it was written as {manifest.name}, and the two were swapped.",
            "Give each its name back, or copy it out of its run's folder.",
        )
    content = _loaded(verified, map_location)
    in_parts = isinstance(content, dict) and "parts" in content
    if in_parts:
        content = put_together(path, content, lambda part: _loaded(part, map_location))
    _check_content(path, content)
    return Checkpoint(path, manifest, content, in_parts)


def _loaded(verified: Verified, map_location: Any) -> Any:
    path = verified.file
    try:
        return verified.load(map_location)
    except UnpicklingError:
        raise CheckpointError(
            f"{path} cannot be used: it asks to run code, or holds more than numbers, names and "
            "tensors, and was not read.",
            OURS,
        ) from None
    except torch.OutOfMemoryError:
        raise
    except Exception as error:  # noqa: BLE001  # what is no checkpoint can fail in every way
        raise CheckpointError(
            f"{path} cannot be used: torch cannot read it ({type(error).__name__}).", ANOTHER
        ) from None


def local(path: str | Path) -> Path:
    """Return a path of this machine.

    Raises:
        CheckpointError: It is an address.
    """
    if "://" in str(path):
        raise CheckpointError(
            f"{path} is an address, and checkpoints are only read from and written to files.",
            "Download it, check where it comes from, and give the file.",
        )
    return Path(path)


def not_numbers(state: Mapping[str, Any]) -> str | None:
    """Return the name of the first tensor that holds NaN, here if it is divided; or None."""
    for name, tensor in state.items():
        # A DTensor, whose class takes half a second to import.
        tensor = tensor.to_local() if hasattr(tensor, "to_local") else tensor
        if not (isinstance(tensor, Tensor) and tensor.is_floating_point()):
            continue
        # In blocks, since a mask of the whole would take a quarter of the weights' memory.
        if any(block.isnan().any() for block in tensor.detach().reshape(-1).split(BLOCK)):
            return name
    return None


def _check_content(file: Path, content: Any) -> None:
    """Check what Lightning takes for granted."""
    for problem in _problems(file, content):
        raise CheckpointError(f"{file} cannot be used: {problem}.", ANOTHER)
    name = not_numbers(content["state_dict"])
    if name is not None:
        raise CheckpointError(
            f"{file} cannot be used: its weights {name} are not numbers (NaN).",
            "Use an earlier checkpoint; a lower learning rate may keep training finite.",
        )


def _problems(file: Path, content: Any) -> Iterator[str]:
    if not isinstance(content, dict):
        yield f"it holds a {type(content).__name__} and no checkpoint"
        return
    # Weights alone are saved with their loops, and without the rest.
    whole = any(key in content for key in TRAINING_KEYS if key != "loops")
    training = TRAINING_KEYS if whole else {}
    for key, kind in {**KEYS, **training}.items():
        if key not in content:
            yield f"it lacks {key!r}"
        elif not isinstance(content[key], kind):
            yield f"its {key!r} is a {type(content[key]).__name__} and no {kind.__name__}"
    for key, value in content.get("state_dict", {}).items():
        if not (isinstance(key, str) and isinstance(value, Tensor)):
            yield f"its weights {key!r} are a {type(value).__name__} and no tensor"
    beside = RunFolder.of_checkpoint(file).companions
    if RunFolder.has(file) and beside.is_file() and KEY in content:
        own = Companions.read(beside)
        # Thresholds are chosen after training.
        other = replace(own, thresholds=None).difference(Companions.of(content[KEY]))
        if other:
            yield f"it belongs to other data than {beside} says: {other}"
