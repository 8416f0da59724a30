"""Leaks in students' answers."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from torchedu.datasets.answers import AnswerStore, ragged_index
from torchedu.datasets.draws import at_places
from torchedu.leaks.copies import CHUNK, Ids, Rows, copies, mixed
from torchedu.leaks.finding import Finding
from torchedu.leaks.people import told_by_people
from torchedu.leaks.sides import Sides, copied, grouped, sides
from torchedu.leaks.tells import SURE, auc, pieces, tells, touched
from torchedu.mapped import empty
from torchedu.schema import ITEM, RESERVED

BEGINNING = 8
"""Answers by which a history is drawn where not all can be looked at."""
RECENT = 8
"""Answers by whose marks the next one's is judged when a copy is tested against chance."""
DISCOUNT = 0.6
"""Share of the bits of marks that count: who knows a topic is right at all of it."""
GAPS = np.array([0.0, 1000.0, 2000.0, 5000.0])
"""Milliseconds between two answers, in which steps they are looked at."""
SORTED = 0.01
"""Share of the students whose marks are in order from which that is no chance."""


class _Answers:
    """The answers of some students, with what tells of their marks."""

    def __init__(self, store: AnswerStore, students: Ids) -> None:
        self.index, self.offsets = ragged_index(store.history_offsets, students)
        self.item = store.item[self.index].astype(np.int64)
        self.right = (store.correct[self.index] >= 0.5).astype(np.int64)
        size = np.diff(self.offsets)
        sums = np.concatenate([[0], np.cumsum(self.right)])
        self.wins = sums[self.offsets[1:]] - sums[self.offsets[:-1]]
        self.share = np.divide(self.wins, size, out=np.full(len(size), np.nan), where=size > 0)
        # Of each answer but a student's first, the one before.
        self.later = np.ones(len(self.item), bool)
        self.later[self.offsets[:-1][size > 0]] = False

    def by_item(self, size: int) -> tuple[Ids, Ids]:
        """Return how many answers each item has, and how many right ones."""
        right = np.bincount(self.item, self.right, size).astype(np.int64)
        return np.bincount(self.item, minlength=size), right


def answer_leaks(
    store: AnswerStore, parts: Mapping[str, Any], most: int | None = None
) -> Iterator[Finding]:
    """Yield what answers give away; see ``check``."""
    split = sides(parts, store.num_students)
    students, data = _sample(store, CHUNK if most is None else most)
    rows = np.arange(store.num_students) if most is None else students
    yield from copied(
        _twins(store, rows, data), _of(split, rows), "students",
        lambda twins: store.student_names(rows[twins]),
    )  # fmt: skip
    if not len(data.item):
        return
    yield from _items(store, data)
    yield from _order(data, store)
    for column in ("response_time", "attempt"):
        if store.has(column):
            number = store.answer_column(column)[data.index].astype(np.float64)
            if (area := auc(number, data.right == 1)) >= SURE:
                sentence = f"the column {column} alone tells the marks (AUC {area:.4f})"
                remedy = "Leave it out: it was set by the mark."
                yield Finding("tell", column, len(number), 1.0, sentence, remedy)
    groups = {
        name: store.group(name)[students].astype(np.int64) for name in store.vocabulary.groups
    }
    names = store.student_names(students)
    yield from told_by_people(names, store.vocabulary, groups, data.share, None, "students")
    for name, group in groups.items():
        yield from grouped(group, data.share, _of(split, students), name, "students")


def _of(split: Sides, students: Ids) -> Sides:
    return Sides(split.train[students], split.scored[students])


