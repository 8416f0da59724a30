"""What other programs call of a trained network: entries of plain tensors in and out."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from torchedu.batch import AnswerBatch, Answered, Asked
from torchedu.domains import Domain, Recommendation, Risk, Tracing
from torchedu.models import EventModel, KTModel
from torchedu.models.kt_model import State
from torchedu.schema import PADDING

Run = Callable[..., State]
"""Calls an entry wherever it runs: the tensors of its ``forward`` in, a tuple of tensors out."""
STEPS = "LQ"
"""Shape letters of what goes through time."""


class Entry(nn.Module):
    """One of a network's entries.

    Attributes:
        name: What a graph's file is called after.
        fields: Fields of a batch that it takes, in order; ``at`` gives them.
        outputs: Names of what it returns.
        one_step: Whether it takes one step of what goes through time, and the state after them.

    Args:
        task: The task of the network.
    """

    name: ClassVar[str] = "forward"
    one_step: ClassVar[bool] = False
    fields: tuple[str, ...]
    outputs: tuple[str, ...]

    def __init__(self, task: Domain) -> None:
        super().__init__()
        self.task = task

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of what it takes, its state aside."""
        return tuple(field.rpartition("_")[0] for field in self.fields)

    def letters(self, field: str) -> str:
        """Return the shape letters of what it takes of a field."""
        letters = field.rpartition("_")[2]
        return "".join(letter for letter in letters if not (self.one_step and letter in STEPS))

    def at(self, batch: Any, step: int = 0) -> tuple[Tensor, ...]:
        """Return what it takes of a batch.

        Args:
            batch: The batch.
            step: Which step, of entries that take one.
        """
        columns = batch._asdict()
        shaped = ((columns[field], field.rpartition("_")[2]) for field in self.fields)
        return tuple(
            x[:, step] if self.one_step and len(dims) > 1 and dims[1] in STEPS else x
            for x, dims in shaped
        )

    def put(self, taken: tuple[Tensor, ...], kind: Any, **more: Tensor | None) -> Any:
        """Return what is taken as a value of a kind of named tuple."""
        fields = (f"{name}_{self.letters(field)}" for name, field in self._named())
        return kind(**{**more, **dict(zip(fields, taken, strict=False))})

    def _named(self) -> list[tuple[str, str]]:
        return list(zip(self.inputs, self.fields, strict=True))

    def traced(self, *taken: Tensor) -> State:
        """Return what ``forward`` does, so that no size of an example goes a way of its own."""
        return cast(State, self(*taken))

    @property
    def longest(self) -> int | None:
        """The most steps that it takes at once; None where any number will do."""
        return self.task.net.max_history


class Forward(Entry):
    """Says of whole rows what the task's ``output`` does."""

    def __init__(self, task: Domain) -> None:
        super().__init__(task)
        with torch.random.fork_rng(), torch.no_grad():
            example = task.net.example(2, 2, 2)
            self.kind = type(example)
            self.fields, output = _read(task, example)
        self.outputs = tuple(output)

    def forward(self, *taken: Tensor) -> State:
        """Return what is said, in the order of ``outputs``."""
        nothing = dict.fromkeys(self.kind._fields)
        return tuple(self.task.output(self.put(taken, self.kind, **nothing)).values())


class NextCourse(Forward):
    """Scores every course as the one after a student's last; see ``Recommendation.output``."""

    @property
    def longest(self) -> int | None:
        """The most courses before, less one for the slot of the one to come."""
        most = self.task.net.max_history
        return None if most is None else most - 1


class Answers(Entry):
    """What entries of knowledge tracing share: item, skill, mark, then what the network reads."""

    kind: ClassVar[type[AnswerBatch | Asked | Answered]]

    def __init__(self, task: Domain) -> None:
        super().__init__(task)
        known = ("item_BL", "skill_BLS", "correct_BL", *(f"{read}_BL" for read in self.net.reads))
        names = {field.rpartition("_")[0] for field in self.kind._fields}
        self.fields = tuple(field for field in known if field.rpartition("_")[0] in names)

    @property
    def net(self) -> KTModel:
        """The network."""
        return cast(KTModel, self.task.net)

    def traced(self, *taken: Tensor) -> State:
        """Return what ``forward`` does with a padded skill more, since one may go its own way."""
        item, skill, *rest = taken
        return cast(State, self(item, F.pad(skill, (0, 1)), *rest))


