"""A run's folder is written by one process at a time, and by the next once that is gone."""

import json
import os
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from torchedu import run_lock
from torchedu.errors import ConfigError
from torchedu.files import started_at
from torchedu.metrics_log import metrics_log
from torchedu.run_lock import Holder, RunLock
from torchedu.testing.launch import LaunchServer

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")

LONG_AGO = (0.0, 0.0)


def hold(lock: Path, **other: object) -> None:
    """Lay the lock of another process."""
    lock.write_text(json.dumps(asdict(replace(Holder.own(), token="other", **other))))


def holds(folder: Path) -> bool:
    """Return whether this process can take the folder's lock, and release it again."""
    lock = RunLock(folder)
    try:
        lock.take()
    except ConfigError:
        return False
    taken = lock.file.exists()
    lock.release()
    return taken and not lock.file.exists()


def child(run: Path) -> str:
    """Take the lock in a process of its own, which then ends without releasing it."""
    try:
        RunLock(run).take()
    except ConfigError as error:
        return str(error)
    os._exit(0)


def test_the_second_of_two_is_refused_and_the_next_after_a_kill_is_not(
    tmp_path: Path, launch: LaunchServer, capsys: pytest.CaptureFixture[str]
) -> None:
    lock = RunLock(tmp_path)
    lock.take()
    started = launch.start(child, tmp_path, ranks=1)
    assert started.wait(60.0) == [0], started.output()
    problem, remedy = started.result().splitlines()
    assert f"is being written by process {os.getpid()} on" in problem
    assert "run" in remedy
    lock.release()

    started = launch.start(child, tmp_path, ranks=1)
    assert started.wait(60.0) == [0], started.output()
    assert lock.file.exists(), "as a kill leaves it"
    assert holds(tmp_path)
    assert "is taken over from process" in capsys.readouterr().err


def test_a_process_of_the_same_number_that_started_later_is_another(tmp_path: Path) -> None:
    lock = RunLock(tmp_path).file
    parent = os.getppid()
    hold(lock, process=parent, started=started_at(parent))
    assert not holds(tmp_path)
    hold(lock, process=parent, started=(started_at(parent) or 0) + 1)
    assert holds(tmp_path)


def test_a_job_that_its_scheduler_began_again_goes_on_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_lock.time, "sleep", lambda seconds: pytest.fail("it waited"))
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    monkeypatch.setenv("SLURM_RESTART_COUNT", "1")
    hold(RunLock(tmp_path).file, place="other", attempt=(0,))
    assert holds(tmp_path)


def test_a_holder_elsewhere_is_known_by_its_renewals(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = RunLock(tmp_path).file
    waits: list[float] = []
    monkeypatch.setattr(run_lock.time, "sleep", waits.append)
    hold(lock, place="other")
    assert holds(tmp_path), "it renewed nothing while this one waited"
    assert len(waits) == 3

    monkeypatch.setattr(run_lock.time, "sleep", lambda seconds: os.utime(lock, LONG_AGO))
    hold(lock, place="other")
    assert not holds(tmp_path), "it wrote a new time while this one waited"

    monkeypatch.setattr(run_lock.time, "sleep", lambda seconds: pytest.fail("it waited"))
    os.utime(lock, LONG_AGO)
    assert holds(tmp_path), "three renewals are missed already"


@pytest.mark.parametrize("content", [b"", b"{", b"[" * 4096, b'{"place": 1}', b"\xff" * 9000])
def test_a_lock_that_says_nothing_is_judged_by_its_renewals(tmp_path: Path, content: bytes) -> None:
    lock = RunLock(tmp_path).file
    lock.write_bytes(content)
    os.utime(lock, LONG_AGO)
    assert holds(tmp_path)


def test_a_link_that_was_laid_is_not_followed(tmp_path: Path) -> None:
    victim, run = tmp_path / "victim", tmp_path / "run"
    run.mkdir()
    RunLock(run).file.symlink_to(victim)
    assert holds(run)
    assert not victim.exists()


def test_a_run_is_held_while_it_logs(tmp_path: Path) -> None:
    run = tmp_path / "run"
    log = metrics_log(str(run))
    log.log_metrics({"loss": 1.0}, 1)
    log.save()
    lock = RunLock(run).file
    parent = os.getppid()
    hold(lock, process=parent, started=started_at(parent))
    with pytest.raises(ConfigError, match="is being written by process"):
        metrics_log(str(run), again=True).log_metrics({"loss": 2.0}, 1)
    assert "1.0" in (run / "metrics.csv").read_text(), "what the holder logged stays"
    lock.unlink()
    log.finalize("success")
