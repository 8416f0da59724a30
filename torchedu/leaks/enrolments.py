"""Leaks in enrolments: ways in which data tells the course that a recommender is to find."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from torchedu.datasets.enrolments import EnrolmentStore
from torchedu.datasets.splits import Part
from torchedu.leaks.copies import Ids, Rows, copies
from torchedu.leaks.finding import Finding
from torchedu.leaks.sides import copied, sides
from torchedu.schema import GROUP, ITEM, RESERVED

EXCESS = 0.005
"""Share of the held-out courses above chance from which a coincidence of names is a leak."""
CERTAIN = 0.95
"""A course after which one and the same course is held out in this share of cases gives it away."""
SURE_BEFORE = 0.9
"""Share of the cases after courses that stand nowhere else, in which these tell the same one."""
REMEDY = "Ask its source for a clean copy, or remove what gives courses away and import it again."


class Cases(NamedTuple):
    """Held-out enrolments, each with what is seen before it.

    Attributes:
        offsets: Where each case's history begins; shape (cases + 1,).
        item: Course ids of all histories.
        target: The held-out course of each; shape (cases,).
        student: Row of its student; shape (cases,).
    """

    offsets: Ids
    item: NDArray[np.int32]
    target: NDArray[np.int32]
    student: Ids


def enrolment_leaks(store: EnrolmentStore, parts: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield what enrolments give away; see ``check``."""
    names = ["", "", *store.vocabulary[ITEM]]
    seen: set[str] = set()
    for name in ("val", "test"):
        if name not in parts:
            continue
        cases = _cases(store, parts[name])
        people = store.student_names(cases.student)
        for finding in (
            _held_out(cases, names),
            _fragment(cases, names),
            _overlap(parts, name, store.num_students),
            _student_id(cases, people, names),
            _attribute(store, cases, names),
            _course_id(cases, names),
            _before(store, cases, names),
        ):
            if finding is not None and finding.where not in seen:
                seen.add(finding.where)
                yield finding

    def read(begin: int, stop: int) -> Rows:
        offsets = np.asarray(store.history_offsets[begin : stop + 1])
        item = store.item[offsets[0] : offsets[-1]].astype(np.uint64)
        return Rows(offsets - offsets[0], item)

    yield from copied(
        copies(store.history_offsets, read), sides(parts, store.num_students), "students",
        store.student_names,
    )  # fmt: skip


def _cases(store: EnrolmentStore, part: Part) -> Cases:
    """Return the last held-out enrolment of each student of a part."""
    begin = store.history_offsets[part.student]
    place = part.stop - 1
    seen = store.enrolled(part.student, place)
    return Cases(seen.offsets, seen.item, store.item[begin + place], part.student)


def _held_out(cases: Cases, names: Sequence[str]) -> Finding | None:
    case = _case(cases)
    hit = np.unique(case[cases.item == cases.target[case]])
    if not len(hit):
        return None
    shown = [names[cases.target[hit[0]]]]
    return _leak("held_out", "histories", len(hit), cases, "are among those before them", shown)


def _fragment(cases: Cases, names: Sequence[str]) -> Finding | None:
    """Compare how often a piece of the name comes last or first before with what chance gives."""
    some = np.diff(cases.offsets) > 0
    target = cases.target[some]
    ids = {name: id for id, name in enumerate(names) if id >= RESERVED}
    pieces = [_pieces(name, ids) for name in names]
    drawn = np.random.default_rng(0).permutation(target)
    best: Finding | None = None
    for at in (cases.offsets[1:][some] - 1, cases.offsets[:-1][some]):
        beside = cases.item[at]
        hits, chance = (
            np.array([b in pieces[t] for b, t in zip(beside.tolist(), of.tolist(), strict=True)])
            for of in (target, drawn)
        )
        more = int(hits.sum() - chance.sum())
        if _beyond(more, int(chance.sum()), len(target)) and (best is None or more > best.count):
            first = int(hits.argmax())
            shown = [f"{names[beside[first]]!r} before {names[target[first]]!r}"]
            sentence = f"have a piece of their name before them, {int(chance.sum()):,} by chance"
            best = _leak("name", "courses before", more, cases, sentence, shown)
    return best


def _pieces(name: str, ids: dict[str, int]) -> set[int]:
    """Return the courses whose name is this one's with up to three letters cut off at one end."""
    cut = {name[:-k] for k in (1, 2, 3)} | {name[k:] for k in (1, 2, 3)}
    return {ids[piece] for piece in cut if piece in ids and piece != name}


def _overlap(parts: Mapping[str, Part], name: str, size: int) -> Finding | None:
    """Look for enrolments that stand in two parts."""
    part, shared, others = parts[name], 0, []
    for other_name, other in parts.items():
        if other_name != name:
            first, stop = np.zeros(size, np.int64), np.zeros(size, np.int64)
            first[other.student], stop[other.student] = other.first, other.stop
            both = np.minimum(part.stop, stop[part.student]) > np.maximum(
                part.first, first[part.student]
            )
            shared += int(both.sum())
            others += [other_name] * bool(both.any())
    if not shared:
        return None
    sentence = (
        f"enrolments of {shared:,} students are in the parts {', '.join([name, *others])} at once"
    )
    remedy = "Give parts that share nothing."
    return Finding("held_out", "parts", shared, shared / len(part.student), sentence, remedy)


