"""The check of networks passes what is right and names each thing that is wrong."""

from abc import ABC
from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar, NamedTuple

import pytest
import torch
from torch import Tensor, nn

from torchedu.batch import (
    AnswerBatch,
    Answered,
    Asked,
    EnrolmentBatch,
    EssayBatch,
    LessonBatch,
    RiskBatch,
    TokenBatch,
)
from torchedu.errors import ConfigError
from torchedu.models import (
    DKT,
    CausalLM,
    EventGRU,
    FrozenGrader,
    GRU4Rec,
    ItemDKT,
    Network,
    TurnContext,
)
from torchedu.models.kt_model import State
from torchedu.testing import ContractError, Kind, check_network
from torchedu.testing.contract import Contract
from torchedu.testing.kinds import Answers, Courses, Events, Sentences, Texts, Tokens
from torchedu.testing.networks import NETWORK_CONTRACTS

LLAMA = {
    "model_type": "llama", "vocab_size": 40, "hidden_size": 16, "intermediate_size": 16,
    "num_hidden_layers": 1, "num_attention_heads": 2, "max_position_embeddings": 64,
}  # fmt: skip


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


class Reads(GRU4Rec):
    """A sound recommender for others to break."""

    def __init__(
        self, num_items: int, num_students: int, num_groups: int, num_skills: int, dim: int = 6
    ) -> None:
        super().__init__(num_items, num_students, num_groups, num_skills, dim, 6, 0.0)

    def arguments(self) -> dict[str, Any]:
        return {"dim": self.dim}


class SeesTheCourse(Reads):
    def forward(self, batch: EnrolmentBatch) -> Tensor:
        return super().forward(batch) + 0.1 * (batch.item_BL > 5).unsqueeze(-1)


class KnowsWho(Reads):
    def forward(self, batch: EnrolmentBatch) -> Tensor:
        return super().forward(batch) + 0.1 * batch.student_B[:, None, None]


class SaysThatItKnows(Reads):
    knows_students = True


class SaysThatItForgets(Reads):
    reads_history = False


class ScoresSomeApart(Reads):
    def logits(self, state_MD: Tensor, item_MK: Tensor | None = None) -> Tensor:
        return super().logits(state_MD, item_MK) + (0.1 if item_MK is not None else 0)


class NeedsGroups(Reads):
    def forward(self, batch: EnrolmentBatch) -> Tensor:
        return super().forward(batch) + 0 * batch.group_BG.float().mean(1)[:, None, None]


class Watches(EventGRU):
    """A sound network of risks for others to break."""

    def __init__(
        self,
        num_modules: int,
        num_attributes: int,
        num_event_columns: int,
        num_moment_columns: int,
    ) -> None:
        sizes = (num_modules, num_attributes, num_event_columns, num_moment_columns)
        super().__init__(*sizes, dim=4, members=2, dropout=0.0)

    def arguments(self) -> dict[str, Any]:
        return {}


class SeesTheOutcome(Watches):
    def forward(self, batch: RiskBatch) -> Tensor:
        return super().forward(batch) + batch.at_risk_B[:, None, None, None]


class SeesTheEvent(Watches):
    def forward(self, batch: RiskBatch) -> Tensor:
        return super().forward(batch._replace(seen_BQ=batch.seen_BQ + 1))


class OneRisk(Watches):
    def forward(self, batch: RiskBatch) -> Tensor:
        return super().forward(batch).mean(-1, keepdim=True)


class KnownModulesOnly(Watches):
    def forward(self, batch: RiskBatch) -> Tensor:
        return super().forward(batch) + 0 / (batch.module_B - 1)[:, None, None, None]


class ForgetsEvents(Watches):
    def step(self, state: State, event_BE: Tensor) -> State:
        return state


class Grades(FrozenGrader):
    """A sound grader for others to break."""

    def __init__(
        self, num_prompts: int, num_scores: int, num_steps: int, num_roles: int, dim: int,
        encoder: str, num_surface_columns: int,
    ) -> None:  # fmt: skip
        sizes = (num_prompts, num_scores, num_steps, num_roles, dim, encoder, num_surface_columns)
        super().__init__(*sizes, hidden=4, members=2)

    def arguments(self) -> dict[str, Any]:
        return {}


class SeesTheScore(Grades):
    def forward(self, batch: EssayBatch) -> Tensor:
        return super().forward(batch) + batch.target_BY.unsqueeze(-1)


class OneScore(Grades):
    def forward(self, batch: EssayBatch) -> Tensor:
        return super().forward(batch)[:, :, :1]


class KnownPromptsOnly(Grades):
    def forward(self, batch: EssayBatch) -> Tensor:
        return super().forward(batch) + 0 / (batch.prompt_B - 1)[:, None, None]


class LearnsAgain(Grades):
    def learn(self, facts: EssayBatch, fresh: bool) -> None:
        self.known_P.fill_(False)
        super().learn(facts, fresh)


class Tags(TurnContext):
    """A sound network of lessons for others to break."""

    def __init__(self, num_teacher_tags: int, num_student_tags: int, vector_dim: int) -> None:
        super().__init__(num_teacher_tags, num_student_tags, vector_dim, dim=4, dropout=0.0)

    def arguments(self) -> dict[str, Any]:
        return {}


class SeesTheTag(Tags):
    def forward(self, batch: LessonBatch) -> tuple[Tensor, Tensor]:
        teacher, student = super().forward(batch)
        return teacher + batch.tag_BL.unsqueeze(-1), student


class TagsTheReserved(Tags):
    def forward(self, batch: LessonBatch) -> tuple[Tensor, Tensor]:
        teacher, student = super().forward(batch)
        return nn.functional.pad(teacher, (2, 0)), student


