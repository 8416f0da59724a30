"""Manifests: letter by letter, valid against their schemas, and what a container runs."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from torchedu.errors import ConfigError
from torchedu.launch.job import Job
from torchedu.launch.kubernetes import FILE, Kubernetes, state_of
from torchedu.launch.launcher import State

WORDS = ("--run", "runs/x", "--data.path", "class.store", "--model.net", "DKT")
KINDS = ("trainjob", "jobset", "job")
HERE = Path(__file__).parent


def made(kind: str, words: tuple[str, ...] = WORDS, queue: str = "edu", **options: Any) -> str:
    job = Job(words, **{"nodes": 2, "devices": 4, "cpus": 6, "time": "8h", **options})
    launcher = Kubernetes("example.org/edu:1", "school", kind=kind, queue=queue)  # type: ignore[arg-type]
    return launcher.files(job)[FILE]


def plain(text: str) -> str:
    return "\n".join(
        line.partition(" check ")[0] + " check ..." if "node check" in line else line
        for line in text.splitlines()
    ) + "\n"  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_manifests_stand_letter_by_letter(kind: str) -> None:
    assert plain(made(kind)) == (HERE / f"{kind}.yaml").read_text("utf-8")


@pytest.mark.parametrize("words", [WORDS, (*WORDS, "--trainer.accelerator", "cpu")])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("options", [{}, {"nodes": 1, "devices": 1, "time": "", "queue": ""}])
def test_manifests_are_valid_against_their_schemas(
    kind: str, words: tuple[str, ...], options: dict[str, Any]
) -> None:
    models = pytest.importorskip("kubeflow_trainer_api.models", reason="needs kubeflow-trainer-api")
    validate = pytest.importorskip("kubernetes_validate", reason="needs kubernetes-validate")
    readers = {"TrainJob": models.TrainerV1alpha1TrainJob, "JobSet": models.JobsetV1alpha2JobSet}
    for manifest in yaml.safe_load_all(made(kind, words, **options)):
        if manifest["kind"] in readers:
            # What a model does not know it drops: all has to come back.
            read = readers[manifest["kind"]].from_dict(manifest)
            assert json.loads(json.dumps(read.to_dict())) == manifest
            jobs = manifest["spec"].get("replicatedJobs", [])
            manifests = [
                {
                    "apiVersion": "batch/v1",
                    "kind": "Job",
                    "metadata": {"name": "x"},
                    **each["template"],
                }
                for each in jobs
            ]
        else:
            manifests = [manifest]
        for each in manifests:
            for version in ("1.31", "1.34"):
                validate.validate(each, version, strict=True)


def test_a_wrong_manifest_is_found_by_these_schemas() -> None:
    validate = pytest.importorskip("kubernetes_validate", reason="needs kubernetes-validate")
    _, job = yaml.safe_load_all(made("job"))
    job["spec"]["backofLimit"] = 3
    with pytest.raises(validate.ValidationError):
        validate.validate(job, "1.34", strict=True)


@pytest.mark.parametrize("kind", KINDS)
def test_a_container_becomes_the_training_of_its_node(kind: str, tmp_path: Path) -> None:
    words = (*WORDS, "--trainer.accelerator", "cpu", "--model.lr", "1e-3")
    job = Job(words, nodes=2, free_gib=0.001)
    launcher = Kubernetes("image", "claim", mount=str(tmp_path), kind=kind)  # type: ignore[arg-type]
    (tmp_path / "class.store").mkdir()
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").symlink_to(sys.executable)
    fit = tmp_path / "bin" / "torchedu"
    fit.write_text('#!/bin/sh\necho "$NODE_RANK $MASTER_ADDR $MASTER_PORT $*"\n', "utf-8")
    fit.chmod(0o755)
    *_, manifest = yaml.safe_load_all(launcher.files(job)[FILE])
    script = script_of(manifest).replace("x-node-0-0.x", "127.0.0.1").replace("x-0.x", "127.0.0.1")
    done = subprocess.run(
        ["sh", "-c", script],
        env={
            "PATH": f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": os.pathsep.join(sys.path),
            "JOB_COMPLETION_INDEX": "1",
            "PET_NODE_RANK": "1",
            "PET_MASTER_ADDR": "127.0.0.1",
            "PET_MASTER_PORT": "29500",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    fitted = " ".join(["fit", *words, "--trainer.num_nodes 2 --trainer.devices 1 --resume auto"])
    assert done.stdout == f"1 127.0.0.1 29500 {fitted} --start_timeout 900\n", done.stderr


def script_of(manifest: dict[str, Any]) -> str:
    spec = manifest["spec"]
    if manifest["kind"] == "TrainJob":
        return str(spec["trainer"]["command"][2])
    if manifest["kind"] == "JobSet":
        spec = spec["replicatedJobs"][0]["template"]["spec"]
    return str(spec["template"]["spec"]["containers"][0]["command"][2])


@pytest.mark.parametrize(
    ("options", "words", "said"),
    [
        ({}, ("--run", "/tmp/x"), ["run /tmp/x is inside the containers", "below /work"]),
        ({}, ("--run", "../x"), ["inside the containers"]),
        ({"claim": "My Claim"}, WORDS, ["claim is 'My Claim'"]),
        ({"claim": ""}, WORDS, ["are both needed"]),
        ({"mount": "work"}, WORDS, ["mount is 'work'"]),
        ({"memory": "much"}, WORDS, ["memory is 'much'", "16Gi"]),
        ({"image": "my image"}, WORDS, ["image is 'my image'"]),
        ({"queue": "-"}, WORDS, ["queue is '-'"]),
        ({}, ("--run", "runs/{task}"), ["in an array"]),
        ({}, ("--run", "runs/2026"), ["name is '2026'", "begins with a letter", "name run-2026"]),
    ],
)
def test_what_would_not_run_is_told(
    options: dict[str, str], words: tuple[str, ...], said: list[str]
) -> None:
    with pytest.raises(ConfigError) as error:
        Kubernetes(**{"image": "i", "claim": "c", **options}).files(Job(words))  # type: ignore[arg-type]
    assert all(text in str(error.value) for text in said), str(error.value)


@pytest.fixture
def kubectl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Give what lays a kubectl that answers as it is told."""

    def lay(script: str) -> None:
        (tmp_path / "kubectl").write_text(f"#!/bin/sh\n{script}\n", "utf-8")
        (tmp_path / "kubectl").chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")

    return lay


