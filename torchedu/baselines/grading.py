"""What a grader of texts has to beat: length, counts on the surface, words."""

from abc import abstractmethod
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from torchedu.baselines import learners
from torchedu.baselines.baseline import Baseline, Tuned, hold_out, refuse_one_kind, settle
from torchedu.datasets.texts import Graded
from torchedu.errors import DataError

Floats = NDArray[np.float64]
PENALTIES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0)
FEW = 200
"""Texts up to which a word that stands in one alone counts too."""


@dataclass(eq=False)
class ScoreBaseline(Tuned[Graded, Floats]):
    """A regression of each prompt's scores apart, on a row of numbers a text.

    Args:
        penalty: Candidates for its L2 penalty, ascending. The one with the least squared error on
            texts held out is used; then all are fitted.
        seed: Seed of the draw of those.
    """

    candidates = ("penalty",)

    penalty: tuple[float, ...] = PENALTIES
    seed: int = 0

    def fit(self, texts: Graded) -> Self:
        """Choose, and learn; see ``Baseline.fit``."""
        if not np.isfinite(texts.target).any():
            raise DataError(f"The baseline {self.name} got no scores.", "Import a column of them.")
        held = hold_out(np.arange(len(texts.text)), 0.2, len(texts.text), self.seed)
        rest, asked = texts.where(~held), texts.where(held)
        if min(np.isfinite(some.target).sum() for some in (rest, asked)):
            table = self._learn(rest)

            def loss(penalty: float) -> float:
                self._fit(rest, table, penalty)
                return float(np.nanmean((self.predict(asked) - asked.target) ** 2))

            self.chosen = settle(self.ladders, loss)
        self._fit(texts, self._learn(texts), self.chosen["penalty"])
        return self

    def _fit(self, texts: Graded, table: Any, penalty: float) -> None:
        self._models: dict[tuple[int, int], Any] = {}
        for prompt in np.unique(texts.prompt).tolist():
            for score in range(texts.target.shape[1]):
                mine = (texts.prompt == prompt) & np.isfinite(texts.target[:, score])
                if mine.any():
                    model = self._model(penalty).fit(table[mine], texts.target[mine, score])
                    self._models[prompt, score] = model

    def predict(self, texts: Graded) -> Floats:
        """Return scores in 0..1 of each prompt's range; one half where a prompt is not known.

        Args:
            texts: The texts.

        Returns:
            Shape (texts, scores).
        """
        table, scores = self._table(texts), np.full(texts.target.shape, 0.5)
        for (prompt, score), model in self._models.items():
            mine = np.flatnonzero(texts.prompt == prompt)
            if len(mine):
                scores[mine, score] = model.predict(table[mine])
        return scores

    def _learn(self, texts: Graded) -> Any:
        """Return the table that models learn from, after learning what makes it."""
        return self._table(texts)

    @abstractmethod
    def _table(self, texts: Graded) -> Any:
        """Return a row a text."""

    def _model(self, penalty: float) -> Any:
        """Return a regression that has learnt nothing yet."""
        return learners.Ridge(penalty)


@dataclass(eq=False)
class LengthScore(ScoreBaseline):
    """A line through the square root of the number of words."""

    name = "length alone"

    penalty: tuple[float, ...] = (1e-6,)

    def _table(self, texts: Graded) -> Any:
        return np.sqrt([[len(text.split())] for text in texts.text])


class SurfaceScore(ScoreBaseline):
    """Ridge regression on what can be counted on the surface; see ``features.surface``."""

    name = "surface counts"

    def _table(self, texts: Graded) -> Any:
        return texts.surface

    def _model(self, penalty: float) -> Any:
        return learners.make_pipeline(learners.StandardScaler(), learners.Ridge(penalty))


class WordScore(ScoreBaseline):
    """Ridge regression on words (TF-IDF) and on what can be counted on the surface."""

    name = "words (TF-IDF) and surface"

    def _learn(self, texts: Graded) -> Any:
        # Of few texts hardly a pair of words stands in three.
        least = 3 if len(texts.text) > FEW else 1
        self._words = learners.TfidfVectorizer(ngram_range=(1, 2), min_df=least, sublinear_tf=True)
        self._words.fit(texts.text)
        self._scale = learners.StandardScaler().fit(texts.surface)
        return self._table(texts)

    def _table(self, texts: Graded) -> Any:
        counts = self._scale.transform(texts.surface) / 8
        return sparse.hstack([self._words.transform(texts.text), counts]).tocsr()

    def _model(self, penalty: float) -> Any:
        return learners.Ridge(penalty, solver="lsqr")


