"""Processes are started, told apart, signalled and awaited; none outlives who started it."""

import os
import runpy
import signal
import subprocess
import sys
import time
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from lightning import LightningModule, Trainer
from lightning.fabric.utilities.rank_zero import rank_zero_only
from torch import Tensor, distributed
from torch.utils.data import DataLoader, TensorDataset

from torchedu.errors import ConfigError
from torchedu.testing.launch import LaunchError, LaunchServer

SECONDS = 60.0
TORCHRUN = ["RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"]


def echo(*values: object) -> tuple[object, ...]:
    return values


def variables(*names: str) -> list[str | None]:
    return [os.environ.get(name) for name in names]


def place() -> tuple[Path, list[str], list[str]]:
    return Path.cwd(), sys.path, sys.argv


def speak(words: str) -> None:
    print(words)
    print(words.upper(), file=sys.stderr)
    os.write(1, b"from below Python")


def leave(code: Any) -> None:
    sys.exit(code)


def fail_on(rank: int) -> None:
    if os.environ["RANK"] == str(rank):
        raise ValueError(f"no luck on {rank}")


def wait_for_a_signal() -> None:
    print("here")
    time.sleep(SECONDS)


def leave_on_sigterm() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
    wait_for_a_signal()


def wait_on(rank: int, file: Path) -> None:
    while os.environ["RANK"] == str(rank) and not file.exists():
        time.sleep(0.01)


def sum_over_ranks() -> float:
    distributed.init_process_group("gloo")
    total = torch.tensor(float(distributed.get_rank() + 1))
    distributed.all_reduce(total)
    distributed.destroy_process_group()
    return total.item()


def first_acts() -> tuple[float, float, bool]:
    speaks = rank_zero_only(lambda: True)() or False
    return np.random.random(), torch.rand(()).item(), speaks  # noqa: NPY002


def count_of_the_server(kind: str) -> int:
    return len(list(Path(f"/proc/{os.getppid()}/{kind}").iterdir()))


class Line(LightningModule):
    """The smallest thing to train."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.linear = torch.nn.Linear(3, 1)

    def training_step(self, batch: list[Tensor], _: int) -> Tensor:
        return self.linear(batch[0]).square().mean()

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


def fit(ranks: int) -> tuple[int, int, list[float]]:
    line = Line()
    data = TensorDataset(torch.arange(48.0).reshape(16, 3) / 48)
    trainer = Trainer(
        accelerator="cpu",
        devices=ranks,
        strategy="ddp" if ranks > 1 else "auto",
        max_epochs=3,
        barebones=True,
    )
    trainer.fit(line, DataLoader(data, batch_size=16 // ranks))
    return trainer.global_rank, trainer.world_size, line.linear.weight.flatten().tolist()


def load_for_ever() -> None:
    """Have a loader's worker of its own, and print the worker's number."""
    batches = iter(DataLoader(Slow(), batch_size=1, num_workers=1))
    print(next(batches).item())
    next(batches)


class Slow(torch.utils.data.Dataset[int]):
    def __len__(self) -> int:
        return 9

    def __getitem__(self, index: int) -> int:
        time.sleep(SECONDS if index else 0)
        return os.getpid()


def be_a_user() -> None:
    """Start a server and two ranks with a child each, and print all process numbers."""
    with LaunchServer(modules=()) as server:
        ranks = server.start(subprocess.run, ["sleep", str(SECONDS)], ranks=2)
        parent = server.start(os.getppid)
        parent.wait(SECONDS)
        while not all(children := [children_of(pid) for pid in ranks.pids]):
            time.sleep(0.01)
        print(parent.result(), *ranks.pids, *chain(*children))
        ranks.wait(SECONDS)


def children_of(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def until_it_prints(launch: Any, rank: int = 0) -> str:
    """Return a rank's output as soon as it ends a line."""
    end = time.monotonic() + SECONDS
    while not launch.output(rank).endswith("\n"):
        assert time.monotonic() < end
        time.sleep(0.01)
    return str(launch.output(rank))


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def all_end(pids: list[int], seconds: float = 20.0) -> bool:
    end = time.monotonic() + seconds
    while any(map(lives, pids)) and time.monotonic() < end:
        time.sleep(0.02)
    return not any(map(lives, pids))


def test_each_rank_returns_its_own(launch: LaunchServer) -> None:
    ranks = launch.start(variables, *TORCHRUN[:5], ranks=3)
    assert ranks.wait(SECONDS) == [0, 0, 0]
    assert [ranks.result(r) for r in range(3)] == [
        [f"{r}", f"{r}", "3", "3", "127.0.0.1"] for r in range(3)
    ]
    assert len(set(ranks.pids)) == 3


