"""The command of jobs: what it writes, prints and refuses."""

import subprocess
import sys
from pathlib import Path

import pytest

import torchedu.run  # noqa: F401 - Lightning logs for good to the standard error that it first sees
from torchedu.cli import main
from torchedu.launch.registry import LAUNCHERS

FIT = ["--", "fit", "--run", "runs/x", "--trainer.accelerator", "cpu"]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_job_is_written_and_nothing_is_started(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["launch", "slurm", "--nodes", "2", *FIT]) == 0
    files = sorted(path.name for path in (here / "jobs" / "x").iterdir())
    assert files == ["check.sh", "job.sbatch", "run.txt"]
    assert capsys.readouterr().out.splitlines() == [
        f"written: {here}/jobs/x/{name}" for name in ("job.sbatch", "check.sh")
    ]


def test_what_is_permitted_is_permitted_to_the_training_too(
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = [*FIT, "--trust", "own_package", "--allow_download"]
    assert main(["launch", "torchrun", "--dry_run", *words]) == 0
    said = capsys.readouterr().out
    assert " --trust own_package --allow_download --trainer.num_nodes 1" in said


@pytest.mark.parametrize("word", ["--dry_run", "--dry-run"])
def test_a_dry_run_prints_what_would_be_written_and_writes_nothing(
    word: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["launch", "slurm", "--nodes", "2", word, *FIT]) == 0
    said = capsys.readouterr().out
    assert said.startswith(f"# {here}/jobs/x/job.sbatch\n#!/bin/bash\n#SBATCH --job-name=x\n")
    assert not list(here.iterdir())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["slrum", *FIT], ["no 'slrum'", "Did you mean slurm?"]),
        (["slurm"], ["what is to be trained is not said", "-- fit"]),
        (["slurm", "--", "tune"], ["but 'tune'"]),
        (["slurm", "--nodes", "2", *FIT[1:]], ["no -- stands before fit", "-- fit"]),
        (["slurm", "--node", "2", *FIT], ["--node is not known", "--nodes"]),
        (["slurm", "--nodes", "two", *FIT], ["--nodes is 'two'", "whole number"]),
        (["slurm", "--nodes", "0", *FIT], ["--nodes is 0"]),
        (["slurm", "--", "fit"], ["folder of its run", "--run FOLDER"]),
        (["slurm", *FIT, "--model.lrr", "3"], ["--model.lrr", "--model.lr"]),
        (["slurm", *FIT, "--data.path", "gone.csv"], ["gone.csv"]),
        (["slurm", *FIT, "--resume", "runs/y"], ["--resume is runs/y", "--init_from"]),
        (
            ["slurm", "--submit", *FIT],
            ["there is no SLURM here", "a node of the cluster"],
        ),
        (["torchrun", "--nodes", "2", *FIT], ["--first names none", "--first node-1:29400"]),
    ],
)
def test_bad_input_is_told_in_two_lines_and_nothing_is_written(
    words: list[str],
    said: list[str],
    here: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", "/no/such")
    assert main(["launch", *words]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 2, error
    assert all(text in error for text in said), error
    assert not list(here.iterdir())


def test_a_job_of_this_machine_is_started_and_followed(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # Refused by what looks at the node: nothing that takes long is imported.
    with pytest.raises(SystemExit) as ended:
        main(["launch", "torchrun", "--free_gib", "1e9", "--submit", *FIT])
    assert ended.value.code == 2
    written, begun, *said = capsys.readouterr().out.splitlines()
    assert written == f"written: {here}/jobs/x/node.sh"
    assert " has begun; to end it: kill -TERM " in begun
    assert any("GiB left, of 1e+09 that a run is to have" in line for line in said)
    assert said[-1].endswith("ended with 2")


def test_two_jobs_do_not_share_a_folder(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["launch", "slurm", "--", "fit", "--trainer.accelerator", "cpu", "--run"]
    assert main([*words, "runs/a/x"]) == 0
    assert main([*words, "runs/a/x"]) == 0
    assert main([*words, "runs/b/x"]) == 2
    error = capsys.readouterr().err
    assert f"{here}/jobs/x is the folder of another job, of the run runs/a/x.\n" in error
    assert "--name" in error


def test_a_folder_of_a_job_that_cannot_be_made_is_told(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "jobs").write_text("a file", "utf-8")
    assert main(["launch", "slurm", *FIT]) == 2
    assert "jobs/x cannot be written (Not a directory).\n" in capsys.readouterr().err


def test_the_data_of_the_first_job_of_an_array_is_looked_for(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["launch", "slurm", "--array", "3-4", "--name", "folds", *FIT[:2]]
    words += ["--run", "runs/{task}", "--data.path", "fold-{task}.csv"]
    assert main(words) == 2
    assert "fold-3.csv: no such file" in capsys.readouterr().err
    (here / "fold-3.csv").write_text("student,item,correct\n", "utf-8")
    assert main(words) == 0


def test_each_launcher_has_its_help_without_torch() -> None:
    code = (
        "import sys; from torchedu.cli import main\n"
        "try: main(['launch', sys.argv[1], '--help'])\n"
        "except SystemExit: print(*sorted({'torch', 'ray'} & set(sys.modules)), 'none')"
    )
    for name in LAUNCHERS:
        done = subprocess.run(
            [sys.executable, "-c", code, name], capture_output=True, text=True, check=True
        )
        assert f"usage: torchedu launch {name} [--nodes NODES]" in done.stdout
        assert done.stdout.endswith("\nnone\n")


def test_help_lists_the_launchers(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["launch"]) == 0
    said = capsys.readouterr().out
    assert all(f"\n  {name} " in said for name in LAUNCHERS)
