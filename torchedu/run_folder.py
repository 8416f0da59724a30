"""A run's folder: the one place that knows what the files of a run are called."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self


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

    @property
    def config(self) -> Path:
        """The whole configuration."""
        return self.path / self.CONFIG

    @property
    def metrics(self) -> Path:
        """What was logged, a row a step that logged something."""
        return self.path / self.METRICS

    @property
    def companions(self) -> Path:
        """What the weights belong to: names first of all."""
        return self.path / self.COMPANIONS

    @property
    def lock(self) -> Path:
        """What says which process writes here."""
        return self.path / self.LOCK

    @property
    def people(self) -> Path:
        """Digests of those whom the network was trained on: as private as their names."""
        return self.path / "people.npz"

    @property
    def checkpoints(self) -> Path:
        """The folder of checkpoints."""
        return self.path / self.CHECKPOINTS

    @property
    def best(self) -> Path:
        """The checkpoint of the best epoch."""
        return self.checkpoints / self.BEST

    @property
    def last(self) -> Path:
        """The checkpoint that a run goes on from."""
        return self.checkpoints / self.LAST

    @property
    def evaluation(self) -> Path:
        """Scores beside the baselines', and the sections of the report."""
        return self.path / self.EVALUATION

    @property
    def report(self) -> Path:
        """The page."""
        return self.path / "report.html"

    @property
    def card(self) -> Path:
        """The model card."""
        return self.path / "model_card.md"

    @property
    def pictures(self) -> Path:
        """The folder of the page's pictures."""
        return self.path / "pictures"

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
