"""What is searched: a file that names options, and what each of them may be."""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import Any, NamedTuple

from optuna import Trial
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from torchedu.bounded import parse_yaml
from torchedu.errors import ConfigError, allowed

KINDS = {"choice": (), "int": ("step", "log"), "float": ("step", "log")}
"""What an option may be, and what may stand beside that."""
_EXAMPLE = "As in: model.lr: {float: [0.001, 0.01], log: true}"
Values = dict[str, Any]
"""Values of options, by their dotted names."""


class Probe(NamedTuple):
    """A value at an edge of the space, to be tried before anything is trained.

    Attributes:
        option: The option.
        values: Its value, and those under which it is asked for at all.
    """

    option: str
    values: Values


@dataclass(frozen=True)
class Dimension:
    """An option that is searched.

    Attributes:
        option: Its dotted name.
        name: What a study calls it: the option, and behind it the choices that it depends on.
        distribution: What it may be; of choices, their labels.
        choices: The choice of each label; nothing of numbers.
        below: What is searched besides where a choice is taken, by its label.
    """

    option: str
    name: str
    distribution: BaseDistribution
    choices: Mapping[str, Any] = field(default_factory=dict)
    below: Mapping[str, tuple["Dimension", ...]] = field(default_factory=dict)

    def suggested(self, trial: Trial) -> Any:
        """Return the label or number of a trial."""
        of = self.distribution
        if isinstance(of, CategoricalDistribution):
            return trial.suggest_categorical(self.name, of.choices)
        if isinstance(of, IntDistribution):
            return trial.suggest_int(self.name, of.low, of.high, step=of.step, log=of.log)
        assert isinstance(of, FloatDistribution)
        return trial.suggest_float(self.name, of.low, of.high, step=of.step, log=of.log)

    def edges(self) -> Sequence[Any]:
        """Return all labels, or the least and the largest number."""
        of = self.distribution
        if isinstance(of, CategoricalDistribution):
            return of.choices
        assert isinstance(of, IntDistribution | FloatDistribution)
        return (of.low, of.high)

    def nearest(self, value: Any) -> Any:
        """Return the label or number that stands for an option's value; None where none does."""
        if self.choices:
            text = value if isinstance(value, str) else json.dumps(value, default=str)
            short = text.rpartition(".")[2]  # a class is known by its import path as well
            if text in self.choices:
                return text
            return next((label for label, choice in self.choices.items() if choice == short), None)
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return value if number and self.distribution._contains(value) else None


