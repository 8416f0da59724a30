"""What has been learnt of the rows read so far, as plain JSON and back.

Whoever learns something says in ``kept`` which attributes hold it; what options fix is not among
them. Another process that was made with the same options takes it up and goes on.
"""

from collections import Counter
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np

PLAIN = (str, int, float, type(None))


@runtime_checkable
class Keeps(Protocol):
    """What learns from rows.

    Attributes:
        kept: The names of the attributes that hold what it has learnt: plain values, arrays, sets,
            lists and dictionaries of such, or others that learn.
    """

    kept: ClassVar[tuple[str, ...]]


def noted(value: Any) -> Any:
    """Return what something has learnt, or a value that it keeps, as plain JSON."""
    if isinstance(value, PLAIN):  # of millions of counts; to ask for a protocol takes far longer
        return value
    if isinstance(value, Keeps):
        return {name: noted(vars(value)[name]) for name in value.kept}
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    if isinstance(value, dict):
        return {key: noted(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [noted(each) for each in value]
    raise TypeError(f"{type(value).__name__} is not kept as JSON")


def restored(now: Any, said: Any) -> Any:
    """Return a value as it was when ``noted`` told of it.

    Args:
        now: The value of what has learnt nothing yet; what learns is changed in place.
        said: What ``noted`` told.

    Raises:
        KeyError: An attribute is missing.
    """
    if isinstance(now, PLAIN):
        return tuple(said) if isinstance(said, list) else said
    if isinstance(now, Keeps):
        vars(now).update({name: restored(vars(now)[name], said[name]) for name in now.kept})
        return now
    if isinstance(now, np.ndarray):
        return np.array(said, now.dtype)
    if isinstance(now, (set, frozenset)):
        return {tuple(each) if isinstance(each, list) else each for each in said}
    if isinstance(now, Counter):
        return Counter(said)
    if isinstance(now, dict):
        return {key: restored(now[key], each) if key in now else each for key, each in said.items()}
    if isinstance(now, list):
        return [restored(*both) for both in zip(now, said, strict=True)] if now else list(said)
    return tuple(said) if isinstance(said, list) else said
