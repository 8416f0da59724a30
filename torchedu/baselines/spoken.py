"""What a grader of answers has to beat: the text, sound, length or ink alone."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import compress
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from torchedu.baselines import learners
from torchedu.baselines.baseline import Tuned, hold_out, settle
from torchedu.errors import DataError

Values = NDArray[np.float64]
ALPHAS = (0.1, 1.0, 10.0, 100.0, 1000.0)
LETTERS = (1, 4)
"""Letters of the pieces by which texts are told, in whatever script."""
MOST = 10_000
"""Answers that the penalty is chosen on, at most."""


class Answers(NamedTuple):
    """Some answers with what people gave them, for baselines.

    Attributes:
        text: What was typed, or read aloud; "" where there is nothing.
        sound: How loud bands are on average and how much they vary; zero without a recording;
            shape (answers, F).
        pace: Seconds, words, and what follows from them; shape (answers, P).
        ink: How dark a photograph is from place to place; zero without one; shape (answers, D).
        target: Scores in 0..1, NaN where missing; shape (answers, scores).
        owner: Who gave each; shape (answers,).
    """

    text: Sequence[str]
    sound: NDArray[np.float32]
    pace: NDArray[np.float32]
    ink: NDArray[np.float32]
    target: Values
    owner: NDArray[np.int64]

    def where(self, mask: NDArray[np.bool_]) -> "Answers":
        """Return some of the answers."""
        text = list(compress(self.text, mask.tolist()))
        numbers = self.sound[mask], self.pace[mask], self.ink[mask]
        return Answers(text, *numbers, self.target[mask], self.owner[mask])


@dataclass(eq=False)
class Line(Tuned[Answers, Values]):
    """A ridge regression a score, on what a subclass sees of answers.

    Args:
        alpha: Candidates for the penalty, ascending. The one with the least squared error on
            speakers held out is used; then all are fitted.
        seed: Seed of the draw of those.
    """

    candidates = ("alpha",)

    alpha: tuple[float, ...] = ALPHAS
    seed: int = 0

    @abstractmethod
    def seen(self, data: Answers) -> Any:
        """Return what is seen of answers; shape (answers, numbers)."""

    def learn(self, data: Answers) -> None:
        """Learn what ``seen`` needs to know; nothing by default."""

    def fit(self, data: Answers) -> Self:
        """Choose, and fit a line a score; see ``Baseline.fit``."""
        if not np.isfinite(data.target).any():
            raise DataError(
                f"The baseline {self.name} got no scores.", "Import answers with scores."
            )
        several = len(np.unique(data.owner)) > 1
        owner = data.owner if several else np.arange(len(data.owner))
        held = hold_out(owner, 0.2, MOST // 4, self.seed)
        if held.any() and np.isfinite(data.target[~held]).any():
            rest, asked = data.where(~held), data.where(held)
            self.learn(rest)
            table, own = self.seen(rest), self.seen(asked)

            def loss(alpha: float) -> float:
                off = _said(_lines(table, rest.target, alpha), own) - asked.target
                known = off[np.isfinite(off)]
                return float((known**2).mean()) if len(known) else 0.0

            self.chosen = settle(self.ladders, loss)
        self.learn(data)
        self._lines = _lines(self.seen(data), data.target, self.chosen["alpha"])
        return self

    def predict(self, data: Answers) -> Values:
        """Return scores, near 0..1; shape (answers, scores)."""
        return _said(self._lines, self.seen(data))


class TextLine(Line):
    """Pieces of the text, up to four letters long."""

    name = "text alone"

    def learn(self, data: Answers) -> None:
        """Learn which pieces there are."""
        self._pieces = learners.TfidfVectorizer(
            analyzer="char_wb", ngram_range=LETTERS, sublinear_tf=True
        )
        self._pieces.fit([*data.text, "nothing"])

    def seen(self, data: Answers) -> Any:
        """Return their weights."""
        return self._pieces.transform(data.text)


class NumbersLine(Line):
    """Numbers of answers about zero; a subclass says which."""

    @abstractmethod
    def numbers(self, data: Answers) -> NDArray[np.float32]:
        """Return them; shape (answers, numbers)."""

    def learn(self, data: Answers) -> None:
        """Learn their means and spreads."""
        self._scale = learners.StandardScaler().fit(self.numbers(data))

    def seen(self, data: Answers) -> Any:
        """Return them about zero."""
        return sparse.csr_matrix(self._scale.transform(self.numbers(data)))


class SoundLine(NumbersLine):
    """How loud each band is on average, how much it varies, and how fast."""

    name = "sound alone"

    def numbers(self, data: Answers) -> NDArray[np.float32]:
        """Return what is known of sound."""
        return data.sound


class PaceLine(NumbersLine):
    """How long it took, how many words it has, and how many a second."""

    name = "duration alone"

    def numbers(self, data: Answers) -> NDArray[np.float32]:
        """Return what is known of pace."""
        return data.pace


class InkLine(NumbersLine):
    """How dark a photograph is, place by place."""

    name = "ink alone"

    def numbers(self, data: Answers) -> NDArray[np.float32]:
        """Return what is known of ink."""
        return data.ink


def _lines(table: Any, target: Values, alpha: float) -> "list[learners.Ridge | None]":
    known = np.isfinite(target)
    return [
        learners.Ridge(alpha=alpha, solver="lsqr").fit(table[mine], target[mine, y])
        if mine.any()
        else None
        for y, mine in enumerate(known.T)
    ]


def _said(lines: "list[learners.Ridge | None]", table: Any) -> Values:
    columns = [np.full(table.shape[0], 0.5) if each is None else each.predict(table)
               for each in lines]  # fmt: skip
    return np.stack(columns, 1)
