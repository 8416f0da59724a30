"""A trained network in use: one event in, an answer out; no web, no trainer."""

from torchedu.engine.engine import Engine
from torchedu.engine.opening import open_engine
from torchedu.engine.tracing import TracingEngine

__all__ = ["Engine", "TracingEngine", "open_engine"]
