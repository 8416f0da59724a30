"""A run's folder: the one place that knows what the files of a run are called."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

from torchedu.errors import CheckpointError, ConfigError, allowed
from torchedu.files import write_whole


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
    PEOPLE: ClassVar[str] = "people.npz"
    REPORT: ClassVar[str] = "report.html"
    CARD: ClassVar[str] = "model_card.md"
    PICTURES: ClassVar[str] = "pictures"
    PAGES: ClassVar[str] = "pages"
    FORMS: ClassVar[tuple[str, ...]] = ("parquet", "csv", "json")
    PRIVACY: ClassVar[str] = "PRIVACY.txt"
    HPARAMS: ClassVar[str] = "hparams.yaml"
    FAILED: ClassVar[tuple[str, ...]] = (CONFIG, METRICS, COMPANIONS, PEOPLE, PRIVACY, HPARAMS)
    """What a run leaves that failed before its first checkpoint, and was not killed."""
    TABLES: ClassVar[Mapping[str, str]] = {
        "predictions": "students' names, what they answered, and the chance of it",
        "mastery": "students' names, and what each can do",
        "questions": "students' names, and the chance that each answers a question right",
        "next": "a student's name, and what to do next",
        "recommendations": "students' names, and courses for them",
        "risks": "students' names, and the risk of each",
        "calls": "students' names, whom to call and why",
        "changes": "students' names, whose risk has changed and after what",
        "grades": "the names of texts, and grades",
        "scores": "the names of answers and of who gave them, and scores",
        "tags": "the names of lessons and speakers, and what they said",
        "talk": "the names of lessons and speakers, and how much they said",
        "lessons": "the names of lessons",
        "explanations": "what was asked, and what was explained",
    }
    """Tables that tasks write of people, as .parquet, .csv or .json, and what they hold."""
    EXAMPLE: ClassVar[str] = f"runs/version_0/{CHECKPOINTS}/{BEST}"
    """A checkpoint, as messages give an example of one."""

    @classmethod
    def of_checkpoint(cls, file: Path) -> Self:
        """Return the folder of the run that wrote a checkpoint."""
        return cls(file.parent.parent)

    @classmethod
    def find(cls, path: Path, name: str = BEST) -> Path:
        """Return the checkpoint that is meant by a path: itself, or one of a run's folder.

        Raises:
            CheckpointError: There is none, nor another of its run.
        """
        file = cls(path).checkpoints / name if path.is_dir() else path
        # One that is gone from its run's folder is replaced as a damaged one is.
        if not (any(file.parent.glob("*.ckpt")) if path.is_dir() else file.exists()):
            raise CheckpointError(
                f"{path} holds no checkpoint{'' if path.exists() else ' (it does not exist)'}.",
                cls._nearest(path)
                or "Give a run's folder, such as runs/version_0, or a file in its checkpoints.",
            )
        return file

    @classmethod
    def _nearest(cls, path: Path) -> str:
        """Say which runs stand where one was looked for, and which of them may be meant."""
        files = sorted(path.parent.glob(f"*/{cls.CHECKPOINTS}/*.ckpt"))
        runs = dict.fromkeys(str(cls.of_checkpoint(file).path) for file in files)
        return f"Give a run's folder. {allowed(str(path), runs)}" if runs else ""

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
    people = _Inside(PEOPLE)
    """Digests of those whom the network was trained on: as private as their names."""
    checkpoints = _Inside(CHECKPOINTS)
    """The folder of checkpoints."""
    best = _Inside(CHECKPOINTS, BEST)
    """The checkpoint of the best epoch."""
    last = _Inside(CHECKPOINTS, LAST)
    """The checkpoint that a run goes on from."""
    evaluation = _Inside(EVALUATION)
    """Scores beside the baselines', and the sections of the report."""
    report = _Inside(REPORT)
    """The page."""
    card = _Inside(CARD)
    """The model card."""
    pictures = _Inside(PICTURES)
    """The folder of the page's pictures."""
    pages = _Inside(PAGES)
    """The folder of a page a student."""

    def table(self, name: str = "predictions", form: str = "parquet") -> Path:
        """Return the file of a table that a task writes, such as its predictions."""
        return self.path / f"{name}.{form}"

    def tables(self) -> list[Path]:
        """Return the files here that tasks have written of people."""
        named = (self.table(name, form) for name in self.TABLES for form in self.FORMS)
        return [file for file in named if file.is_file() and not file.is_symlink()]

    def tell_of_people(self) -> None:
        """Say in the folder where names of people stand, and what can be done about it."""
        held = {
            **{f"{name}.*": what for name, what in self.TABLES.items()},
            self.PEOPLE: "digests of whom the network was trained on: as private as their names",
            self.EVALUATION: "scores; of lessons and conversations examples of what was said",
            f"{self.REPORT}, {self.PICTURES}": f"what {self.EVALUATION} holds",
            self.PAGES: "what the tables hold, a page a class and a page a student",
            self.COMPANIONS: "the names of items, courses and skills, and of students' attributes",
            f"{self.CONFIG}, {self.HPARAMS}": "where data and models stand on this machine",
            self.CHECKPOINTS: f"what {self.COMPANIONS} and {self.CONFIG} hold, and the weights",
        }
        width = max(map(len, held))
        lines = [
            "What the files of this folder hold of people, where they are here:",
            "",
            *(f"  {name:{width}}  {what}" for name, what in held.items()),
            "",
            "To hand the network on without them:  torchedu share FOLDER",
            "To forget a student:  torchedu data forget STORE --student NAME --runs FOLDER",
            "",
        ]
        write_whole(self.path / self.PRIVACY, "\n".join(lines).encode())

    def results(self, command: str, data: str) -> "RunFolder":
        """Return where a command puts what it finds on other data with this run's network.

        Args:
            command: The command.
            data: The data's name.
        """
        return RunFolder(self.path / f"{command}-{data.replace(' ', '-')}")

    def holds_results(self) -> bool:
        """Say whether a run, or a command on its network, has written here."""
        scored = (self.path / name for name in (self.EVALUATION, self.PRIVACY, self.PEOPLE))
        return self.begun() or any(file.is_file() for file in scored) or bool(self.tables())

    def begun(self) -> bool:
        """Say whether a run has begun here."""
        return self.path.is_dir() and any((self.path / name).exists() for name in self.BEGUN)

    def check_free(self) -> None:
        """Refuse a folder whose files a new run would mix with its own.

        What a run leaves that failed before its first checkpoint is in nobody's way.

        Raises:
            ConfigError: It is no folder, or holds something.
        """
        held = {file.name for file in self.path.iterdir()} if self.path.is_dir() else set()
        if self.path.is_file() or not (held <= {self.LOCK} or held <= {*self.FAILED}):
            raise ConfigError(
                f"⟦run⟧ {self.path} is in use.",
                "Name a folder that does not exist yet, or go on with the run there: ⟦resume⟧ auto."
                if self.begun()
                else "Name a folder that does not exist yet, or move that one.",
            )
