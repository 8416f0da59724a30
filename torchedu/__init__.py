"""Models of learners on PyTorch Lightning: students' answers in, an honest model out.

The names below are loaded when they are first used, so that ``import torchedu`` and the command
line's help cost nothing: importing torch and Lightning takes seconds.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torchedu.datamodules.course_events import CourseEvents
    from torchedu.datamodules.enrolments import Enrolments
    from torchedu.datamodules.essays import Essays
    from torchedu.datamodules.explanations import Explanations
    from torchedu.datamodules.interactions import Interactions
    from torchedu.datamodules.transcripts import Transcripts
    from torchedu.datasets import Store
    from torchedu.evaluation import evaluate
    from torchedu.models import (
        DKT,
        GMF,
        MF,
        MLP,
        SAKT,
        CausalLM,
        EventGRU,
        FrozenGrader,
        GRU4Rec,
        ItemDKT,
        LessonTransformer,
        NeuMF,
        SASRec,
        TextGrader,
        TurnContext,
        TwoTower,
    )
    from torchedu.run import RunConfig, build, trainer
    from torchedu.run.training import train
    from torchedu.tasks.at_risk import AtRisk
    from torchedu.tasks.essay_grading import EssayGrading
    from torchedu.tasks.explanation import MathExplanation
    from torchedu.tasks.opening import open_task
    from torchedu.tasks.recommendation import CourseRecommendation
    from torchedu.tasks.tracing import KnowledgeTracing
    from torchedu.tasks.transcripts import TranscriptTagging

__version__ = "0.1.0"

__all__ = [
    "DKT",
    "GMF",
    "MF",
    "MLP",
    "SAKT",
    "AtRisk",
    "CausalLM",
    "CourseEvents",
    "CourseRecommendation",
    "Enrolments",
    "EssayGrading",
    "Essays",
    "EventGRU",
    "Explanations",
    "FrozenGrader",
    "GRU4Rec",
    "Interactions",
    "ItemDKT",
    "KnowledgeTracing",
    "LessonTransformer",
    "MathExplanation",
    "NeuMF",
    "RunConfig",
    "SASRec",
    "Store",
    "TextGrader",
    "TranscriptTagging",
    "Transcripts",
    "TurnContext",
    "TwoTower",
    "__version__",
    "build",
    "evaluate",
    "open_task",
    "train",
    "trainer",
]

_HOME = {
    "DKT": "torchedu.models",
    "GMF": "torchedu.models",
    "MF": "torchedu.models",
    "MLP": "torchedu.models",
    "SAKT": "torchedu.models",
    "AtRisk": "torchedu.tasks.at_risk",
    "CausalLM": "torchedu.models",
    "CourseEvents": "torchedu.datamodules.course_events",
    "CourseRecommendation": "torchedu.tasks.recommendation",
    "Enrolments": "torchedu.datamodules.enrolments",
    "EssayGrading": "torchedu.tasks.essay_grading",
    "Essays": "torchedu.datamodules.essays",
    "EventGRU": "torchedu.models",
    "FrozenGrader": "torchedu.models",
    "Explanations": "torchedu.datamodules.explanations",
    "GRU4Rec": "torchedu.models",
    "Interactions": "torchedu.datamodules.interactions",
    "ItemDKT": "torchedu.models",
    "KnowledgeTracing": "torchedu.tasks.tracing",
    "LessonTransformer": "torchedu.models",
    "MathExplanation": "torchedu.tasks.explanation",
    "NeuMF": "torchedu.models",
    "RunConfig": "torchedu.run",
    "SASRec": "torchedu.models",
    "Store": "torchedu.datasets",
    "TextGrader": "torchedu.models",
    "TranscriptTagging": "torchedu.tasks.transcripts",
    "Transcripts": "torchedu.datamodules.transcripts",
    "TurnContext": "torchedu.models",
    "TwoTower": "torchedu.models",
    "build": "torchedu.run",
    "evaluate": "torchedu.evaluation",
    "open_task": "torchedu.tasks.opening",
    "train": "torchedu.run.training",
    "trainer": "torchedu.run",
}


def __getattr__(name: str) -> object:
    """Load a public name from the module it lives in (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names, loaded or not."""
    return sorted({*globals(), *__all__})
