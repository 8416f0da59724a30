"""Kubernetes: a TrainJob of Kubeflow Trainer, a JobSet, or a Job whose pods have numbers.

Every pod runs ``torchedu fit`` itself, which starts the processes of its node; its exit code tells
the cluster what to do: begin again after a stop or a lost process, and not after a user's mistake.
"""

import json
import re
import shlex
import subprocess
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any, Literal

from torchedu.bounded import yaml_text
from torchedu.errors import ConfigError
from torchedu.launch.job import Job
from torchedu.launch.launcher import LOGS, Launcher, Started, State, asked, program
from torchedu.launch.settings import node_check, settings

FILE = "job.yaml"
PORT = 29500
GRACE = 120
"""Seconds between what asks a pod to end, as before it is evicted, and its end."""
QUEUE = "kueue.x-k8s.io/queue-name"
"""The label by which Kueue knows whose turn it is."""
STOPPED, MISTAKE = 75, 2
"""Exit codes of a run that saved and stopped, and of one whose words are wrong."""
NODE = "node"
"""What Kubeflow's runtime for torch calls the job and the container of the nodes, and we too."""
_KUBERNETES = "Kubernetes"
_MEETING = 900
"""Seconds that pods wait for one another: their images may still be fetched."""


class Kubernetes(Launcher):
    """A cluster of Kubernetes, with Kubeflow Trainer, JobSet or nothing more; queued by Kueue.

    Args:
        image: The image of the containers; the project's Containerfile makes one.
        claim: Claim of a volume that all nodes can write (ReadWriteMany): data and runs.
        mount: Where the volume stands in the containers; relative paths start there.
        kind: trainjob, jobset or job.
        namespace: Where the job goes.
        queue: Kueue's queue, where the cluster has it.
        runtime: The training runtime of a trainjob.
        memory: Of each node.
        gpu: What the cluster calls a GPU.
    """

    shared = False

    def __init__(
        self,
        image: str,
        claim: str,
        mount: str = "/work",
        kind: Literal["trainjob", "jobset", "job"] = "trainjob",
        namespace: str = "default",
        queue: str = "",
        runtime: str = "torch-distributed",
        memory: str = "16Gi",
        gpu: str = "nvidia.com/gpu",
    ) -> None:
        names = {"claim": claim, "namespace": namespace, "queue": queue, "runtime": runtime}
        for option, name in names.items():
            if not re.fullmatch(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?", name or "x"):
                raise ConfigError(
                    f"⟦{option}⟧ is {name!r}.", "It is a name as Kubernetes has them: my-name."
                )
        if not re.fullmatch(r"[1-9]\d*(\.\d+)?(Ki|Mi|Gi|Ti|k|M|G|T)?", memory):
            raise ConfigError(f"⟦memory⟧ is {memory!r}.", "Such as 16Gi.")
        if not (image.strip() and claim):
            raise ConfigError("⟦image⟧ and ⟦claim⟧ are both needed.", "Name them.")
        if re.search(r"[^\w./:@-]", image, re.ASCII):
            raise ConfigError(f"⟦image⟧ is {image!r}.", "Such as registry.org/torchedu:0.1.")
        if not PurePosixPath(mount).is_absolute():
            raise ConfigError(f"⟦mount⟧ is {mount!r}.", "It is an absolute path, such as /work.")
        self.image, self.claim, self.mount = image, claim, mount
        self.kind, self.namespace, self.queue = kind, namespace, queue
        self.runtime, self.memory, self.gpu = runtime, memory, gpu

    def files(self, job: Job) -> dict[str, str]:
        """Return the manifests."""
        self.check_words(job)
        if not job.called[0].isalpha():
            raise ConfigError(
                f"⟦name⟧ is {job.called!r}, and what Kubernetes calls so begins with a letter.",
                f"Name the job: ⟦name⟧ run-{job.called}.",
            )
        run = PurePosixPath(self.mount) / job.given["run"]
        if not run.is_relative_to(self.mount) or ".." in run.parts:
            raise ConfigError(
                f"⟦run⟧ {job.given['run']} is inside the containers, and goes with them.",
                f"Name a folder of the volume, below {self.mount}.",
            )
        made = {"trainjob": self._train_job, "jobset": self._job_set, "job": self._jobs}[self.kind]
        manifests = made(job)
        return {FILE: "---\n".join(yaml_text(manifest) for manifest in manifests)}

    def _train_job(self, job: Job) -> list[dict[str, Any]]:
        meet = {
            "NODE_RANK": "$PET_NODE_RANK",
            "MASTER_ADDR": "$PET_MASTER_ADDR",
            "MASTER_PORT": "$PET_MASTER_PORT",
        }
        pod = {
            "terminationGracePeriodSeconds": GRACE,
            "volumes": self._volumes(),
            "containers": [{"name": NODE, "volumeMounts": self._mounts()}],
        }
        patch = {
            "replicatedJobs": [{"name": NODE, "template": {"spec": {"template": {"spec": pod}}}}]
        }
        spec = {
            "runtimeRef": {
                "apiGroup": "trainer.kubeflow.org",
                "kind": "ClusterTrainingRuntime",
                "name": self.runtime,
            },
            "trainer": {
                "image": self.image,
                "command": ["sh", "-c", self._script(job, meet)],
                "numNodes": job.nodes,
                "numProcPerNode": job.devices,
                "env": self._variables(job),
                "resourcesPerNode": self._resources(job),
            },
            "runtimePatches": [
                {
                    "manager": "torchedu.launch/kubernetes",
                    "trainingRuntimeSpec": {"template": {"spec": patch}},
                }
            ],
            **_deadline(job),
        }
        return [self._manifest("trainer.kubeflow.org/v1alpha1", "TrainJob", job, spec)]

    def _job_set(self, job: Job) -> list[dict[str, Any]]:
        first = f"{job.called}-{NODE}-0-0.{job.called}"
        # A pod that fails ends the others too: all begin again, and meet anew.
        spec = {
            "failurePolicy": {
                "maxRestarts": job.restarts,
                "rules": [
                    {
                        "name": "mistake",
                        "action": "FailJobSet",
                        "onJobFailureReasons": ["PodFailurePolicy"],
                    }
                ],
            },
            "replicatedJobs": [
                {
                    "name": NODE,
                    "replicas": 1,
                    "template": {"spec": self._indexed(job, first, restarts=0)},
                }
            ],
        }
        return [self._manifest("jobset.x-k8s.io/v1alpha2", "JobSet", job, spec)]

    def _jobs(self, job: Job) -> list[dict[str, Any]]:
        spec = self._indexed(job, f"{job.called}-0.{job.called}", job.restarts * job.nodes)
        spec["template"]["spec"]["subdomain"] = job.called
        names = {
            "clusterIP": "None",
            "publishNotReadyAddresses": True,
            "selector": {"job-name": job.called},
        }
        service = self._manifest("v1", "Service", job, names)
        service["metadata"].pop("labels", None)
        return [service, self._manifest("batch/v1", "Job", job, spec)]

    def _indexed(self, job: Job, first: str, restarts: int) -> dict[str, Any]:
        """Return the specification of a Job whose pods have numbers.

        Args:
            job: The job.
            first: The name of its first pod.
            restarts: How many pods may fail.
        """
        meet = {
            "NODE_RANK": "$JOB_COMPLETION_INDEX",
            "MASTER_ADDR": first,
            "MASTER_PORT": str(PORT),
        }
        container = {
            "name": NODE,
            "image": self.image,
            "command": ["sh", "-c", self._script(job, meet)],
            "env": self._variables(job),
            "resources": self._resources(job),
            "volumeMounts": self._mounts(),
        }
        return {
            "completions": job.nodes,
            "parallelism": job.nodes,
            "completionMode": "Indexed",
            "backoffLimit": restarts,
            "podFailurePolicy": {
                "rules": [
                    _by_code("FailJob", MISTAKE),
                    {
                        "action": "Ignore",
                        "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}],
                    },
                    _by_code("Ignore", STOPPED),
                ]
            },
            **_deadline(job),
            "template": {
                "spec": {
                    "restartPolicy": "Never",
                    "terminationGracePeriodSeconds": GRACE,
                    "containers": [container],
                    "volumes": self._volumes(),
                }
            },
        }

    def _manifest(self, version: str, kind: str, job: Job, spec: dict[str, Any]) -> dict[str, Any]:
        labels = {"labels": {QUEUE: self.queue}} if self.queue else {}
        metadata = {"name": job.called, "namespace": self.namespace, **labels}
        return {"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec}

    def _script(self, job: Job, meet: Mapping[str, str]) -> str:
        """Return what a container runs: a look at its node, then the training.

        Args:
            job: The job.
            meet: Variables by which the nodes meet, as words of shell.
        """
        waits = "start_timeout" in job.given
        training = [*job.training(), *([] if waits else ["--start_timeout", str(_MEETING)])]
        lines = [
            "set -u",
            f"cd {shlex.quote(self.mount)} || exit {MISTAKE}",
            *node_check(job, "python", shared=False),
            *(f"export {name}={value}" for name, value in meet.items()),
            'exec python -m torchedu.launch.node run "$MASTER_ADDR" \\',
            f"  {shlex.join(training)}",
        ]
        return "\n".join(lines) + "\n"

    def _variables(self, job: Job) -> list[dict[str, str]]:
        return [{"name": name, "value": value} for name, value, _ in settings(job, shared=False)]

    def _resources(self, job: Job) -> dict[str, Any]:
        asked = {"cpu": str(job.cpus * job.devices), "memory": self.memory}
        limits = {"memory": self.memory}
        if not job.on_cpu:
            limits[self.gpu] = str(job.devices)
        return {"requests": asked, "limits": limits}

    def _volumes(self) -> list[dict[str, Any]]:
        # Loader processes and NCCL share memory by files, and a container has 64 MB of it.
        return [
            {"name": "work", "persistentVolumeClaim": {"claimName": self.claim}},
            {"name": "shared-memory", "emptyDir": {"medium": "Memory"}},
        ]

    def _mounts(self) -> list[dict[str, str]]:
        return [
            {"name": "work", "mountPath": self.mount},
            {"name": "shared-memory", "mountPath": "/dev/shm"},
        ]

    def check(self, job: Job) -> None:
        """Refuse what the cluster does not have."""
        kubectl = program(
            "kubectl",
            _KUBERNETES,
            "Install kubectl, or write the manifests alone: leave out ⟦submit⟧.",
        )
        at = ["--namespace", self.namespace, "--request-timeout=20s"]
        asked([kubectl, "get", "persistentvolumeclaim", self.claim, *at], _KUBERNETES)

    def start(self, job: Job) -> Started:
        """Let the cluster look at the manifests, and create them."""
        file = str(job.folder / FILE)
        asked(["kubectl", "create", "--dry-run=server", "-f", file], _KUBERNETES)
        asked(["kubectl", "create", "-f", file], _KUBERNETES)
        return Pods(self.kind, job, self.namespace)


def _deadline(job: Job) -> dict[str, int]:
    return {"activeDeadlineSeconds": job.seconds} if job.seconds else {}


def _by_code(action: str, code: int) -> dict[str, Any]:
    return {
        "action": action,
        "onExitCodes": {"containerName": NODE, "operator": "In", "values": [code]},
    }


class Pods(Started):
    """A job of Kubernetes, whose logs are fetched as they grow.

    Args:
        kind: Which kind of job.
        job: It.
        namespace: Where it is.
    """

    def __init__(self, kind: str, job: Job, namespace: str) -> None:
        self.name = f"{kind} {job.called}"
        self._at = ["--namespace", namespace]
        self.cancel = shlex.join(["kubectl", "delete", kind, job.called, *self._at])
        self._kind, self._job = kind, job
        self._last = State("created")
        self._logs: subprocess.Popen[bytes] | None = None

    def state(self) -> State:
        """Return how it stands, and go on fetching what its pods say."""
        try:
            answer = asked(
                ["kubectl", "get", self._kind, self._job.called, *self._at, "--output=json"],
                _KUBERNETES,
            )
        except ConfigError as error:
            gone = "not found" in error.problem.lower()
            return State("gone", 1) if gone else self._last
        self._last = state_of(json.loads(answer))
        self._fetch()
        return self._last

    def _fetch(self) -> None:
        if self._logs is not None and self._logs.poll() is None:
            return
        label = "job-name" if self._kind == "job" else "jobset.sigs.k8s.io/jobset-name"
        words = ["--follow", "--prefix", f"--selector={label}={self._job.called}", *self._at]
        words += ["--max-log-requests=1000", "--tail=-1"]
        words += ["--since=2s"] * (self._logs is not None)
        file = self._job.folder / LOGS / "pods.log"
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("ab") as log:
            self._logs = subprocess.Popen(
                ["kubectl", "logs", *words],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.DEVNULL,
            )


def state_of(shown: Mapping[str, Any]) -> State:
    """Return how a job stands that kubectl shows."""
    status = shown.get("status", {})
    conditions = [each["type"] for each in status.get("conditions", []) if each["status"] == "True"]
    progress = status.get("trainerStatus", {})
    percent = progress.get("progressPercentage")
    far = "" if percent is None else f", {percent} %"
    if "Failed" in conditions:
        reasons = [each for each in status["conditions"] if each["type"] == "Failed"]
        return State(f"Failed ({reasons[0].get('reason', '')})", 1)
    if {"Complete", "Completed"} & {*conditions}:
        return State("Complete", 0)
    again = status.get("restarts") or status.get("failed") or 0
    said = conditions[-1] if conditions else "Running" if status.get("active") else "Created"
    return State(said + far + f", begun again {again} x" * bool(again))
