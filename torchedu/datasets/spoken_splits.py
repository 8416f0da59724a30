"""Answers in a store divided into train, val and test, by whose they are."""

import numpy as np
from numpy.typing import NDArray

from torchedu.datasets.draws import random_places
from torchedu.datasets.splits import MORE, PARTS, check_fold, check_split
from torchedu.datasets.spoken import NO_PART, SpokenStore

SPLITS = ("part", "speaker", "conversation", "fold", "random")


def split_spoken(
    store: SpokenStore,
    by: str | None = None,
    *,
    val: float = 0.1,
    test: float = 0.2,
    seed: int = 0,
    folds: int = 5,
    fold: int = 0,
) -> dict[str, NDArray[np.int64]]:
    """Divide answers into train, val and test; a speaker is in one of them alone.

    Args:
        store: The answers.
        by: ``part``: as the data says; where it names no validation part, a share ``val`` of the
            training speakers chooses. ``speaker`` and ``conversation``: all of one are in one part.
            ``fold``: speakers in ``folds`` folds, of which number ``fold`` is the test, and as many
            folds as speakers leave one out; of the others' answers a share ``val`` chooses, whoever
            gave them. ``random``: by answers, which leaks. Where it is None, ``part`` if the data
            tells parts, else ``speaker``.
        val: Share of the owners for validation; by fold, of the answers that are not for test.
        test: Share of the owners for test.
        seed: Another seed draws other owners.
        folds: Number of folds.
        fold: Which of them is the test, from 0.

    Returns:
        Rows of ``train``, ``val`` and ``test``.

    Raises:
        ConfigError: A share, fold or kind of split is not possible.
        DataError: A part is empty, or nobody says whose the answers are.
    """
    published = bool((store.part != NO_PART).any())
    by = by or ("part" if published else "speaker")
    check_split(by, SPLITS, val, test)
    if by == "part" and not published:
        raise store.fault("its source names no parts.", "Split by speaker: ⟦data.split⟧ speaker.")
    if by == "conversation" and not any(store.conversations):
        raise store.fault(
            "nothing says in which conversation an answer was given.",
            "Import a column conversation, or give ⟦data.split⟧ speaker.",
        )
    size = store.num_answers
    kind = {"random": "name", "conversation": "conversation"}.get(by, "speaker")
    owner = np.arange(size) if by == "random" else store.owners(kind)
    number = int(owner.max(initial=-1)) + 1
    place = _places(store, kind, owner, number, seed)
    if by == "fold":
        check_fold(fold, folds)
        if folds > number:
            raise store.fault(
                f"{number} speakers make no {folds} folds.",
                "Give ⟦data.folds⟧ of so many; as many as speakers leave one out each.",
            )
        in_test = place[owner] * folds // number == fold
        drawn = random_places(store, seed + 1, "answers", "name")
        rest = np.flatnonzero(~in_test)
        first = rest[np.argsort(drawn[rest])][: max(1, round(val * len(rest)))]
        in_val = np.isin(np.arange(size), first)
    elif by == "part":
        in_test, in_val = (store.part == PARTS.index(name) for name in ("test", "val"))
        if not in_val.any():
            learnt = np.unique(owner[~in_test & (store.part != NO_PART)])
            first = learnt[np.argsort(place[learnt])][: max(1, round(val * len(learnt)))]
            in_val = np.isin(owner, first) & ~in_test
    else:
        held = max(1, round(number * test))
        in_test = place[owner] < held
        in_val = ~in_test & (place[owner] < held + max(1, round(number * val)))
    in_train = ~in_test & ~in_val
    if by == "part":
        in_train &= store.part != NO_PART
    parts = {"train": in_train, "val": in_val, "test": in_test}
    for name, where in parts.items():
        if not where.any():
            noun = "answers" if by == "random" else f"{number} {by.replace('fold', 'speaker')}s"
            raise store.fault(
                f"the part {name!r} of a split by {by} holds no answers "
                f"({size} answers, {noun}).", MORE,
            )  # fmt: skip
    return {name: np.flatnonzero(where) for name, where in parts.items()}


def _places(
    store: SpokenStore, kind: str, owner: NDArray[np.int64], number: int, seed: int
) -> NDArray[np.int64]:
    """Return the place of each owner in an order that names and the seed alone decide."""
    row = random_places(store, seed, "answers", kind)
    first = np.full(number, len(row), np.int64)
    np.minimum.at(first, owner, row)
    place = np.empty(number, np.int64)
    place[np.argsort(first, kind="stable")] = np.arange(number)
    return place
