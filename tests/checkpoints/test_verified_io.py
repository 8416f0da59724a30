import errno
import os
import shutil
import signal
import time
from pathlib import Path
from typing import BinaryIO

import pytest
import torch

from tests.checkpoints.conftest import content, save
from torchedu.checkpoints import VerifiedCheckpointIO, newest_first, read_checkpoint, verified_io
from torchedu.errors import CheckpointError
from torchedu.files import sweep


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Let so many next writings of checkpoints fail half-way for want of room."""
    left = [0]
    write = verified_io.write_sealed

    def limited(file: BinaryIO, name: str, checkpoint: dict[str, object]) -> None:
        if left[0]:
            left[0] -= 1
            file.write(b"half")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write(file, name, checkpoint)

    monkeypatch.setattr(verified_io, "write_sealed", limited)
    return left


def steps(run: Path) -> dict[str, int]:
    with newest_first(run / "checkpoints") as (whole, _):
        return {verified.file.name: verified.manifest.step for verified in whole}


def files(run: Path) -> set[str]:
    return {file.name for file in (run / "checkpoints").iterdir()}


def test_a_full_disk_makes_room_by_the_oldest_that_is_not_the_best(
    run: Path, full_disk: list[int]
) -> None:
    save(run / "checkpoints" / "older.ckpt", content(5))
    full_disk[0] = 1
    with pytest.warns(UserWarning, match=r"disk is full: .*older.ckpt was removed"):
        save(run / "checkpoints" / "last.ckpt", content(30))
    assert steps(run) == {"best.ckpt": 10, "last.ckpt": 30}
    assert files(run) == {"best.ckpt", "last.ckpt"}


def test_a_disk_that_stays_full_stops_no_training_and_leaves_the_newest(
    run: Path, full_disk: list[int]
) -> None:
    full_disk[0] = 100
    with pytest.warns(UserWarning, match="No space left on device.*training goes on"):
        save(run / "checkpoints" / "last.ckpt", content(30))
    assert steps(run) == {"best.ckpt": 10, "last.ckpt": 20}
    assert files(run) == {"best.ckpt", "last.ckpt"}


def test_a_folder_that_may_not_be_written_stops_no_training(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_only(*args: object, **kwargs: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(Path, "open", read_only)
    with pytest.warns(UserWarning, match="Read-only file system"):
        save(run / "checkpoints" / "last.ckpt", content(30))
    monkeypatch.undo()
    assert steps(run) == {"best.ckpt": 10, "last.ckpt": 20}


def test_weights_that_are_not_numbers_replace_none_that_are(run: Path) -> None:
    broken = content(30)
    broken["state_dict"]["net.bias"][3] = torch.nan
    with pytest.warns(UserWarning, match=r"not saved: the weights net.bias are not numbers"):
        save(run / "checkpoints" / "last.ckpt", broken)
    assert steps(run) == {"best.ckpt": 10, "last.ckpt": 20}


def test_what_goes_on_changing_is_copied_and_names_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[dict[str, object]] = []
    monkeypatch.setattr(verified_io, "write_sealed", lambda *args: written.append(args[2]))
    saved = {**content(5), "companions": {"vocabulary": {"item": ["q1", "q2"]}}}
    writer = VerifiedCheckpointIO()
    writer.asynchronous = True
    writer.save_checkpoint(saved, tmp_path / "last.ckpt")
    weights = next(iter(saved["state_dict"].values()))
    kept = weights.clone()
    weights += 1
    writer.wait()
    assert list(written[0]) == list(saved)
    assert written[0]["companions"] is saved["companions"]
    assert torch.equal(next(iter(written[0]["state_dict"].values())), kept)


def test_loading_uses_another_of_the_run_where_one_is_damaged(run: Path) -> None:
    last = run / "checkpoints" / "last.ckpt"
    last.write_bytes(last.read_bytes()[:-1000])
    with pytest.warns(UserWarning, match=r"cut short.*Used instead: .*best.ckpt"):
        assert VerifiedCheckpointIO().load_checkpoint(str(last))["global_step"] == 10


def test_links_are_replaced_and_never_followed_when_writing(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_text("mine")
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    for name in ("last.ckpt", f".last.ckpt.{os.getpid()}.part", ".best.ckpt.1.part"):
        (folder / name).symlink_to(outside)
    save(folder / "last.ckpt", content())
    assert sweep(folder) == 1
    assert outside.read_text() == "mine"
    assert [file.name for file in folder.iterdir()] == ["last.ckpt"]
    assert not (folder / "last.ckpt").is_symlink()


def test_checkpoints_are_removed_and_not_written_to_an_address(checkpoint: Path) -> None:
    io = VerifiedCheckpointIO()
    io.save_checkpoint(content(), checkpoint)
    io.remove_checkpoint(checkpoint)
    io.remove_checkpoint(checkpoint)
    assert not checkpoint.exists()
    with pytest.raises(CheckpointError, match="is an address"):
        VerifiedCheckpointIO().save_checkpoint(content(), "s3://bucket/net.ckpt")
    with pytest.raises(TypeError, match="storage_options"):
        VerifiedCheckpointIO().save_checkpoint(content(), checkpoint, storage_options={})


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("elsewhere", [False, True], ids=["", "TMPDIR on another file system"])
def test_a_kill_while_saving_leaves_a_verified_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, elsewhere: bool
) -> None:
    if elsewhere:
        memory = Path("/dev/shm")
        if not memory.is_dir() or memory.stat().st_dev == tmp_path.stat().st_dev:
            pytest.skip("needs /dev/shm as another file system")
        temporary = memory / f"torchedu-test-{os.getpid()}"
        temporary.mkdir()
        monkeypatch.setenv("TMPDIR", str(temporary))
    folder = tmp_path / "checkpoints"
    large = {"state_dict": {"net.weight": torch.randn(500_000)}}  # 2 MB
    save(folder / "last.ckpt", content(0) | large)
    killed_at = []
    try:
        for trial in range(8):
            child = os.fork()
            if child == 0:
                try:
                    for step in range(1, 10_000):
                        save(folder / "last.ckpt", content(step) | large)
                finally:
                    os._exit(1)  # only where saving failed or the kill never came
            time.sleep(0.04 + 0.007 * trial)
            os.kill(child, signal.SIGKILL)
            _, status = os.waitpid(child, 0)
            assert os.WIFSIGNALED(status), "saving failed in the child"
            assert read_checkpoint(folder / "last.ckpt").manifest is not None
            killed_at.append(len(list(folder.iterdir())))
            sweep(folder)
            assert [file.name for file in folder.iterdir()] == ["last.ckpt"]
        assert max(killed_at) > 1, "no kill came while a file was being written"
        if elsewhere:
            assert list(temporary.iterdir()) == []
    finally:
        if elsewhere:
            shutil.rmtree(temporary)


def test_nothing_is_removed_where_the_run_has_saved_nothing(run: Path, tmp_path: Path) -> None:
    io = VerifiedCheckpointIO()
    saved = run / "checkpoints" / "best.ckpt"
    io.save_checkpoint(content(30), saved)
    others = tmp_path / "others"
    others.mkdir()
    (others / "mine.txt").write_text("mine")
    (run / "checkpoints" / "link").symlink_to(tmp_path)
    for path in (
        others,
        run / "checkpoints" / ".." / ".." / "others",
        run / "checkpoints" / "link" / "others",
        run / "checkpoints" / "..",
    ):
        with pytest.warns(UserWarning, match="was not removed"):
            io.remove_checkpoint(path)
    assert (others / "mine.txt").is_file()
    assert run.is_dir()
    io.remove_checkpoint(saved)
    assert not saved.exists()
