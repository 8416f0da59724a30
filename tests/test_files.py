import errno
import fcntl
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from torchedu.errors import ConfigError
from torchedu.files import alone, scratch, write_whole


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
