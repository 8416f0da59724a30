"""What a search is after: scores of the validation part, fairness, cost, speed and size."""

import math
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from torchedu.errors import ConfigError, allowed

FAIRNESS = "val/abroca"
"""The largest ABROCA that is above its noise floor; 0 where chance explains all of them. With the
name of an attribute behind it (``val/abroca.gender``), of the groups of that one alone."""
COST, LATENCY, PARAMETERS = "cost", "latency", "parameters"
MEASURED = {
    FAIRNESS: "the largest area between a group's ROC curve and all others' that chance does not "
    "explain, 0 where it explains all",
    COST: "CPU-seconds of training",
    LATENCY: "milliseconds to score a batch of the validation part, their median",
    PARAMETERS: "numbers that the network learns",
}
"""Objectives that no task logs; all of them are the better the lower they are."""
_LOWER = re.compile(r"loss|error|perplexity|rmse|mae|mse|brier")
_WRITTEN = re.compile(r"([+-]?)([^\s<>=+-][^<>=]*)")
_LIMIT = re.compile(r"([^\s<>=][^<>=]*?)\s*(<=|>=)\s*(\S+)")


def is_fairness(name: str) -> bool:
    """Say whether something tells how alike groups are served."""
    return name.partition(".")[0] == FAIRNESS


def is_score(name: str) -> bool:
    """Say whether something is measured of what is predicted, so that the test part has it too."""
    return name not in MEASURED or is_fairness(name)


class Objective(NamedTuple):
    """Something that is to be high, or low.

    Attributes:
        name: What it is called where it is logged, or one of ``MEASURED``.
        lower: Whether it is the better the lower it is.
    """

    name: str
    lower: bool

    def cost(self, value: float) -> float:
        """Return a value as something that is the better the lower it is."""
        return value if self.lower else -value


class Limit(NamedTuple):
    """Something that has to be kept.

    Attributes:
        name: As of an objective.
        lower: Whether it is kept by what is low.
        bound: How far it may go.
    """

    name: str
    lower: bool
    bound: float

    def excess(self, value: float) -> float:
        """Return by how much a value breaks it; 0 or less where it is kept."""
        return value - self.bound if self.lower else self.bound - value

    def __str__(self) -> str:
        """Write it as it was given."""
        return f"{self.name}{'<=' if self.lower else '>='}{self.bound:g}"


class Goals(NamedTuple):
    """All that a search is after.

    Attributes:
        objectives: What is to be high or low; the first matters most.
        limits: What has to be kept.
    """

    objectives: tuple[Objective, ...]
    limits: tuple[Limit, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """What has to be measured, each once."""
        named = [each.name for each in self.objectives] + [each.name for each in self.limits]
        return tuple(dict.fromkeys(named))

    @property
    def fairness(self) -> tuple[str, ...]:
        """Those of them that tell how alike groups are served."""
        return tuple(filter(is_fairness, self.names))

    def costs(self, measured: Mapping[str, float]) -> tuple[float, ...]:
        """Return what was measured as numbers that are the better the lower they are."""
        return tuple(each.cost(measured[each.name]) for each in self.objectives)

    def excess(self, measured: Mapping[str, float]) -> float:
        """Return by how much what was measured breaks the limits, all together; 0 where none."""
        return sum(max(0.0, each.excess(measured[each.name])) for each in self.limits)

    def lacking(self, measured: Mapping[str, Any]) -> str | None:
        """Return the first thing that was not measured, or is no finite number; None if none."""
        for name in self.names:
            value = measured.get(name)
            if value is None or not math.isfinite(value):
                return name
        return None

    @classmethod
    def parse(cls, objectives: str, limits: str, usual: str) -> "Goals":
        """Read goals as they are written.

        Args:
            objectives: Names, separated by commas; before one stands ``-`` where low is good and
                ``+`` where high is, if its name does not say so.
            limits: Such as ``val/abroca<=0.05``, separated by commas.
            usual: The objective where none is named.

        Raises:
            ConfigError: One is written otherwise, or stands twice.
        """
        named = [_objective(text) for text in _parts(objectives) or [usual]]
        kept = [_limit(text) for text in _parts(limits)]
        for option, each in (("objectives", named), ("limits", kept)):
            names = [goal.name for goal in each]
            twice = next((name for name in names if names.count(name) > 1), None)
            if twice is not None:
                raise ConfigError(f"⟦{option}⟧ names {twice!r} twice.", "Name each once.")
        return cls(tuple(named), tuple(kept))


def check_logged(
    goals: Goals, logged: Sequence[str], compared: Collection[str], attributes: Collection[str]
) -> None:
    """Refuse goals that nobody measures.

    Args:
        goals: The goals.
        logged: What the task logs of the validation part.
        compared: Those of the goals for which groups can be compared there.
        attributes: What the data knows of people.

    Raises:
        ConfigError: One is neither logged nor can be measured.
    """
    known = [*logged, *MEASURED]
    for option, each in (("objectives", goals.objectives), ("limits", goals.limits)):
        for name in (goal.name for goal in each):
            if is_fairness(name) and name not in compared:
                attribute = name.partition(".")[2]
                if attribute and attribute not in attributes:
                    raise ConfigError(
                        f"⟦{option}⟧ names {name}, and the data knows no {attribute!r} of people.",
                        allowed(attribute, attributes),
                    )
                raise ConfigError(
                    f"⟦{option}⟧ names {name}: no groups of this data's validation part can be "
                    "compared.",
                    "It takes yes-or-no predictions of people, and an attribute (of a file of "
                    "answers: ⟦data.groups⟧) with two groups of 30 people or more there.",
                )
            if name not in known and not is_fairness(name):
                raise ConfigError(f"⟦{option}⟧ names {name!r}.", allowed(name, known))


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _objective(text: str) -> Objective:
    match = _WRITTEN.fullmatch(text)
    if match is None:
        raise ConfigError(f"⟦objectives⟧ has {text!r}.", "Write names, as val/auc,val/abroca.")
    sign, name = match.groups()
    lower = name in MEASURED or is_fairness(name) or bool(_LOWER.search(name))
    return Objective(name, lower if not sign else sign == "-")


def _limit(text: str) -> Limit:
    match = _LIMIT.fullmatch(text)
    try:
        bound = float(match[3]) if match else math.nan
    except ValueError:
        bound = math.nan
    if match is None or not math.isfinite(bound):
        raise ConfigError(
            f"⟦limits⟧ has {text!r}.", "Write a name, <= or >=, and a number: val/abroca<=0.05."
        )
    return Limit(match[1], match[2] == "<=", bound)
