"""How a trainer of torchedu saves and loads."""

import errno
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightning.fabric.plugins import CheckpointIO
from lightning.pytorch.utilities.rank_zero import rank_zero_warn
from lightning_utilities.core.apply_func import apply_to_collection
from torch import Tensor, distributed

from torchedu.checkpoints.content import Checkpoint, local, not_numbers
from torchedu.checkpoints.folder import newest_first, read_usable
from torchedu.checkpoints.parts import (
    is_divided,
    remove,
    remove_parts,
    write_divided,
)
from torchedu.checkpoints.seal import write_sealed
from torchedu.errors import worded
from torchedu.files import below, whole
from torchedu.ranks import on_all
from torchedu.run_folder import RunFolder

FULL = (errno.ENOSPC, errno.EDQUOT)


class VerifiedCheckpointIO(CheckpointIO):
    """Writes checkpoints whole and sealed, and verifies them before anything of them is used.

    A checkpoint goes to a temporary file in its own folder, is brought to the disk and then takes
    its name, so that a kill or a loss of power at any moment leaves the one before or the new one.
    Where it cannot be written, older ones but the best make room, and training goes on with a
    warning. Weights that are not numbers are not saved over weights that are. Loading never
    executes anything and never asks another machine.

    Where tensors are divided (``DTensor``), each rank writes its part; every rank has to save then,
    in a folder that all share, and all wait for the disk.

    Args:
        opened: A checkpoint that was verified and read, from which training goes on: it is used
            once, where its file is asked for.

    Attributes:
        saves_parts: Whether it takes a checkpoint whose tensors are divided.
        asynchronous: Whether saving returns as soon as all is copied, and a thread writes it while
            training goes on. One checkpoint is written at a time. (Lightning's own
            ``AsyncCheckpointIO`` copies on the device, and lets copies pile up on a slow disk.)
    """

    saves_parts = True

    def __init__(self, opened: Checkpoint | None = None) -> None:
        self.asynchronous = False
        self._opened = opened
        self._writer: threading.Thread | None = None
        self._failure: BaseException | None = None
        self._folders: set[Path] = set()  # that it has saved in

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any | None = None
    ) -> None:
        """Save a checkpoint.

        Args:
            checkpoint: What Lightning saves.
            path: Where it goes.
            storage_options: Must be None; files of this machine have none.

        Raises:
            CheckpointError: The path is an address.
            TypeError: Storage options are given.
        """
        if storage_options is not None:
            raise TypeError("VerifiedCheckpointIO takes no storage_options")
        file = local(path)
        self._folders.add(file.parent.resolve())
        name = not_numbers(checkpoint.get("state_dict", {}))
        divided = is_divided(checkpoint)
        if divided:
            name = next((own for own in on_all(name) if own is not None), None)
        if name is not None:
            notice = f"{file} was not saved: the weights {name} are not numbers (NaN)."
            rank_zero_warn(worded(notice))
            return
        self.wait()
        if divided or not self.asynchronous:
            self._write(checkpoint, file)
            return
        # Names do not change while they are written, and to look through millions takes seconds.
        changing = {key: value for key, value in checkpoint.items() if key != "companions"}
        copy = {**checkpoint, **apply_to_collection(changing, Tensor, _copied)}

        def write() -> None:
            try:
                self._write(copy, file)
            except BaseException as error:  # noqa: BLE001  # told when it is waited for
                self._failure = error

        self._writer = threading.Thread(target=write, name="checkpoint")
        self._writer.start()

    def wait(self) -> None:
        """Wait until the last checkpoint is on the disk.

        Raises:
            BaseException: What the writing of it broke off with.
        """
        if self._writer is not None:
            self._writer.join()
            self._writer = None
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure

    def teardown(self) -> None:
        """Wait until the last checkpoint is on the disk."""
        self.wait()

    def _write(self, checkpoint: Mapping[str, Any], file: Path) -> None:
        divided = is_divided(checkpoint)
        while True:
            try:
                if divided:
                    _folder_of(file)
                    write_divided(file, checkpoint)
                    return
                _folder_of(file)
                with whole(file) as part, part.open("xb") as opened:
                    write_sealed(opened, file.name, checkpoint)
                remove_parts(file)
                return
            except OSError as error:
                removed = None
                if error.errno in FULL:
                    first = not divided or distributed.get_rank() == 0
                    removed = _make_room(file, checkpoint) if first else None
                    removed = on_all(removed)[0] if divided else removed
                if removed is None:
                    notice = (
                        f"{file} was not saved ({error.strerror}); training goes on, and what "
                        "was saved before stays."
                    )
                    rank_zero_warn(worded(notice))
                    return
                notice = f"The disk is full: {removed} was removed to save {file}."
                rank_zero_warn(worded(notice))

    def load_checkpoint(
        self, path: str | Path, map_location: Any | None = "cpu", weights_only: bool | None = None
    ) -> dict[str, Any]:
        """Load a checkpoint, or where it is damaged the newest other of its run.

        Args:
            path: The checkpoint.
            map_location: Where its tensors go, as ``torch.load`` has it.
            weights_only: Of no effect; nothing but weights and plain values is ever read.

        Returns:
            What was saved.

        Raises:
            CheckpointError: It cannot be used, and no other stands beside it.
        """
        self.wait()
        opened, self._opened = self._opened, None
        if opened is None or opened.file != Path(path):
            opened = read_usable(path, map_location)
        # Training goes on in these tensors, and keeps no file mapped that it will replace.
        kept = {key: value for key, value in opened.content.items() if key != "state_dict"}
        return {**opened.content, **apply_to_collection(kept, Tensor, Tensor.clone)}

    def remove_checkpoint(self, path: str | Path) -> None:
        """Remove a checkpoint of a folder that this run has saved in, and nothing elsewhere.

        Callbacks take their paths from the checkpoint that a run goes on from, which may be
        anyone's.

        Args:
            path: The file; it need not exist.
        """
        self.wait()
        file = local(path)
        if file.name == ".." or file.parent.resolve() not in self._folders:
            rank_zero_warn(f"{file} was not removed: this run has saved nothing beside it.")
            return
        remove(file)


def _folder_of(file: Path) -> Path:
    """Make the folder of a checkpoint; in a run's folder, no link takes its place."""
    root = RunFolder.of_checkpoint(file).path if RunFolder.has(file) else file.parent
    return below(root, file.parent)


def _copied(tensor: Tensor) -> Tensor:
    return tensor.detach().to("cpu", copy=True)


def _make_room(file: Path, checkpoint: Mapping[str, Any]) -> Path | None:
    """Remove the oldest checkpoint of a folder that is neither the best nor the newest."""
    callbacks = checkpoint.get("callbacks", {}).values()
    states = [state for state in callbacks if isinstance(state, Mapping)]
    best = {Path(str(state.get("best_model_path", ""))).name for state in states}
    with newest_first(file.parent) as (whole, _):
        spare = [older.file for older in reversed(whole[1:]) if older.file.name not in best]
    if not spare:
        return None
    try:
        remove(spare[0])
    except OSError:
        return None
    return spare[0]
