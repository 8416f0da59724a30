"""What a tagger of sentences has to beat: the commonest tag, and words with a linear SVM."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.svm import LinearSVC

from torchedu.errors import DataError

Ids = NDArray[np.int64]


class TagBaseline(ABC):
    """A tagger of one role's sentences.

    Attributes:
        name: What reports call it.
    """

    name: ClassVar[str]

    @abstractmethod
    def fit(self, sentences: Sequence[str], before: Sequence[str], tag: Ids) -> Self:
        """Learn from sentences that have a tag.

        Args:
            sentences: What was said.
            before: What was said right before each, by anyone; "" at a lesson's begin.
            tag: Their tags; shape (sentences,).

        Returns:
            The baseline itself.

        Raises:
            DataError: There are no sentences.
        """

    @abstractmethod
    def predict(self, sentences: Sequence[str], before: Sequence[str]) -> Ids:
        """Return a tag for each sentence; shape (sentences,)."""


class CommonestTag(TagBaseline):
    """Gives every sentence the commonest tag."""

    name = "commonest tag"

    def fit(self, sentences: Sequence[str], before: Sequence[str], tag: Ids) -> Self:
        """Count the tags; see ``TagBaseline.fit``."""
        _check(self, sentences)
        self._tag = int(np.bincount(tag).argmax())
        return self

    def predict(self, sentences: Sequence[str], before: Sequence[str]) -> Ids:
        """Return that tag for each sentence."""
        return np.full(len(sentences), self._tag, np.int64)


class TfidfSVM(TagBaseline):
    """Words and pairs of words of a sentence, and words of the one before, with a linear SVM.

    Rare tags count for more, as in scikit-learn's ``balanced``.
    """

    name = "TF-IDF, linear SVM"

    def fit(self, sentences: Sequence[str], before: Sequence[str], tag: Ids) -> Self:
        """Learn words and weights; see ``TagBaseline.fit``."""
        _check(self, sentences)
        words = r"(?u)\b\w+\b|\?"  # a question mark tells much
        self._own = TfidfVectorizer(
            ngram_range=(1, 2), min_df=2 if len(sentences) > 200 else 1, sublinear_tf=True,
            token_pattern=words,
        )  # fmt: skip
        self._before = TfidfVectorizer(
            min_df=2 if len(sentences) > 200 else 1, sublinear_tf=True, token_pattern=words
        )
        # A begin of its own, so that a sentence before without words is no empty vocabulary.
        table = sparse.hstack(
            [self._own.fit_transform(sentences), self._before.fit_transform(_marked(before))]
        )
        self._only = int(tag[0]) if len(np.unique(tag)) == 1 else None
        if self._only is None:
            self._model = LinearSVC(C=0.3, class_weight="balanced", random_state=0)
            self._model.fit(table, tag)
        return self

    def predict(self, sentences: Sequence[str], before: Sequence[str]) -> Ids:
        """Return the tag on whose side of the SVM each sentence is farthest."""
        if self._only is not None:
            return np.full(len(sentences), self._only, np.int64)
        table = sparse.hstack(
            [self._own.transform(sentences), self._before.transform(_marked(before))]
        )
        found: Ids = self._model.predict(table).astype(np.int64)
        return found


def _marked(before: Sequence[str]) -> list[str]:
    return [f"begin {one}" for one in before]


def _check(baseline: TagBaseline, sentences: Sequence[str]) -> None:
    if not len(sentences):
        raise DataError(
            f"The baseline {baseline.name} got no sentences.", "Import lessons with tags."
        )
