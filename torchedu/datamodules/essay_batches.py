"""From graded texts to batches, with vectorised numpy."""

from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray

from torchedu.batch import EssayBatch
from torchedu.datasets.order import Windows
from torchedu.datasets.texts import TextStore
from torchedu.features import Embeddings, Tokens
from torchedu.schema import PROMPT, Vocabulary


class EssayBatches:
    """Builds batches of texts.

    Attributes:
        prompt: The prompt of each text, an id of the vocabulary in use; shape (texts,).
        target: What people gave, in 0..1, NaN where missing; shape (texts, scores).

    Args:
        store: The texts.
        surface: What is counted on the surface of each; shape (texts, F).
        vectors: Frozen vectors of all texts, then of all that stand beside them, role by role.
        num_roles: How many texts are read at once.
        tokens: The texts as tokens, instead of vectors.
    """

    def __init__(
        self,
        store: TextStore,
        surface: NDArray[np.float32],
        vectors: Embeddings | None = None,
        num_roles: int = 0,
        tokens: Tokens | None = None,
    ) -> None:
        self.store, self.surface = store, surface
        self.vectors, self.num_roles, self.tokens = vectors, num_roles, tokens
        self.prompt = np.asarray(store.prompt, np.int64)
        self._known = np.isfinite(store.target)
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

    def use(self, vocabulary: Vocabulary, ranges: NDArray[np.float32]) -> None:
        """Give prompts and scores as another vocabulary has them.

        Args:
            vocabulary: Its names; prompts that it lacks are unknown.
            ranges: Lowest and highest score and step of its prompts; shape (prompts, scores, 3).
        """
        names = self.store.vocabulary[PROMPT].translation(vocabulary[PROMPT])
        self.prompt = np.array(names, np.int64)[self.store.prompt]
        if self.store.score_names:
            low, high = np.moveaxis(ranges[self.prompt], -1, 0)[:2]
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
        rows = self.rows[index]
        token_BWL, seen_BWL = self._tokens(rows)
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

    def numbers(self) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.float32]]:
        """Return surface, prompts and vectors of all texts chosen."""
        vectors: NDArray[np.float32] = self._vectors(self.rows).numpy()
        return self.surface[self.rows], self.prompt[self.rows], vectors

    def _vectors(self, rows: NDArray[np.int64]) -> torch.Tensor:
        if self.vectors is None:
            return torch.zeros(len(rows), 0, 0)
        num = self.store.num_texts
        roles = [self.vectors[rows + role * num] for role in range(self.num_roles)]
        return torch.from_numpy(np.stack(roles, 1))

    def _tokens(self, rows: NDArray[np.int64]) -> tuple[torch.Tensor, torch.Tensor]:
        if self.tokens is None:
            none = torch.zeros(len(rows), 0, 0)
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
