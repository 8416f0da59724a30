"""A job: the words of a training, and the nodes that it is to have."""

import hashlib
import json
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from torchedu import __version__
from torchedu.bounded import parse_yaml
from torchedu.errors import ConfigError
from torchedu.parsing import configuration

TASK = "{task}"
"""Stands in the words of an array of jobs for the number of each."""
SECONDS = {"d": 86400, "h": 3600, "m": 60}
OWN = {"trainer.num_nodes": "nodes", "trainer.devices": "devices"}
"""Options of a training that the job decides, and what decides them."""
CONFIGS = ("config", "c")


@dataclass(frozen=True)
class Job:
    """A training and where it runs; what is trained is what the words alone would train.

    Args:
        words: The words after ``torchedu fit``.
        nodes: How many nodes.
        devices: GPUs of a node; processes of one where the words train on its CPU.
        cpus: Cores of each process, for its threads and loaders.
        time: How long it may take: 90 (minutes), 8h, 1d12h; as long as it may where it is empty.
        restarts: How often it may begin again after it was stopped, or lost a process.
        name: Its name; that of the run's folder where it is empty.
        out: Folder for what is written of it; ``jobs/NAME`` where it is empty.
        interface: Network by which the nodes meet, such as eth0; the one that leads to the first
            node where it is empty.
        free_gib: Room that every node has to have where the run is written, in GiB.

    Attributes:
        here: Where the words are given: relative paths among them start there.

    Raises:
        ConfigError: No job can be made of that.
    """

    words: tuple[str, ...]
    nodes: int = 1
    devices: int = 1
    cpus: int = 1
    time: str = ""
    restarts: int = 20
    name: str = ""
    out: str = ""
    interface: str = ""
    free_gib: float = 1.0
    here: Path = field(default_factory=Path.cwd)

    def __post_init__(self) -> None:
        least = {"nodes": 1, "devices": 1, "cpus": 1, "restarts": 0, "free_gib": 0}
        for option, lowest in least.items():
            if not vars(self)[option] >= lowest:
                raise ConfigError(
                    f"⟦{option}⟧ is {vars(self)[option]}.", f"It is at least {lowest}."
                )
        for option, own in OWN.items():
            given, wanted = self.given.get(option), vars(self)[own]
            if given not in (None, "auto", str(wanted)):
                raise ConfigError(
                    f"⟦{option}⟧ is {given} among the words of the training, and ⟦{own}⟧ of the "
                    f"job {wanted}.",
                    f"Leave ⟦{option}⟧ out: the job gives it.",
                )
        if not self.given.get("run"):
            raise ConfigError(
                "a job needs the folder of its run, in which it goes on after a stop.",
                "Name it after the two dashes: -- fit ... ⟦run⟧ FOLDER.",
            )
        if self.given.get("resume") not in (None, "auto"):
            raise ConfigError(
                f"⟦resume⟧ is {self.given['resume']}: whenever the job began again, it would go "
                "back there.",
                "Leave it out: the job goes on in its ⟦run⟧. Start from a network by ⟦init_from⟧.",
            )
        if not re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,51}[a-z0-9])?", self.called):
            raise ConfigError(
                f"⟦name⟧ is {self.called!r}.",
                "It is up to 53 small letters, digits and dashes, with none at its ends.",
            )
        _ = self.seconds

    @cached_property
    def given(self) -> Mapping[str, str]:
        """Options of the training by their dotted names: of its configurations, then its words."""
        options: dict[str, str] = {}
        waiting = ""
        for word in self.words:
            if word.startswith("-") and not _is_number(word):
                waiting, equals, value = word.lstrip("-").partition("=")
                values = {waiting: value}
                waiting = "" if equals else waiting
            else:
                values = {waiting: word}
                waiting = ""
            for option, value in values.items():
                if option in CONFIGS and value:
                    flat = _flat(_read(configuration(value)))
                    # A run's own configuration says on how many devices it was trained.
                    options |= {name: flat[name] for name in flat if name not in OWN}
                options[option.replace(".init_args", "")] = value
        return options

    @cached_property
    def called(self) -> str:
        """Its name, as schedulers take it."""
        named = self.name or Path(self.given["run"].replace(TASK, "")).name
        return named if self.name else re.sub(r"[^a-z0-9]+", "-", named.lower()).strip("-")

    @cached_property
    def folder(self) -> Path:
        """Where what is written of it goes."""
        return (self.here / (self.out or f"jobs/{self.called}")).absolute()

    @property
    def run(self) -> Path:
        """The folder of its run, on this machine or on the nodes alone."""
        return self.here / self.given["run"]

    @cached_property
    def on_cpu(self) -> bool:
        """Whether its devices are processes on a CPU."""
        return self.given.get("trainer.accelerator") == "cpu"

    @cached_property
    def seconds(self) -> int | None:
        """How long it may take.

        Raises:
            ConfigError: That is no time.
        """
        if not self.time:
            return None
        parts = re.fullmatch(r"(\d+)|(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?", self.time.strip())
        units = zip((60, *SECONDS.values()), parts.groups() if parts else (), strict=False)
        total = sum(unit * int(number or 0) for unit, number in units)
        if not total:
            raise ConfigError(f"⟦time⟧ is {self.time!r}.", "Such as 90 (minutes), 8h or 1d12h.")
        return total

    def training(self, program: str = "torchedu") -> list[str]:
        """Return the command of each process, which starts the run or goes on with it."""
        own = {**dict.fromkeys(OWN, ""), "resume": "auto"}
        own |= {option: str(vars(self)[name]) for option, name in OWN.items()}
        known = {option for option in own if self.given.get(option) not in (None, "auto")}
        missing = [word for option, value in own.items() if option not in known
                   for word in (f"--{option}", value)]  # fmt: skip
        return [program, "fit", *self.words, *missing]

    def expected(self, shared: bool) -> dict[str, Any]:
        """Return what a node has to be like, for ``node.check``.

        Args:
            shared: Whether nodes see the files of this machine.
        """
        data = self.given.get("data.path", "")
        data = "" if TASK in data else data  # of each job of an array other data
        here = bool(data) and (self.here / data).exists()
        return {
            "versions": versions(),
            "gpus": 0 if self.on_cpu else self.devices,
            "free_gib": self.free_gib,
            "run": self.given["run"],
            "folder": str(self.folder) if shared else None,
            "data": data or None,
            "checksum": checksum(self.here / data) if here else None,
        }


