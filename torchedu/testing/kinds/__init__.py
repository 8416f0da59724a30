"""Kinds of networks: what each is shown, what it says to it, and contracts of its own."""

from torchedu.testing.kinds.explanation import Tokens
from torchedu.testing.kinds.grading import Texts
from torchedu.testing.kinds.kind import Kind, NetworkSubject, kind_of
from torchedu.testing.kinds.lessons import Sentences
from torchedu.testing.kinds.recommendation import Courses
from torchedu.testing.kinds.risk import Events
from torchedu.testing.kinds.spoken import Speech
from torchedu.testing.kinds.tracing import Answers

__all__ = [
    "Answers",
    "Courses",
    "Events",
    "Kind",
    "NetworkSubject",
    "Sentences",
    "Speech",
    "Texts",
    "Tokens",
    "kind_of",
]