class Space:
    """All that is searched.

    Args:
        dimensions: The options, those that depend on no other first.
    """

    def __init__(self, dimensions: Sequence[Dimension]) -> None:
        self.dimensions = tuple(dimensions)

    @classmethod
    def parse(cls, text: str) -> "Space":
        """Read the text of a space file.

        Args:
            text: YAML: under each option's dotted name one of ``float: [low, high]``,
                ``int: [low, high]`` (both take ``step`` and ``log``) and ``choice``: a list of
                values, or values each with what is searched where it is taken.

        Raises:
            ConfigError: It says something else.
        """
        try:
            content = parse_yaml(text)
        except ValueError as error:
            raise ConfigError(f"⟦space⟧ is no YAML: {error}", _EXAMPLE) from None
        dimensions = _dimensions(content)
        _check_once(dimensions)
        if not dimensions:
            raise ConfigError("⟦space⟧ names no option.", _EXAMPLE)
        return cls(dimensions)

    def suggest(self, trial: Trial) -> Values:
        """Return a trial's values of the options, those of choices not taken left out."""
        return dict(_suggested(self.dimensions, trial))

    def every(self) -> Iterator[Dimension]:
        """Yield all dimensions, those that depend on others too."""
        waiting = list(self.dimensions)
        for dimension in waiting:
            yield dimension
            waiting.extend(below for some in dimension.below.values() for below in some)

    def probes(self) -> Iterator[Probe]:
        """Yield the edges of each dimension, alone and below the choices that it depends on."""
        yield from _probes(self.dimensions, {})

    def named(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return values of options as a study names them, as far as the space holds them.

        Args:
            values: By dotted name; of a class, its import path.
        """
        return dict(_named(self.dimensions, values))


def words(values: Mapping[str, Any]) -> list[str]:
    """Return options with their values as the words of a command."""
    return [f"--{option}={_word(value)}" for option, value in values.items()]


def _word(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _suggested(dimensions: Sequence[Dimension], trial: Trial) -> Iterator[tuple[str, Any]]:
    for dimension in dimensions:
        label = dimension.suggested(trial)
        yield dimension.option, dimension.choices[label] if dimension.choices else label
        if dimension.choices:
            yield from _suggested(dimension.below[label], trial)


def _probes(dimensions: Sequence[Dimension], under: Values) -> Iterator[Probe]:
    for dimension in dimensions:
        for label in dimension.edges():
            value = dimension.choices[label] if dimension.choices else label
            here = {**under, dimension.option: value}
            yield Probe(dimension.option, here)
            if dimension.choices:
                yield from _probes(dimension.below[label], here)


def _named(dimensions: Sequence[Dimension], values: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for dimension in dimensions:
        label = None
        if dimension.option in values:
            label = dimension.nearest(values[dimension.option])
        if label is None:
            continue
        yield dimension.name, label
        if dimension.choices:
            yield from _named(dimension.below[label], values)


def _dimensions(content: Any, under: str = "") -> list[Dimension]:
    if not isinstance(content, dict):
        inside = f" below {under}" if under else ""
        raise ConfigError(f"⟦space⟧ holds {str(content)[:60]!r}{inside}, no options.", _EXAMPLE)
    return [_dimension(str(option), given, under) for option, given in content.items()]


def _check_once(dimensions: Sequence[Dimension], above: Collection[str] = ()) -> None:
    """Refuse an option that stands beside a choice and below it: the one would hide the other."""
    here = {*above, *(dimension.option for dimension in dimensions)}
    for dimension in dimensions:
        if dimension.option in above:
            raise ConfigError(
                f"⟦space⟧ names {dimension.option} below a choice, and above or beside it.",
                "Name it in one of these places.",
            )
        for below in dimension.below.values():
            _check_once(below, here)


def _dimension(option: str, given: Any, under: str) -> Dimension:
    where = f"⟦space⟧, {option}"
    known = [kind for kind in KINDS if isinstance(given, dict) and kind in given]
    if len(known) != 1:
        names = [str(name) for name in given] if isinstance(given, dict) else [str(given)]
        wrong = next(
            (name for name in names if name not in KINDS), " and ".join(known) or "nothing"
        )
        raise ConfigError(f"{where}: {wrong!r} is no kind.", f"{allowed(wrong, KINDS)} {_EXAMPLE}")
    (kind,) = known
    for beside in given.keys() - {kind}:
        if beside not in KINDS[kind]:
            raise ConfigError(
                f"{where} has {beside!r} beside {kind}.", allowed(str(beside), KINDS[kind])
            )
    name = f"{option} [{under}]" if under else option
    if kind == "choice":
        return _choice(option, name, given["choice"], where)
    return Dimension(option, name, _numbers(kind, given, where))


def _choice(option: str, name: str, given: Any, where: str) -> Dimension:
    if not (isinstance(given, list | dict) and given):
        raise ConfigError(f"{where}: choice is {given!r}.", "List the values, or map each to more.")
    try:
        choices = {_word(value): value for value in given}
    except TypeError as error:  # YAML knows dates, which no option takes
        raise ConfigError(f"{where}: {error}.", 'Quote a text: "2026-11-30".') from None
    if len(choices) < len(given):
        raise ConfigError(f"{where}: choice names a value twice.", "Name each once.")
    inside = given if isinstance(given, dict) else {}
    below = {
        label: tuple(_dimensions(inside.get(value) or {}, f"{option}={label}"))
        for label, value in choices.items()
    }
    return Dimension(option, name, CategoricalDistribution(list(choices)), choices, below)


def _numbers(kind: str, given: Mapping[str, Any], where: str) -> BaseDistribution:
    ends, step, log = given[kind], given.get("step"), given.get("log", False)
    kinds = (int,) if kind == "int" else (int, float)
    noun = "whole numbers" if kind == "int" else "numbers"
    numbers = [*ends, *([] if step is None else [step])] if isinstance(ends, list) else []
    right = len(numbers) == 2 + (step is not None) and not any(
        isinstance(value, bool) or not isinstance(value, kinds) for value in numbers
    )
    if not right or not all(map(isfinite, numbers)) or ends[0] >= ends[1]:
        raise ConfigError(
            f"{where}: {kind} is {ends!r}{'' if step is None else f', step {step!r}'}.",
            f"Give two {noun}, the lower one first, as [1, 8]; write .001 as 0.001 or 1.0e-3.",
        )
    if not isinstance(log, bool) or (log and ends[0] <= 0):
        raise ConfigError(
            f"{where}: {kind} is {ends!r}, log {log!r}.",
            "log is true or false; where it is true, both ends are above 0.",
        )
    if step is not None and (log or step <= 0 or step > ends[1] - ends[0]):
        raise ConfigError(
            f"{where}: step is {step!r}.",
            "It is above 0, no larger than the range, and stands without log.",
        )
    if kind == "int":
        return IntDistribution(ends[0], ends[1], log, step or 1)
    try:
        return FloatDistribution(float(ends[0]), float(ends[1]), log, step and float(step))
    except ArithmeticError:
        raise ConfigError(
            f"{where}: step is {step!r}, too small for {kind} {ends!r}.", "Leave it out."
        ) from None