def program_here() -> str:
    """Return the console script of the environment that runs this."""
    return str(Path(sys.executable).parent / "torchedu")


def versions() -> dict[str, str]:
    """Return the versions that all nodes of a job share, as they are here."""
    return {
        "Python": ".".join(map(str, sys.version_info[:2])),
        "torchedu": __version__,
        **{package: _version(package) for package in ("torch", "lightning")},
    }


def checksum(path: Path) -> str:
    """Return what tells data from other data: its files, by name, size and content.

    Of a store, whose manifest holds the checksum of every file, that alone is read.

    Args:
        path: A file or a folder.
    """
    files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
    manifest = path / "manifest.json"
    digest = hashlib.sha256()
    for file in files:
        name = file.relative_to(path).as_posix() if path.is_dir() else ""
        digest.update(os.fsencode(f"{name} {file.stat().st_size}\n"))
        if not manifest.is_file() or file == manifest:
            with file.open("rb") as stream:
                digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()


def as_text(value: Any) -> str:
    """Return plain values as one line of JSON."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _version(package: str) -> str:
    try:
        return version(package).partition("+")[0]  # builds differ by machine
    except PackageNotFoundError:
        return ""


def _is_number(word: str) -> bool:
    return re.fullmatch(r"-[\d.]+(e[+-]?\d+)?", word) is not None


def _read(file: str) -> Any:
    try:
        return parse_yaml(Path(file).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"⟦config⟧ {file} cannot be read ({' '.join(str(error).split())[:200]}).",
            "Give a recipe or a run's configuration.",
        ) from None


def _flat(content: Any, above: str = "") -> dict[str, str]:
    """Return the values of a configuration by their dotted names."""
    if not isinstance(content, dict):
        return {above: str(content)} if above and content is not None else {}
    flat: dict[str, str] = {}
    for name, value in content.items():
        flat |= _flat(value, above if name == "init_args" else f"{above}.{name}".lstrip("."))
    return flat
