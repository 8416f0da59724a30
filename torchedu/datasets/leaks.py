"""Leaks: ways in which data tells the course that a recommender is to find, told apart by kind."""

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from torchedu.datasets.enrolments import EnrolmentStore
from torchedu.datasets.splits import Part
from torchedu.errors import DataError
from torchedu.schema import ITEM, RESERVED

EXCESS = 0.005
"""Share of the held-out courses above chance from which a coincidence of names is a leak."""
CERTAIN = 0.95
"""A course after which one and the same course is held out in this share of cases gives it away."""
GIVEN_AWAY = 0.2
"""Share of the held-out courses given away so from which it is a leak, and no fixed programme."""
LONG = 10
"""Courses of a history that no two students share in the same order by chance."""


class Cases(NamedTuple):
    """Held-out enrolments, each with what is seen before it.

    Attributes:
        offsets: Where each case's history begins; shape (cases + 1,).
        item: Course ids of all histories.
        target: The held-out course of each; shape (cases,).
        student: Row of its student; shape (cases,).
    """

    offsets: NDArray[np.int64]
    item: NDArray[np.int32]
    target: NDArray[np.int32]
    student: NDArray[np.int64]


class Leak(NamedTuple):
    """A way in which the data gives held-out courses away.

    Attributes:
        kind: ``held_out``, ``fragment``, ``overlap``, ``student_id`` or ``course_id``.
        cases: How many held-out courses it touches.
        told: What it is, with an example, in words.
    """

    kind: str
    cases: int
    told: str


def refuse_leaks(store: EnrolmentStore, parts: dict[str, Part], file: object = None) -> None:
    """Look for leaks in held-out enrolments, and refuse to go on where there is one.

    Args:
        store: The enrolments.
        parts: The parts ``train``, ``val`` and ``test``.
        file: The file to name; the store where it is None.

    Raises:
        DataError: There is a leak.
    """
    found = find_leaks(store, parts)
    if found:
        told = "; ".join(f"{leak.told} [{leak.kind}]" for leak in found)
        raise DataError(
            f"the data gives held-out courses away, so no score would mean anything: {told}.",
            "Ask its source for a clean copy, or remove what gives them away and import it again.",
            file=str(file or store.path),
        )


def find_leaks(store: EnrolmentStore, parts: dict[str, Part]) -> list[Leak]:
    """Return the leaks of the parts ``val`` and ``test``, at most one of each kind.

    Five kinds are looked for: ``held_out``, the course itself among those seen before it;
    ``fragment``, a course before it whose name is a piece of its name, more often than chance;
    ``overlap``, an enrolment in two parts, or a student's whole history that stands under another
    name in training too; ``student_id``, students whose names tell the course; ``course_id``,
    courses that stand for the one that is held out.

    Args:
        store: The enrolments.
        parts: The parts.

    Returns:
        The leaks found.
    """
    names = ["", "", *store.vocabulary[ITEM]]
    found: dict[str, Leak] = {}
    for name in ("val", "test"):
        cases = _cases(store, parts[name])
        people = store.student_names(cases.student)
        for leak in (
            _held_out(cases, names),
            _fragment(cases, names),
            _overlap(store, parts, name),
            _student_id(cases, people, names),
            _course_id(cases, names),
        ):
            if leak is not None:
                found.setdefault(leak.kind, leak)
    return list(found.values())


def _cases(store: EnrolmentStore, part: Part) -> Cases:
    """Return the last held-out enrolment of each student of a part."""
    begin = store.history_offsets[part.student]
    place = part.stop - 1
    seen = store.enrolled(part.student, place)
    return Cases(seen.offsets, seen.item, store.item[begin + place], part.student)


def _held_out(cases: Cases, names: Sequence[str]) -> Leak | None:
    case = _case(cases)
    hit = np.unique(case[cases.item == cases.target[case]])
    if not len(hit):
        return None
    name = names[cases.target[hit[0]]]
    return Leak("held_out", len(hit), f"{len(hit):,} are among the courses before them ({name!r})")


def _fragment(cases: Cases, names: Sequence[str]) -> Leak | None:
    """Compare how often a piece of the name comes last or first before with what chance gives."""
    some = np.diff(cases.offsets) > 0
    target = cases.target[some]
    ids = {name: id for id, name in enumerate(names) if id >= RESERVED}
    pieces = [_pieces(name, ids) for name in names]
    drawn = np.random.default_rng(0).permutation(target)
    best: Leak | None = None
    for at in (cases.offsets[1:][some] - 1, cases.offsets[:-1][some]):
        beside = cases.item[at]
        hits, chance = (
            np.array([b in pieces[t] for b, t in zip(beside.tolist(), of.tolist(), strict=True)])
            for of in (target, drawn)
        )
        more = int(hits.sum() - chance.sum())
        if more > EXCESS * len(target) and more > 6 * np.sqrt(chance.sum() + 1):
            first = int(hits.argmax())
            leak = Leak(
                "fragment",
                more,
                f"{int(hits.sum()):,} of {len(target):,} have a piece of their name at an end of "
                f"their history, {int(chance.sum()):,} by chance ({names[beside[first]]!r} "
                f"before {names[target[first]]!r})",
            )
            best = max(best or leak, leak, key=lambda one: one.cases)
    return best


