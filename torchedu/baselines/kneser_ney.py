"""What counting says of the next token: interpolated Kneser-Ney n-grams."""

from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from torchedu.baselines.baseline import Tuned, hold_out, settle
from torchedu.datasets.answers import ragged_index
from torchedu.errors import DataError

Ids = NDArray[np.int64]


LEAST = 0.01
"""The least discount."""
SHARE = 0.1
"""Share of the texts that the discount is chosen on."""


class Tokens(NamedTuple):
    """Texts as tokens, for baselines.

    Attributes:
        offsets: Where each text begins; shape (texts + 1,).
        token: The ids of all texts; shape (offsets[-1],).
        num_tokens: Number of token ids.
    """

    offsets: Ids
    token: NDArray[np.int32]
    num_tokens: int


class _Grams(NamedTuple):
    """Stretches of tokens of one length.

    Attributes:
        key: Sorted keys of (stretch without its last token, last token); shape (grams,).
        times: How often each was met, or after how many tokens; shape (grams,).
        total: The counts of all that go on from a context; shape (contexts,).
        number: How many counts of 1, 2, and 3 or more go on from a context; shape (contexts, 4).
        discount: Of counts of 0, 1, 2, and 3 or more.
    """

    key: Ids
    times: Ids
    total: Ids
    number: NDArray[np.float64]
    discount: NDArray[np.float64]


@dataclass(eq=False)
class KneserNey(Tuned[Tokens, NDArray[np.float64]]):
    """Predicts a token from how often it followed the few before it.

    Chen and Goodman, "An empirical study of smoothing techniques for language modeling", 1999,
    https://doi.org/10.1006/csla.1999.0128: interpolated, with their three discounts a length.
    Deviation: all discounts are scaled by one factor, since theirs go by counts of counts, which in
    few texts are noise; and a discount is never 0, so that no token is impossible.

    Args:
        order: Longest stretch that is counted, the predicted token included.
        scale: Candidates for the factor, ascending. The one under which texts held out are
            likeliest is used; then all are counted.
        seed: Seed of the draw of those.
    """

    gives_logs = True
    candidates = ("scale",)

    order: int = 5
    scale: tuple[float, ...] = (0.4, 0.6, 0.8, 1.0, 1.2, 1.4, 1.6)
    seed: int = 0

    def __post_init__(self) -> None:
        """Name it by its order."""
        super().__post_init__()
        self.name = f"Kneser-Ney {self.order}-grams"

    def fit(self, data: Tokens) -> Self:
        """Choose, and count; see ``Baseline.fit``."""
        if not len(data.token):
            raise DataError(
                f"The baseline {self.name} got no tokens.", "Give it texts to learn from."
            )
        texts = np.arange(len(data.offsets) - 1)
        held = hold_out(texts, SHARE, len(texts), self.seed)
        rest, asked = _of_texts(data, texts[~held]), _of_texts(data, texts[held])
        if len(rest.token) and len(asked.token):
            grams = self._counts(rest)

            def loss(scale: float) -> float:
                return -float(self._log_likelihood(asked, grams, scale).mean())

            self.chosen = settle(self.ladders, loss)
        self._grams = self._counts(data)
        return self

    def predict(self, data: Tokens) -> NDArray[np.float64]:
        """Return the log of each token's chance, in nats, given those before it in its text.

        Args:
            data: The texts.

        Returns:
            Shape (tokens,).
        """
        return self._log_likelihood(data, self._grams, self.chosen["scale"])

    def _counts(self, data: Tokens) -> list[_Grams]:
        """Count the stretches of each length."""
        stream, real = self._stream(data)
        grams = []
        ids, levels = np.zeros_like(stream), []
        for _ in range(self.order):
            key = _key(ids, stream, data.num_tokens)
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
            grams.append(_counted(known, count, contexts, data.num_tokens))
        return grams

    def _log_likelihood(
        self, data: Tokens, levels: list[_Grams], scale: float
    ) -> NDArray[np.float64]:
        stream, real = self._stream(data)
        chance = np.full(len(stream), 1 / data.num_tokens)
        ids = np.zeros_like(stream)
        for grams in levels:
            discount = np.append(0, np.clip(scale * grams.discount[1:], LEAST, (1, 2, 3)))
            context = np.append(0, ids[:-1])
            key = np.where(context >= 0, _key(ids, stream, data.num_tokens), -1)
            place = np.minimum(np.searchsorted(grams.key, key), len(grams.key) - 1)
            ids = np.where(grams.key[place] == key, place, -1)
            known = (context >= 0) & (grams.total[context] > 0)
            count = np.where(known & (ids >= 0), grams.times[ids], 0)
            kept = count - discount[np.minimum(count, 3)]
            total = np.maximum(grams.total, 1)
            left = grams.number @ discount / total
            gone_on = kept / total[context] + left[context] * chance
            chance = np.where(known, gone_on, chance)
        return np.log(chance[real])

    def _stream(self, data: Tokens) -> tuple[Ids, NDArray[np.bool_]]:
        """Return all texts, each after as many marks as a context is long, and where they are."""
        lengths = np.diff(data.offsets)
        lead = self.order - 1
        starts = np.cumsum(lengths + lead) - lengths
        real = np.zeros(int((lengths + lead).sum()), bool)
        at = np.repeat(starts - (np.cumsum(lengths) - lengths), lengths) + np.arange(lengths.sum())
        real[at] = True
        stream = np.full(len(real), data.num_tokens, np.int64)
        stream[at] = data.token
        return stream, real


def _of_texts(data: Tokens, texts: Ids) -> Tokens:
    index, offsets = ragged_index(data.offsets, texts)
    return Tokens(offsets, data.token[index], data.num_tokens)


def _key(ids: Ids, stream: Ids, num_tokens: int) -> Ids:
    """Return what names a stretch: the one before it, one shorter, and its last token."""
    key: Ids = np.append(0, ids[:-1]) * (num_tokens + 1) + stream
    return key


def _counted(key: Ids, count: Ids, contexts: int, num_tokens: int) -> _Grams:
    n = np.bincount(np.minimum(count, 5), minlength=6).astype(float)
    share = n[1] / max(n[1] + 2 * n[2], 1)
    discount = np.zeros(4)
    for c in (1, 2, 3):
        discount[c] = np.clip(c - (c + 1) * share * n[c + 1] / max(n[c], 1), 0, c)
    context = key // (num_tokens + 1)
    total = np.bincount(context, count, contexts).astype(np.int64)
    number = np.bincount(context * 4 + np.minimum(count, 3), minlength=4 * contexts)
    return _Grams(key, count, total, number.reshape(contexts, 4).astype(np.float64), discount)
