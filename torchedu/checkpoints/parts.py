"""Checkpoints of which each rank writes what it keeps of the network.

``last.ckpt`` is then a sealed file as ever, but for the tensors that are divided: it names the
files in ``last.ckpt.parts`` that hold them, with the SHA-256 of each. No part ever takes the name
of another, so that the checkpoint before stays whole until the one file that names the new parts
takes its place.
"""

import errno
import math
import re
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, distributed
from torch.utils._pytree import keystr, tree_leaves, tree_map_with_path

from torchedu.checkpoints.seal import ANOTHER, Verified, verify, write_sealed
from torchedu.errors import CheckpointError
from torchedu.files import below, sweep, whole
from torchedu.ranks import on_all

_PART = re.compile(r"[0-9a-f]{32}\.ckpt|\.[0-9a-f]{32}\.ckpt\.\d+\.part")
"""What parts are called, whole and half-written, as nobody else calls a file."""
DIVIDED = ("state_dict", "optimizer_states")
"""What of a checkpoint may be divided."""


def parts_folder(file: Path) -> Path:
    """Return where the parts of a checkpoint stand, if it has any."""
    return file.with_name(f"{file.name}.parts")


def is_divided(checkpoint: Mapping[str, Any]) -> bool:
    """Return whether each rank keeps a part of a checkpoint that is to be saved."""
    return any(
        hasattr(tensor, "to_local") for tensor in tree_leaves(checkpoint.get("state_dict", {}))
    )


def write_divided(file: Path, checkpoint: Mapping[str, Any]) -> None:
    """Write a checkpoint, each rank its part and the first one what names them.

    Args:
        file: Where it goes, in a folder that all ranks share; every rank has to call this.
        checkpoint: What Lightning saves, with ``DTensor`` where tensors are divided.

    Raises:
        OSError: What one of the ranks came to; the same on all of them.
    """
    rest, forms, pieces = _taken_apart(checkpoint)
    part = parts_folder(file) / f"{uuid.uuid4().hex}.ckpt"
    place = {key: checkpoint[key] for key in ("epoch", "global_step") if key in checkpoint}
    digest, problem = "", None
    try:
        below(file.parent, part.parent)
        digest = _write(part, {**place, "pieces": pieces})
    except OSError as error:
        problem = error
    ranks = on_all((part.name, digest, problem))
    problem = next((problem for *_, problem in ranks if problem is not None), None)
    if distributed.get_rank() == 0:
        names = {name: digest for name, digest, _ in ranks}
        try:
            if problem is None and not all((part.parent / name).is_file() for name in names):
                raise OSError(errno.ENOENT, "its ranks share no folder")
            if problem is None:
                _write(file, {**rest, "parts": names, "divided": forms})
        except OSError as error:
            problem = error
        _prune(file)
    problem = on_all(problem)[0]
    if problem is not None:
        raise OSError(problem.errno, problem.strerror)


def put_together(
    file: Path, content: dict[str, Any], loaded: Callable[[Verified], Any]
) -> dict[str, Any]:
    """Return what a checkpoint holds with whole tensors, as one process would have saved it.

    Args:
        file: The checkpoint, which was verified.
        content: What the file itself holds.
        loaded: Reads a part that was verified.

    Raises:
        CheckpointError: A part is damaged, missing or another checkpoint's.
    """
    content = dict(content)
    try:
        names, forms = content.pop("parts"), content.pop("divided")
        pieces, held = [], 0
        for name, digest in names.items():
            with _part(file, Path(name).name, digest) as part:
                pieces.append(loaded(part)["pieces"])
                held += part.opened.seek(0, 2)
        claimed = sum(math.prod(shape) * dtype.itemsize for shape, dtype in forms.values())
        if claimed > held:
            raise ValueError("more than the parts hold")
        full = {place: torch.empty(0, dtype=dtype) for place, (_, dtype) in forms.items()}
        left = {place: math.prod(shape) for place, (shape, _) in forms.items()}
        for part in pieces:
            for place, (offset, piece) in part.items():
                shape, dtype = forms[place]
                if full[place].numel() == 0:
                    full[place] = piece.new_zeros(shape, dtype=dtype)
                view = full[place]
                for dim, (start, length) in enumerate(zip(offset, piece.shape, strict=True)):
                    view = view.narrow(dim, start, length)
                view.copy_(piece)
                left[place] -= piece.numel()
        if any(left.values()):
            raise ValueError("less than a whole")
        full = {place: full[place].reshape(shape) for place, (shape, _) in forms.items()}
    except torch.OutOfMemoryError:
        raise
    except (AttributeError, IndexError, KeyError, OSError, RuntimeError, TypeError, ValueError):
        raise CheckpointError(
            f"{file} cannot be used: its parts do not make a whole.", ANOTHER
        ) from None
    divided = {key: content[key] for key in DIVIDED if key in content}
    return content | tree_map_with_path(lambda path, value: full.get(keystr(path), value), divided)


