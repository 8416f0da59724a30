import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from torchedu.errors import ConfigError
from torchedu.files import scratch, write_whole


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
