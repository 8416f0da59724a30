"""What may be sent to be read: texts to grade, lessons to tag, problems to explain."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from torchedu.datasets.prompts import Intent, Profile
from torchedu.serve.bodies import Body, Name

Words = Annotated[str, Field(min_length=1, max_length=100_000)]


class Text(Body):
    """A text to grade."""

    text: Words
    prompt: Name | None = Field(None, description="Its prompt, where the network knows several.")
    reference: Words | None = Field(None, description="What a right answer says, a line each.")
    question: Words | None = Field(None, description="What was asked.")


class Sentence(Body):
    """A sentence of a lesson."""

    sentence: Words
    speaker: Name | None = None
    role: Literal["teacher", "student"] | None = None
    turn: int | None = Field(None, description="Another number begins another turn.")


class Wanted(Body):
    """A problem, and who is to be helped with it how."""

    problem: Words
    intent: Intent = "explanation"
    student: Name | None = Field(None, description="Whose mastery the tutor is told.")
    work: str = Field("", max_length=10_000, description="What the student has written so far.")
    confusion: str = Field("", max_length=10_000, description="What the student confuses.")
    max_new_tokens: int = Field(256, ge=1, le=1024, description="Most tokens of the answer.")

    def asked(self, mastery: dict[str, float]) -> dict[str, Any]:
        """Return the arguments of ``ExplanationEngine.explain``."""
        return {
            "problem": self.problem, "intent": self.intent,
            "profile": Profile(mastery, self.work, self.confusion),
            "max_new_tokens": self.max_new_tokens,
        }  # fmt: skip


Texts = Annotated[list[Text], Field(min_length=1, max_length=100)]
Sentences = Annotated[list[Sentence], Field(min_length=1, max_length=5000)]


def plain(bodies: Sequence[BaseModel]) -> list[dict[str, Any]]:
    """Return bodies as rows, of what they say alone."""
    return [body.model_dump(exclude_none=True) for body in bodies]
