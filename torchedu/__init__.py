"""Models of learners on PyTorch Lightning: students' answers in, an honest model out.

The names below, and the rooms themselves (``torchedu.models``), are loaded when they are first
used, so that ``import torchedu`` and the command line's help cost nothing: importing torch and
Lightning takes seconds.
"""

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torchedu.datamodules import (
        CourseEvents,
        DataModule,
        Enrolments,
        Essays,
        Explanations,
        Interactions,
        SpokenAnswers,
        Transcripts,
    )
    from torchedu.datasets import Store
    from torchedu.engine import open_engine
    from torchedu.errors import (
        CheckpointError,
        ConfigError,
        DataError,
        TorcheduError,
        TrainingError,
    )
    from torchedu.evaluation import evaluate
    from torchedu.models import (
        AKT,
        BKT,
        DKT,
        DKVMN,
        GMF,
        IRT,
        MF,
        MLP,
        PFA,
        SAKT,
        CausalLM,
        DotProduct,
        EventGRU,
        EventModel,
        FrozenGrader,
        Grader,
        GRU4Rec,
        ItemDKT,
        KTModel,
        LessonModel,
        LessonTransformer,
        LogisticDKT,
        Network,
        NeuMF,
        Recommender,
        ReKT,
        SASRec,
        SimpleKT,
        SpokenGrader,
        TextGrader,
        TurnContext,
        TwoTower,
    )
    from torchedu.permissions import allowing
    from torchedu.prediction import predict, predictions
    from torchedu.report import write_report
    from torchedu.run import RunConfig, build, trainer
    from torchedu.run.training import fit, train
    from torchedu.tasks import (
        AnswerGrading,
        AtRisk,
        CourseRecommendation,
        EssayGrading,
        KnowledgeTracing,
        MathExplanation,
        Task,
        TranscriptTagging,
        open_task,
    )
    from torchedu.testing import check_data, check_importer, check_network, check_task

__version__ = "0.1.0"

_HOMES = {
    "torchedu.datamodules": "CourseEvents DataModule Enrolments Essays Explanations Interactions "
    "SpokenAnswers Transcripts",
    "torchedu.datasets": "Store",
    "torchedu.engine": "open_engine",
    "torchedu.errors": "CheckpointError ConfigError DataError TorcheduError TrainingError",
    "torchedu.evaluation": "evaluate",
    "torchedu.models": "AKT BKT DKT DKVMN GMF IRT MF MLP PFA SAKT CausalLM DotProduct EventGRU "
    "EventModel FrozenGrader GRU4Rec Grader ItemDKT KTModel LessonModel LessonTransformer "
    "LogisticDKT NeuMF Network ReKT Recommender SASRec SimpleKT SpokenGrader TextGrader "
    "TurnContext TwoTower",
    "torchedu.permissions": "allowing",
    "torchedu.prediction": "predict predictions",
    "torchedu.report": "write_report",
    "torchedu.run": "RunConfig build trainer",
    "torchedu.run.training": "fit train",
    "torchedu.tasks": "AnswerGrading AtRisk CourseRecommendation EssayGrading KnowledgeTracing "
    "MathExplanation Task TranscriptTagging open_task",
    "torchedu.testing": "check_data check_importer check_network check_task",
}
_HOME = {name: home for home, names in _HOMES.items() for name in names.split()}

__all__ = ["__version__", *_HOME]  # one list of names, not two


def __getattr__(name: str) -> object:
    """Load a public name, or a room, when it is first asked for (PEP 562)."""
    if name in _HOME:
        value: object = getattr(import_module(_HOME[name]), name)
    elif not _is_room(name):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    else:
        value = import_module(f"{__name__}.{name}")
    globals()[name] = value
    return value


def _is_room(name: str) -> bool:
    named = name.isidentifier() and not name.startswith("_")
    return named and find_spec(f"{__name__}.{name}") is not None


def __dir__() -> list[str]:
    """List the public names, loaded or not."""
    return sorted({*globals(), *__all__})