class ForwardAnswers(Answers):
    """Predicts every answer of padded histories; see ``KTModel.forward``."""

    kind = AnswerBatch
    outputs = ("logit",)

    def forward(self, *taken: Tensor) -> State:
        """Return logit_BL; who a student is, and what is scored, changes no prediction."""
        item_BL, _, correct_BL, *_ = taken
        zero_B, one_B = torch.zeros_like(item_BL[:, 0]), torch.ones_like(correct_BL[:, 0])
        about = {"scored_BL": item_BL != PADDING, "student_B": zero_B, "start_B": zero_B}
        return (self.net(self.put(taken, self.kind, **about, mean_over_B=one_B)),)


class PredictAnswer(Answers):
    """Predicts one answer of each student from what is known of them; see ``KTModel.predict``."""

    name, one_step, kind, outputs = "predict", True, Asked, ("logit",)

    def forward(self, *taken: Tensor) -> State:
        """Return logit_B."""
        return (self.net.predict(taken[len(self.fields) :], self.put(taken, self.kind)),)


class StepAnswer(Answers):
    """Takes in one answer of each student; see ``KTModel.step``."""

    name, one_step, kind, outputs = "step", True, Answered, ()

    def forward(self, *taken: Tensor) -> State:
        """Return what is known after it, tensor by tensor as it was given."""
        return self.net.step(taken[len(self.fields) :], self.put(taken, self.kind))


class PredictRisk(Entry):
    """Gives the risk of each student at one moment; see ``EventModel.predict``."""

    name, one_step, outputs = "predict", True, ("risk", "leaving")
    fields = ("module_B", "attribute_BA", "moment_BQF")

    def forward(self, *taken: Tensor) -> State:
        """Return risk_B, and the chance of leaving within a week."""
        module_B, attribute_BA, moment_BF, *state = taken
        net = cast(EventModel, self.task.net)
        logit_BM2 = net.predict(tuple(state), module_B, attribute_BA, moment_BF)
        return logit_BM2.sigmoid().mean(-2).unbind(-1)


class StepEvent(Entry):
    """Takes in one event of each student; see ``EventModel.step``."""

    name, one_step, outputs, fields = "step", True, (), ("event_BLE",)

    def forward(self, *taken: Tensor) -> State:
        """Return what is known after it, tensor by tensor as it was given."""
        event_BE, *state = taken
        return cast(EventModel, self.task.net).step(tuple(state), event_BE)


ENTRIES: dict[type, tuple[type[Entry], ...]] = {
    Tracing: (ForwardAnswers, PredictAnswer, StepAnswer),
    Risk: (Forward, PredictRisk, StepEvent),
    Recommendation: (NextCourse,),
    Domain: (Forward,),
}
"""The entries of a kind of task; the first kind that a task is of counts."""


def entries(task: Domain) -> dict[str, Entry]:
    """Return a task's own entries by name."""
    kinds = next(kinds for domain, kinds in ENTRIES.items() if isinstance(task, domain))
    return {kind.name: kind(task) for kind in kinds}


def initial_state(task: Domain, rows: int = 1) -> State | None:
    """Return what is known of students before anything was seen; None without steps."""
    net = task.net
    return net.initial_state(rows) if isinstance(net, KTModel | EventModel) else None


def _read(task: Domain, batch: Any) -> tuple[tuple[str, ...], Mapping[str, Tensor]]:
    """Return which fields of a batch the task's output is made of, and the output."""
    seen: set[str] = set()
    kind = type(batch)

    class Watched(kind):  # type: ignore[valid-type, misc]
        """Notes which of its fields are asked for."""

        def __getattribute__(self, name: str) -> Any:
            seen.add(name)
            return super().__getattribute__(name)

    output = task.output(Watched(*batch))
    return tuple(field for field in kind._fields if field in seen), output
