"""Clouds, by SkyPilot: machines that may be taken away, and a run that goes on on new ones."""

import re
import shlex
from pathlib import PurePosixPath
from typing import Any

from torchedu.bounded import yaml_text
from torchedu.errors import ConfigError
from torchedu.launch.job import Job
from torchedu.launch.launcher import Launcher, Started, asked, program, started_here
from torchedu.launch.settings import node_check, settings

FILE = "sky.yaml"
PORT = 29500
AGAIN = [70, 75]
"""Exit codes after which the job begins again: a lost process, and a stop that was saved."""
_SKY = "SkyPilot"


class Cloud(Launcher):
    """Machines of a cloud, by SkyPilot; cheap ones that are taken away now and then (spot).

    Args:
        bucket: Name of the bucket that keeps data and runs; made where there is none.
        gpu: Kind of GPU, such as H100 or A100-80GB.
        spot: Whether machines may be taken away, for a third of the price.
        infra: Where: aws, gcp/us-central1, azure, kubernetes; the cheapest where it is empty.
        mount: Where the bucket stands on the machines; relative paths start there.
        image: A container image with torchedu; where it is empty, setup installs it.
        setup: The command that installs torchedu on a machine.
    """

    shared = False

    def __init__(
        self,
        bucket: str,
        gpu: str = "A100",
        spot: bool = True,
        infra: str = "",
        mount: str = "/work",
        image: str = "",
        setup: str = "pip install torchedu",
    ) -> None:
        if not re.fullmatch(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", bucket):
            raise ConfigError(
                f"⟦bucket⟧ is {bucket!r}.", "It is 3 to 63 small letters, digits, dots and dashes."
            )
        if not re.fullmatch(r"[A-Za-z][\w.-]*", gpu):
            raise ConfigError(f"⟦gpu⟧ is {gpu!r}.", "Such as H100: sky show-gpus lists them.")
        if not PurePosixPath(mount).is_absolute():
            raise ConfigError(f"⟦mount⟧ is {mount!r}.", "It is an absolute path, such as /work.")
        self.bucket, self.gpu, self.spot, self.infra = bucket, gpu, spot, infra
        self.mount, self.image, self.setup = mount, image, setup

    def files(self, job: Job) -> dict[str, str]:
        """Return SkyPilot's task."""
        self.check_words(job)
        if job.seconds:
            raise ConfigError(
                "⟦time⟧ is given, and SkyPilot knows no time limit of a job.",
                "Leave it out, or end it by: sky jobs cancel.",
            )
        run = PurePosixPath(self.mount) / job.given["run"]
        if not run.is_relative_to(self.mount) or ".." in run.parts:
            raise ConfigError(
                f"⟦run⟧ {job.given['run']} goes with the machine.",
                f"Name a folder of the bucket, below {self.mount}.",
            )
        resources: dict[str, Any] = {"cpus": f"{job.cpus * job.devices}+"}
        if not job.on_cpu:
            resources["accelerators"] = f"{self.gpu}:{job.devices}"
        if self.infra:
            resources["infra"] = self.infra
        if self.image:
            resources["image_id"] = f"docker:{self.image}"
        resources["use_spot"] = self.spot
        resources["job_recovery"] = {
            "max_restarts_on_errors": job.restarts,
            "recover_on_exit_codes": AGAIN,
        }
        task = {
            "name": job.called,
            "num_nodes": job.nodes,
            "resources": resources,
            # Written to the machine's disk, and from there to the bucket: checkpoints take their
            # names by a rename, which a bucket itself does not know.
            "file_mounts": {self.mount: {"name": self.bucket, "mode": "MOUNT_CACHED"}},
            "envs": {name: value for name, value, _ in settings(job, shared=False)},
            **({} if self.image else {"setup": self.setup}),
            "run": self._script(job),
        }
        return {FILE: yaml_text(task)}

    def _script(self, job: Job) -> str:
        lines = [
            "set -u",
            f"cd {shlex.quote(self.mount)} || exit 2",
            *node_check(job, "python", shared=False),
            "export NODE_RANK=$SKYPILOT_NODE_RANK",
            'MASTER_ADDR=$(echo "$SKYPILOT_NODE_IPS" | head -n 1)',
            f"export MASTER_ADDR MASTER_PORT={PORT}",
            'exec python -m torchedu.launch.node run "$MASTER_ADDR" \\',
            f"  {shlex.join(job.training())}",
        ]
        return "\n".join(lines) + "\n"

    def check(self, job: Job) -> None:
        """Refuse where SkyPilot is not there, or has no cloud that it may use."""
        sky = program("sky", _SKY, "Install it in an environment of its own: pip install skypilot.")
        asked([sky, "check"], _SKY, 300.0)

    def start(self, job: Job) -> Started:
        """Start it as a managed job, which begins again where its machines are taken away."""
        file = str(job.folder / FILE)
        return started_here(["sky", "jobs", "launch", "--yes", file], job, "sky.log")
