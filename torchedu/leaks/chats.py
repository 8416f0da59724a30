"""Leaks in conversations."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from torchedu.datasets.chats import ROLES, ChatStore
from torchedu.leaks.copies import CHUNK, Ids, Pairs, Rows, copies
from torchedu.leaks.finding import Finding
from torchedu.leaks.sides import copied, sides
from torchedu.leaks.tells import tells, touched
from torchedu.leaks.words import words_of


def chat_leaks(store: ChatStore, parts: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield what conversations give away; see ``check``."""
    split = sides(parts, store.num_chats)
    asked = _asked(store)
    # A problem counts once in each part, however many conversations are about it.
    side = split.train + 2 * split.scored
    _, rows = np.unique(store.problem.astype(np.int64) * 4 + side, return_index=True)
    rows = np.sort(rows[asked[rows] >= 0])
    letters = np.diff(store.offsets("messages", "content"))[asked[rows]]

    def read(begin: int, stop: int) -> Rows:
        words = words_of(store, "messages", "content", asked[rows[begin:stop]])
        return Rows(words.offsets, words.word)

    pairs = copies(np.concatenate([[0], np.cumsum(letters)]), read)
    problem = store.problem[rows]
    order = np.argsort(problem, kind="stable")
    again = np.flatnonzero(problem[order][1:] == problem[order][:-1])
    first, other = order[again], order[again + 1]
    pairs = Pairs(
        rows[np.concatenate([pairs.first, first])],
        rows[np.concatenate([pairs.second, other])],
        np.concatenate([pairs.share, np.ones(len(first))]),
    )
    yield from copied(pairs, split, "problems of conversations", _row)
    yield from _answers(store, asked)


def _row(rows: Any) -> list[str]:
    """Name conversations, which have no names, by their row."""
    return [f"row {row + 1}" for row in rows]


def _asked(store: ChatStore) -> Ids:
    """Return the first message of each conversation's student, -1 where it has none."""
    bounds = np.asarray(store.offsets("chats", "message"))
    users = np.flatnonzero(store.values("chats", "message.role") == ROLES.index("user"))
    place = np.searchsorted(users, bounds[:-1])
    first = users[np.minimum(place, len(users) - 1)] if len(users) else bounds[:-1] * 0 - 1
    return np.where((place < len(users)) & (first < bounds[1:]), first, -1)


def _answers(store: ChatStore, asked: Ids) -> Iterator[Finding]:
    """Look for final answers in what is asked: a word before which mostly they stand."""
    rows = np.flatnonzero((asked >= 0) & (np.diff(store.offsets("chats", "answer")) > 0))
    if not len(rows):
        return
    size = np.diff(store.offsets("messages", "content"))[asked[rows]]
    rows = rows[np.cumsum(size) <= 4 * CHUNK]
    words = words_of(store, "messages", "content", asked[rows])
    answer = words_of(store, "chats", "answer", rows)
    single = np.diff(answer.offsets) == 1
    own = np.zeros(len(rows), np.uint64)
    own[single] = answer.word[answer.offsets[:-1][single]]
    row = np.repeat(np.arange(len(rows)), np.diff(words.offsets))
    follows = np.flatnonzero((row[1:] == row[:-1]) & single[row[1:]])
    before = np.unique(words.word[follows], return_inverse=True)[1]
    told_by = [
        tell
        for tell in tells(before, (words.word[follows + 1] == own[row[follows + 1]]).astype(int))
        if tell.target
    ]
    if told_by:
        count = touched(before, row[follows], told_by)
        shown = [words.text(int(follows[(before == tell.value).argmax()])) for tell in told_by[:3]]
        sentence = f"the final answer stands in what is asked in {count:,} of {len(rows):,} chats"
        remedy = "Take it out of the problem."
        yield Finding("held_out", "problems", count, count / len(rows), sentence, remedy, shown)