class KnowsWhoSpeaks(Tags):
    def read(self, x_BLD: Tensor, batch: LessonBatch) -> Tensor:
        return super().read(x_BLD, batch) + 0.1 * batch.speaker_BL.unsqueeze(-1)


class CountsTurns(Tags):
    def read(self, x_BLD: Tensor, batch: LessonBatch) -> Tensor:
        return super().read(x_BLD, batch) + 0.1 * batch.turn_BL.unsqueeze(-1)


class Says(CausalLM):
    """A sound language model for others to break."""

    def __init__(self, num_tokens: int) -> None:
        super().__init__(num_tokens, LLAMA)

    def arguments(self) -> dict[str, Any]:
        return {}


class SeesTheNextToken(Says):
    def forward(self, batch: TokenBatch) -> Tensor:
        return super().forward(batch) + 0.1 * (batch.token_BL.roll(-1, 1) > 20)


class CostsTheOthersToo(Says):
    def forward(self, batch: TokenBatch) -> Tensor:
        return super().forward(batch._replace(scored_BL=batch.text_BL == batch.text_BL[:, :1]))


class SaysTwoThings(Says):
    def logits(self, batch: TokenBatch) -> Tensor:
        return 2 * super().logits(batch)


class ReadsOnIntoTheNext(Says):
    def forward(self, batch: TokenBatch) -> Tensor:
        return super().forward(batch._replace(place_BL=batch.place_BL[:, :0]))


BROKEN = {
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
    SeesTheCourse: "causal",
    KnowsWho: "rows_apart",
    SaysThatItKnows: "students",
    SaysThatItForgets: "history",
    ScoresSomeApart: "some_courses",
    NeedsGroups: "unknown_names",
    SeesTheOutcome: "rows_apart",
    SeesTheEvent: "causal",
    OneRisk: "two_risks",
    KnownModulesOnly: "unknown_names",
    ForgetsEvents: "steps",
    SeesTheScore: "rows_apart",
    OneScore: "scores",
    KnownPromptsOnly: "unknown_prompts",
    LearnsAgain: "learns_once",
    SeesTheTag: "rows_apart",
    TagsTheReserved: "tags",
    KnowsWhoSpeaks: "speakers",
    CountsTurns: "turns",
    SeesTheNextToken: "causal",
    CostsTheOthersToo: "scored",
    SaysTwoThings: "logits",
    ReadsOnIntoTheNext: "packed",
}


def test_a_sound_network_passes() -> None:
    check_network(Small)
    check_network(partial(ItemDKT, dim=4, dropout=0.5), {"num_items": 7, "num_skills": 5})


def test_the_check_leaves_the_random_state_alone() -> None:
    torch.manual_seed(3)
    wanted = torch.rand(3)
    torch.manual_seed(3)
    check_network(Small)
    assert torch.equal(torch.rand(3), wanted)


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_network_is_caught_by_its_contract(kind: type[Network]) -> None:
    build = partial(kind, dim=5) if kind is Forgetful else kind
    with pytest.raises(ContractError) as caught:
        check_network(build)
    assert caught.value.contract == BROKEN[kind], caught.value
    assert str(caught.value).startswith(f"{BROKEN[kind]}: ")
    assert len(str(caught.value)) > len(BROKEN[kind]) + 20


def test_sizes_that_do_not_come_first_are_caught() -> None:
    with pytest.raises(ContractError, match=r"^arguments: the first arguments are \['dim'"):
        check_network(
            lambda num_items, num_skills: SizesLast(6, num_items, num_skills), kind=Answers()
        )


def test_what_is_no_network_of_a_kind_is_caught() -> None:
    with pytest.raises(ContractError, match=r"^arguments: Linear is no subclass of KTModel"):
        check_network(nn.Linear, kind=Answers())  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"Give a subclass of .*KTModel"):
        check_network(nn.Linear)  # type: ignore[arg-type]


def contracts() -> dict[str, Contract[Any]]:
    known = dict(NETWORK_CONTRACTS)
    for kind in (Answers, Courses, Events, Texts, Sentences, Tokens):
        known |= kind.contracts
    return known


def test_every_contract_has_a_network_that_breaks_it() -> None:
    assert set(BROKEN.values()) == set(contracts())


def test_every_contract_says_what_it_asks() -> None:
    assert all(check.__doc__ for check in contracts().values())


class Pulse(NamedTuple):
    """A batch of a kind that torchedu does not know."""

    beat_BL: Tensor
    mean_over_B: Tensor


class PulseModel(Network, ABC):
    sizes = ("num_beats",)


class Pulses(Kind):
    """That kind, as a package of one's own tells it."""

    network = PulseModel
    sizes: ClassVar = {"num_beats": 5}
    asked = ("beat_BL",)

    def batch(self, sizes: Mapping[str, Any], rows: int, steps: int, width: int) -> Pulse:
        return Pulse(torch.randint(1, sizes["num_beats"], (rows, steps)), torch.ones(rows))

    def said(self, net: nn.Module, batch: Pulse) -> Tensor:
        return net(batch)

    def real(self, batch: Pulse) -> Tensor:
        return batch.beat_BL > 0


class Counts(PulseModel):
    def __init__(self, num_beats: int) -> None:
        super().__init__()
        self.num_beats = num_beats
        self.weight = nn.Embedding(num_beats, 1)

    def forward(self, batch: Pulse) -> Tensor:
        return self.weight(batch.beat_BL).squeeze(-1).cumsum(1)


class CountsBackwards(Counts):
    def forward(self, batch: Pulse) -> Tensor:
        return super().forward(batch).flip(1)


def test_a_kind_of_ones_own_is_found_by_its_class() -> None:
    check_network(Counts)
    with pytest.raises(ContractError, match=r"^causal: a prediction up to step 0"):
        check_network(CountsBackwards)
