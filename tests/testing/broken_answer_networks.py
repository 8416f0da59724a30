"""Networks of students' answers that break one contract each."""

from typing import Any

import torch
from torch import Tensor, nn

from torchedu.batch import (
    AnswerBatch,
    Answered,
    Asked,
)
from torchedu.models import (
    DKT,
)
from torchedu.models.kt_model import State


class Small(DKT):
    """A sound network for others to break."""

    def __init__(self, num_items: int, num_skills: int, dim: int = 6) -> None:
        super().__init__(num_items, num_skills, dim, dropout=0.0)

    def arguments(self) -> dict[str, Any]:
        return {"dim": self.dim}


class SeesItsOwnMark(Small):
    def forward(self, batch: AnswerBatch) -> Tensor:
        return super().forward(batch) + 0.05 * batch.correct_BL


class SeesTheNextItem(Small):
    def forward(self, batch: AnswerBatch) -> Tensor:
        return super().forward(batch) + 0.1 * (batch.item_BL.roll(-1, 1) > 9)


class SeesTheLastMark(Small):
    def forward(self, batch: AnswerBatch) -> Tensor:
        return super().forward(batch) + 0.1 * batch.correct_BL[:, -1:]


class Forgetful(Small):
    """Its arguments leave out what it was built with."""

    def arguments(self) -> dict[str, Any]:
        return {}


class Boxed(Small):
    """Its arguments are no plain JSON."""

    def arguments(self) -> dict[str, Any]:
        return {"dim": torch.tensor(6)}


class SizesLast(Small):
    def __init__(self, dim: int, num_items: int, num_skills: int) -> None:
        super().__init__(num_items, num_skills, dim)


class MadeInMemory(Small):
    """A parameter that is real wherever the network is built."""

    def __init__(self, num_items: int, num_skills: int, dim: int = 6) -> None:
        super().__init__(num_items, num_skills, dim)
        self.scale = nn.Parameter(torch.ones(1, device="cpu"))

    def _logit(self, h: Tensor, skill: Tensor) -> Tensor:
        return self.scale * super()._logit(h, skill)


class OneNumberAStudent(Small):
    def forward(self, batch: AnswerBatch) -> Tensor:
        return super().forward(batch).mean(1)


class FailsOnOneAnswer(Small):
    def forward(self, batch: AnswerBatch) -> Tensor:
        logit_BL = super().forward(batch)
        return logit_BL / (batch.item_BL.shape[1] - 1)


class Drops(Small):
    """Leaves parts out in evaluation too."""

    def _logit(self, h: Tensor, skill: Tensor) -> Tensor:
        return super()._logit(nn.functional.dropout(h, 0.5), skill)


class Normalises(Small):
    def forward(self, batch: AnswerBatch) -> Tensor:
        logit_BL = super().forward(batch)
        return logit_BL - batch.item_BL[:, :1].float().mean()  # that of the others, too


class KnowsTheStudent(Small):
    def forward(self, batch: AnswerBatch) -> Tensor:
        return super().forward(batch) + 0.1 * batch.student_B[:, None]


class ReadsPadding(Small):
    """Averages the skills over the whole window, padding included."""

    def forward(self, batch: AnswerBatch) -> Tensor:
        return super().forward(batch) + 0.1 * batch.item_BL.shape[1]


class CountsPaddedSkills(Small):
    def forward(self, batch: AnswerBatch) -> Tensor:
        return super().forward(batch) / batch.skill_BLS.shape[-1]


class FirstSkillOnly(Small):
    def forward(self, batch: AnswerBatch) -> Tensor:
        return super().forward(batch._replace(skill_BLS=batch.skill_BLS[..., :1]))


class NoSkillNoNumber(Small):
    def forward(self, batch: AnswerBatch) -> Tensor:
        some_BL = (batch.skill_BLS != 0).any(-1)
        return super().forward(batch).masked_fill(~some_BL, torch.nan)


class NamesOnly(Small):
    """Refuses items that the vocabulary lacks."""

    def forward(self, batch: AnswerBatch) -> Tensor:
        return super().forward(batch) + 0 / (batch.item_BL - 1).abs()


class AllOrNothing(Small):
    def _code(self, skill: Tensor, correct: Tensor) -> Tensor:
        return super()._code(skill, correct.floor())


class StepsAside(Small):
    def step(self, state: State, answered: Answered) -> State:
        return super().step(state, answered._replace(correct_B=1 - answered.correct_B))


class StepsInPlace(Small):
    def step(self, state: State, answered: Answered) -> State:
        h, c = super().step(state, answered)
        return state[0].copy_(h), state[1].copy_(c)


class StateOnItsSide(Small):
    """Its state has another dimension before B."""

    def initial_state(self, batch_size: int) -> State:
        return tuple(tensor.unsqueeze(0) for tensor in super().initial_state(batch_size))


class RoomForTen(Small):
    """Says that it takes ten answers at once, and can then take no more."""

    max_history = 12

    def initial_state(self, batch_size: int) -> State:
        return *super().initial_state(batch_size), torch.zeros(batch_size)

    def predict(self, state: State, asked: Asked) -> Tensor:
        return super().predict(state[:2], asked)

    def step(self, state: State, answered: Answered) -> State:
        if int(state[2][0]) == 12:
            raise IndexError("no room for another answer")
        return *super().step(state[:2], answered), state[2] + 1