@dataclass(eq=False)
class WordLabel(Tuned[Graded, Floats]):
    """Logistic regression on the words of an answer (TF-IDF), also crossed with its question.

    Args:
        c: Candidates for the strength of the data against the penalty, ascending. The one with the
            highest macro-F1 on answers held out is used; then all are fitted.
        seed: Seed of the draw of those.
    """

    name = "words (TF-IDF), by question"
    candidates = ("c",)

    c: tuple[float, ...] = (0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0)
    seed: int = 0

    def fit(self, texts: Graded) -> Self:
        """Choose, and learn from labelled answers; see ``Baseline.fit``."""
        texts = _labelled(self, texts)
        held = hold_out(np.arange(len(texts.text)), 0.2, len(texts.text), self.seed)
        rest, asked = texts.where(~held), texts.where(held)
        if len(np.unique(rest.label)) > 1:
            table, own = self._learn(rest), self._table(asked)

            def loss(c: float) -> float:
                return -_macro_f1(asked.label, self._fitted(table, rest, c).predict(own))

            self.chosen = settle(self.ladders, loss)
        self._model = self._fitted(self._learn(texts), texts, self.chosen["c"])
        return self

    def predict(self, texts: Graded) -> Floats:
        """Return the chance of each label that was learnt from; shape (texts, labels)."""
        return _chances(self._model, self._table(texts), texts)

    def _fitted(self, table: Any, texts: Graded, c: float) -> "learners.LogisticRegression":
        return learners.LogisticRegression(C=c, max_iter=500).fit(table, texts.label)

    def _learn(self, texts: Graded) -> Any:
        self._words = learners.TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True).fit(
            texts.text
        )
        self._crossed = learners.TfidfVectorizer(sublinear_tf=True, analyzer=str.split)
        self._crossed.fit(_crossed(texts))
        return self._table(texts)

    def _table(self, texts: Graded) -> Any:
        parts = [self._words.transform(texts.text), self._crossed.transform(_crossed(texts))]
        return sparse.hstack(parts).tocsr()


@dataclass(eq=False)
class OverlapLabel(Tuned[Graded, Floats]):
    """Boosted trees on how much an answer shares with its references, and on its surface.

    Of a question that nobody was graded on, words tell little: what a right answer says tells more.
    Rare labels count for as much as common ones.

    Args:
        leaf: Candidates for the least number of answers in a leaf, ascending. The one with the
            highest macro-F1 on questions held out is used; then all are fitted.
        rounds: Candidates for the number of trees; chosen with it.
        seed: Seed of the draw of those, and of the trees.
    """

    name = "overlap with the reference"
    candidates = ("leaf", "rounds")

    leaf: tuple[int, ...] = (5, 10, 20, 40, 80)
    rounds: tuple[int, ...] = (25, 50, 100, 200)
    seed: int = 0

    def fit(self, texts: Graded) -> Self:
        """Choose, and learn from labelled answers; see ``Baseline.fit``."""
        texts = _labelled(self, texts)
        several = len(np.unique(texts.prompt)) > 1
        owner = texts.prompt if several else np.arange(len(texts.text))
        held = hold_out(owner, 0.2, len(texts.text), self.seed)
        rest, asked = texts.where(~held), texts.where(held)
        if len(np.unique(rest.label)) > 1:
            most = max(self.rounds)

            @lru_cache(1)
            def losses(leaf: float) -> list[float]:
                stages = self._fitted(rest, leaf, most).staged_predict(asked.surface)
                return [-_macro_f1(asked.label, label) for label in stages]

            self.chosen = settle(self.ladders, lambda leaf, rounds: losses(leaf)[int(rounds) - 1])
        self._model = self._fitted(texts, **self.chosen)
        return self

    def predict(self, texts: Graded) -> Floats:
        """Return the chance of each label that was learnt from; shape (texts, labels)."""
        return _chances(self._model, texts.surface, texts)

    def _fitted(
        self, texts: Graded, leaf: float, rounds: float
    ) -> "learners.HistGradientBoostingClassifier":
        return learners.HistGradientBoostingClassifier(
            max_iter=int(rounds), learning_rate=0.05, max_leaf_nodes=8,
            min_samples_leaf=int(leaf), l2_regularization=5.0, class_weight="balanced",
            random_state=self.seed, early_stopping=False,
        ).fit(texts.surface, texts.label)  # fmt: skip


def _labelled(baseline: Baseline[Graded, Floats], texts: Graded) -> Graded:
    texts = texts.where(texts.label >= 0)
    refuse_one_kind(texts.label, baseline.name, "labels")
    return texts


def _chances(model: Any, table: Any, texts: Graded) -> Floats:
    """Return the chance of each label, 0 of one that was not learnt; shape (texts, labels)."""
    chances = np.zeros((len(texts.text), max(texts.num_labels, 1)))
    chances[:, model.classes_] = model.predict_proba(table)
    return chances


def _macro_f1(label: NDArray[Any], given: NDArray[Any]) -> float:
    return float(learners.f1_score(label, given, average="macro", zero_division=0))


def _crossed(texts: Graded) -> list[str]:
    """Return each answer's words with its question's number before them."""
    return [
        " ".join(f"{prompt}_{word}" for word in text.lower().split())
        for prompt, text in zip(texts.prompt.tolist(), texts.text, strict=True)
    ]
