"""How easy an item is, by its words: a line from a text's vector to a regression's weight."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray

from torchedu.errors import CheckpointError
from torchedu.features.embedding import Embedder, embed
from torchedu.features.surface import surface
from torchedu.layers.ridge import ridge

WORDS = "words"
"""The encoder that needs no model: words and pieces of them, counted."""
KEY = "item_text"
"""Where the line stands in ``Companions.reading``."""
BUCKETS = 1024
"""Numbers that words are counted in, and pieces of words."""
FEWEST = 20
"""Items with text and answers below which no line is drawn."""
SURE = 2.0
"""Standard errors by which the line has to tell items better than their mean does."""


def word_vectors(texts: Sequence[str]) -> NDArray[np.float32]:
    """Count the words, pairs of words and pieces of words of texts, in numbers by their hash.

    Nothing is learnt of any text (Weinberger and others, 2009, https://arxiv.org/abs/0902.2206):
    the same text has the same vector everywhere.

    Args:
        texts: The texts.

    Returns:
        Logarithms of the counts, each text's of length 1; shape (texts, 2 ``BUCKETS``).
    """
    from sklearn.feature_extraction.text import HashingVectorizer  # seconds, for few commands

    ways = (("word", (1, 2)), ("char_wb", (3, 5)))
    parts = [
        HashingVectorizer(analyzer=a, ngram_range=n, n_features=BUCKETS, norm=None).transform(texts)
        for a, n in ways
    ]
    counts = np.concatenate([part.toarray() for part in parts], axis=1)
    vectors = np.sign(counts) * np.log1p(np.abs(counts))
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(length, 1e-12), np.float32)


class ItemWords:
    """Judges items by their words.

    Args:
        encoder: ``words``, or what reads the texts: a model of Hugging Face by folder or name.
        weight: Of each number on a text's surface (``SURFACE_NUMBERS``), then of its vector;
            shape (F + D,).
        bias: What is added.
        key: Checksum of the encoder; None for ``words``.
    """

    def __init__(
        self, encoder: str, weight: NDArray[np.float64], bias: float, key: str | None = None
    ) -> None:
        self.encoder, self.weight, self.bias, self.key = encoder, weight, bias, key
        self._read: Embedder | None = None

    def plain(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        weight = [float(f"{value:.6g}") for value in self.weight.tolist()]
        return {"encoder": self.encoder, "key": self.key, "weight": weight, "bias": self.bias}

    @classmethod
    def of(cls, reading: Mapping[str, Any]) -> Self | None:
        """Return the one that ``Companions.reading`` holds; None where it holds none."""
        known = reading.get(KEY)
        if known is None:
            return None
        weight = np.array(known["weight"], np.float64)
        return cls(known["encoder"], weight, float(known["bias"]), known["key"])

    def __call__(self, texts: Sequence[str | None]) -> NDArray[np.float32]:
        """Return how easy items are, in log odds above what their skills say; 0 without a text.

        Args:
            texts: What each asks.

        Raises:
            CheckpointError: Another model stands in the place of the one that read the texts.
            ConfigError: There is no such model.
        """
        easy = np.zeros(len(texts), np.float32)
        there = [i for i, text in enumerate(texts) if text]
        if there:
            asked = [str(texts[i]) for i in there]
            vectors = np.concatenate([surface(asked), self._vectors(asked)], axis=1)
            easy[there] = vectors @ self.weight + self.bias
        return easy

    def _vectors(self, texts: Sequence[str]) -> NDArray[np.float32]:
        if self.encoder == WORDS:
            return word_vectors(texts)
        if self._read is None:
            self._read = Embedder(self.encoder)
            if self._read.key != self.key:
                raise CheckpointError(
                    f"the model {self.encoder} is not the one that read the items' texts in "
                    f"training ({self._read.key}, where {self.key} was).",
                    "Put that one in its place.",
                )
        return self._read(texts)[:]


def judge(
    texts: Sequence[str],
    easy: NDArray[np.float64],
    counts: NDArray[np.float64],
    encoder: str,
    folder: str | Path,
) -> tuple[ItemWords, NDArray[np.float64]] | None:
    """Fit the line, if words tell items apart.

    A ridge on what is counted on a text's surface and on its vector, either expected to tell as
    much, whose penalty is chosen by leaving out one item after the other. The line is kept where it
    tells items that were left out better than the mean of the others, by ``SURE`` standard errors.

    Args:
        texts: What items ask.
        easy: How easy these items are, as their answers have it; shape (items,).
        counts: How much each counts, 0 where nothing is known of it.
        encoder: What reads the texts; see ``ItemWords``.
        folder: Where vectors of a model are kept.

    Returns:
        What judges items, and how easy it says that each of these is, those of the fit by the line
        without them; None where words tell nothing, or there are too few items.

    Raises:
        ConfigError: There is no such model.
    """
    some = np.flatnonzero(counts > 0)
    if len(some) < FEWEST:
        return None
    read = word_vectors(texts) if encoder == WORDS else embed(texts, encoder, folder)[:]
    blocks = surface(texts), read
    vectors, y = np.concatenate(blocks, axis=1), easy[some]
    scale, x = np.concatenate([_scale(block[some]) for block in blocks]), vectors[some]
    count = counts[some]
    line = ridge(*(torch.from_numpy(part) for part in (x * scale, y, count)))
    by_others, share = line.told_B.numpy(), count / count.sum()
    by_mean = (y - share @ y) / (1 - share)
    better = count * (by_mean**2 - (y - by_others) ** 2)
    if better.mean() <= SURE * better.std() / len(better) ** 0.5:
        return None
    key = None if encoder == WORDS else Embedder(encoder).key
    words = ItemWords(encoder, line.weight_I.numpy() * scale, float(line.bias), key)
    every = vectors @ words.weight + words.bias
    every[some] = by_others
    return words, every


def _scale(block: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return by what each number is multiplied, so that a block has a variance of 1 in all."""
    apart = block.std(0, dtype=np.float64)
    differs = apart > 1e-9
    scale = np.divide(1.0, apart, out=np.zeros_like(apart), where=differs)
    return np.asarray(scale / max(1, int(differs.sum())) ** 0.5)
