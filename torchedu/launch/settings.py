"""Variables that a job sets on every node, each with its reason."""

import shlex
import sys
from collections.abc import Sequence
from typing import NamedTuple

from torchedu.job_status import JobStatus
from torchedu.launch.job import Job, as_text


class Setting(NamedTuple):
    """A variable of the environment.

    Attributes:
        name: Its name.
        value: Its value.
        reason: Why it is set.
    """

    name: str
    value: str
    reason: str


def settings(job: Job, shared: bool = True) -> list[Setting]:
    """Return what a job sets; what a node's environment says already comes before it.

    Args:
        job: The job.
        shared: Whether its nodes see the files of this machine.
    """
    own = [
        Setting("OMP_NUM_THREADS", str(job.cpus), "more threads than cores collapse the speed"),
        Setting("PYTHONUNBUFFERED", "1", "logs are followed as they are written"),
        Setting("NCCL_DEBUG", "WARN", "NCCL then says why nodes do not meet, and else nothing"),
    ]
    if shared:
        status = str(job.folder / JobStatus.FILE)
        own.append(Setting(JobStatus.VARIABLE, status, "how far it is, for who follows it"))
    if job.interface:
        reason = "named by the job: the nodes meet by this network"
        own += [
            Setting(f"{library}_SOCKET_IFNAME", job.interface, reason)
            for library in ("GLOO", "NCCL")
        ]
    return own


def exports(job: Job, more: Sequence[Setting] = ()) -> list[str]:
    """Return the lines of a shell script that set them."""
    return [
        f"export {name}=${{{name}:-{shlex.quote(value)}}}  # {reason}"
        for name, value, reason in (*settings(job), *more)
    ]


def node_check(job: Job, python: str, shared: bool, now: str = "") -> list[str]:
    """Return the lines of a shell script that look at a node, and end it with 2 if it is refused.

    Args:
        job: The job.
        python: The interpreter of the nodes.
        shared: Whether they see the files of this machine.
        now: A word of shell for the seconds since 1970 by the first node's clock.
    """
    expected = shlex.quote(as_text(job.expected(shared)))
    named = shlex.quote(python)
    return [
        f"{named} -c 'import torchedu' 2>/dev/null || {{",
        f'  echo "node $(hostname): torchedu is not installed for {named}." >&2',
        '  echo "Install on all nodes what this job was written with, in one place." >&2',
        "  exit 2",
        "}",
        f"{named} -m torchedu.launch.node check {expected}{now and f' {now}'} || exit 2",
    ]


def python_here() -> str:
    """Return the interpreter that runs this, as scripts call it."""
    return sys.executable