def test_a_cluster_that_cannot_take_the_job_is_told(
    kubectl: Callable[[str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    launcher = Kubernetes("image", "claim")
    kubectl("echo 'Error from server (NotFound): claims \"claim\" not found' >&2; exit 1")
    with pytest.raises(ConfigError, match="Kubernetes refuses: Error from server"):
        launcher.check(Job(WORDS))
    monkeypatch.setenv("PATH", "/no/such")
    with pytest.raises(ConfigError, match="there is no Kubernetes here: kubectl"):
        launcher.check(Job(WORDS))


def test_a_job_is_looked_at_by_the_cluster_then_created_and_followed(
    kubectl: Callable[[str], None], tmp_path: Path
) -> None:
    asked = tmp_path / "asked"
    status = json.dumps({"status": {"conditions": [{"type": "Complete", "status": "True"}]}})
    kubectl(f"echo \"$1 $2 $3\" >> {asked}; [ $1 = get ] && echo '{status}'; "
            "[ $1 = logs ] && echo '[pod/x-0/node] epoch 1'; exit 0")  # fmt: skip
    job = Job(WORDS, here=tmp_path)
    started = Kubernetes("image", "claim").start(job)
    assert started.state() == State("Complete", 0)
    started._logs.wait(30)  # type: ignore[attr-defined]
    assert (job.folder / "logs" / "pods.log").read_text("utf-8") == "[pod/x-0/node] epoch 1\n"
    assert asked.read_text("utf-8").splitlines()[:2] == [
        "create --dry-run=server -f", f"create -f {job.folder / FILE}"
    ]  # fmt: skip
    assert started.cancel == "kubectl delete trainjob x --namespace default"


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ({}, State("Created")),
        ({"active": 2}, State("Running")),
        ({"active": 2, "failed": 3}, State("Running, begun again 3 x")),
        ({"restarts": 1, "conditions": [{"type": "StartupPolicyCompleted", "status": "True"}]},
         State("StartupPolicyCompleted, begun again 1 x")),
        ({"conditions": [{"type": "Suspended", "status": "True"}]}, State("Suspended")),
        ({"conditions": [{"type": "Suspended", "status": "False"}],
          "trainerStatus": {"progressPercentage": 42}}, State("Created, 42 %")),
        ({"conditions": [{"type": "Complete", "status": "True"}]}, State("Complete", 0)),
        ({"conditions": [{"type": "Completed", "status": "True"}]}, State("Complete", 0)),
        ({"conditions": [{"type": "Failed", "status": "True", "reason": "PodFailurePolicy"}]},
         State("Failed (PodFailurePolicy)", 1)),
    ],
)  # fmt: skip
def test_a_job_stands_as_kubernetes_shows_it(status: dict[str, Any], state: State) -> None:
    assert state_of({"status": status}) == state