def _pieces(name: str, ids: dict[str, int]) -> set[int]:
    """Return the courses whose name is this one's with up to three letters cut off at one end."""
    cut = {name[:-k] for k in (1, 2, 3)} | {name[k:] for k in (1, 2, 3)}
    return {ids[piece] for piece in cut if piece in ids and piece != name}


def _overlap(store: EnrolmentStore, parts: dict[str, Part], name: str) -> Leak | None:
    part = parts[name]
    scored: dict[str, int] = {}
    for other_name, other in parts.items():
        if other_name == name:
            continue
        where = {int(s): i for i, s in enumerate(other.student)}
        for i, student in enumerate(part.student.tolist()):
            j = where.get(student)
            if j is None:
                continue
            if min(part.stop[i], other.stop[j]) > max(part.first[i], other.first[j]):
                scored[other_name] = scored.get(other_name, 0) + 1
    if scored:
        told = " and ".join(f"{n:,} students' in {other!r}" for other, n in scored.items())
        return Leak("overlap", sum(scored.values()), f"the part {name!r} has enrolments of {told}")
    return _twins(store, part)


def _twins(store: EnrolmentStore, part: Part) -> Leak | None:
    """Find students whose whole history stands under another name too."""
    offsets, item = store.history_offsets, np.asarray(store.item).astype("<i4")
    mine = set(part.student.tolist())
    long = np.flatnonzero(np.diff(offsets) >= LONG)
    known: dict[bytes, int] = {}
    pairs = []
    for student in long.tolist():
        history = item[offsets[student] : offsets[student + 1]].tobytes()
        twin = known.setdefault(history, student)
        if twin != student and mine & {twin, student}:
            pairs.append((twin, student))
    if len(pairs) <= EXCESS * len(long):
        return None
    a, b = store.student_names(pairs[0])
    told = f"{len(pairs):,} students' whole histories stand under two names ({a!r} and {b!r})"
    return Leak("overlap", len(pairs), told)


def _student_id(cases: Cases, people: Sequence[str], names: Sequence[str]) -> Leak | None:
    """Look for the course's name in the student's, and for neighbours with the same course."""
    target = cases.target
    words = [set(re.findall(r"\d+|[^\W\d_]+", person)) for person in people]
    drawn = np.random.default_rng(0).permutation(target)
    hits, chance = (
        sum(names[t] in word for word, t in zip(words, of.tolist(), strict=True))
        for of in (target, drawn)
    )
    if hits - chance > EXCESS * len(target) and hits - chance > 6 * np.sqrt(chance + 1):
        told = f"{hits:,} are named in their student's id, {chance:,} by chance"
        return Leak("student_id", hits - chance, told)
    # Students are kept in the natural order of their ids.
    same = int((target[1:] == target[:-1]).sum())
    share = np.bincount(target) / max(len(target), 1)
    expected = float((share**2).sum() * len(target))
    # Ids given in order of enrolment drift with the courses on offer: far more than that is meant.
    if same - expected > max(0.2 * len(target), 10 * np.sqrt(expected + 1)):
        told = (
            f"{same:,} of {len(target):,} students have the same course held out as the student "
            f"with the next id, {expected:,.0f} by chance"
        )
        return Leak("student_id", same, told)
    return None


def _course_id(cases: Cases, names: Sequence[str]) -> Leak | None:
    """Learn on half of the cases which course gives one away, and count on the other half."""
    case = _case(cases)
    size = len(names)
    even = case % 2 == 0
    target = cases.target[case].astype(np.int64)
    pair = cases.item.astype(np.int64) * size + target
    pairs, times = np.unique(pair[even], return_counts=True)
    seen = np.bincount(cases.item[even], minlength=size)
    token, told = pairs // size, pairs % size
    sure = (times >= CERTAIN * seen[token]) & (times >= 3)
    says = np.full(size, -1, np.int64)
    says[token[sure]] = told[sure]
    spoken = ~even & (says[cases.item] >= 0)
    right = spoken & (says[cases.item] == target)
    hit = np.unique(case[right])
    if len(hit) <= GIVEN_AWAY * (len(cases.target) // 2) or right.sum() < 0.9 * spoken.sum():
        return None
    at = int(right.argmax())
    return Leak(
        "course_id",
        2 * len(hit),
        f"about {2 * len(hit):,} of {len(cases.target):,} follow from one course before them, "
        f"which stands for them ({names[cases.item[at]]!r} for {names[target[at]]!r})",
    )


def _case(cases: Cases) -> NDArray[np.int64]:
    """Return the case that each seen enrolment belongs to."""
    return np.repeat(np.arange(len(cases.target)), np.diff(cases.offsets))