def _student_id(cases: Cases, people: Sequence[str], names: Sequence[str]) -> Finding | None:
    """Look for the course's name in the student's, and for neighbours with the same course."""
    target = cases.target
    known = set(names[RESERVED:])
    words = [(set(re.findall(r"\d+|[^\W\d_]+", who)) | _ends(who)) & known for who in people]
    sentence = "are named in their student's id"
    leak = _named(cases, words, names, "student ids", sentence)
    # Students are kept in the natural order of their ids.
    same = int((target[1:] == target[:-1]).sum())
    share = np.bincount(target) / max(len(target), 1)
    expected = float((share**2).sum() * len(target))
    # Ids given in order of enrolment drift with the courses on offer: far more than that is meant.
    if leak is None and same - expected > max(0.2 * len(target), 10 * np.sqrt(expected + 1)):
        sentence = f"are that of the student with the next id too, {expected:,.0f} by chance"
        return _leak("name", "order of student ids", same, cases, sentence, [])
    return leak


def _ends(name: str) -> set[str]:
    """Return all beginnings and ends of a name, itself among them."""
    return {piece for i in range(len(name)) for piece in (name[i:], name[: i + 1])}


def _attribute(store: EnrolmentStore, cases: Cases, names: Sequence[str]) -> Finding | None:
    """Look for the course in an attribute of its student, by name or by another for it."""
    for attribute in store.vocabulary.groups:
        group = store.group(attribute)[cases.student].astype(np.int64)
        known = store.vocabulary[GROUP + attribute]
        words = [{known.name(id)} for id in group.tolist()]
        sentence = "are named by the attribute of their student"
        leak = _named(cases, words, names, attribute, sentence)
        if leak is None:
            case = np.arange(len(group))[group >= RESERVED]
            hit, right, _ = _stands_for(case, group[case], cases.target, len(known))
            if len(hit) > EXCESS * len(cases.target) and right >= CERTAIN:
                leak = _leak("tell", attribute, 2 * len(hit), cases, "follow from an attribute", [])
        if leak is not None:
            return leak
    return None


def _before(store: EnrolmentStore, cases: Cases, names: Sequence[str]) -> Finding | None:
    """Look for courses that nobody takes but right before the one that they stand for."""
    some = np.flatnonzero(np.diff(cases.offsets) > 0)
    token = cases.item[cases.offsets[1:][some] - 1].astype(np.int64)
    target = cases.target[some].astype(np.int64)
    times = np.bincount(token, minlength=len(names))
    alone = (times == np.bincount(store.item, minlength=len(names)))[token] & (times[token] > 1)
    cell, count = np.unique(token[alone] * len(names) + target[alone], return_counts=True)
    sure = int(count[count > 1].sum())
    if sure <= EXCESS * len(cases.target) or sure < SURE_BEFORE * alone.sum():
        return None
    first = int(cell[count.argmax()])
    shown = [f"{names[first // len(names)]!r} before {names[first % len(names)]!r}"]
    sentence = "follow from a course that nobody takes but right before them"
    return _leak("tell", "courses right before", sure, cases, sentence, shown)


def _course_id(cases: Cases, names: Sequence[str]) -> Finding | None:
    """Look for courses that stand for the one that is held out."""
    hit, right, shown = _stands_for(_case(cases), cases.item, cases.target, len(names))
    if not len(hit) or right < CERTAIN or len(hit) <= EXCESS * len(cases.target):
        return None
    examples = [f"{names[after]!r} for {names[other]!r}" for after, other in shown]
    sentence = "follow from one course before them, which stands for them"
    return _leak("tell", "courses", 2 * len(hit), cases, sentence, examples)


def _stands_for(
    case: Ids, token: NDArray[np.integer[Any]], targets: NDArray[np.int32], size: int
) -> tuple[Ids, float, list[tuple[int, int]]]:
    """Learn on half of the cases which token gives a target away, and count on the other half.

    Returns:
        The cases of the other half that are given away, how often tokens that were sure are right
        there, and an example: a token with its target.
    """
    token, target = token.astype(np.int64), targets[case].astype(np.int64)
    even, most = case % 2 == 0, int(targets.max(initial=0)) + 1
    pairs, times = np.unique((token * most + target)[even], return_counts=True)
    seen = np.bincount(token[even], minlength=size)
    sure = (times >= CERTAIN * seen[pairs // most]) & (times >= 3)
    says = np.full(size, -1, np.int64)
    says[pairs[sure] // most] = pairs[sure] % most
    spoken = ~even & (says[token] >= 0)
    right = spoken & (says[token] == target)
    at = int(right.argmax()) if right.any() else 0
    shown = [(int(token[at]), int(target[at]))] if right.any() else []
    return np.unique(case[right]), float(right.sum() / max(spoken.sum(), 1)), shown


def _named(
    cases: Cases, words: Sequence[set[str]], names: Sequence[str], where: str, sentence: str
) -> Finding | None:
    """Compare how often words about a student name the course with what chance gives."""
    target = cases.target
    drawn = np.random.default_rng(0).permutation(target)
    hits, chance = (
        sum(names[t] in word for word, t in zip(words, of.tolist(), strict=True))
        for of in (target, drawn)
    )
    if not _beyond(hits - chance, chance, len(target)):
        return None
    return _leak("name", where, hits - chance, cases, f"{sentence}, {chance:,} by chance", [])


def _beyond(more: int, chance: int, size: int) -> bool:
    return more > EXCESS * size and more > 6 * np.sqrt(chance + 1)


def _leak(
    kind: str, where: str, count: int, cases: Cases, sentence: str, shown: Sequence[str]
) -> Finding:
    size = len(cases.target)
    sentence = f"{count:,} of {size:,} held-out courses {sentence}"
    return Finding(kind, where, count, count / size, sentence, REMEDY, shown)


def _case(cases: Cases) -> Ids:
    """Return the case that each seen enrolment belongs to."""
    return np.repeat(np.arange(len(cases.target)), np.diff(cases.offsets))
