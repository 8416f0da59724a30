"""What may stand in a file from anywhere: forms that a value has before anything is made of it."""

import inspect
import math
import re
import types
import typing
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Literal, get_args, get_origin, get_type_hints

LARGEST = 1 << 53
"""The whole numbers up to which every float has one of its own."""
MOST = 10_000_000
"""Values of a file that are looked at, each as often as it is referred to."""
NESTED = 50
"""How many each value counts for that stands anywhere inside others: of these there are few."""
DEEPEST = 50
IMPORT_PATH = r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+"


class Unfit(ValueError):
    """A value is not of its form; the text says which and why, as a clause after "its".

    Args:
        why: What it is, and what it has to be.
        place: The keys that lead to it, the innermost first.
    """

    def __init__(self, why: str, *place: object) -> None:
        super().__init__(why, *place)
        self.why = why
        self.place = place

    def inside(self, key: object) -> "Unfit":
        """Return this of what holds it under a key."""
        return Unfit(self.why, *self.place, key)

    def __str__(self) -> str:
        """Say which value and why."""
        keys = [str(key) if len(str(key)) < 60 else f"{str(key)[:60]} ..." for key in self.place]
        return f"{' > '.join(reversed(keys)) or 'content'} is {self.why}"


class Look:
    """One look through a file, which ends where it holds too much."""

    def __init__(self) -> None:
        self._left = MOST

    def take(self, number: int) -> None:
        """Count values that are going to be looked at."""
        self._left -= number
        if self._left < 0:
            raise Unfit(f"of more than {MOST:,} values")


Form = Callable[[Any, Look], None]
"""Raises ``Unfit`` where a value is not of the form."""


def anything(value: Any, look: Look) -> None:
    """Whatever is looked at elsewhere."""


def check(value: Any, form: Form) -> None:
    """Check that a value has a form.

    Raises:
        Unfit: It does not.
    """
    form(value, Look())


def whole(low: int = 0, high: int = LARGEST) -> Form:
    """Whole numbers from ``low`` to ``high``."""

    def form(value: Any, look: Look) -> None:
        if type(value) is not int or not low <= value <= high:
            raise _unfit(value, f"a whole number in {low}..{high}")

    return form


def number(low: float = -math.inf, high: float = math.inf) -> Form:
    """Numbers from ``low`` to ``high``; where neither is given, what is not a number too."""

    def form(value: Any, look: Look) -> None:
        large = type(value) is int and abs(value) > LARGEST
        free = math.isinf(low) and math.isinf(high)
        if type(value) not in (int, float) or large or not (free or low <= value <= high):
            raise _unfit(value, "a number" if free else f"a number in {low:g}..{high:g}")

    return form


def text(pattern: str = ".*", most: int = 10_000, what: str = "a text") -> Form:
    """Texts of at most ``most`` characters that match a pattern."""
    known = re.compile(pattern, re.DOTALL)

    def form(value: Any, look: Look) -> None:
        if type(value) is not str or len(value) > most or not known.fullmatch(value):
            raise _unfit(value, what)

    return form


def exactly(*values: Any) -> Form:
    """One of a few values."""

    def form(value: Any, look: Look) -> None:
        if not any(type(value) is type(item) and value == item for item in values):
            raise _unfit(value, f"one of {', '.join(map(repr, values))}")

    return form


flag = exactly(False, True)
"""Yes or no."""
nothing = exactly(None)
"""None."""


def either(*forms: Form) -> Form:
    """Values of one of several forms; what they are refused for is the last one's reason."""

    def form(value: Any, look: Look) -> None:
        for i, item in enumerate(forms):
            try:
                item(value, look)
            except Unfit as error:
                nearer = error.place or i == len(forms) - 1
                if nearer:
                    raise
            else:
                return

    return form


def listed(each: Form, least: int = 0, most: int = MOST) -> Form:
    """Lists and tuples of ``least`` to ``most`` values."""

    def form(value: Any, look: Look) -> None:
        if type(value) not in (list, tuple) or not least <= len(value) <= most:
            raise _unfit(value, f"a list of {least} to {most:,} values")
        look.take(len(value))
        for i, item in enumerate(value):
            try:
                each(item, look)
            except Unfit as error:
                raise error.inside(i) from None

    return form


def row(*forms: Form) -> Form:
    """Lists and tuples with a form for each place."""

    def form(value: Any, look: Look) -> None:
        if type(value) not in (list, tuple) or len(value) != len(forms):
            raise _unfit(value, f"a list of {len(forms)}")
        for i, (item, each) in enumerate(zip(value, forms, strict=True)):
            try:
                each(item, look)
            except Unfit as error:
                raise error.inside(i) from None

    return form


