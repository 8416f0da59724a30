"""Companions in words, as errors and notices tell them."""

from collections.abc import Mapping
from typing import Any

from torchedu.schema import Vocabulary


def told_apart(name: str, mine: Any, theirs: Any) -> str:
    """Say how two values of a field differ."""
    if isinstance(mine, Vocabulary):
        for kind in dict.fromkeys((*mine.kinds, *theirs.kinds)):
            if mine[kind] != theirs[kind]:
                return _first_apart(kind, list(mine[kind]), list(theirs[kind]))
    if isinstance(mine, Mapping) and isinstance(theirs, Mapping):
        for key in dict.fromkeys((*mine, *theirs)):
            if mine.get(key) != theirs.get(key):
                return _first_apart(f"{name} {key}", mine.get(key), theirs.get(key))
    return f"other {name.replace('_', ' ')}"


def _first_apart(what: str, mine: Any, theirs: Any) -> str:
    if isinstance(mine, (list, tuple)) and isinstance(theirs, (list, tuple)):
        place = next((i for i, (a, b) in enumerate(zip(mine, theirs, strict=False)) if a != b),
                     min(len(mine), len(theirs)))  # fmt: skip
        mine, theirs = (repr(words[place]) if place < len(words) else "none"
                        for words in (mine, theirs))  # fmt: skip
        return f"{what} {mine} there, {theirs} here"
    return f"another {what}"


def plural(kind: str) -> str:
    """Return what several names of a kind are called: items, teacher tags, gender groups."""
    family, _, name = kind.partition(".")
    return f"{name} {family}s".strip()