class Grows(Small):
    """Keeps every mark, so that states of unequal histories are no batch."""

    def initial_state(self, batch_size: int) -> State:
        return *super().initial_state(batch_size), torch.zeros(batch_size, 0)

    def predict(self, state: State, asked: Asked) -> Tensor:
        return super().predict(state[:2], asked)

    def step(self, state: State, answered: Answered) -> State:
        marks = torch.cat([state[2], answered.correct_B.unsqueeze(1)], dim=1)
        return *super().step(state[:2], answered), marks


class ReadsWhatItDoesNotSay(Small):
    def forward(self, batch: AnswerBatch) -> Tensor:
        logit_BL = super().forward(batch)
        return logit_BL if batch.attempt_BL is None else logit_BL + 0.1 * batch.attempt_BL


class KnowsHowLongItTakes(Small):
    """Sees how long the answer takes that it foretells."""

    reads = ("response_time",)

    def forward(self, batch: AnswerBatch) -> Tensor:
        assert batch.response_time_BL is not None
        return super().forward(batch) + 0.01 * batch.response_time_BL.nan_to_num()


class KnowsWhenTheNextIsAsked(Small):
    reads = ("time",)

    def forward(self, batch: AnswerBatch) -> Tensor:
        assert batch.time_BL is not None
        return super().forward(batch) + 0.1 * (batch.time_BL.roll(-1, 1) % 2)


class DoesNotBearNotKnowing(Small):
    """Takes in how long an answer took, which is not known of each."""

    reads = ("response_time",)

    def forward(self, batch: AnswerBatch) -> Tensor:
        assert batch.response_time_BL is not None
        shifted_BL = nn.functional.pad(batch.response_time_BL[:, :-1], (1, 0))
        return super().forward(batch) + 0.01 * shifted_BL


class KeepsASecret(Small):
    """Learns something that its state dict leaves out."""

    def __init__(self, num_items: int, num_skills: int, dim: int = 6) -> None:
        super().__init__(num_items, num_skills, dim)
        self.secret = [torch.randn(1)]

    def _logit(self, h: Tensor, skill: Tensor) -> Tensor:
        return super()._logit(h, skill) + self.secret[0]


class DeadEnd(Small):
    def __init__(self, num_items: int, num_skills: int, dim: int = 6) -> None:
        super().__init__(num_items, num_skills, dim)
        self.unused = nn.Linear(dim, 1)


class SpoilsItsLoss(Small):
    """A loss of its own that is no number."""

    def own_loss(self, batch: AnswerBatch, output: Tensor) -> Tensor:
        return output.sum(1) / 0


class LosesItself(Small):
    def penalty(self) -> Tensor:
        return self.prior.weight.sum() * torch.nan


class IgnoresMarks(Small):
    def _code(self, skill: Tensor, correct: Tensor) -> Tensor:
        return super()._code(skill, correct * 0)


class WritesIntoTheBatch(Small):
    def forward(self, batch: AnswerBatch) -> Tensor:
        batch.correct_BL[:, -1] = 0.5
        return super().forward(batch)


class KeepsTheBatch(Small):
    def forward(self, batch: AnswerBatch) -> Tensor:
        self.last = batch.item_BL
        return super().forward(batch)


class RoundsToNothing(Small):
    """Takes the log of what is left of nearly one, which is nothing in bfloat16."""

    def __init__(self, num_items: int, num_skills: int, dim: int = 6) -> None:
        super().__init__(num_items, num_skills, dim)
        self.guess = nn.Linear(dim, 1)

    def _logit(self, h: Tensor, skill: Tensor) -> Tensor:
        share = self.guess(h).squeeze(-1)
        return super()._logit(h, skill) + share + (1 - torch.full_like(share, 0.999)).log()


class NoRoomForItsLongest(Small):
    """Says that it takes 20 answers at once, and takes 19."""

    max_history = 20

    def forward(self, batch: AnswerBatch) -> Tensor:
        return super().forward(batch)[:, :19]


class StaysOnTheHost(Small):
    def forward(self, batch: AnswerBatch) -> Tensor:
        return super().forward(batch) + 0 * torch.arange(batch.item_BL.shape[1])


BROKEN_ANSWERS = {
    SeesItsOwnMark: "causal",
    SeesTheNextItem: "causal",
    SeesTheLastMark: "causal",
    KnowsHowLongItTakes: "causal",
    KnowsWhenTheNextIsAsked: "causal",
    DoesNotBearNotKnowing: "output",
    Forgetful: "arguments",
    Boxed: "arguments",
    MadeInMemory: "meta_device",
    OneNumberAStudent: "output",
    FailsOnOneAnswer: "output",
    Drops: "deterministic",
    Normalises: "rows_apart",
    KnowsTheStudent: "rows_apart",
    ReadsWhatItDoesNotSay: "rows_apart",
    ReadsPadding: "padding",
    CountsPaddedSkills: "skills",
    FirstSkillOnly: "skills",
    NoSkillNoNumber: "skills",
    NamesOnly: "unknown_names",
    AllOrNothing: "partial_credit",
    StepsAside: "steps",
    StepsInPlace: "steps",
    StateOnItsSide: "steps",
    RoomForTen: "steps",
    Grows: "steps",
    KeepsASecret: "state_dict",
    DeadEnd: "gradients",
    LosesItself: "gradients",
    SpoilsItsLoss: "gradients",
    IgnoresMarks: "earlier_marks",
    WritesIntoTheBatch: "batch_untouched",
    KeepsTheBatch: "batch_untouched",
    RoundsToNothing: "low_precision",
    NoRoomForItsLongest: "output",
    StaysOnTheHost: "other_device",
}
"""Networks of answers, each with the contract that it breaks."""
