"""Ray: the nodes of a cluster that stands already, by Ray Train."""

import shlex
from importlib.util import find_spec
from pathlib import Path

from torchedu.errors import ConfigError, MissingExtraError
from torchedu.launch.job import Job, as_text
from torchedu.launch.launcher import Launcher, Started, started_here
from torchedu.launch.settings import exports, python_here

FILE = "job.json"
SCRIPT = "ray.sh"
MODULE = "torchedu.launch.ray_train"


class Ray(Launcher):
    """A Ray cluster that stands already, by Ray Train.

    Who may use it is known by Ray's own token: RAY_AUTH_MODE=token, and RAY_AUTH_TOKEN or
    RAY_AUTH_TOKEN_PATH.

    Args:
        address: Of its head, such as head:6379; auto: the one that this machine belongs to.
    """

    def __init__(self, address: str = "auto") -> None:
        if not address:
            raise ConfigError("⟦address⟧ is empty.", "Name the cluster's head, or auto.")
        self.address = address

    def files(self, job: Job) -> dict[str, str]:
        """Return what Ray is asked for, and the script that asks."""
        self.check_words(job)
        if job.seconds:
            raise ConfigError(
                "⟦time⟧ is given, and Ray knows no time limit of a job.",
                "Leave it out, or end the job by the command that it names.",
            )
        # Each worker finds the program beside its own Python.
        asked = {
            "address": self.address,
            "name": job.called,
            "nodes": job.nodes,
            "devices": job.devices,
            "cpus": job.cpus,
            "gpus": not job.on_cpu,
            "restarts": job.restarts,
            "here": str(job.here),
            "folder": str(job.folder),
            "words": job.training()[1:],
            "expected": job.expected(shared=True),
        }
        lines = [
            "#!/bin/sh",
            f"# Asks a Ray cluster for {job.called}; also by: ray job submit -- sh {SCRIPT}",
            "set -u",
            f"cd {shlex.quote(str(job.here))} || exit 2",
            *exports(job),
            f"exec {shlex.join([python_here(), '-m', MODULE, str(job.folder / FILE)])}",
            "",
        ]
        return {FILE: f"{as_text(asked)}\n", SCRIPT: "\n".join(lines)}

    def check(self, job: Job) -> None:
        """Refuse where Ray is not installed; the cluster is looked at before it is asked."""
        if find_spec("ray") is None:
            raise MissingExtraError("torchedu launch ray", "ray", "ray")

    def start(self, job: Job) -> Started:
        """Ask the cluster."""
        return started_here(["sh", str(Path(job.folder) / SCRIPT)], job, "ray.log")
