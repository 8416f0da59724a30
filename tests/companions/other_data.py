"""The same data in other words: its names, columns, scales and tokenizer changed by chance."""

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from torchedu.datasets import Store
from torchedu.schema import ITEM, MODULE, PROMPT, ROLES, SKILL, TAG, Names, Vocabulary

IDS = {
    ("students", "answer.item"): ITEM, ("students", "enrolment.item"): ITEM,
    ("items", "skill.skill"): SKILL, ("courses", MODULE): MODULE, ("texts", PROMPT): PROMPT,
}  # fmt: skip
"""Columns of stores that hold ids, by table and name."""
ROWS = {"items": ITEM, "prompts": PROMPT}
"""Tables with a row for each id."""


class Change(NamedTuple):
    """What was changed.

    Attributes:
        what: The kind of names, the table of columns, or what else.
        how: In which way.
        name: What notices have to name if anything is predicted otherwise.
    """

    what: str
    how: str
    name: str = ""


def changed_names(data: Any, kind: str, drawn: random.Random) -> Change:
    """Rename, reorder or add a name of a kind, or let the network know one more."""
    old = list(data.store.vocabulary[kind])
    how = drawn.choice(("renamed", "reordered", "added"))
    new = list(old)
    place = drawn.randrange(len(old))
    if how == "renamed":
        new[place] += " of another name"
    else:
        new += ["a new one"] * (how == "added")
        drawn.shuffle(new)
    at = [new.index(new[place] if how == "renamed" and i == place else name)
          for i, name in enumerate(old)]  # fmt: skip
    turn(data.store, kind, new, np.array([0, 1, *(2 + i for i in at)]))
    return Change(kind, how, new[place])


def turn(store: Store, kind: str, names: list[str], ids: Any) -> None:
    """Give a store other names of a kind, and other ids.

    Args:
        store: The store, of which nothing but the vocabulary was read yet.
        kind: The kind.
        names: All new names.
        ids: The new id of each old one; shape (old ids,).
    """
    known = store.vocabulary
    kinds = {one: known[one] for one in known.kinds} | {kind: Names(names)}
    store.__dict__["vocabulary"] = Vocabulary(kinds)
    values, offsets = store.values, store.offsets

    def rows(table: str, family: str) -> list[Any]:
        lists = np.split(values(table, f"{family}.{family}"), offsets(table, family)[1:-1])
        moved: list[Any] = [lists[0][:0]] * (len(names) + 2)
        for old, new in enumerate(ids.tolist()):
            moved[new] = lists[old]
        return moved

    def other_values(table: str, column: str) -> Any:
        if ROWS.get(table) == kind and "." in column and table == "items":
            return np.concatenate(rows(table, column.partition(".")[0]))
        found = values(table, column)
        if ROWS.get(table) == kind:  # without the reserved ids
            moved = np.full((len(names), *found.shape[1:]), np.nan, found.dtype)
            moved[ids[2:] - 2] = found
            return moved
        if IDS.get((table, column)) == kind:
            return ids[found].astype(found.dtype)
        if (table, column) == ("lessons", "sentence.tag") and kind.startswith(TAG):
            mine = values(table, "sentence.role") == ROLES.index(kind.removeprefix(TAG))
            return np.where(mine, ids[np.where(mine, found, 0)], found)
        return found

    def other_offsets(table: str, family: str) -> Any:
        if ROWS.get(table) != kind:
            return offsets(table, family)
        return np.cumsum([0, *map(len, rows(table, family))])

    store.values, store.offsets = other_values, other_offsets  # type: ignore[method-assign]
    held: dict[str, Callable[[], Any]] = {
        "item": lambda: other_values(*store.mark),
        "prompt": lambda: other_values("texts", PROMPT),
        "skill": lambda: other_values("items", "skill.skill"),
        "skill_offsets": lambda: other_offsets("items", "skill"),
    }
    for name, read in held.items():
        if hasattr(type(store), name):
            store.__dict__[name] = read()


def changed_columns(
    data: Any, table: str, put: Callable[[Any, Any], None], drawn: random.Random
) -> Change:
    """Rename, reorder, remove or add columns of numbers.

    Args:
        data: The data.
        table: The table of numbers.
        put: Called with the data and with what gives a table of numbers in the new order.
        drawn: Chance.
    """
    own = data.own
    old = list(own.columns[table])
    how = drawn.choice(("renamed", "reordered", "removed", "added"))
    new = list(old)
    place = drawn.randrange(len(old))
    if how == "renamed":
        new[place] += " of another name"
    elif how == "removed":
        del new[place]
    else:
        new += ["a new one"] * (how == "added")
        drawn.shuffle(new)
    wide = [*old, "a new one", "renamed"]
    at = [wide.index(one if one in wide else old[place]) for one in new]

    def moved(numbers: Any) -> Any:
        more = np.random.default_rng(0).random((len(numbers), 2)).astype(numbers.dtype)
        return np.concatenate([numbers, more], 1)[:, at]

    put(data, moved)
    data.__dict__["own"] = replace(own, columns={**own.columns, table: tuple(new)})
    return Change(table, how, old[place])
