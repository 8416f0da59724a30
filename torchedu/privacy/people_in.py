"""Where a person stands in a store, of every kind of data."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from torchedu.datasets.attached import ATTACHED
from torchedu.datasets.leaving_out import LeavingOut, masked_in, named, saying
from torchedu.datasets.store import Store
from torchedu.schema import GROUP, WRITERS, Names, Vocabulary

TEXTS = ("text", "reference", "question", "content", "answer")
"""Families of what was written or said, in which a name may stand."""


class Person(NamedTuple):
    """What a store holds of a person.

    Attributes:
        left_out: What goes with them.
        known_as: By what names a network that was trained on them recognises them.
        texts: What they wrote or said, and what others did that names them, as it was.
        vocabulary: The names of the store without theirs.
        counts: What goes, by noun.
    """

    left_out: LeavingOut
    known_as: list[str]
    texts: list[str]
    vocabulary: Vocabulary
    counts: dict[str, int]


def person_in(store: Store, name: str) -> Person:
    """Find a person in a store.

    A student by name; of graded texts a text by its name, or all whose attribute ``writer`` (or the
    like) is that; of lessons a lesson or a speaker by name, of spoken answers an answer or a
    speaker; of conversations, which have no names, those in which the name stands. In what others
    have written or said, the name is left out.

    Args:
        store: The store, of any kind of data.
        name: The name.
    """
    left_out, table = LeavingOut(), store.mark[0]
    rows = np.empty(0, np.int64)
    vocabulary = store.vocabulary
    for find in _FINDERS[table]:
        rows = np.union1d(rows, find(store, name))
    counts = {_NOUNS[table]: len(rows)}
    known = list(rows)
    left_out.go(store, table, rows)
    texts: list[str] = []
    if table == "lessons":
        spoken = _speaker(store, name, left_out, counts)
        known = np.union1d(rows, spoken).tolist()
    if table == "answers":
        _files(store, rows, left_out)
    if table == "chats":
        left_out.go(store, "messages", _within(store, "message", rows))
    for place, families in _families(store):
        for family in families:
            gone = left_out.rows.get(place, np.zeros(store.num_rows(place), bool))
            texts += store.texts(place, family, np.flatnonzero(gone))
            places = {
                r: text for r, text in saying(store, place, family, name).items() if not gone[r]
            }
            if places:
                left_out.texts[place, family] = places
                texts += store.texts(place, family, sorted(places))
                counts["mentions by others"] = counts.get("mentions by others", 0) + len(places)
    return Person(
        left_out,
        store.known_as(np.array(known, np.int64)),
        texts,
        _without(vocabulary, name),
        counts,
    )


def _families(store: Store) -> Iterator[tuple[str, list[str]]]:
    for table in store.manifest["tables"]:
        yield table, [name for name in TEXTS if f"{name}.utf8" in store.columns(table)]


def _by_name(table: str, family: str) -> Callable[[Store, str], NDArray[np.int64]]:
    return lambda store, name: named(store, table, family, name)


def _by_writer(store: Store, name: str) -> NDArray[np.int64]:
    """Return the texts whose writer an attribute names so."""
    rows = np.zeros(store.num_rows("texts"), bool)
    for kind in (GROUP + writer for writer in WRITERS):
        if name in store.vocabulary[kind]:
            rows |= store.values("texts", kind) == store.vocabulary[kind].id(name)
    return np.flatnonzero(rows)


def _speaking(store: Store, name: str) -> NDArray[np.int64]:
    """Return the conversations in which a name stands."""
    messages = np.array(list(saying(store, "messages", "content", name)), np.int64)
    chats = np.searchsorted(store.offsets("chats", "message"), messages, "right") - 1
    answers = np.array(list(saying(store, "chats", "answer", name)), np.int64)
    return np.union1d(chats, answers)


def _speaker(
    store: Store, name: str, left_out: LeavingOut, counts: dict[str, int]
) -> NDArray[np.int64]:
    """Leave out what a speaker said, and who spoke in lessons that go; return their lessons."""
    speaker = store.values("lessons", "sentence.speaker")
    offsets = store.offsets("lessons", "sentence")
    theirs = np.isin(speaker, named(store, "speakers", "name", name))
    lesson = np.searchsorted(offsets, np.flatnonzero(theirs), "right") - 1
    theirs[_within(store, "sentence", np.flatnonzero(left_out.rows["lessons"]))] = True
    stays = np.add.reduceat(~theirs, offsets[:-1]) if len(theirs) else np.zeros(0)
    left_out.go(store, "lessons", np.flatnonzero((stays == 0) | (np.diff(offsets) == 0)))
    left_out.values["lessons", "sentence"] = theirs
    left_out.go(store, "sentences", theirs)
    silent = ~np.isin(np.arange(store.num_rows("speakers")), speaker[~theirs])
    left_out.go(store, "speakers", silent)
    left_out.numbers["lessons", "sentence.speaker"] = (np.cumsum(~silent) - 1).astype(np.int32)
    counts["sentences"] = int(theirs.sum())
    counts["lessons"] = int(left_out.rows["lessons"].sum())
    return np.unique(lesson)


def _files(store: Store, rows: NDArray[np.int64], left_out: LeavingOut) -> None:
    """Leave out recordings and photographs of answers that go, but for those others have too."""
    for kind in ATTACHED:
        if kind.table not in store.manifest["tables"]:
            continue  # of a store that was made before there were any
        of_answer = np.asarray(store.values("answers", kind.noun))
        stays = np.isin(np.arange(store.num_rows(kind.table)), np.delete(of_answer, rows))
        left_out.go(store, kind.table, ~stays)
        # The last number stands for -1: an answer without one.
        numbers = np.append(np.cumsum(stays) - 1, -1).astype(np.int32)
        left_out.numbers["answers", kind.noun] = numbers


def _within(store: Store, family: str, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Say which values of a family of the main table are of some of its rows."""
    lengths = np.diff(store.offsets(store.mark[0], family))
    mine = np.zeros(len(lengths), bool)
    mine[rows] = True
    return np.repeat(mine, lengths)


def _without(vocabulary: Vocabulary, name: str) -> Vocabulary:
    """Return names of attributes without one; no id moves."""
    kinds = {}
    for kind in vocabulary.kinds:
        names = list(vocabulary[kind])
        if kind.startswith(GROUP):
            names = [f"[removed {i}]" if other == name else other for i, other in enumerate(names)]
        kinds[kind] = Names(names)
    return Vocabulary(kinds)


def masked(value: Any, name: str) -> Any:
    """Return plain values in whose texts a name does not stand as a word."""
    if isinstance(value, str):
        return masked_in(value, name)
    if isinstance(value, list):
        return [masked(item, name) for item in value]
    if isinstance(value, dict):
        return {masked_in(key, name): masked(item, name) for key, item in value.items()}
    return value


_FINDERS: dict[str, list[Callable[[Store, str], NDArray[np.int64]]]] = {
    "students": [_by_name("students", "name")],
    "enrolments": [_by_name("enrolments", "student")],
    "texts": [_by_name("texts", "name"), _by_writer],
    "lessons": [_by_name("lessons", "name")],
    "chats": [_speaking],
    "answers": [_by_name("answers", "name"), _by_name("answers", "speaker")],
}
_NOUNS = {
    "students": "students",
    "enrolments": "enrolments",
    "texts": "texts",
    "lessons": "lessons",
    "chats": "conversations",
    "answers": "answers",
}