def test_one_process_is_plain(launch: LaunchServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    alone = launch.start(variables, *TORCHRUN, "TORCHELASTIC_RUN_ID")
    assert alone.wait(SECONDS) == [0]
    assert alone.result() == [None] * 7


def test_ranks_stand_where_this_process_stands_now(
    launch: LaunchServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("NOW", "set")
    there = launch.start(place)
    outside = launch.start(variables, "NOW", "MORE", "RANK", environment={"MORE": "x", "RANK": "5"})
    assert there.wait(SECONDS) + outside.wait(SECONDS) == [0, 0]
    assert there.result() == (tmp_path, sys.path, [__file__])
    assert outside.result() == ["set", "x", "5"]


plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@settings(max_examples=15)
@given(values=st.lists(plain, max_size=3))
def test_arguments_and_results_come_as_they_went(launch: LaunchServer, values: list[Any]) -> None:
    process = launch.start(echo, *values)
    assert process.wait(SECONDS) == [0]
    assert process.result() == tuple(values)


def test_what_a_rank_prints_is_kept_apart(launch: LaunchServer, tmp_path: Path) -> None:
    first = launch.start(speak, "one", folder=tmp_path / "kept", ranks=2)
    other = launch.start(speak, "two")
    assert first.wait(SECONDS) + other.wait(SECONDS) == [0, 0, 0]
    assert first.output(1) == (tmp_path / "kept" / "rank-1.txt").read_text()
    assert first.output() == first.output(1) == "one\nONE\nfrom below Python"
    assert other.output().startswith("two\nTWO\n")


def test_an_exception_is_told(launch: LaunchServer) -> None:
    ranks = launch.start(fail_on, 1, ranks=2)
    assert ranks.wait(SECONDS) == [0, 1]
    assert ranks.result(0) is None
    assert "Traceback (most recent call last)" in ranks.output(1)
    with pytest.raises(LaunchError, match=r"(?s)exit code 1\..*fail_on.*ValueError: no luck on 1"):
        ranks.result(1)


@pytest.mark.parametrize(("given_code", "code"), [(None, 0), (0, 0), (3, 3), ("bad words", 1)])
def test_exit_codes_are_the_functions(launch: LaunchServer, given_code: Any, code: int) -> None:
    process = launch.start(leave, given_code)
    assert process.wait(SECONDS) == [code]
    assert process.output() == ("bad words\n" if given_code == "bad words" else "")


def test_an_earlier_result_is_not_taken_for_a_later_one(
    launch: LaunchServer, tmp_path: Path
) -> None:
    first = launch.start(echo, 1, folder=tmp_path)
    assert first.wait(SECONDS) == [0]
    assert first.result() == (1,)
    second = launch.start(leave, 0, folder=tmp_path)
    assert second.wait(SECONDS) == [0]
    assert second.result() is None


def test_one_rank_is_killed_and_then_all(launch: LaunchServer) -> None:
    ranks = launch.start(wait_for_a_signal, ranks=3)
    assert until_it_prints(ranks, 1) == "here\n"
    ranks.kill(rank=1)
    with pytest.raises(
        TimeoutError, match=r"rank 0 \(pid \d+\), rank 2 \(pid \d+\)\. Ended: rank 1 with -9"
    ):
        ranks.wait(0.3)
    with pytest.raises(LaunchError, match="Rank 0 has not ended"):
        ranks.result()
    assert lives(ranks.pids[0])
    ranks.kill()
    assert ranks.wait(SECONDS) == [-9, -9, -9]
    assert ranks.output(1) == "here\n"
    ranks.kill()  # nothing is left to get it


def test_a_rank_may_answer_a_signal(launch: LaunchServer) -> None:
    ranks = launch.start(leave_on_sigterm, ranks=2)
    assert until_it_prints(ranks, 0) == until_it_prints(ranks, 1)
    ranks.kill(signal.SIGTERM, rank=0)
    ranks.kill(signal.SIGINT, rank=1)
    assert ranks.wait(SECONDS) == [7, 1]
    assert "KeyboardInterrupt" in ranks.output(1)


def test_waiting_in_vain_ends_nothing(launch: LaunchServer, tmp_path: Path) -> None:
    ranks = launch.start(wait_on, 1, tmp_path / "go", ranks=2)
    with pytest.raises(TimeoutError, match=r"After 0\.5 seconds these still run: rank 1 \(pid"):
        ranks.wait(0.5)
    (tmp_path / "go").touch()
    assert ranks.wait(SECONDS) == [0, 0]


def test_a_loaders_worker_goes_only_where_the_tree_is_asked_for(launch: LaunchServer) -> None:
    alone, tree = launch.start(load_for_ever), launch.start(load_for_ever)
    workers = [int(until_it_prints(alone)), int(until_it_prints(tree))]
    alone.kill()
    tree.kill(tree=True)
    assert alone.wait(SECONDS) + tree.wait(SECONDS) == [-9, -9]
    assert all_end(workers[1:])
    assert lives(workers[0])
    os.kill(workers[0], signal.SIGKILL)


def test_ranks_talk_to_each_other(launch: LaunchServer) -> None:
    both = [launch.start(sum_over_ranks, ranks=2) for _ in range(2)]  # at once, on two ports
    assert [ranks.wait(SECONDS) for ranks in both] == [[0, 0], [0, 0]]
    assert [ranks.result(r) for ranks in both for r in range(2)] == [3.0] * 4


def test_lightning_trains_on_two_ranks_as_on_one(launch: LaunchServer) -> None:
    one, two = launch.start(fit, 1), launch.start(fit, 2, ranks=2)
    assert one.wait(SECONDS) + two.wait(SECONDS) == [0, 0, 0], two.output()
    _, world, weights = one.result()
    assert world == 1
    for rank in range(2):
        assert two.result(rank)[:2] == (rank, 2)
        assert two.result(rank)[2] == pytest.approx(weights, abs=1e-6)
    assert weights != Line().linear.weight.flatten().tolist()


def test_ranks_start_as_new_processes_do(launch: LaunchServer) -> None:
    ranks = launch.start(first_acts, ranks=2)
    assert ranks.wait(SECONDS) == [0, 0]
    (np_0, torch_0, speaks_0), (np_1, torch_1, speaks_1) = ranks.result(0), ranks.result(1)
    assert np_0 != np_1  # numpy's seed is the system's
    assert torch_0 == torch_1  # torch's is fixed
    assert (speaks_0, speaks_1) == (True, False)  # to Lightning, from the beginning


def test_the_server_can_fork_safely_and_for_long(launch: LaunchServer) -> None:
    threads, before = (launch.start(count_of_the_server, kind) for kind in ("task", "fd"))
    assert threads.wait(SECONDS) + before.wait(SECONDS) == [0, 0]
    assert threads.result() == 1
    for _ in range(10):
        launch.start(echo, ranks=2).wait(SECONDS)
    after = launch.start(count_of_the_server, "fd")
    assert after.wait(SECONDS) == [0]
    assert after.result() <= before.result() + 2  # the last launch's may still be there


def test_functions_of_scripts_start_too(launch: LaunchServer, tmp_path: Path) -> None:
    script = tmp_path / "campaign.py"
    script.write_text(
        "class Job:\n"
        "    size = 4\n"
        "def work(job, more):\n"
        "    return job().size + more\n"
        "if __name__ == '__main__':\n"
        "    process = server.start(work, Job, 3)\n"
    )
    ran = runpy.run_path(str(script), {"server": launch}, run_name="__main__")
    assert ran["process"].wait(SECONDS) == [0]
    assert ran["process"].result() == 7


@pytest.mark.parametrize(
    "function",
    [lambda: None, partial(echo, 1), {}.get, Line().parameters],
    ids=("lambda", "partial", "builtin", "method"),
)
def test_what_no_file_names_is_refused(launch: LaunchServer, function: Any) -> None:
    with pytest.raises(ConfigError, match=r"cannot be started[^\n]*\nDefine it with def"):
        launch.start(function)
    with pytest.raises(ConfigError, match="ranks is 0"):
        launch.start(echo, ranks=0)


def test_nothing_outlives_a_user_that_dies(launch: LaunchServer) -> None:
    user = launch.start(be_a_user)
    pids = [int(word) for word in until_it_prints(user).split()]
    assert len(pids) == 5
    assert all(map(lives, pids))
    user.kill()
    assert user.wait(SECONDS) == [-9]
    assert all_end(pids)


def test_a_servers_death_is_told_and_leaves_nothing() -> None:
    with LaunchServer(modules=()) as server:
        ranks = server.start(time.sleep, SECONDS, ranks=2)
        parent = server.start(os.getppid)
        assert parent.wait(SECONDS) == [0]
        os.kill(parent.result(), signal.SIGKILL)
        with pytest.raises(LaunchError, match="The launch server ended with exit code -9"):
            ranks.wait(SECONDS / 2)  # while the ranks are alive
        assert all_end([*ranks.pids, parent.result()])
        with pytest.raises(LaunchError, match="The launch server that had these ranks is gone"):
            ranks.kill()
        again = server.start(os.getppid)  # a new one
        assert again.wait(SECONDS) == [0]
        rest = server.start(time.sleep, SECONDS)
        assert all(map(lives, [again.result(), *rest.pids]))
    assert all_end([again.result(), *rest.pids])


def test_a_server_that_cannot_begin_says_why() -> None:
    with (
        LaunchServer(modules=["no_such_module"]) as server,
        pytest.raises(LaunchError, match=r"(?s)exit code 1.*No module named 'no_such_module'"),
    ):
        server.start(echo)
