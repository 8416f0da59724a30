"""scikit-learn's models, loaded when one is first asked for: they take a second and 50 MiB.

What fits none of them, such as every command on answers of students, does not pay for them.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.metrics import f1_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import LinearSVC

__all__ = [
    "HistGradientBoostingClassifier",
    "LinearSVC",
    "LogisticRegression",
    "Ridge",
    "StandardScaler",
    "TfidfVectorizer",
    "f1_score",
    "make_pipeline",
]

_PLACES = {
    "HistGradientBoostingClassifier": "ensemble",
    "LinearSVC": "svm",
    "LogisticRegression": "linear_model",
    "Ridge": "linear_model",
    "StandardScaler": "preprocessing",
    "TfidfVectorizer": "feature_extraction.text",
    "f1_score": "metrics",
    "make_pipeline": "pipeline",
}


def __getattr__(name: str) -> object:
    """Load one from the module it lives in (PEP 562)."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return vars(import_module(f"sklearn.{_PLACES[name]}"))[name]