def _sample(store: AnswerStore, most: int) -> tuple[Ids, _Answers]:
    """Return all students, or some with at most so many answers, and their answers.

    Those are drawn by how their histories begin, so that copies of a student are drawn together.
    """
    students = np.arange(store.num_students)
    if store.num_answers > most:
        begins, offsets = _beginnings(store), np.asarray(store.history_offsets)
        # Only those can be drawn whose beginnings come first: the rest need no order.
        some, size = students, -(-store.num_students * most // store.num_answers)
        while (size := 2 * size) < len(begins):
            first = np.flatnonzero(begins <= at_places(begins, [size])[0])
            if (offsets[first + 1] - offsets[first]).sum() > most:
                some = first
                break
        chance = np.random.default_rng(0).permutation(students)
        drawn = some[np.lexsort((chance[some], begins[some]))]
        lengths = offsets[drawn + 1] - offsets[drawn]
        students = np.sort(drawn[np.cumsum(lengths) <= most])
    return students, _Answers(store, students)


def _beginnings(store: AnswerStore) -> NDArray[np.uint64]:
    """Return a hash of how each history begins; shape (students,)."""
    offsets = store.history_offsets
    begins = empty(store.num_students, np.uint64)
    for first in range(0, store.num_students, CHUNK // BEGINNING // 8):
        some = slice(first, min(first + CHUNK // BEGINNING // 8, store.num_students))
        place = offsets[some][:, None] + np.arange(BEGINNING)
        there = place < offsets[some.start + 1 : some.stop + 1][:, None]
        place = np.minimum(place, store.num_answers - 1)
        token = 2 * store.item[place].astype(np.uint64) + (store.correct[place] >= 0.5)
        with np.errstate(over="ignore"):  # arithmetic modulo 2**64
            powers = mixed(np.arange(BEGINNING, dtype=np.uint64))
            begins[some] = mixed((mixed(token) * powers * there).sum(1))
    return begins


def _twins(store: AnswerStore, students: Ids, data: _Answers) -> Any:
    """Find histories that stand under two names."""
    base = float(np.clip(data.right.mean(), 0.01, 0.99)) if len(data.right) else 0.5
    total, right = data.by_item(len(store.vocabulary[ITEM]))
    odds = _logit(np.clip((right + 5 * base) / (total + 5), 0.01, 0.99)) - _logit(base)

    def read(begin: int, stop: int) -> Rows:
        some = _Answers(store, students[begin:stop])
        first = np.repeat(some.offsets[:-1], np.diff(some.offsets))
        place = np.arange(len(some.item))
        wins = np.concatenate([[0], np.cumsum(some.right)])
        recent = np.maximum(place - RECENT, first)
        own = (wins[place] - wins[recent] + 2 * base) / (place - recent + 2)
        p = 1 / (1 + np.exp(-odds[some.item] - _logit(own)))
        bits = -DISCOUNT * np.log2(np.where(some.right == 1, p, 1 - p))
        return Rows(some.offsets, some.item.astype(np.uint64), some.right.astype(np.uint64), bits)

    lengths = np.diff(store.history_offsets)[students]
    return copies(np.concatenate([[0], np.cumsum(lengths)]), read)


def _items(store: AnswerStore, data: _Answers) -> Iterator[Finding]:
    """Look for marks in items and in their names."""
    names = list(store.vocabulary[ITEM])
    total, right = data.by_item(RESERVED + len(names))
    student = np.repeat(np.arange(len(data.share)), np.diff(data.offsets))
    even = student % 2 == 0
    half = [np.bincount(data.item[even], weight, len(total)) for weight in (None, data.right[even])]
    mean = np.divide(half[1], half[0], out=np.full(len(total), np.nan), where=half[0] > 0)
    if (area := auc(mean[data.item[~even]], data.right[~even] == 1)) >= SURE:
        sentence = f"the item alone tells the mark (AUC {area:.4f})"
        remedy = "Take the mark out of what names an item."
        yield Finding("tell", "items", len(data.item), 1.0, sentence, remedy)
        return
    piece, item, known = pieces(names)
    item = item + RESERVED
    ones = np.ones_like(piece)
    giving = tells(
        np.concatenate([piece, piece]),
        np.concatenate([0 * ones, ones]),
        np.concatenate([(total - right)[item], right[item]]),
    )
    if giving:
        items = np.unique(item[np.isin(piece, [tell.value for tell in giving])])
        count = int(total[items].sum())
        sentence = f"the names of {len(items):,} items tell the marks of {count:,} answers"
        remedy = "Take the mark out of what names an item."
        shown = [known[tell.value] for tell in giving[:3]]
        yield Finding("name", "items", count, count / len(data.item), sentence, remedy, shown)


def _order(data: _Answers, store: AnswerStore) -> Iterator[Finding]:
    """Look for marks that the one before gives away."""
    later = np.flatnonzero(data.later)
    rare = int(data.right.mean() < 0.5)
    change = data.right[later] != data.right[later - 1]
    size, wins = np.diff(data.offsets), data.wins
    student = np.repeat(np.arange(len(size)), size)[later]
    turns = np.bincount(student[change], minlength=len(size))
    factorial = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, size.max(initial=1) + 1)))])
    orders = factorial[size] - factorial[wins] - factorial[size - wins]
    judged = orders > np.log(1000)
    count, chance = int((turns[judged] == 1).sum()), float(np.exp(-orders[judged]).sum()) * 2
    if count > max(SORTED * judged.sum(), 10 * chance, 4):
        sentence = f"the answers of {count:,} of {int(judged.sum()):,} students are sorted by mark"
        remedy = "Put them in the order in which they were given: name the column of times."
        yield Finding("tell", "order", count, count / int(judged.sum()), sentence, remedy)
    # Easy items follow one another all right; after the rarer mark the same one says more.
    change, later = change[data.right[later - 1] == rare], later[data.right[later - 1] == rare]
    if not len(later):
        return
    before, item = data.item[later - 1], data.item[later]
    kind = np.full(len(later), len(GAPS) + 1)
    if store.has("time"):
        time = store.answer_column("time")[data.index]
        kind = np.searchsorted(GAPS, time[later] - time[later - 1])
    kind = 2 * kind + (before == item)
    pair = 100 + before * (int(data.item.max()) + 1) + item
    value, row = np.concatenate([kind, pair]), np.tile(np.arange(len(later)), 2)
    giving = tells(value, np.tile(~change, 2).astype(np.int64))
    if giving:
        count = touched(value, row, giving)
        sentence = f"{count:,} answers have the mark of the one before them, far beyond chance"
        remedy = (
            "If an answer fills a row for each skill, import with ⟦merge_skill_rows⟧ true or give "
            "one row an answer."
        )
        yield Finding(
            "tell", "rows one after the other", count, count / len(later), sentence, remedy
        )


def _logit(p: Any) -> Any:
    return np.log(p / (1 - p))