def table(each: Form, key: Form | None = None) -> Form:
    """Mappings whose values are of one form, by texts or by keys of another form."""
    named = key or text(most=1000, what="a name")

    def form(value: Any, look: Look) -> None:
        _mapping(value, look)
        for name, item in value.items():
            named(name, look)
            try:
                each(item, look)
            except Unfit as error:
                raise error.inside(name) from None

    return form


def record(
    fields: Mapping[str, Form], needed: Collection[str] = (), others: Form | None = None
) -> Form:
    """Mappings with known keys.

    Args:
        fields: The form of each.
        needed: Those that must be there.
        others: The form of values by other names; where it is None there are none.
    """
    named = text(most=1000, what="a name")

    def form(value: Any, look: Look) -> None:
        _mapping(value, look)
        for name in needed:
            if name not in value:
                raise Unfit(f"without {name!r}")
        for name, item in value.items():
            named(name, look)
            each = fields.get(name, others)
            if each is None:
                raise Unfit(f"not known here; allowed: {', '.join(fields) or 'nothing'}", name)
            try:
                each(item, look)
            except Unfit as error:
                raise error.inside(name) from None

    return form


def plain(leaf: Form) -> Form:
    """Mappings and lists inside one another, whose innermost values are of a form."""

    def walk(value: Any, look: Look, depth: int) -> None:
        if depth > DEEPEST:
            raise Unfit(f"nested more than {DEEPEST} deep")
        if isinstance(value, dict):
            _mapping(value, look)
            look.take(NESTED * len(value))
            for name, item in value.items():
                if type(name) not in (str, int):
                    raise _unfit(name, "a name")
                try:
                    walk(item, look, depth + 1)
                except Unfit as error:
                    raise error.inside(name) if depth < 8 else error from None
        elif type(value) in (list, tuple):
            look.take(NESTED * len(value))
            for item in value:
                walk(item, look, depth + 1)
        elif type(value) not in (bool, float, types.NoneType):  # which every leaf may be
            leaf(value, look)

    return lambda value, look: walk(value, look, 0)


json_value = plain(either(flag, nothing, number(), text(most=1 << 20, what="a text or a number")))
"""What a text of JSON may hold."""


def arguments(function: Callable[..., Any], special: Mapping[str, Form] | None = None) -> Form:
    """Values for a function's arguments, as its annotations say they are.

    Args:
        function: It, or a class.
        special: Forms of arguments that say it otherwise.
    """
    # A class's own annotations are of its attributes.
    of = function.__init__ if isinstance(function, type) else function  # type: ignore[misc]
    try:
        hints = get_type_hints(of)
    except (NameError, TypeError):  # of somebody's own code
        hints = {}
    known = inspect.signature(function).parameters.values()
    named = [
        parameter
        for parameter in known
        if parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
    ]
    fields = {parameter.name: _of_hint(hints.get(parameter.name)) for parameter in named}
    return record({**fields, **(special or {})})


def _of_hint(hint: Any) -> Form:
    """Return the form of what an annotation allows; of an unknown one, that of JSON."""
    simple: dict[Any, Form] = {
        bool: flag,
        int: whole(-(1 << 31), 1 << 31),
        float: number(),
        str: text(),
        types.NoneType: nothing,
    }
    if hint in simple:
        return simple[hint]
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (types.UnionType, typing.Union):
        return either(*map(_of_hint, inner))
    if origin is Literal:
        return exactly(*inner)
    if origin in (list, Sequence) or (origin is tuple and inner[1:] == (...,)):
        return listed(_of_hint(inner[0]))
    if origin is tuple:
        return row(*map(_of_hint, inner))
    if origin in (dict, Mapping):
        return table(_of_hint(inner[1]))
    return json_value


def _mapping(value: Any, look: Look) -> None:
    if type(value) is not dict and type(value) is not OrderedDict:
        raise _unfit(value, "a mapping")
    if not set(getattr(value, "__dict__", ())) <= {"_metadata"}:
        raise Unfit("a mapping with attributes of its own")
    look.take(len(value))


def _unfit(value: Any, wanted: str) -> Unfit:
    kind = type(value).__name__
    shown = repr(value) if type(value) in (str, int, float, bool) and _is_short(value) else ""
    return Unfit(f"{shown or f'of the type {kind}'} and not {wanted}")


def _is_short(value: Any) -> bool:
    return len(value) < 60 if isinstance(value, str) else not abs(value) > LARGEST**2
