"""What a checkpoint holds: read safely, and checked for what has to be there."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, NamedTuple

import torch
from torch import Tensor

from torchedu.checkpoints.form import (
    TRAINING,
    divided_checkpoint,
    part_of_checkpoint,
    whole_checkpoint,
)
from torchedu.checkpoints.parts import put_together
from torchedu.checkpoints.seal import ANOTHER, OURS, Manifest, Verified, verify
from torchedu.companions import KEY, Companions
from torchedu.errors import CheckpointError
from torchedu.permissions import held
from torchedu.run_folder import RunFolder
from torchedu.strict import Form, Unfit, anything, check, record

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
    if manifest is None and held().sealed_only:
        raise CheckpointError(
            f"{path} carries no seal of torchedu, and ⟦sealed_only⟧ is given.",
            "Leave it out, or give a checkpoint that torchedu sealed.",
        )
    content = _loaded(verified, map_location)
    in_parts = isinstance(content, dict) and "parts" in content
    if in_parts:
        _check_content(path, content, divided_checkpoint)
        content = put_together(path, content, lambda part: _part(part, map_location))
    _check_content(path, content, whole_checkpoint)
    _check_weights(path, content)
    _check_companions(path, content)
    return Checkpoint(path, manifest, content, in_parts)


def _part(verified: Verified, map_location: Any) -> Any:
    content = _loaded(verified, map_location)
    _check_content(verified.file, content, part_of_checkpoint)
    return content


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


def _check_content(file: Path, content: Any, form: Form) -> None:
    """Check all of a content before anything is made of it."""
    try:
        # Weights alone are saved with their loops, and without the rest.
        has = content.keys() if isinstance(content, dict) else set()
        if form is whole_checkpoint and has & (TRAINING.keys() - {"loops"}):
            check(content, record({}, tuple(TRAINING), others=anything))
        check(content, form)
    except Unfit as error:
        raise CheckpointError(f"{file} cannot be used: its {error}.", ANOTHER) from None


def _check_weights(file: Path, content: Mapping[str, Any]) -> None:
    name = not_numbers(content["state_dict"])
    if name is not None:
        raise CheckpointError(
            f"{file} cannot be used: its weights {name} are not numbers (NaN).",
            "Use an earlier checkpoint; a lower learning rate may keep training finite.",
        )


def _check_companions(file: Path, content: Mapping[str, Any]) -> None:
    """Check that what stands in the run's folder is what the checkpoint's weights belong to."""
    beside = RunFolder.of_checkpoint(file).companions
    if not (RunFolder.has(file) and beside.is_file() and KEY in content):
        return
    # Thresholds are chosen after training.
    other = replace(Companions.read(beside), thresholds=None).difference(
        Companions.of(content[KEY])
    )
    if other:
        raise CheckpointError(
            f"{beside} belongs to other data than {file} says: {other}.",
            "Put back the file that the run wrote, or remove it: a checkpoint holds the same.",
        )
