"""From graded texts to batches, and from texts in Python to both."""

from collections.abc import Sequence
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray

from torchedu.batch import EssayBatch
from torchedu.companions import Companions
from torchedu.datasets.memory import Memory
from torchedu.datasets.order import Windows
from torchedu.datasets.texts import TextStore, write_texts
from torchedu.features import Embeddings, Tokens
from torchedu.features.surface import surface
from torchedu.readers.rows import Rows, columns_of, known_ids, refuse
from torchedu.readers.rows import texts as texts_of
from torchedu.schema import LABEL, PROMPT, RESERVED, SCORE, Vocabulary

BESIDE = ("reference", "question")
"""What may stand beside a text."""


class EssayBatches:
    """Builds batches of texts.

    Attributes:
        prompt: The prompt of each text, an id of the vocabulary in use; shape (texts,).
        target: What people gave, in 0..1, NaN where missing; shape (texts, scores).
        surface: What is counted on the surface of each text; shape (texts, F).

    Args:
        store: The texts.
        surface: What is counted on the surface of each; shape (texts, F).
        vectors: Frozen vectors of all texts, then of the lines that stand beside them; of several
            lines a text has the one nearest to itself beside it.
        lines: How many lines stand beside each text; shape (texts,), or none.
        tokens: The texts as tokens, instead of vectors.
    """

    def __init__(
        self,
        store: TextStore,
        surface: NDArray[np.float32],
        vectors: Embeddings | None = None,
        lines: Sequence[int] = (),
        tokens: Tokens | None = None,
    ) -> None:
        self.store, self.vectors, self.tokens = store, vectors, tokens
        self._beside = self._nearest(np.array(lines, np.int64))
        self.prompt = np.asarray(store.prompt, np.int64)
        self._known = np.isfinite(store.target)
        self.surface = self._counted = surface
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
        self.surface = self._counted[:, columns]
        if companions.ranges is not None:
            low, high = np.moveaxis(companions.ranges[self.prompt], -1, 0)[:2]
            with np.errstate(invalid="ignore", divide="ignore"):
                shares = (self.store.scores - low) / (high - low)
            self.target = np.where(self._known, shares, np.nan)

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
        return torch.from_numpy(np.stack([self.vectors[role] for role in roles], 1))

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


def read_texts(rows: Rows, known: Companions) -> TextStore:
    """Read texts that are to be graded.

    Args:
        rows: Each with ``text``, and where it has them ``prompt``, ``reference`` (what a right
            answer says, a line each) and ``question``; the prompt may be left out where there is
            one alone.
        known: What the weights of the network that grades them belong to.

    Returns:
        A store in memory, in whose vocabulary scores and labels are the network's.

    Raises:
        DataError: A text is missing, or nobody knows its prompt; it names the row, from 0.
    """
    names = known.vocabulary
    prompts = list(names[PROMPT])
    columns = columns_of(rows, ("text",), ("prompt", *BESIDE))
    texts = texts_of(columns["text"], "text")
    only = prompts[0] if len(prompts) == 1 else None
    asked = [only if x is None else x for x in columns.get("prompt", [None] * len(texts))]
    if None in asked:
        remedy = f"The network was trained on several: {', '.join(prompts)}."
        refuse(asked.index(None), "prompt", None, remedy)
    ids = known_ids(names[PROMPT], list(map(str, asked)), "prompt")
    beside = {name: texts_of(columns[name], name, False) for name in BESIDE if name in columns}
    nothing = {f"{SCORE}.{name}": np.full(len(texts), np.nan) for name in names[SCORE]}
    values = {PROMPT: ids} | (nothing or {LABEL: np.zeros(len(texts), np.int64)})
    ranges = np.zeros((len(prompts), 0, 3)) if known.ranges is None else known.ranges[RESERVED:]
    kinds = Vocabulary({kind: names[kind] for kind in (PROMPT, SCORE, LABEL)})
    rows_named = [str(row) for row in range(len(texts))]
    return write_texts(Memory(), kinds, rows_named, {"text": texts} | beside, values, ranges)


def beside(store: TextStore) -> list[str] | None:
    """Return what each answer is held against: its references, else its question."""
    return (store.references or store.questions) if store.label_names else None


def counted(store: TextStore) -> NDArray[np.float32]:
    """Return what is counted on the surface of each text, and of a pair; shape (texts, F)."""
    pair = (store.references, store.questions) if store.label_names else ()
    return surface(store.all_texts, *pair)


def lines_beside(texts: Sequence[str] | None) -> list[list[str]]:
    """Return the lines of each text that stands beside another; none where none does."""
    return [text.splitlines() or [""] for text in texts or ()]
