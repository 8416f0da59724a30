"""A run's folder: the one place that knows what the files of a run are called."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self


class _Inside:
    """A path in a run's folder."""

    def __init__(self, *names: str) -> None:
        self._names = names

    def __get__(self, run: "RunFolder", kind: type["RunFolder"]) -> Path:
        return run.path.joinpath(*self._names)


@dataclass(frozen=True)
class RunFolder:
    """Where the files of a run stand.

    Attributes:
        path: The folder.
    """

    path: Path

    CONFIG: ClassVar[str] = "config.yaml"
    METRICS: ClassVar[str] = "metrics.csv"
    COMPANIONS: ClassVar[str] = "companions.json"
    CHECKPOINTS: ClassVar[str] = "checkpoints"
    BEST: ClassVar[str] = "best.ckpt"
    LAST: ClassVar[str] = "last.ckpt"
    EVALUATION: ClassVar[str] = "evaluation.json"
    LOCK: ClassVar[str] = ".lock"
    BEGUN: ClassVar[tuple[str, ...]] = (CONFIG, METRICS, COMPANIONS, CHECKPOINTS)
    """What a folder holds in which a run has begun."""
    EXAMPLE: ClassVar[str] = f"runs/version_0/{CHECKPOINTS}/{BEST}"
    """A checkpoint, as messages give an example of one."""

    @classmethod
    def of_checkpoint(cls, file: Path) -> Self:
        """Return the folder of the run that wrote a checkpoint."""
        return cls(file.parent.parent)

    @classmethod
    def of_trainer(cls, trainer: Any) -> Self:
        """Return the folder of a trainer's run; every rank has to ask, as they agree on it here."""
        return cls(Path(trainer.log_dir or trainer.default_root_dir))

    @classmethod
    def has(cls, checkpoint: Path) -> bool:
        """Say whether a checkpoint stands where a run keeps its own."""
        return checkpoint.parent.name == cls.CHECKPOINTS

    config = _Inside(CONFIG)
    """The whole configuration."""
    metrics = _Inside(METRICS)
    """What was logged, a row a step that logged something."""
    companions = _Inside(COMPANIONS)
    """What the weights belong to: names first of all."""
    lock = _Inside(LOCK)
    """What says which process writes here."""
    people = _Inside("people.npz")
    """Digests of those whom the network was trained on: as private as their names."""
    checkpoints = _Inside(CHECKPOINTS)
    """The folder of checkpoints."""
    best = _Inside(CHECKPOINTS, BEST)
    """The checkpoint of the best epoch."""
    last = _Inside(CHECKPOINTS, LAST)
    """The checkpoint that a run goes on from."""
    evaluation = _Inside(EVALUATION)
    """Scores beside the baselines', and the sections of the report."""
    report = _Inside("report.html")
    """The page."""
    card = _Inside("model_card.md")
    """The model card."""
    pictures = _Inside("pictures")
    """The folder of the page's pictures."""

    def table(self, name: str = "predictions", form: str = "parquet") -> Path:
        """Return the file of a table that a task writes, such as its predictions."""
        return self.path / f"{name}.{form}"

    def results(self, command: str, data: str) -> "RunFolder":
        """Return where a command puts what it finds on other data with this run's network.

        Args:
            command: The command.
            data: The data's name.
        """
        return RunFolder(self.path / f"{command}-{data.replace(' ', '-')}")

    def begun(self) -> bool:
        """Say whether a run has begun here."""
        return self.path.is_dir() and any((self.path / name).exists() for name in self.BEGUN)
