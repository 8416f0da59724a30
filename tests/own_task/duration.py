"""A task of a package of one's own: how long will this student take on the next exercise?"""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torchmetrics import MetricCollection, R2Score

from tests.own_task.durations import EXERCISE, DurationBatch, ExerciseTimes
from torchedu import Network, Task
from torchedu.baselines import Baseline
from torchedu.domains import Domain, Schedule
from torchedu.layers import VocabularyTable
from torchedu.readers.rows import Rows, columns_of, known_ids, numbers
from torchedu.sections import Section, Table

Columns = Mapping[str, NDArray[Any]]


class Pace(Network):
    """An exercise's usual time, moved by how fast the student was before."""

    sizes = ("num_exercises",)

    def __init__(self, num_exercises: int, dim: int = 8) -> None:
        super().__init__()
        self.num_exercises = num_exercises
        self.dim = dim
        self.usual = VocabularyTable(EXERCISE, num_exercises, 1, std=0.1)
        self.pace = nn.GRU(2, dim, batch_first=True)
        self.out = nn.Linear(dim, 1)

    def example(self, rows: int, steps: int, width: int) -> DurationBatch:
        """Draw exercises, from which an export learns what is read."""
        exercise_BL = torch.randint(1, self.num_exercises, (rows, steps))
        scored_BL = torch.ones(rows, steps, dtype=torch.bool)
        row_B = torch.arange(rows)
        return DurationBatch(exercise_BL, torch.randn(rows, steps), scored_BL, row_B, row_B)

    def forward(self, batch: DurationBatch) -> Tensor:
        """Foretell the log of the minutes; shape (B, L)."""
        usual_BL = self.usual(batch.exercise_BL).squeeze(-1)
        x_BL2 = torch.stack([batch.minutes_BL, batch.minutes_BL - usual_BL], -1)
        h_BLD, _ = self.pace(x_BL2)
        before_BLD = nn.functional.pad(h_BLD[:, :-1], (0, 0, 1, 0))
        return usual_BL + self.out(before_BLD).squeeze(-1)


class Foretold(NamedTuple):
    """What was foretold, in logs of minutes."""

    student: Tensor
    position: Tensor
    said: Tensor
    true: Tensor
    exercise: Tensor


class UsualTime(Baseline[Columns, Columns]):
    """The mean of each exercise."""

    name: ClassVar[str] = "usual time"

    def fit(self, data: Columns) -> "UsualTime":
        """Learn the means."""
        total, number = (np.bincount(data["exercise"], w) for w in (data["true"], None))
        self._mean = total / np.maximum(number, 1)
        return self

    def predict(self, data: Columns) -> Columns:
        """Foretell each exercise."""
        return {"said": self._mean[np.minimum(data["exercise"], len(self._mean) - 1)]}


class Duration(Domain):
    """Foretells how long a student takes, from the exercises before."""

    monitor = "val/r2"
    counts = "exercises"
    sizes = ("num_exercises",)
    binds: ClassVar = {EXERCISE: "num_exercises"}
    nets = Pace
    baselines = (UsualTime,)
    keys = ("student", "position")
    use_for = "To plan lessons."
    not_for = "To mark a student."
    usual: ClassVar = {
        "net": "tests.own_task.duration.Pace",
        "data": "tests.own_task.durations.ExerciseTimes",
    }

    def __init__(
        self,
        net: Callable[[int], Pace],
        num_exercises: int,
        lr: float = 0.02,
        weight_decay: float = 0.0,
        schedule: Schedule = "one_cycle",
    ) -> None:
        super().__init__(lr, weight_decay, schedule)
        self.net = self.built(net, Pace, num_exercises)
        self.num_exercises = num_exercises
        self.metrics = MetricCollection({"r2": R2Score()})

    def loss(self, batch: DurationBatch) -> tuple[Tensor, Tensor]:
        """Return each student's squared distances, and how many there are."""
        each_BL = (self(batch).float() - batch.minutes_BL) ** 2
        return (each_BL * batch.scored_BL).sum(1), batch.scored_BL.sum(1)

    def outcome(self, batch: DurationBatch) -> tuple[Tensor, Tensor]:
        """Return what was foretold and what was true, where it counts."""
        return self(batch).float()[batch.scored_BL], batch.minutes_BL[batch.scored_BL]

    def predict(self, batch: DurationBatch) -> Foretold:
        """Return what is foretold of each exercise."""
        row, step = batch.scored_BL.nonzero(as_tuple=True)
        said, true = self(batch).float()[row, step], batch.minutes_BL[row, step]
        return Foretold(batch.student_B[row], step, said, true, batch.exercise_BL[row, step])

    def pseudonyms(self, batch: DurationBatch) -> list[str]:
        """Name each student by the row in the store."""
        return [f"student row {row}" for row in batch.student_B.tolist()]

    def read(self, rows: Rows) -> DurationBatch:
        """Read exercises as they come: those that took no ``minutes`` yet are foretold."""
        assert self.vocabulary is not None
        columns = columns_of(rows, ("student", EXERCISE), ("minutes",))
        exercise = known_ids(self.vocabulary[EXERCISE], columns[EXERCISE], EXERCISE)
        minutes = numbers(columns["minutes"], "minutes", lambda x: x > 0, "It is above 0.", 1.0)
        asked = [value is None for value in columns["minutes"]]
        students = list(dict.fromkeys(columns["student"]))
        mine = [[i for i, s in enumerate(columns["student"]) if s == who] for who in students]
        size = max(map(len, mine))
        padded = torch.tensor([places + [-1] * (size - len(places)) for places in mine])
        seen_BL = padded >= 0
        return DurationBatch(
            torch.tensor(exercise)[padded] * seen_BL,
            torch.from_numpy(np.log(minutes))[padded] * seen_BL,
            torch.tensor(asked)[padded] & seen_BL,
            torch.arange(len(students)),
            torch.ones(len(students)),
        )

    def scored(self, predicted: Columns) -> dict[str, float]:
        """Return how much of the spread is foretold."""
        said, true = predicted["said"], predicted["true"]
        return {"r2": 1 - float(((said - true) ** 2).sum() / ((true - true.mean()) ** 2).sum())}

    def sections(self, data: ExerciseTimes, predicted: Columns) -> list[Section]:
        """Show which exercises take longest."""
        number, total = (np.bincount(predicted["exercise"], w) for w in (None, predicted["true"]))
        minutes = np.exp(total / np.maximum(number, 1))
        names = data.vocabulary[EXERCISE]
        slowest = np.argsort(minutes)[::-1][:3].tolist()
        rows = [[names.name(id), round(float(minutes[id]), 1)] for id in slowest]
        table = Table(["exercise", "minutes"], rows)
        return [Section("What takes longest", "The three slowest exercises.", [table])]


class ExerciseDuration(Duration, Task):
    """Foretells how long a student takes, under a trainer; see ``Duration``."""
