"""The batch script letter by letter, and what is refused before anything is submitted."""

import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from torchedu.errors import ConfigError
from torchedu.launch.job import Job, program_here
from torchedu.launch.launcher import State
from torchedu.launch.slurm import CHECK, SCRIPT, Partition, Slurm, partitions, state_of

CPU = ("--run", "runs/x", "--trainer.accelerator", "cpu")
PINNED = Path(__file__).with_name("job.sbatch")


def plain(text: str, job: Job) -> str:
    text = text.replace(program_here(), "TORCHEDU").replace(sys.executable, "PYTHON")
    return text.replace(str(job.here), "HERE")


def test_the_batch_script_stands_letter_by_letter(tmp_path: Path) -> None:
    job = Job((*CPU, "--model.net", "DKT"), nodes=2, devices=4, time="8h", here=tmp_path)
    text = plain(Slurm(partition="long", account="edu").files(job)[SCRIPT], job)
    assert text == PINNED.read_text("utf-8")


def test_scripts_are_shell(tmp_path: Path) -> None:
    odd = ("--run", "runs/it's {task}", "--data.path", "a $HOME `x`.csv")
    job = Job(odd, name="odd", here=tmp_path)
    files = Slurm(array="0-9%2", sbatch="--exclusive --mem=0").files(job)
    for text in files.values():
        assert subprocess.run(["bash", "-n"], input=text, text=True, check=False).returncode == 0
    script = files[SCRIPT]
    assert "#SBATCH --array=0-9%2\n" in script
    assert "#SBATCH --mem=0\n" in script
    assert "#SBATCH --gpus-per-node=1\n" in script
    assert "logs/%a-rank-%t.log" in script
    line = next(line for line in script.splitlines() if line.strip().startswith(program_here()))
    words = subprocess.run(
        ["bash", "-c", f"printf '%s|' {line.strip().removesuffix('&')}"],
        env={"SLURM_ARRAY_TASK_ID": "7"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split("|")
    assert words[1:6] == ["fit", "--run", "runs/it's 7", "--data.path", "a $HOME `x`.csv"]


@pytest.mark.parametrize(
    ("options", "words", "said"),
    [
        ({"array": "0-9"}, CPU, ["folder of all jobs", "runs/x-{task}"]),
        ({"array": "a"}, CPU, ["array is 'a'"]),
        ({}, ("--run", "runs/{task}"), ["the job is no array"]),
    ],
)
def test_an_array_has_a_folder_for_each(
    options: dict[str, str], words: tuple[str, ...], said: list[str]
) -> None:
    with pytest.raises(ConfigError) as error:
        Slurm(**options).files(Job(words))  # type: ignore[arg-type]
    assert all(text in str(error.value) for text in said)


@pytest.mark.parametrize("word", ["--nodes=5", "-N 5", "-N5", "--no-requeue", "-t 1:00", "--qos=x"])
def test_options_that_the_job_gives_are_not_given_twice(word: str) -> None:
    with pytest.raises(ConfigError, match="which the job gives by itself"):
        Slurm(sbatch=f"--exclusive {word}").files(Job(CPU))


def test_an_option_with_a_blank_stays_one_word(tmp_path: Path) -> None:
    text = Slurm(sbatch="--comment='a b' --mem=0").files(Job(CPU, here=tmp_path))[SCRIPT]
    assert "#SBATCH '--comment=a b'\n#SBATCH --mem=0\n" in text


def test_a_folder_may_have_any_name(tmp_path: Path) -> None:
    here = tmp_path / "my lab's 100%j"
    text = Slurm().files(Job(CPU, here=here))[SCRIPT]
    (line,) = [
        line for line in text.splitlines() if line.startswith("#SBATCH") and "output" in line
    ]
    doubled = str(here).replace("%", "%%")
    assert shlex.split(line)[1:] == [f"--output={doubled}/jobs/x/logs/job-%j.log"]
    assert shlex.quote(f"{doubled}/jobs/x/logs/rank-%t.log") in text


def test_jobs_of_an_array_may_each_have_data_of_their_own(tmp_path: Path) -> None:
    words = ("--run", "runs/{task}", "--data.path", "fold-{task}.csv")
    job = Job(words, name="folds", here=tmp_path)
    assert job.expected(shared=True)["data"] is None
    assert "fold-{task}" not in Slurm(array="0-4").files(job)[CHECK]


@pytest.mark.parametrize(("time", "warn"), [("2", 120), ("1h", 3600)])
def test_a_job_is_not_told_to_stop_as_it_begins(time: str, warn: int) -> None:
    with pytest.raises(ConfigError, match=f"warn is {warn} seconds, and time {time}"):
        Slurm(warn=warn).files(Job(CPU, time=time))
    assert "#SBATCH --time=2\n" in Slurm(warn=60).files(Job(CPU, time="2"))[SCRIPT]


def test_options_of_sbatch_are_words_of_shell() -> None:
    with pytest.raises(ConfigError, match="No closing quotation"):
        Slurm(sbatch='--comment="x')


@pytest.mark.parametrize("options", [{"warn": 0}, {"probe": -1}])
def test_seconds_are_counted(options: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match="at least 1"):
        Slurm(**options)  # type: ignore[arg-type]


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Give what lays SLURM's programs, which answer as they are told."""

    def lay(**answers: str) -> None:
        folder = tmp_path / "bin"
        folder.mkdir(exist_ok=True)
        for name, script in answers.items():
            (folder / name).write_text(f"#!/bin/sh\n{script}\n", "utf-8")
            (folder / name).chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")

    return lay


SINFO = """cat <<'END'
long*|3|1-00:00:00|(null)
long*|1|1-00:00:00|gpu:a100:4
cpu|2|1:00:00|(null)
END"""


@pytest.mark.parametrize(
    ("options", "job", "said"),
    [
        ({"partition": "lang"}, {}, ["partition 'lang'", "Allowed: long, cpu. Did you mean long?"]),
        ({}, {"nodes": 5}, ["nodes is 5, and the partition long has 4"]),
        ({"partition": "cpu"}, {}, ["the partition cpu has no GPUs", "accelerator cpu"]),
        ({}, {"time": "2d"}, ["time is 2d", "1440 minutes"]),
    ],
)
def test_what_the_cluster_does_not_have_is_told(
    options: dict[str, str], job: dict[str, int], said: list[str], cluster: Callable[..., None]
) -> None:
    cluster(sinfo=SINFO, sbatch="exit 9")
    with pytest.raises(ConfigError) as error:
        Slurm(**options).check(Job(("--run", "x"), **job))  # type: ignore[arg-type]
    assert all(text in str(error.value) for text in said), str(error.value)
    assert str(error.value).count("\n") == 1


def test_what_the_cluster_has_passes(cluster: Callable[..., None]) -> None:
    cluster(sinfo=SINFO, sbatch="")
    Slurm().check(Job(("--run", "x"), nodes=4, time="1d"))
    Slurm(partition="cpu").check(Job(CPU, nodes=2, time="1h"))


def test_no_slurm_and_one_that_does_not_answer_are_told(
    cluster: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster(sinfo="echo 'sinfo: error: slurm_load_partitions: Unable to contact' >&2; exit 1",
            sbatch="")  # fmt: skip
    with pytest.raises(ConfigError, match=r"SLURM refuses: sinfo: error.*Unable to contact"):
        Slurm().check(Job(CPU))
    monkeypatch.setenv("PATH", "/no/such")
    with pytest.raises(ConfigError, match="there is no SLURM here: sbatch is not on the PATH"):
        Slurm().check(Job(CPU))


def test_a_node_that_is_refused_keeps_the_job_from_being_submitted(
    cluster: Callable[..., None], tmp_path: Path
) -> None:
    job = Job((*CPU, "--data.path", "gone.csv"), here=tmp_path)
    job.folder.mkdir(parents=True)
    for name, text in Slurm().files(job).items():
        (job.folder / name).write_text(text, "utf-8")
    submitted = tmp_path / "submitted"
    # srun runs here what it is given after its options.
    cluster(
        sbatch=f'[ "$1" = --test-only ] || {{ touch {submitted}; echo 12; }}',
        srun='while [ "${1#--}" != "$1" ]; do shift; done; exec "$@"',
    )
    with pytest.raises(ConfigError) as error:
        Slurm().start(job)
    assert "path gone.csv is not there" in str(error.value)
    assert not submitted.exists()
    (tmp_path / "gone.csv").touch()
    assert Slurm().start(job).name == "SLURM job 12"
    assert submitted.exists()


def test_nodes_that_are_busy_are_looked_at_by_the_job_itself(
    cluster: Callable[..., None], tmp_path: Path
) -> None:
    job = Job(CPU, here=tmp_path)
    job.folder.mkdir(parents=True)
    busy = "echo 'srun: error: Unable to allocate resources: Requested nodes are busy' >&2; exit 1"
    cluster(sbatch='[ "$1" = --test-only ] || echo "12;cluster"', srun=busy)
    assert Slurm().start(job).cancel == "scancel 12"
    assert CHECK in Slurm().files(job)[SCRIPT]


def test_a_script_that_slurm_refuses_is_told(cluster: Callable[..., None], tmp_path: Path) -> None:
    cluster(sbatch="echo 'allocation failure: Invalid account' >&2; exit 1", srun="exit 9")
    job = Job(CPU, here=tmp_path)
    job.folder.mkdir(parents=True)
    with pytest.raises(ConfigError, match="SLURM refuses: allocation failure: Invalid account"):
        Slurm().start(job)


def test_partitions_are_read_as_sinfo_tells_them() -> None:
    told = "a*|3|infinite|(null)\na*|1|infinite|gpu:2\nb|2|30:00|(null)\nc|1|2-03:00:10|gres"
    assert partitions(told) == {
        "a": Partition(4, None, True, True),
        "b": Partition(2, 1800, False, False),
        "c": Partition(1, 183610, False, False),
    }


@pytest.mark.parametrize(
    ("shown", "state"),
    [
        ("JobId=7 JobState=RUNNING Restarts=2 ExitCode=0:0 NodeList=a,b Reason=None",
         State("RUNNING on a,b, begun again 2 x")),
        ("JobId=7 JobState=PENDING Restarts=0 ExitCode=0:0 NodeList=(null) Reason=Priority",
         State("PENDING (Priority)")),
        ("JobId=7 JobState=COMPLETED Restarts=0 ExitCode=0:0 NodeList=a", State("COMPLETED", 0)),
        ("JobId=7 JobState=FAILED Restarts=0 ExitCode=2:0 NodeList=a", State("FAILED", 2)),
        ("JobId=7 JobState=CANCELLED ExitCode=0:15 NodeList=a", State("CANCELLED", 1)),
        ("JobId=8 JobState=RUNNING ExitCode=0:0 NodeList=a\nJobId=9 JobState=COMPLETED",
         State("1 RUNNING on a; 1 COMPLETED")),
        ("JobId=8 JobState=FAILED ExitCode=2:0\nJobId=9 JobState=COMPLETED ExitCode=0:0",
         State("1 FAILED; 1 COMPLETED", 2)),
    ],
)  # fmt: skip
def test_a_job_stands_as_slurm_shows_it(shown: str, state: State) -> None:
    assert state_of(shown) == state
