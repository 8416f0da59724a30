from collections import Counter, defaultdict
from itertools import pairwise

import numpy as np
import pytest

from torchedu.baselines.kneser_ney import KneserNey, Tokens
from torchedu.errors import DataError

TOKENS = 25


def texts(seed: int, texts: int = 30, tokens: int = 6) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    length = random.integers(1, 12, texts)
    return np.append(0, np.cumsum(length)), (random.random(length.sum()) ** 2 * tokens).astype("i4")


@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_the_chances_of_all_tokens_sum_to_one(order: int) -> None:
    offsets, token = texts(0)
    ngrams = KneserNey(order).fit(Tokens(offsets, token, 6))
    for start in ([0, 1, 0, 2], [5, 5, 5], [3], []):
        every = np.array([[*start, one] for one in range(6)], np.int32)
        begin = np.arange(7) * every.shape[1]
        logs = ngrams.predict(Tokens(begin, every.ravel(), 6)).reshape(6, -1)[:, -1]
        assert np.exp(logs).sum() == pytest.approx(1)


def test_bigrams_are_those_of_the_formula() -> None:
    offsets, token = texts(1, tokens=TOKENS)
    lists = [token[a:b].tolist() for a, b in pairwise(offsets)]
    pairs = Counter(pair for one in lists for pair in pairwise([TOKENS, *one]))
    after = Counter(w for _, w in pairs)  # after how many different tokens

    def discounts(counts: Counter) -> list[float]:
        n = Counter(counts.values())
        share = n[1] / (n[1] + 2 * n[2])
        return [0] + [min(max(c - (c + 1) * share * n[c + 1] / n[c], 0), c) if n[c] else c
                      for c in (1, 2, 3)]  # fmt: skip

    d1, d2 = discounts(after), discounts(pairs)
    total1 = sum(after.values())
    left1 = sum(d1[min(c, 3)] for c in after.values()) / total1

    def unigram(w: int) -> float:
        return (after[w] - d1[min(after[w], 3)]) / total1 + left1 / TOKENS

    context = defaultdict(list)
    for (v, _), c in pairs.items():
        context[v].append(c)

    def bigram(v: int, w: int) -> float:
        if v not in context:
            return unigram(w)
        total, c = sum(context[v]), pairs[v, w]
        left = sum(d2[min(c, 3)] for c in context[v]) / total
        return (c - d2[min(c, 3)]) / total + left * unigram(w)

    seen_offsets, seen = texts(2, tokens=TOKENS)
    expected = [
        bigram(v, w)
        for a, b in pairwise(seen_offsets)
        for v, w in pairwise([TOKENS, *seen[a:b].tolist()])
    ]
    ngrams = KneserNey(2, scale=(1.0,)).fit(Tokens(offsets, token, TOKENS))
    found = ngrams.predict(Tokens(seen_offsets, seen, TOKENS))
    assert np.exp(found) == pytest.approx(expected)


def test_longer_stretches_help_where_they_repeat() -> None:
    token = np.tile(np.array([0, 1, 2, 0, 2, 1], np.int32), 50)
    offsets = np.array([0, len(token)])
    data = Tokens(offsets, token, 3)
    cost = [-KneserNey(n).fit(data).predict(data).mean() for n in (1, 2, 3)]
    assert cost[2] < 0.1 < cost[1] < cost[0]


def test_no_token_is_impossible_however_few_the_texts() -> None:
    for token in ([0, 0, 0, 1, 1, 1], [0, 0, 1, 1], [3]):
        data = Tokens(np.array([0, len(token)]), np.array(token, np.int32), 5)
        asked = Tokens(np.array([0, 5]), np.arange(5, dtype=np.int32), 5)
        assert np.isfinite(KneserNey(3).fit(data).predict(asked)).all()


def test_no_tokens_are_refused() -> None:
    with pytest.raises(DataError, match="Kneser-Ney 5-grams got no tokens"):
        KneserNey().fit(Tokens(np.array([0]), np.zeros(0, np.int32), 5))
