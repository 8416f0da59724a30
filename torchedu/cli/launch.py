"""``torchedu launch``: a training as a job of a cluster, written, started and followed."""

import inspect
import re
from collections.abc import Mapping, Sequence
from typing import Any

from torchedu.cli.first_words import check
from torchedu.cli.terminal import Terminal
from torchedu.errors import ConfigError, allowed
from torchedu.files import write_whole
from torchedu.job_status import JobStatus
from torchedu.launch.follow import Gathered, follow
from torchedu.launch.job import TASK, Job
from torchedu.launch.launcher import Launcher, Started
from torchedu.launch.registry import LAUNCHERS
from torchedu.parsing import TwoLineErrors
from torchedu.permissions import held
from torchedu.threads import taken

END = "--"
"""What comes before the words of the training."""
TRAINING = "fit"
OWNER = "run.txt"
"""File of a job's folder that says whose it is: two of one name would follow each other's logs."""


def main(arguments: Sequence[str]) -> None:
    """Run the command with the words after ``torchedu launch``."""
    own = list(arguments)
    words: list[str] = []
    if END in own:
        at = own.index(END)
        own, words = own[:at], own[at + 1 :]
    if not own or own[0] in ("-h", "--help"):
        print(_help())
        return
    name, *options = own
    if name not in LAUNCHERS:
        raise ConfigError(f"torchedu launch knows no {name!r}.", allowed(name, LAUNCHERS))
    if END not in arguments and TRAINING in options:
        raise ConfigError(
            f"no {END} stands before {TRAINING}: its words would be the job's.",
            f"torchedu launch {name} [OPTIONS] {END} {TRAINING} --config ... --run FOLDER",
        )
    parser = TwoLineErrors(
        prog=f"torchedu launch {name}",
        description=f"usage: torchedu launch {name} [OPTIONS] -- fit --config ... --run FOLDER. "
        "Writes the job; what stands after the two dashes is trained there as it is here.",
    )
    parser.add_class_arguments(Job, skip={"words", "here"})
    parser.add_class_arguments(LAUNCHERS[name])
    for option, said in (
        ("submit", "start the job, and follow it"),
        ("dry_run", "print what would be written, and write nothing"),
        ("detach", "with --submit: do not follow it"),
    ):
        dashed = f"--{option.replace('_', '-')}"
        parser.add_argument(*{f"--{option}": 0, dashed: 0}, action="store_true", help=said)
    given = vars(parser.parse_args(options))
    if not words or words[0] != TRAINING:
        raise ConfigError(
            f"what is to be trained is not said{f', but {words[0]!r}' if words else ''}.",
            f"After the options: {END} {TRAINING} --config RECIPE --data.path FILE --run FOLDER",
        )
    number = re.match(r"\d+", given.get("array") or "")  # of the first job of an array
    first = [word.replace(TASK, number[0]) if number else word for word in words[1:]]
    check(TRAINING, taken(first)[1], here=LAUNCHERS[name].shared)
    submit, dry, detach = (given.pop(option) for option in ("submit", "dry_run", "detach"))
    # What is permitted was taken off all words; the training is to have it too.
    job = Job((*words[1:], *held().words()), **_of(Job, given))
    launcher = LAUNCHERS[name](**_of(LAUNCHERS[name], given))
    _launch(launcher, job, submit, dry, detach)


def _of(kind: type, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a class's own arguments."""
    names = inspect.signature(kind).parameters
    return {name: value for name, value in given.items() if name in names}


def _launch(launcher: Launcher, job: Job, submit: bool, dry: bool, detach: bool) -> None:
    launcher.check_words(job)
    files = launcher.files(job)
    terminal = Terminal()
    if dry:
        for name, content in files.items():
            terminal.print(f"# {job.folder / name}\n{content}")
        return
    owner = job.folder / OWNER
    if owner.is_file() and owner.read_text("utf-8") != job.given["run"]:
        raise ConfigError(
            f"{job.folder} is the folder of another job, of the run {owner.read_text('utf-8')}.",
            "Give this one a ⟦name⟧ or a folder (⟦out⟧) of its own.",
        )
    if submit:
        launcher.check(job)
    try:
        job.folder.mkdir(parents=True, exist_ok=True)
        write_whole(owner, job.given["run"].encode())
    except OSError as error:
        raise ConfigError(
            f"{job.folder} cannot be written ({error.strerror}).",
            "Name a folder for the job where you may write: ⟦out⟧.",
        ) from None
    for name, content in files.items():
        write_whole(job.folder / name, content.encode())
        terminal.print(f"written: {job.folder / name}")
    if not submit:
        return
    (job.folder / JobStatus.FILE).unlink(missing_ok=True)  # of the same job, begun before
    gathered = Gathered(job.folder)
    started = launcher.start(job)
    terminal.print(f"{started.name} has begun; to end it: {started.cancel}")
    if not detach:
        raise SystemExit(_followed(started, job, gathered, terminal))


def _followed(started: Started, job: Job, gathered: Gathered, terminal: Terminal) -> int:
    if not terminal.is_terminal:
        return follow(started, job.folder, gathered, terminal.print, Changes(terminal))
    with terminal.status("") as status:
        return follow(started, job.folder, gathered, terminal.print, status.update)


class Changes:
    """Prints a line where it differs from the one before, for output that is no terminal."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._last = ""

    def __call__(self, line: str) -> None:
        """Print it, if it is new."""
        if line != self._last:
            self._last = line
            self._terminal.print(line)


def _help() -> str:
    purposes = {name: (kind.__doc__ or "").split("\n")[0] for name, kind in LAUNCHERS.items()}
    width = max(map(len, purposes))
    return "\n".join(
        [
            "usage: torchedu launch LAUNCHER [OPTIONS] -- fit --config RECIPE --run FOLDER ...",
            "",
            *(f"  {name:{width}}  {purpose}" for name, purpose in purposes.items()),
            "",
            "torchedu launch LAUNCHER --help lists the options of each.",
        ]
    )
