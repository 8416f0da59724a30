"""How many threads a command computes with."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.test_doors import room_of, sources
from torchedu import threads
from torchedu.cli import COMPUTES, main
from torchedu.errors import ConfigError


@pytest.fixture(autouse=True)
def nothing_said(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (threads.VARIABLE, threads.OWN, *threads.BY_OTHERS):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(threads, "_chosen", None)
    monkeypatch.setitem(sys.modules, "torch", None)  # type: ignore[arg-type] - its threads stay
    monkeypatch.setattr(threads, "affinity", lambda: range(8))
    monkeypatch.setattr(threads, "idle", lambda: 8.0)
    monkeypatch.setattr(threads, "limit", lambda root=None: threads.UNLIMITED)


def group(root: Path, path: str, **files: str) -> None:
    folder = root / "sys/fs/cgroup" / path
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(f"{text}\n")


def of_process(root: Path, lines: str) -> Path:
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/self/cgroup").write_text(lines)
    return root


def test_a_limit_of_either_version_and_of_a_group_above_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    two = of_process(tmp_path / "two", "0::/jobs/mine\n")
    group(two, "jobs/mine", cpu__max="max 100000")
    group(two, "jobs", cpu__max="350000 100000")
    assert threads.limit(two) == 3.5
    one = of_process(tmp_path / "one", "5:memory:/x\n4:cpu,cpuacct:/a/b\n0::/a\n")
    group(one, "cpu,cpuacct/a/b", cpu__cfs_quota_us="-1", cpu__cfs_period_us="100000")
    group(one, "cpu,cpuacct/a", cpu__cfs_quota_us="50000", cpu__cfs_period_us="100000")
    group(one, "memory/x", cpu__max="1 100000")
    assert threads.limit(one) == 0.5
    assert threads.cores(one) == 1
    # In a container the path is the host's, and what is mounted at the top is the container's.
    inside = of_process(tmp_path / "inside", "0::/docker/0123\n")
    group(inside, "", cpu__max="200000 100000")
    assert threads.limit(inside) == 2
    unset = of_process(tmp_path / "unset", "1:name=systemd:/\n0::/\n")
    group(unset, "", cpu__max="max 100000")
    assert threads.limit(unset) == threads.UNLIMITED
    assert threads.limit(tmp_path / "nowhere") == threads.UNLIMITED


def test_what_is_idle_is_counted_over_the_cores_that_may_be_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    file = tmp_path / "proc/stat"
    file.parent.mkdir()

    def state(*idle: int) -> None:
        rows = [
            f"cpu{core} 10 0 {100 - value} {value} 0 0 0 0 9 9" for core, value in idle_of(idle)
        ]
        file.write_text("\n".join(["cpu 1 2 3 4 5", *rows, "intr 1", ""]))

    def idle_of(values: tuple[int, ...]) -> Iterator[tuple[int, int]]:
        yield from enumerate(values)

    state(50, 0, 100)
    monkeypatch.setattr(threads, "affinity", lambda: [0, 2])

    def later(seconds: float) -> None:
        # Core 0 was idle for 20 of 20 ticks, core 2 for 5 of 20.
        rows = ["cpu0 10 0 50 70 0 0 0 0", "cpu1 10 0 100 40 0 0 0 0", "cpu2 25 0 0 105 0 0 0 0"]
        file.write_text("\n".join(rows))

    monkeypatch.setattr(threads.time, "sleep", later)
    assert threads.idle(root=tmp_path) == pytest.approx(1.25)
    file.unlink()
    monkeypatch.setattr(threads.os, "getloadavg", lambda: (0.5, 9, 9))
    assert threads.idle(root=tmp_path) == pytest.approx(1.5)


@pytest.mark.parametrize(
    ("idle", "number"), [(8.0, 8), (7.8, 8), (7.7, 7), (1.1, 1), (0.2, 1), (0.0, 1)]
)
def test_as_many_as_are_free_and_one_at_least(
    idle: float, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threads, "idle", lambda: idle)
    notice = threads.choose()
    assert threads.os.environ[threads.VARIABLE] == str(number)
    several = "1 thread:" if number == 1 else f"{number} threads:"
    assert notice is not None
    assert several in notice
    assert "--threads N" in notice


def test_the_users_word_comes_first_and_then_the_environments(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(threads.VARIABLE, "3")
    assert threads.choose() is None
    assert threads.choose(usual=1) is None
    assert threads.os.environ[threads.VARIABLE] == "3"
    threads.share(3)  # what the user set is not divided
    assert threads.os.environ[threads.VARIABLE] == "3"
    assert threads.choose(6) is None
    assert threads.os.environ[threads.VARIABLE] == "6"


def test_processes_share_what_was_chosen() -> None:
    threads.choose()
    for processes, number in ((2, "4"), (3, "2"), (16, "1"), (1, "8")):
        threads.share(processes)
        assert threads.os.environ[threads.VARIABLE] == number


def test_peers_that_something_started_are_not_in_the_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "idle", lambda: 0.0)
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert threads.free()[0] == 8
    monkeypatch.setenv(threads.OWN, "3")
    assert threads.free()[0] == 3


@pytest.mark.parametrize("text", ["0", "-1", "many", "", "1.5", "²", "99999", "9" * 30])
def test_what_is_no_number_of_threads_is_refused(
    text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ConfigError, match="1 to 1024"):
        threads.taken(["fit", f"--threads={text}"])
    assert main(["fit", "--threads", text]) == 2
    said = capsys.readouterr().err.splitlines()
    assert said[0] == f"--threads is {text!r}."
    assert len(said) == 2


def test_words_are_taken_off_wherever_they_stand() -> None:
    assert threads.taken(["--a", "1", "--threads", "2", "b"]) == (2, ["--a", "1", "b"])
    assert threads.taken(["--threads=2", "--threads=3"]) == (3, [])
    assert threads.taken(["a"]) == (None, ["a"])


def test_a_command_that_computes_says_it_once_and_others_do_not_look(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: list[list[str]] = []
    for command in ("export", "runs"):
        monkeypatch.setattr(f"torchedu.cli.{command}.main", lambda words: seen.append([*words]))
    assert {"export", "runs"} & COMPUTES.keys() == {"export"}
    assert main(["export", "run"]) == 0
    said = capsys.readouterr().err
    assert (
        said == "Computing with 8 threads: as many as it may use (another number: --threads N).\n"
    )
    assert main(["export", "run"]) == 0  # now the environment says it
    monkeypatch.delenv(threads.VARIABLE)
    assert main(["export", "run", "--threads", "2"]) == 0
    assert main(["runs"]) == 0
    assert main(["--threads", "2", "runs"]) == 0  # as every option of all commands
    assert capsys.readouterr().err == ""
    assert seen == [["run"], ["run"], ["run"], [], []]


def test_options_alone_ask_for_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["--threads", "2"], ["--sealed_only"]):
        assert main(words) == 0
        assert "usage: torchedu COMMAND" in capsys.readouterr().out


def test_a_job_has_the_number_that_it_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[str]] = []
    monkeypatch.setattr("torchedu.cli.launch.main", lambda words: seen.append([*words]))
    words = ["launch", "torchrun", "--", "fit", "--data.path", "x.csv"]
    assert main([*words, "--threads", "3"]) == 0
    assert main(words) == 0
    assert seen == [[*words[1:], "--threads=3"], words[1:]]


def test_in_python_threads_are_as_they_are() -> None:
    pattern = re.compile(r"torchedu\.threads import .*\bchoose\b")
    choosing = [file for file in sources() if pattern.search(file.read_text("utf-8"))]
    assert {room_of(file) for file in choosing} == {"cli"}
    threads.share(2)  # nothing was chosen
    assert threads.VARIABLE not in threads.os.environ