def remove(file: Path) -> None:
    """Remove a checkpoint with its parts; it need not exist, and a folder of its name stays."""
    if file.is_symlink() or not file.is_dir():
        file.unlink(missing_ok=True)
    remove_parts(file)


def remove_parts(file: Path) -> None:
    """Remove the parts of a checkpoint that is one file now; what else stands there stays."""
    with suppress(OSError):  # it is not there, a link, or holds what we have not written
        sweep(parts_folder(file), _PART)
        parts_folder(file).rmdir()


def _taken_apart(checkpoint: Mapping[str, Any]) -> tuple[dict[str, Any], Any, Any]:
    """Return the rest, shape and type of each divided tensor, and what this rank writes of it."""
    forms: dict[str, tuple[list[int], torch.dtype]] = {}
    pieces: dict[str, tuple[list[int], Tensor]] = {}

    def rest(path: Any, value: Any) -> Any:
        if not hasattr(value, "to_local"):  # a DTensor, slow to import
            return value
        place, local = keystr(path), value.to_local().detach()
        forms[place] = (list(value.shape), value.dtype)
        at: list[int] = list(value.device_mesh.get_coordinate() or ())
        # Of ranks that keep the same, the first one writes it.
        first = not any(n and p.is_replicate() for n, p in zip(at, value.placements, strict=True))
        if first and local.numel():
            offset = list(value.__create_chunk_list__()[0].offsets)
            pieces[place] = (offset, local.to("cpu", copy=True).contiguous())
        return None

    divided = {key: checkpoint[key] for key in DIVIDED if key in checkpoint}
    return {**checkpoint, **tree_map_with_path(rest, divided)}, forms, pieces


def _write(file: Path, content: Mapping[str, Any]) -> str:
    with whole(file) as beside, beside.open("xb") as opened:
        return write_sealed(opened, file.name, content)


@contextmanager
def _part(file: Path, name: str, digest: str) -> Iterator[Verified]:
    """Yield a part of a checkpoint, verified and known to be the one that was written."""
    with ExitStack() as closing:
        try:
            part = closing.enter_context(verify(parts_folder(file) / name))
        except CheckpointError as error:
            raise CheckpointError(
                f"{file} cannot be used, for a part of it: {error.problem}", ANOTHER
            ) from None
        if part.digits != digest:
            raise CheckpointError(
                f"{file} cannot be used: its part {part.file} is not the one that was written.",
                ANOTHER,
            )
        yield part


def _prune(file: Path) -> None:
    """Remove what stands among the parts of a checkpoint and is not named by it."""
    try:
        named = {*torch.load(file, weights_only=True, mmap=True).get("parts", {})}
    except FileNotFoundError:
        named = set()
    except Exception:  # noqa: BLE001  # nothing is removed for what cannot be read
        return
    with suppress(OSError):  # what stays takes room and nothing else
        sweep(parts_folder(file), _PART, named)
