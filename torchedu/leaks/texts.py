"""Leaks in graded texts."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from torchedu.datasets.texts import TextStore
from torchedu.leaks.copies import CHUNK, Ids, Rows, copies, mixed
from torchedu.leaks.finding import Finding
from torchedu.leaks.people import told_by_people
from torchedu.leaks.sides import copied, grouped, sides
from torchedu.leaks.tells import tells, touched
from torchedu.leaks.words import Words, words_of


def text_leaks(store: TextStore, parts: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield what graded texts give away; see ``check``."""
    split = sides(parts, store.num_texts)

    def read(begin: int, stop: int) -> Rows:
        words = words_of(store, "texts", "text", np.arange(begin, stop))
        return Rows(words.offsets, words.word)

    pairs = copies(store.offsets("texts", "text"), read)
    yield from copied(pairs, split, "texts", store.names)
    if store.label_names:
        number, target = None, store.label
    else:
        first = store.scores[:, 0].astype(np.float64)
        place = np.unique(first, return_inverse=True)[1]
        number, target = store.target[:, 0], np.where(np.isnan(first), -1, place)
    groups = {name: store.group(name).astype(np.int64) for name in store.vocabulary.groups}
    names = store.names(np.arange(store.num_texts))
    yield from told_by_people(names, store.vocabulary, groups, number, target, "texts")
    rows = _sample(store)
    yield from told_by_words(words_of(store, "texts", "text", rows), target[rows], "texts")
    goal = store.target[:, 0]
    for name, group in groups.items():
        yield from grouped(group, goal, split, name, "texts")


def _sample(store: TextStore) -> Ids:
    """Return all texts, or as many drawn at random as memory holds."""
    drawn = np.random.default_rng(0).permutation(store.num_texts)
    size = np.diff(store.offsets("texts", "text"))[drawn]
    return np.sort(drawn[np.cumsum(size) <= CHUNK])


def told_by_words(words: Words, target: Ids, noun: str) -> Iterator[Finding]:
    """Yield the words, and pairs of words, that alone tell a target; equal rows count once.

    Args:
        words: The words of some rows.
        target: The class of each row from 0, negative where it is not known; shape (rows,).
        noun: What a row is, in the plural.
    """
    row = np.repeat(np.arange(len(target)), np.diff(words.offsets))
    place = np.arange(len(row))
    follows = np.flatnonzero(row[1:] == row[:-1])
    both = mixed(mixed(words.word[follows]) + words.word[follows + 1])
    value = np.concatenate([words.word, both]) >> np.uint64(1)
    row, place = np.concatenate([row, row[follows]]), np.concatenate([place, follows])
    known = (target[row] >= 0) & words.once()[row]
    value, row, place = value[known].astype(np.int64), row[known], place[known]
    number = np.unique(value, return_inverse=True)[1]
    cell, first = np.unique(number * np.int64(len(target)) + row, return_index=True)
    number, row, place = cell // len(target), cell % len(target), place[first]
    giving = tells(number, target[row])
    if giving:
        count = touched(number, row, giving)
        shown = [words.text(int(place[(number == tell.value).argmax()])) for tell in giving[:3]]
        sentence = (
            f"single words tell what is to be predicted of {count:,} of {len(target):,} {noun}"
        )
        remedy = "Take them out: they were written after the fact."
        yield Finding("tell", "words", count, count / len(target), sentence, remedy, shown)
