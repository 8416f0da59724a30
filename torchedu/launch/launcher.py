"""What every launcher does: it writes a job's files, says what stands against it, and starts it."""

import shutil
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, NamedTuple, Protocol

from torchedu.errors import ConfigError
from torchedu.launch.job import TASK, Job

LOGS = "logs"
"""Folder of a job's logs, in its own."""


class State(NamedTuple):
    """How a job stands.

    Attributes:
        said: In the scheduler's words, such as ``RUNNING on a,b``.
        code: Its exit code, once it has ended.
    """

    said: str
    code: int | None = None


class Started(Protocol):
    """A job that was started."""

    name: str
    """What its scheduler calls it."""
    cancel: str
    """The command that ends it."""

    def state(self) -> State:
        """Return how it stands now."""


class Launcher(ABC):
    """Writes jobs for one kind of cluster, and starts them there.

    The arguments of a launcher are the options of its own.
    """

    shared: ClassVar[bool] = True
    """Whether its nodes see the files of the machine that writes the job."""
    arrays: ClassVar[bool] = False
    """Whether it starts one job many times."""

    @abstractmethod
    def files(self, job: Job) -> dict[str, str]:
        """Return what is written of a job, by the files' names.

        Raises:
            ConfigError: A job of that kind cannot be had.
        """

    @abstractmethod
    def check(self, job: Job) -> None:
        """Refuse a job that could not run, before anything is submitted.

        Raises:
            ConfigError: There is no such scheduler here, or it would not take the job.
        """

    @abstractmethod
    def start(self, job: Job) -> Started:
        """Start a job whose files are written.

        Raises:
            ConfigError: The scheduler does not take it.
        """

    def check_words(self, job: Job) -> None:
        """Refuse words that only arrays know, where there are none."""
        if not self.arrays and any(TASK in word for word in job.words):
            raise ConfigError(
                f"{TASK} stands among the words, for the number of a job in an array.",
                "Only torchedu launch slurm ⟦array⟧ 0-9 fills it in.",
            )


def program(name: str, scheduler: str, remedy: str) -> str:
    """Return the path of a scheduler's program.

    Args:
        name: The program.
        scheduler: What it belongs to.
        remedy: What to do where it is not there.

    Raises:
        ConfigError: It is not there.
    """
    path = shutil.which(name)
    if path is None:
        raise ConfigError(f"there is no {scheduler} here: {name} is not on the PATH.", remedy)
    return path


def asked(command: Sequence[str], scheduler: str, seconds: float = 60.0) -> str:
    """Return what a scheduler's program answers.

    Args:
        command: The program and its words.
        scheduler: What it belongs to.
        seconds: How long it may take.

    Raises:
        ConfigError: It refuses, or does not answer.
    """
    try:
        done = subprocess.run(
            [*command], capture_output=True, text=True, timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired:
        raise ConfigError(
            f"{scheduler} does not answer: {Path(command[0]).name} took {seconds:g} s.",
            "Try it by hand, and see that this machine reaches it.",
        ) from None
    if done.returncode:
        said = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()]
        reason = said[-1].strip() if said else f"exit code {done.returncode}"
        raise ConfigError(
            f"{scheduler} refuses: {reason[:300]}",
            f"That was {Path(command[0]).name}; see the options of the job.",
        )
    return done.stdout


class Here(Started):
    """A process of this machine.

    Args:
        process: It.
    """

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process
        self.name = f"process {process.pid}"
        self.cancel = f"kill -TERM {process.pid}"

    def state(self) -> State:
        """Return whether it runs."""
        code = self._process.poll()
        return State("running" if code is None else f"ended with {code}", code)


def started_here(command: Sequence[str], job: Job, log: str) -> Here:
    """Start a command on this machine, with its output among the logs of a job.

    Args:
        command: The program and its words.
        job: The job.
        log: The name of the log.
    """
    folder = job.folder / LOGS
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / log).open("ab") as output:
        process = subprocess.Popen(
            [*command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,  # Ctrl-C ends what follows it, not the training
        )
    return Here(process)
