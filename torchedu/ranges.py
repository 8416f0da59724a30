"""Which numbers an argument may be: said where it stands, checked before anything is built."""

import inspect
from collections.abc import Mapping
from math import inf, isfinite
from typing import Any, ClassVar, NamedTuple, Self

from torchedu.errors import ConfigError


class Range(NamedTuple):
    """The numbers that an argument may be.

    Attributes:
        least: The least one, or what all are above.
        most: The largest one, or what all are below.
        above: Whether ``least`` itself is none.
        below: Whether ``most`` itself is none.
    """

    least: float
    most: float = inf
    above: bool = False
    below: bool = False

    def holds(self, number: float) -> bool:
        """Say whether a number is one of them; what is not finite never is."""
        if not isfinite(number):
            return False
        high_enough = number > self.least if self.above else number >= self.least
        return high_enough and (number < self.most if self.below else number <= self.most)

    def __str__(self) -> str:
        """Say in words which they are."""
        low = f"{'above' if self.above else 'at least'} {self.least:,.10g}"
        if self.most == inf:
            return low
        return f"{low} and {'below' if self.below else 'at most'} {self.most:,.10g}"


COUNT = Range(1)
NOT_NEGATIVE = Range(0)
POSITIVE = Range(0, above=True)
SHARE = Range(0, 1)
DROPPED = Range(0, 1, below=True)
"""A share that is left out: never all."""
SEED = Range(0, 2**32 - 1)
"""What NumPy, torch and Lightning all take as a seed."""


def check_range(option: str, value: Any, allowed: Range) -> None:
    """Refuse a number that an option may not be.

    Args:
        option: The option's dotted name.
        value: The number, or several; what is no number is not looked at.
        allowed: Which numbers it may be.

    Raises:
        ConfigError: It is none of these.
    """
    each = value if isinstance(value, list | tuple) else [value]
    if not all(allowed.holds(x) for x in each if isinstance(x, int | float)):
        subject = "Each is" if isinstance(value, list | tuple) else "It is"
        raise ConfigError(
            f"⟦{option}⟧ is {value}.", f"{subject} {allowed}.", option=option, value=value
        )


class Ranged:
    """A class whose arguments are checked before it is built.

    Attributes:
        section: Where its arguments stand among the options, such as ``model.net``.
        limits: Which numbers an argument may be, by its name; those of the classes above it hold
            too, where it has such an argument and says nothing else.
    """

    section: ClassVar[str] = ""
    limits: ClassVar[Mapping[str, Range]] = {}

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        """Check what it is to be built of, and go on as ever.

        Raises:
            ConfigError: A number is out of its range.
        """
        try:
            given = inspect.signature(cls.__init__).bind_partial(None, *args, **kwargs).arguments
        except TypeError:  # told by ``__init__``, which takes no such argument
            given = {}
        cls.check_numbers(given)
        return super().__new__(cls)

    @classmethod
    def check_numbers(cls, given: Mapping[str, Any]) -> None:
        """Refuse numbers out of their range.

        Args:
            given: What it is to be built of, by the argument's name.

        Raises:
            ConfigError: A number is out of its range.
        """
        limits: dict[str, Range] = {}
        for kind in reversed(cls.__mro__):
            limits |= vars(kind).get("limits", {})
        for name, value in given.items():
            if name in limits:
                check_range(f"{cls.section}.{name}", value, limits[name])


def check_heads(dim: int, heads: int, halves: bool = False) -> None:
    """Refuse a width that heads of attention cannot share.

    Args:
        dim: A network's width D.
        heads: Its number of heads H.
        halves: Whether the width is cut in two besides.

    Raises:
        ConfigError: The width is no multiple of the heads, or not even.
    """
    if dim % heads or (halves and dim % 2):
        raise ConfigError(
            f"⟦model.net.dim⟧ is {dim} and ⟦model.net.heads⟧ {heads}.",
            f"⟦model.net.dim⟧ is {'even and ' * halves}a multiple of ⟦model.net.heads⟧.",
        )


def check_whole(limit: object) -> None:
    """Refuse to score some batches of a part, beside baselines that say all of it.

    Args:
        limit: ``limit_predict_batches`` of the trainer.

    Raises:
        ConfigError: It is not all of them.
    """
    if limit is not None and not (isinstance(limit, float) and limit == 1):
        raise ConfigError(
            f"⟦trainer.limit_predict_batches⟧ is {limit}, and a part is scored as a whole.",
            "Leave it out; ⟦data.test⟧ makes the part smaller, and ⟦trainer.fast_dev_run⟧ true "
            "tries a training without scores.",
        )
