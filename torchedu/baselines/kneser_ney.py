"""What counting says of the next token: interpolated Kneser-Ney n-grams."""

from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.int64]


class _Grams(NamedTuple):
    """Stretches of tokens of one length.

    Attributes:
        key: Sorted keys of (stretch without its last token, last token); shape (grams,).
        times: How often each was met, or after how many tokens; shape (grams,).
        total: The counts of all that go on from a context; shape (contexts,).
        left: What its discounts leave to shorter contexts; shape (contexts,).
        discount: Of counts of 0, 1, 2, and 3 or more.
    """

    key: Ids
    times: Ids
    total: Ids
    left: NDArray[np.float64]
    discount: NDArray[np.float64]


class KneserNey:
    """Predicts a token from how often it followed the few before it.

    Chen and Goodman, "An empirical study of smoothing techniques for language modeling", 1999,
    https://doi.org/10.1006/csla.1999.0128: interpolated, with their three discounts a length.

    Args:
        num_tokens: Number of token ids.
        order: Longest stretch that is counted, the predicted token included.
    """

    def __init__(self, num_tokens: int, order: int = 5) -> None:
        self.num_tokens = num_tokens
        self.order = order
        self._grams: list[_Grams] = []

    @property
    def name(self) -> str:
        """What to call it in a report."""
        return f"Kneser-Ney {self.order}-grams"

    def fit(self, offsets: Ids, token: NDArray[np.int32]) -> Self:
        """Count the tokens of texts.

        Args:
            offsets: Where each text begins; shape (texts + 1,).
            token: The ids of all texts; shape (offsets[-1],).
        """
        stream, real = self._stream(offsets, token)
        self._grams = []
        ids, levels = np.zeros_like(stream), []
        for _ in range(self.order):
            key = self._key(ids, stream)
            known, ids = np.unique(key, return_inverse=True)
            levels.append((known, ids))
        for length, (known, ids) in enumerate(levels, 1):
            if length == self.order:
                count = np.bincount(ids[real], minlength=len(known))
            else:  # after how many different tokens: those of the stretches one longer
                _, first = np.unique(np.where(real, levels[length][1], -1), return_index=True)
                first = first[real[first]]
                count = np.bincount(ids[first], minlength=len(known))
            contexts = len(levels[length - 2][0]) if length > 1 else 1
            self._grams.append(self._counted(known, count, contexts))
        return self

    def log_likelihood(self, offsets: Ids, token: NDArray[np.int32]) -> NDArray[np.float64]:
        """Return the log of each token's chance, in nats, given those before it in its text.

        Args:
            offsets: Where each text begins; shape (texts + 1,).
            token: The ids of all texts; shape (offsets[-1],).

        Returns:
            Shape (offsets[-1],).
        """
        stream, real = self._stream(offsets, token)
        chance = np.full(len(stream), 1 / self.num_tokens)
        ids = np.zeros_like(stream)
        for grams in self._grams:
            context = np.append(0, ids[:-1])
            key = np.where(context >= 0, self._key(ids, stream), -1)
            place = np.minimum(np.searchsorted(grams.key, key), len(grams.key) - 1)
            ids = np.where(grams.key[place] == key, place, -1)
            known = (context >= 0) & (grams.total[context] > 0)
            count = np.where(known & (ids >= 0), grams.times[ids], 0)
            kept = count - grams.discount[np.minimum(count, 3)]
            total = np.maximum(grams.total[context], 1)
            chance = np.where(known, kept / total + grams.left[context] * chance, chance)
        return np.log(chance[real])

    def _stream(self, offsets: Ids, token: NDArray[np.int32]) -> tuple[Ids, NDArray[np.bool_]]:
        """Return all texts, each after as many marks as a context is long, and where they are."""
        lengths = np.diff(offsets)
        lead = self.order - 1
        starts = np.cumsum(lengths + lead) - lengths
        real = np.zeros(int((lengths + lead).sum()), bool)
        at = np.repeat(starts - (np.cumsum(lengths) - lengths), lengths) + np.arange(lengths.sum())
        real[at] = True
        stream = np.full(len(real), self.num_tokens, np.int64)
        stream[at] = token
        return stream, real

    def _key(self, ids: Ids, stream: Ids) -> Ids:
        """Return what names a stretch: the one before it, one shorter, and its last token."""
        key: Ids = np.append(0, ids[:-1]) * (self.num_tokens + 1) + stream
        return key

    def _counted(self, key: Ids, count: Ids, contexts: int) -> _Grams:
        n = np.bincount(np.minimum(count, 5), minlength=6).astype(float)
        share = n[1] / max(n[1] + 2 * n[2], 1)
        discount = np.zeros(4)
        for c in (1, 2, 3):
            discount[c] = np.clip(c - (c + 1) * share * n[c + 1] / max(n[c], 1), 0, c)
        context = key // (self.num_tokens + 1)
        total = np.bincount(context, count, contexts).astype(np.int64)
        left = np.bincount(context, discount[np.minimum(count, 3)], contexts)
        return _Grams(key, count, total, left / np.maximum(total, 1), discount)
