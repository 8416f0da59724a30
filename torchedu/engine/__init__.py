"""A trained network in use: one event in, an answer out; no web, no trainer."""

from torchedu.engine.engine import Engine
from torchedu.engine.explanation import ExplanationEngine
from torchedu.engine.grading import GradingEngine
from torchedu.engine.lessons import LessonsEngine
from torchedu.engine.opening import open_engine
from torchedu.engine.recommendation import RecommendationEngine
from torchedu.engine.risk import RiskEngine
from torchedu.engine.spoken import SpokenEngine
from torchedu.engine.tracing import TracingEngine

__all__ = [
    "Engine",
    "ExplanationEngine",
    "GradingEngine",
    "LessonsEngine",
    "RecommendationEngine",
    "RiskEngine",
    "SpokenEngine",
    "TracingEngine",
    "open_engine",
]
