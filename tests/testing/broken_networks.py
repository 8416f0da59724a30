"""Networks of all data but answers that break one contract each."""

from typing import Any

from torch import Tensor, nn

from torchedu.batch import (
    EnrolmentBatch,
    EssayBatch,
    LessonBatch,
    RiskBatch,
    SpokenBatch,
    TokenBatch,
)
from torchedu.models import (
    CausalLM,
    EventGRU,
    FrozenGrader,
    GRU4Rec,
    SpokenGrader,
    TurnContext,
)
from torchedu.models.kt_model import State

LLAMA = {
    "model_type": "llama", "vocab_size": 40, "hidden_size": 16, "intermediate_size": 16,
    "num_hidden_layers": 1, "num_attention_heads": 2, "max_position_embeddings": 64,
}  # fmt: skip


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


class HearsWhatIsNotThere(SpokenGrader):
    """A grader of spoken answers that listens to recordings which are said to be missing."""

    def __init__(
        self, num_scores: int, num_places: int, num_bands: int, text_dim: int, speech_dim: int,
        image_dim: int,
    ) -> None:  # fmt: skip
        sizes = (num_scores, num_places, num_bands, text_dim, speech_dim, image_dim)
        super().__init__(*sizes, dim=8, heads=2, blocks=1)

    def arguments(self) -> dict[str, Any]:
        return {}

    def forward(self, batch: SpokenBatch) -> Tensor:
        heard_BWI1 = batch.heard_BWI.unsqueeze(-1)
        loud_B = (batch.frame_BWIF * heard_BWI1).sum((1, 2, 3)) / heard_BWI1.sum((1, 2, 3))
        return super().forward(batch) + 0.1 * loud_B[:, None, None]


BROKEN_OTHERS = {
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
    HearsWhatIsNotThere: "missing",
    SeesTheNextToken: "causal",
    CostsTheOthersToo: "scored",
    SaysTwoThings: "logits",
    ReadsOnIntoTheNext: "packed",
}
"""Networks of other data, each with the contract that it breaks."""
