"""A machine without what Linux alone has: a Mac, say."""

import io
import multiprocessing
import os
import platform
from pathlib import Path
from typing import Any

import pytest

from tests.tune.conftest import SHORT, WORDS
from torchedu import machine
from torchedu.cli import main
from torchedu.datasets.simulator import simulate
from torchedu.errors import ConfigError
from torchedu.tune.forks import forked

LINUX_ALONE = ("sched_getaffinity", "sched_setaffinity", "posix_fallocate", "pidfd_open",
               "memfd_create", "eventfd", "copy_file_range", "posix_fadvise")  # fmt: skip
SYSTEM_FILES = ("/proc", "/sys", "/dev/shm")


@pytest.fixture
def as_on_a_mac(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away the calls and files that macOS lacks, and let Python begin processes anew."""
    for name in LINUX_ALONE:
        monkeypatch.delattr(os, name, raising=False)

    def without(function: Any) -> Any:
        def called(path: Any, *args: Any, **kwargs: Any) -> Any:
            if isinstance(path, str | os.PathLike) and os.fspath(path).startswith(SYSTEM_FILES):
                raise FileNotFoundError(2, "No such file or directory", os.fspath(path))
            return function(path, *args, **kwargs)

        return called

    for module, name in ((io, "open"), (os, "open"), (os, "readlink"), (os, "stat"),
                         (os, "scandir"), (os, "listdir")):  # fmt: skip
        monkeypatch.setattr(module, name, without(getattr(module, name)))
    monkeypatch.setattr("builtins.open", io.open)
    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    methods = ["spawn", "fork", "forkserver"]
    monkeypatch.setattr(multiprocessing, "get_all_start_methods", lambda: methods)


def no_fork(*args: object) -> None:
    raise AssertionError("a Mac does not fork")


def test_a_run_and_a_search_do_without_what_linux_alone_has(
    as_on_a_mac: None, class_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "fork", no_fork)
    monkeypatch.setattr(multiprocessing.context.ForkProcess, "start", no_fork)
    assert not Path("/proc").exists()
    words = [*WORDS, *SHORT, "--trainer.max_epochs", "1", "--data.path", str(class_store)]
    assert main(["fit", *words, "--run", "run"]) == 0
    for command in ("test", "predict"):
        assert main([command, "run", "--trainer.accelerator", "cpu"]) == 0
    space = Path("space.yaml")
    space.write_text("model.lr: {float: [0.001, 0.1], log: true}")
    search = ["tune", *words, "--space", str(space), "--study", "study", "--seeds", "0"]
    assert main([*search, "--trials", "1"]) == 0


def test_what_needs_forks_is_refused_where_there_are_none(as_on_a_mac: None) -> None:
    assert not machine.forks()
    with pytest.raises(ConfigError, match="cannot"):
        forked(print)


def test_students_are_simulated_alike_by_processes_that_begin_anew(
    as_on_a_mac: None, tmp_path: Path
) -> None:
    stores = [
        simulate(tmp_path / str(many), students=65_600, answers=2, processes=many)
        for many in (1, 2)
    ]
    assert stores[0].manifest["files"] == stores[1].manifest["files"]
