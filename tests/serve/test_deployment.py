"""What starts a service elsewhere: valid where it is read, and the same service."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from torchedu.cli import main
from torchedu.errors import ConfigError
from torchedu.serve import processes
from torchedu.serve.deployment import STATE, Kind, deployment
from torchedu.serve.processes import Settings

ODD = 'a class of 50% & "$HOME" é'
KINDS: tuple[Kind, ...] = ("systemd", "container", "kubernetes")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("runs", ODD).mkdir(parents=True)
    Path("pairs.csv").write_text("skill,requires\n", "utf-8")
    return tmp_path


def command_of(kind: Kind, text: str) -> list[str]:
    """Return the command's words as they are read back."""
    words: list[str]
    if kind == "kubernetes":
        _, pods = yaml.safe_load_all(text)
        words = pods["spec"]["template"]["spec"]["containers"][0]["command"]
        return words
    if kind == "container":
        (line,) = (line for line in text.splitlines() if line.startswith("CMD "))
        return [*json.loads(line.removeprefix("CMD "))]
    (line,) = (line for line in text.splitlines() if line.startswith("ExecStart="))
    line = line.removeprefix("ExecStart=").replace("%%", "%").replace("$$", "$")
    words, rest = [], line
    while rest:
        if rest.startswith('"'):
            word, end = json.JSONDecoder().raw_decode(rest)
        else:
            word, end = rest.split(" ")[0], len(rest.split(" ")[0])
        words.append(word)
        rest = rest[end:].lstrip()
    return words


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_written_starts_the_same_service(
    kind: Kind, here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [f"runs/{ODD}", "--store", "school.db", "--workers", "3", "--rate", "9.5"]
    given += ["--retain", "400d", "--port", "8100", "--prerequisites", "pairs.csv"]
    given += ["--decisions", "false"]
    started: list[Settings] = []

    def start(settings: Settings, ready: Any) -> int:
        started.append(settings)
        return 0

    monkeypatch.setattr(processes, "serve", start)
    assert main(["serve", *given, "--write", kind]) == 0
    program, *words = command_of(kind, capsys.readouterr().out)
    assert program.endswith("torchedu")
    with pytest.raises(SystemExit):
        main(["serve", *given])
    with pytest.raises(SystemExit):
        main(words)
    before, after = started
    assert after.require_key
    assert after.store == str(STATE / "school.db")
    assert [Path(run).absolute() for run in after.runs] == [here / "runs" / ODD]
    assert Path(str(after.prerequisites)).absolute() == here / "pairs.csv"
    assert after.host == ("127.0.0.1" if kind == "systemd" else "0.0.0.0")
    for name in ("workers", "rate", "retain", "port", "decisions", "synchronous", "body_limit"):
        assert getattr(after, name) == getattr(before, name)


@pytest.mark.parametrize("port", [443, 8000])
def test_the_unit_is_one_to_systemd(port: int, here: Path, tmp_path: Path) -> None:
    if not shutil.which("systemd-analyze"):
        pytest.skip("needs systemd-analyze")
    unit = tmp_path / "torchedu.service"
    options = {"runs": [f"runs/{ODD}"], "port": port, "store": "/srv/school files/s.db"}
    unit.write_text(deployment("systemd", {**options, "derived": ["runs"]}), "utf-8")
    looked = subprocess.run(
        ["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False
    )
    assert looked.stderr == ""
    assert looked.returncode == 0
    assert ("CAP_NET_BIND_SERVICE" in unit.read_text("utf-8")) == (port == 443)
    unit.write_text(unit.read_text("utf-8").replace("ExecStart=", "ExecStart=nowhere/"), "utf-8")
    assert subprocess.run(
        ["systemd-analyze", "verify", str(unit)], capture_output=True, check=False
    ).returncode


def test_the_manifests_are_valid_against_their_schemas() -> None:
    validate = pytest.importorskip("kubernetes_validate", reason="needs kubernetes-validate")
    text = deployment("kubernetes", {"runs": ["runs/mine"], "port": 8100}, "example.org/edu:1")
    assert "&id" not in text
    service, pods = yaml.safe_load_all(text)
    for version in ("1.31", "1.34"):
        validate.validate(service, version, strict=True)
        validate.validate(pods, version, strict=True)
    labels = pods["spec"]["template"]["metadata"]["labels"]
    assert service["spec"]["selector"] == labels == pods["spec"]["selector"]["matchLabels"]
    (container,) = pods["spec"]["template"]["spec"]["containers"]
    assert container["image"] == "example.org/edu:1"
    assert container["ports"] == [{"name": "http", "containerPort": 8100}]
    assert pods["spec"]["replicas"] == 1  # the file has one writer
    pods["spec"]["replica"] = 2
    with pytest.raises(validate.ValidationError):
        validate.validate(pods, "1.34", strict=True)


def test_an_image_has_all_that_its_command_names(here: Path) -> None:
    options = {"runs": [f"runs/{ODD}"], "prerequisites": "pairs.csv"}
    text = deployment("container", options)
    copied = [
        json.loads(line[line.index("[") :])
        for line in text.splitlines()
        if line.startswith("COPY ")
    ]
    assert [source for source, _ in copied] == [f"runs/{ODD}", "pairs.csv"]
    assert all((here / source).exists() for source, _ in copied)
    assert all(target == f"/work/{source}" for source, target in copied)


@pytest.mark.parametrize(
    ("kind", "options", "said"),
    [
        ("systemd", {"port": 0}, "port"),
        *((kind, {"engine": "ray"}, "engine") for kind in KINDS),
        ("container", {"runs": ["/srv/runs/mine"]}, "/srv/runs/mine"),
        ("container", {"runs": ["../mine"]}, "../mine"),
        ("kubernetes", {"prerequisites": "/etc/pairs.csv"}, "prerequisites"),
        ("kubernetes", {"store": "/home/s.db"}, "/home/s.db"),
        ("container", {"store": "../s.db"}, "../s.db"),
        ("container", {"derived": ["data"]}, "derived"),
    ],
)
def test_what_means_this_machine_alone_is_refused(
    kind: Kind, options: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        deployment(kind, {"runs": ["runs/mine"], **options})


def test_an_image_without_a_name_is_refused() -> None:
    with pytest.raises(ConfigError, match="image"):
        deployment("kubernetes", {"runs": ["runs/mine"]}, "my image")
