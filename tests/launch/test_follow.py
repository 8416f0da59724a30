"""Logs of ranks are one text, and how far the job is one line."""

from pathlib import Path

from torchedu.job_status import JobStatus
from torchedu.launch.follow import Gathered, follow, standing
from torchedu.launch.launcher import Started, State


def test_what_several_ranks_say_comes_once_and_half_lines_wait(tmp_path: Path) -> None:
    gathered = Gathered(tmp_path)
    assert list(gathered.lines()) == []
    (tmp_path / "logs").mkdir()
    first, other = (tmp_path / "logs" / f"rank-{rank}.log" for rank in (0, 10))
    first.write_text("a warning\nepoch 1\nepoch", "utf-8")
    other.write_text("a warning\nits own\n\n", "utf-8")
    (tmp_path / "logs" / "job-3.log").write_text("of the script\n", "utf-8")
    assert list(gathered.lines()) == [
        "of the script", "[rank 0] a warning", "[rank 0] epoch 1", "[rank 10] its own",
    ]  # fmt: skip
    first.write_text("a warning\nepoch 1\nepoch 2\na warning\n", "utf-8")
    assert list(gathered.lines()) == ["[rank 0] epoch 2", "[rank 0] a warning"]


def test_lines_that_torchrun_marks_are_those_of_its_ranks(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "node-a.log"
    log.parent.mkdir()
    log.write_text("[rank 0] of before\n", "utf-8")
    gathered = Gathered(tmp_path)
    with log.open("a", encoding="utf-8") as more:
        more.write("[rank 0] x\n[rank 1] x\n[rank 1] y\nagent\n")
    assert list(gathered.lines()) == ["[rank 0] x", "[rank 1] y", "agent"]


class Ends(Started):
    """A job that ends at the second look."""

    name = "job 3"
    cancel = "cancel 3"

    def __init__(self, log: Path) -> None:
        self._log = log

    def state(self) -> State:
        if self._log.exists():
            self._log.write_text("one\nlast\n", "utf-8")
            return State("FAILED", 70)
        self._log.parent.mkdir()
        self._log.write_text("one\n", "utf-8")
        return State("RUNNING")


def test_a_job_is_followed_to_its_end(tmp_path: Path) -> None:
    said: list[str] = []
    shown: list[str] = []
    JobStatus(42, 125, 3, 100, {"val/auc": 0.75}).write(tmp_path / JobStatus.FILE)
    job, gathered = Ends(tmp_path / "logs" / "rank-0.log"), Gathered(tmp_path)
    assert follow(job, tmp_path, gathered, said.append, shown.append) == 70
    assert said == ["[rank 0] one", "[rank 0] last"]
    status = "42 %, epoch 3, 2 min left | val/auc 0.7500"
    assert shown == [f"job 3: RUNNING | {status}", f"job 3: FAILED | {status}"]
    assert standing("job 3", State("PENDING"), None) == "job 3: PENDING"
