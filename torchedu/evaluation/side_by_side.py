"""Scores of several models side by side: of all that they predicted, and of groups of it apart."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from torchedu.datasets.splits import attributes
from torchedu.datasets.store import Store
from torchedu.metrics import calibration_points, roc_points
from torchedu.metrics.fairness import Attribute, audit
from torchedu.schema import GROUP, RESERVED

T = TypeVar("T")

Models = dict[str, tuple[str, T]]
"""The kind of each model and what it predicted, by its name; the network first."""


def rows(models: Models[T], score: Callable[[T], dict[str, Any]]) -> list[dict[str, Any]]:
    """Return a row of scores for each model, as ``evaluation`` takes them."""
    return [{"name": name, "kind": kind, **score(said)} for name, (kind, said) in models.items()]


def each(models: Models[T], score: Callable[[T], Any]) -> dict[str, Any]:
    """Return a score of each model, by its name."""
    return {name: score(said) for name, (_, said) in models.items()}


def apart(
    ids: NDArray[Any], names: Sequence[str] | None = None
) -> Iterator[tuple[Any, NDArray[np.bool_]]]:
    """Yield each group that there is, by its name, and which rows belong to it.

    Args:
        ids: The group of each row; shape (rows,).
        names: What each id is called; as the id itself where that is None.
    """
    for id in np.unique(ids).tolist():
        yield (id if names is None else names[id]), ids == id


def curves(chance: NDArray[Any], outcome: NDArray[Any]) -> dict[str, dict[str, list[float]]]:
    """Return both curves of predictions for drawing, ``roc`` and ``calibration``."""
    return {
        "roc": roc_points(chance, outcome),
        "calibration": calibration_points(chance, outcome),
    }


def names_of(store: Store, kind: str) -> list[str]:
    """Return what all ids of a kind are called in scores, those of nobody included."""
    return ["", "not said", *store.vocabulary[kind]]


def groups_of(store: Any, people: NDArray[np.int64]) -> dict[str, Attribute]:
    """Return to which groups people belong, by attribute.

    Args:
        store: Knows the group of each row of people.
        people: Whose group is asked for, as rows of the store; shape (predictions,).
    """
    groups = {}
    for attribute in attributes(store.vocabulary):
        names = list(store.vocabulary[GROUP + attribute])
        small = np.int16 if len(names) < 2**15 else np.int32
        ids = (store.group(attribute) - RESERVED).astype(small)  # 0 and 1 belong to no name
        groups[attribute] = Attribute(ids[people], names)
    return groups


def audited(
    chance: NDArray[Any], outcome: NDArray[Any], groups: dict[str, Attribute], **how: Any
) -> dict[str, Any] | None:
    """Audit the groups of people, each attribute by itself; None without any.

    Args:
        chance: What was predicted; shape (predictions,).
        outcome: What came true.
        groups: Those of each prediction, by attribute.
        **how: What else ``torchedu.metrics.fairness.audit`` takes.
    """
    if not groups or not len(chance):
        return None
    return audit(chance, outcome, groups, intersections=False, **how)
