"""Lightning callbacks, each in its own file."""

from torchedu.callbacks.progress import AnswersProgressBar
from torchedu.callbacks.random_state import RandomState
from torchedu.callbacks.vocabulary import VocabularyFile

__all__ = ["AnswersProgressBar", "RandomState", "VocabularyFile"]
