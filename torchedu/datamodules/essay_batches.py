"""From graded texts to batches, with vectorised numpy."""

from collections.abc import Sequence
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray

from torchedu.batch import EssayBatch
from torchedu.companions import Companions
from torchedu.datasets.order import Windows
from torchedu.datasets.texts import TextStore
from torchedu.features import Embeddings, Tokens
from torchedu.schema import PROMPT


class EssayBatches:
    """Builds batches of texts.

    Attributes:
        prompt: The prompt of each text, an id of the vocabulary in use; shape (texts,).
        target: What people gave, in 0..1, NaN where missing; shape (texts, scores).
        surface: What is counted on the surface of each text; shape (texts, F).

    Args:
        store: The texts.
        vectors: Frozen vectors of all texts, then of the lines that stand beside them; of several
            lines a text has the one nearest to itself beside it.
        lines: How many lines stand beside each text; shape (texts,), or none.
        tokens: The texts as tokens, instead of vectors.
    """

    def __init__(
        self,
        store: TextStore,
        vectors: Embeddings | None = None,
        lines: Sequence[int] = (),
        tokens: Tokens | None = None,
    ) -> None:
        self.store, self.vectors, self.tokens = store, vectors, tokens
        self._beside = self._nearest(np.array(lines, np.int64))
        self.prompt = np.asarray(store.prompt, np.int64)
        self._known = np.isfinite(store.target)
        self.surface = store.surface  # here, or each worker would count it again
        self.target = store.target
        self._choose(np.arange(store.num_texts))

    def _choose(self, rows: NDArray[np.int64]) -> None:
        self.rows = rows
        zero = np.zeros_like(rows)
        self.windows = Windows(rows, zero, zero, self._known[rows].sum(1))

    def of(self, rows: NDArray[np.int64]) -> Self:
        """Return what builds batches of some texts alone.

        Args:
            rows: Their rows in the store.
        """
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__)
        other._choose(rows)
        return other

    def lengths(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return what each text costs: its tokens, or one where it comes as a vector."""
        return np.ones_like(rows) if self.tokens is None else self.tokens.length[rows]

    def use(self, companions: Companions, columns: NDArray[np.int64]) -> None:
        """Give prompts, scores and what is counted on the surface as a network knows them.

        Args:
            companions: What its weights belong to; prompts that it lacks are unknown.
            columns: Where each number of the surface that it reads stands; shape (F,).
        """
        names = self.store.vocabulary[PROMPT].translation(companions.vocabulary[PROMPT])
        self.prompt = np.array(names, np.int64)[self.store.prompt]
        self.surface = self.store.surface[:, columns]
        if companions.ranges is not None:
            low, high = np.moveaxis(companions.ranges[self.prompt], -1, 0)[:2]
            with np.errstate(invalid="ignore", divide="ignore"):
                found = (self.store.scores - low) / (high - low)
            self.target = np.where(self._known, found, np.nan)

    def __call__(self, index: NDArray[np.int64], scored: bool = True) -> EssayBatch:
        """Build one batch.

        Args:
            index: Which of the texts chosen; shape (B,).
            scored: Whether they count; without, the batch only keeps a rank in step.

        Returns:
            The batch, on the CPU.
        """
        return self._batch(index, scored, self.tokens is not None)

    def _batch(self, index: NDArray[np.int64], scored: bool, with_tokens: bool) -> EssayBatch:
        rows = self.rows[index]
        token_BWL, seen_BWL = self._tokens(rows if with_tokens else None, len(rows))
        scored_BY = self._known[rows] & scored
        return EssayBatch(
            token_BWL,
            seen_BWL,
            self._vectors(rows),
            torch.from_numpy(self.surface[rows]),
            torch.from_numpy(self.prompt[rows]),
            torch.from_numpy(np.nan_to_num(self.target[rows]).astype(np.float32)),
            torch.from_numpy(scored_BY),
            torch.from_numpy(rows),
            torch.full((len(rows),), float(max(1, scored_BY.sum()))),
        )

    def everything(self) -> EssayBatch:
        """Return all texts chosen as one batch, without their tokens."""
        return self._batch(np.arange(len(self.rows)), True, False)

    def _vectors(self, rows: NDArray[np.int64]) -> torch.Tensor:
        if self.vectors is None:
            return torch.zeros(len(rows), 0, 0)
        roles = [rows] if self._beside is None else [rows, self._beside[rows]]
        return torch.from_numpy(np.stack([self.vectors[one] for one in roles], 1))

    def _nearest(self, lines: NDArray[np.int64]) -> NDArray[np.int64] | None:
        """Return for each text which of the lines beside it is nearest to it by the cosine."""
        if self.vectors is None or not len(lines):
            return None
        near = len(lines) + np.cumsum(lines) - lines
        for text in np.flatnonzero(lines > 1).tolist():
            (mine,) = self.vectors[np.array([text])]
            some = self.vectors[near[text] + np.arange(lines[text])]
            near[text] += int((some @ mine / np.linalg.norm(some, axis=1)).argmax())
        return near

    def _tokens(
        self, rows: NDArray[np.int64] | None, size: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        if self.tokens is None or rows is None:
            none = torch.zeros(size, 0, 0)
            return none.long(), none.bool()
        windows, place = self.tokens.windows(rows)
        token_ML, seen_ML = self.tokens.padded(windows)
        num = np.bincount(place, minlength=len(rows))
        turn = np.arange(len(place)) - np.repeat(np.cumsum(num) - num, num)
        shape = (len(rows), int(num.max()), token_ML.shape[1])
        token_BWL = np.full(shape, self.tokens.pad, np.int64)
        seen_BWL = np.zeros(shape, bool)
        token_BWL[place, turn], seen_BWL[place, turn] = token_ML, seen_ML
        return torch.from_numpy(token_BWL), torch.from_numpy(seen_BWL)
