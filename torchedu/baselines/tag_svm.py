"""What a tagger of sentences has to beat: the commonest tag, and words with a linear SVM."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import compress
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from torchedu.baselines import learners
from torchedu.baselines.baseline import Baseline, Tuned, hold_out, settle
from torchedu.errors import DataError

Ids = NDArray[np.int64]
MOST = 20_000
"""Sentences that the penalty is chosen on, at most, and a fourth as many that choose."""


class Sentences(NamedTuple):
    """Sentences of one role, for baselines.

    Attributes:
        sentence: What was said.
        before: What was said right before each, by anyone; "" at a lesson's begin.
        lesson: The lesson of each; shape (sentences,).
        tag: Their tags; shape (sentences,).
    """

    sentence: Sequence[str]
    before: Sequence[str]
    lesson: Ids
    tag: Ids

    def where(self, mask: NDArray[np.bool_]) -> "Sentences":
        """Return some of the sentences."""
        sentence, before = (list(compress(texts, mask.tolist())) for texts in self[:2])
        return Sentences(sentence, before, self.lesson[mask], self.tag[mask])


class CommonestTag(Baseline[Sentences, Ids]):
    """Gives every sentence the commonest tag."""

    name = "commonest tag"

    def fit(self, data: Sentences) -> Self:
        """Count the tags; see ``Baseline.fit``."""
        _check(self, data)
        self._tag = int(np.bincount(data.tag).argmax())
        return self

    def predict(self, data: Sentences) -> Ids:
        """Return that tag for each sentence; shape (sentences,)."""
        return np.full(len(data.sentence), self._tag, np.int64)


@dataclass(eq=False)
class TfidfSVM(Tuned[Sentences, Ids]):
    """Words and pairs of words of a sentence, and words of the one before, with a linear SVM.

    Rare tags count for more, as in scikit-learn's ``balanced``.

    Args:
        c: Candidates for the strength of the data against the penalty, ascending. The one with the
            highest macro-F1 on lessons held out is used; then all are fitted.
        seed: Seed of the draw of those.
    """

    name = "TF-IDF, linear SVM"
    candidates = ("c",)

    c: tuple[float, ...] = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
    seed: int = 0

    def fit(self, data: Sentences) -> Self:
        """Choose, and learn words and weights; see ``Baseline.fit``."""
        _check(self, data)
        several = len(np.unique(data.lesson)) > 1
        owner = data.lesson if several else np.arange(len(data.tag))
        held = hold_out(owner, 0.2, MOST // 4, self.seed)
        rest = data.where(~held)
        rest = rest.where(hold_out(owner[~held], 1.0, MOST, self.seed + 1))
        asked = data.where(held)
        if len(np.unique(rest.tag)) > 1:
            table = self._learn(rest)
            own = self._table(asked)

            def loss(c: float) -> float:
                given = _svm(table, rest.tag, c).predict(own)
                return -float(learners.f1_score(asked.tag, given, average="macro", zero_division=0))

            self.chosen = settle(self.ladders, loss)
        self._only = int(data.tag[0]) if len(np.unique(data.tag)) == 1 else None
        if self._only is None:
            self._model = _svm(self._learn(data), data.tag, self.chosen["c"])
        return self

    def predict(self, data: Sentences) -> Ids:
        """Return the tag on whose side of the SVM each sentence is farthest; (sentences,)."""
        if self._only is not None:
            return np.full(len(data.sentence), self._only, np.int64)
        tags: Ids = self._model.predict(self._table(data)).astype(np.int64)
        return tags

    def _learn(self, data: Sentences) -> Any:
        words = r"(?u)\b\w+\b|\?"  # a question mark tells much
        least = 2 if len(data.sentence) > 200 else 1
        self._own = learners.TfidfVectorizer(
            ngram_range=(1, 2), min_df=least, sublinear_tf=True, token_pattern=words
        )
        self._before = learners.TfidfVectorizer(
            min_df=least, sublinear_tf=True, token_pattern=words
        )
        # A begin of its own, so that a sentence before without words is no empty vocabulary.
        parts = [
            self._own.fit_transform(data.sentence), self._before.fit_transform(_marked(data.before))
        ]  # fmt: skip
        return sparse.hstack(parts)

    def _table(self, data: Sentences) -> Any:
        parts = [self._own.transform(data.sentence), self._before.transform(_marked(data.before))]
        return sparse.hstack(parts)


def _svm(table: Any, tag: Ids, c: float) -> "learners.LinearSVC":
    return learners.LinearSVC(C=c, class_weight="balanced", random_state=0).fit(table, tag)


def _marked(before: Sequence[str]) -> list[str]:
    return [f"begin {sentence}" for sentence in before]


def _check(baseline: Baseline[Sentences, Ids], data: Sentences) -> None:
    if not len(data.sentence):
        raise DataError(
            f"The baseline {baseline.name} got no sentences.", "Import lessons with tags."
        )
