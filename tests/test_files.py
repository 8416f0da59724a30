import errno
import fcntl
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from torchedu.errors import ConfigError
from torchedu.files import alone, below, scratch, take_space, write_whole, writing_below


def test_a_file_is_replaced_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    file.write_text("old")
    write_whole(file, b"new")
    assert file.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [file]


def test_a_failure_leaves_the_old_file_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "report.html"
    file.write_text("old")

    def full(self: Path, target: Path) -> Path:
        raise OSError("no space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="no space"):
        write_whole(file, b"new")
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]


def test_a_hidden_folder_goes_with_what_was_made_for_it(tmp_path: Path) -> None:
    with scratch(tmp_path / "new" / "deep" / "s") as folder:
        (folder / "inside").touch()
        assert folder.parent == tmp_path / "new" / "deep"
    assert list(tmp_path.iterdir()) == []
    with scratch(tmp_path / "new" / "s"):
        (tmp_path / "new" / "s").touch()
    assert [file.name for file in tmp_path.rglob("*")] == ["new", "s"]


def test_what_killed_processes_left_is_removed_and_what_others_use_stays(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    here = f".s.{platform.node()}"
    stale = (f"{here}-{gone.pid}-a", f"{here}-{gone.pid}-a.old")
    used = (f"{here}-{os.getpid()}-b", f".s.{platform.node()}x-{gone.pid}-c", f"{here}-mine-d",
            f".other.{platform.node()}-{gone.pid}-e")  # fmt: skip
    for name in (*stale, *used):
        (tmp_path / name / "inside").mkdir(parents=True)
    with scratch(tmp_path / "s"):
        pass
    assert {file.name for file in tmp_path.iterdir()} == set(used)


def test_where_nothing_may_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="file cannot be written"), scratch(tmp_path / "file/s"):
        pass


HOLDER = """
import sys, time
from pathlib import Path
from torchedu.files import alone
with alone(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(100)
"""


def test_who_works_alone_keeps_others_waiting_until_it_dies(tmp_path: Path) -> None:
    words = [sys.executable, "-c", HOLDER, str(tmp_path)]
    handle = os.open(tmp_path, os.O_RDONLY)
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(BlockingIOError):
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        holder.kill()
    os.close(handle)
    with alone(tmp_path):
        assert list(tmp_path.iterdir()) == []


def test_a_file_system_without_locks_has_them_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "temporary").mkdir()
    (tmp_path / "work").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    refused: list[int] = []

    def flock(handle: int, how: int) -> None:
        if not refused:
            refused.append(handle)
            raise OSError(errno.EBADF, "no lock on a folder")

    monkeypatch.setattr("fcntl.flock", flock)
    with alone(tmp_path / "work"):
        assert [file.name for file in (tmp_path / "temporary").iterdir()] == [
            f"torchedu-{os.getuid()}.lock"
        ]
    assert refused


def test_no_link_inside_a_folder_is_followed(tmp_path: Path) -> None:
    root, outside = tmp_path / "named" / "run", tmp_path / "outside"
    outside.mkdir()
    (tmp_path / "real").mkdir()
    (tmp_path / "named").symlink_to(tmp_path / "real")  # the user's own links are theirs
    assert below(root, root / "checkpoints" / "parts").is_dir()
    (root / "pictures").symlink_to(outside)
    for folder in (root / "pictures", root / "pictures" / "new", root / ".." / "other"):
        with pytest.raises(ConfigError, match="is a link"):
            below(root, folder)
    assert not list(outside.iterdir())


def test_only_below_the_folders_named_something_is_written(tmp_path: Path) -> None:
    inside, outside = tmp_path / "in", tmp_path / "out"
    inside.mkdir()
    outside.mkdir()
    (inside / "link").symlink_to(outside)
    with writing_below(inside):
        write_whole(inside / "a", b"")
        for place in (outside / "a", inside / "link" / "a", inside / ".." / "out" / "a"):
            with pytest.raises(ConfigError, match="only a file names what stands there"):
                write_whole(place, b"")
        with pytest.raises(ConfigError), scratch(outside / "new"):
            pass
        with pytest.raises(ConfigError), alone(outside / "made" / "here"):
            pass
        with alone(outside):  # a lock writes nothing
            pass
    assert not list(outside.iterdir())
    write_whole(outside / "a", b"")


def test_a_file_that_is_to_be_mapped_has_its_room_on_the_disk(tmp_path: Path) -> None:
    for size in (3 * 2**20, 10, 0):
        with (tmp_path / "file").open("ab") as file:
            take_space(file, size)
        there = (tmp_path / "file").stat()
        assert there.st_size == size
        if hasattr(os, "posix_fallocate"):
            assert 512 * there.st_blocks >= size


def test_a_folder_that_its_holder_removed_is_made_anew_for_the_next(tmp_path: Path) -> None:
    folder = tmp_path / "left"
    opened, calls = os.open, []

    def removed_meanwhile(path: Path, flags: int, mode: int = 0o777) -> int:
        calls.append(path)
        if len(calls) == 1:  # as who had it ends
            folder.rmdir()
        handle = opened(path, flags, mode)
        if len(calls) == 2:
            folder.rmdir()
            folder.mkdir()
        return handle

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "open", removed_meanwhile)
        with alone(folder, wait=False) as mine:
            assert mine
            handle = opened(folder, os.O_RDONLY)
            with pytest.raises(BlockingIOError):
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.close(handle)
    assert len(calls) == 3
