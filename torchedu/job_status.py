"""How far a job's training is: a file that who follows it reads, and the status of a TrainJob."""

import json
import os
import ssl
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar, Self
from urllib.request import Request, urlopen

from torchedu.files import write_json

PATIENCE = 5.0
"""Seconds that a controller has to answer: it may be away, and training goes on."""


@dataclass(frozen=True)
class JobStatus:
    """How far training is.

    Attributes:
        percent: How much of it is done, of 100.
        seconds_left: How long the rest takes, as far as can be said.
        epoch: The pass that it is in, from 1.
        step: Steps of the optimizer taken.
        metrics: What was logged last, by name; the first two are those that people look at.
    """

    percent: int
    seconds_left: int | None = None
    epoch: int = 0
    step: int = 0
    metrics: Mapping[str, float] = field(default_factory=dict)

    FILE: ClassVar[str] = "status.json"
    """Its file in a job's folder."""
    VARIABLE: ClassVar[str] = "TORCHEDU_STATUS"
    """Variable that names the file to a run which belongs to a job."""

    def __str__(self) -> str:
        """Say it in a line."""
        left = "" if self.seconds_left is None else f", {_duration(self.seconds_left)} left"
        shown = list(self.metrics.items())[:2]
        metrics = ", ".join(f"{name} {value:.4f}" for name, value in shown)
        return f"{self.percent} %, epoch {self.epoch}{left}" + (f" | {metrics}" if metrics else "")

    @classmethod
    def read(cls, file: Path) -> Self | None:
        """Return what stands in a file; None where nothing does yet."""
        try:
            return cls(**json.loads(file.read_text("utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def write(self, file: Path) -> None:
        """Write it to a file, whole."""
        write_json(file, asdict(self))

    def to_train_job(self) -> dict[str, Any]:
        """Return it as Kubeflow's trainer takes it (KEP-2779)."""
        left = {} if self.seconds_left is None else {"estimatedRemainingSeconds": self.seconds_left}
        metrics = [{"name": name, "value": f"{value:g}"} for name, value in self.metrics.items()]
        now = datetime.now(UTC).isoformat(timespec="seconds")
        status = {"progressPercentage": self.percent, **left, "metrics": metrics}
        return {"trainerStatus": {**status, "lastUpdatedTime": now}}


@dataclass(frozen=True)
class TrainJobStatus:
    """Where the controller of a Kubeflow TrainJob takes how far it is.

    Attributes:
        url: Its address.
        certificate: File of the certificates that it is known by.
        token: File of the token that this job is known by, which is renewed under way.
    """

    url: str
    certificate: str
    token: str

    @classmethod
    def of_environment(cls) -> Self | None:
        """Return what the controller has told this process, if it has."""
        given = [os.environ.get(f"KUBEFLOW_TRAINER_STATUS_{name}", "")
                 for name in ("URL", "CA_CERT", "TOKEN")]  # fmt: skip
        return cls(*given) if given[0].startswith(("https://", "http://")) else None

    def send(self, status: JobStatus) -> None:
        """Tell it.

        Raises:
            OSError: It cannot be reached, or refuses.
        """
        headers = {"Content-Type": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {Path(self.token).read_text('utf-8').strip()}"
        body = json.dumps(status.to_train_job()).encode()
        request = Request(self.url, body, headers, method="POST")
        trusted = ssl.create_default_context(cafile=self.certificate or None)
        with urlopen(request, timeout=PATIENCE, context=trusted):
            pass


def _duration(seconds: int) -> str:
    hours, minutes = divmod(seconds // 60, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min" if minutes else f"{seconds} s"
