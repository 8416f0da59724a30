"""What a grader of texts has to beat: length, counts on the surface, words."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge, RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from torchedu.datasets.texts import Graded
from torchedu.errors import DataError

Floats = NDArray[np.float64]


class ScoreBaseline(ABC):
    """A model of each prompt's scores apart.

    Attributes:
        name: What reports call it.
    """

    name: ClassVar[str]

    def fit(self, texts: Graded) -> Self:
        """Learn from graded texts.

        Args:
            texts: The training part.

        Returns:
            The baseline itself.

        Raises:
            DataError: Nothing is scored.
        """
        if not np.isfinite(texts.target).any():
            raise DataError(f"The baseline {self.name} got no scores.", "Import a column of them.")
        table = self._learn(texts)
        self._models: dict[tuple[int, int], Any] = {}
        for prompt in np.unique(texts.prompt).tolist():
            for score in range(texts.target.shape[1]):
                mine = (texts.prompt == prompt) & np.isfinite(texts.target[:, score])
                if mine.any():
                    model = self._model().fit(table[mine], texts.target[mine, score])
                    self._models[prompt, score] = model
        return self

    def predict(self, texts: Graded) -> Floats:
        """Return scores in 0..1 of each prompt's range; one half where a prompt is not known.

        Args:
            texts: The texts.

        Returns:
            Shape (texts, scores).
        """
        table, found = self._table(texts), np.full(texts.target.shape, 0.5)
        for (prompt, score), model in self._models.items():
            mine = np.flatnonzero(texts.prompt == prompt)
            if len(mine):
                found[mine, score] = model.predict(table[mine])
        return found

    def _learn(self, texts: Graded) -> Any:
        """Return the table that models learn from, after learning what makes it."""
        return self._table(texts)

    @abstractmethod
    def _table(self, texts: Graded) -> Any:
        """Return a row a text."""

    @abstractmethod
    def _model(self) -> Any:
        """Return a model that has learnt nothing yet."""


class LengthScore(ScoreBaseline):
    """A line through the square root of the number of words."""

    name = "length alone"

    def _table(self, texts: Graded) -> Any:
        return np.sqrt([[len(text.split())] for text in texts.text])

    def _model(self) -> Any:
        return Ridge(1e-6)


class SurfaceScore(ScoreBaseline):
    """Ridge regression on what can be counted on the surface; see ``datasets.surface``."""

    name = "surface counts"

    def _table(self, texts: Graded) -> Any:
        return texts.surface

    def _model(self) -> Any:
        return make_pipeline(StandardScaler(), RidgeCV(np.logspace(0, 3, 13)))


class WordScore(ScoreBaseline):
    """Ridge regression on words (TF-IDF) and on what can be counted on the surface."""

    name = "words (TF-IDF) and surface"

    def _learn(self, texts: Graded) -> Any:
        self._words = TfidfVectorizer(ngram_range=(1, 2), min_df=3, sublinear_tf=True)
        self._words.fit(texts.text)
        self._scale = StandardScaler().fit(texts.surface)
        return self._table(texts)

    def _table(self, texts: Graded) -> Any:
        counts = self._scale.transform(texts.surface) / 8
        return sparse.hstack([self._words.transform(texts.text), counts]).tocsr()

    def _model(self) -> Any:
        return Ridge(1.0, solver="lsqr")


class WordLabel:
    """Logistic regression on the words of an answer (TF-IDF), also crossed with its question."""

    name = "words (TF-IDF), by question"

    def fit(self, texts: Graded) -> Self:
        """Learn from labelled answers.

        Args:
            texts: The training part.

        Returns:
            The baseline itself.

        Raises:
            DataError: All labels are alike.
        """
        if len(np.unique(texts.label)) < 2:
            raise DataError(
                f"The baseline {self.name} got labels of one kind only.",
                "Train on answers with several labels.",
            )
        self._words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True).fit(texts.text)
        self._crossed = TfidfVectorizer(sublinear_tf=True, analyzer=str.split)
        self._crossed.fit(_crossed(texts))
        self._model = LogisticRegression(C=10, max_iter=500).fit(self._table(texts), texts.label)
        return self

    def predict(self, texts: Graded) -> Floats:
        """Return the chance of each label that was learnt from; shape (texts, labels)."""
        found = np.zeros((len(texts.text), max(texts.num_labels, 1)))
        found[:, self._model.classes_] = self._model.predict_proba(self._table(texts))
        return found

    def _table(self, texts: Graded) -> Any:
        parts = [self._words.transform(texts.text), self._crossed.transform(_crossed(texts))]
        return sparse.hstack(parts).tocsr()


def _crossed(texts: Graded) -> list[str]:
    """Return each answer's words with its question's number before them."""
    return [
        " ".join(f"{prompt}_{word}" for word in text.lower().split())
        for prompt, text in zip(texts.prompt.tolist(), texts.text, strict=True)
    ]
