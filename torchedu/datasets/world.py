"""The laws of a simulated class: who the students are, how they learn, forget and answer.

The simulator draws from these laws and the exact filter inverts them, so both read them here.
Everything is discrete: an ability that a student keeps, and for each skill a level that practice
raises and time away from the skill lowers. Docs: ``docs/simulator.md``.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from scipy.stats import norm

from torchedu.errors import ConfigError, DataError
from torchedu.ranges import SEED, check_range
from torchedu.schema import GROUP, ITEM, SKILL, Names, Vocabulary

VERSION = 1
"""Counts changes of the laws: a filter of other laws would give a wrong best score."""
ABILITY = np.linspace(-2.0, 2.0, 9)
"""The abilities that occur, in standard deviations."""
ABILITY_LOGITS = 0.7
"""What one standard deviation of ability adds to the log-odds of a right answer."""
LEVEL_LOGITS = np.array([-2.4, -1.0, 0.4, 1.8, 3.2])
"""What each level of a skill adds to the log-odds of a right answer."""
DIFFICULTY_SPREAD = 1.5
"""Standard deviation of the items' difficulties, in log-odds."""
LONGEST_GAP = 400
"""Answers on other skills after which nothing more is forgotten."""
GROUPS = {
    "region": {"town": (0.6, 0.15), "country": (0.4, -0.225)},
    "support": {"no": (0.8, 0.15), "yes": (0.2, -0.6)},
}
"""Student attributes: each group's share, and its mean ability in standard deviations."""

_SKILLS = (
    "fractions", "decimals", "percentages", "ratio", "negative numbers", "expressions",
    "linear equations", "angles", "area", "averages", "probability", "coordinates",
    "sequences", "inequalities", "powers", "roots", "volume", "Pythagoras", "functions",
    "quadratics", "vectors", "trigonometry", "logarithms", "transformations",
)  # fmt: skip


@dataclass(frozen=True)
class Laws:
    """The few numbers that fix the laws of a simulated class; a store notes them.

    Attributes:
        skills: Number of skills.
        items: Number of items, shared out evenly among the skills.
        guess: Probability of a right answer where nothing is known.
        slip: Probability of a wrong answer where all is known.
        growth: Mean probability of rising a level after an answer.
        forgetting: Probability of falling a level during one answer on another skill.
        seed: Decides the items' difficulties.

    Raises:
        ConfigError: A number cannot work; it is named.
    """

    skills: int
    items: int
    guess: float
    slip: float
    growth: float
    forgetting: float
    seed: int

    def __post_init__(self) -> None:
        """Refuse numbers that cannot work."""
        if self.skills < 1:
            raise ConfigError(f"⟦skills⟧ is {self.skills}.", "There must be at least 1 skill.")
        if self.items < self.skills:
            raise ConfigError(
                f"⟦items⟧ is {self.items}, fewer than the {self.skills} skills.",
                "Every skill needs at least 1 item.",
            )
        for name in ("guess", "slip", "growth", "forgetting"):
            value = vars(self)[name]
            if not 0 <= value <= 1:
                raise ConfigError(f"⟦{name}⟧ is {value}.", "It is a probability from 0 to 1.")
        if self.guess + self.slip >= 1:
            raise ConfigError(
                f"⟦guess⟧ {self.guess} and ⟦slip⟧ {self.slip} add up to "
                f"{self.guess + self.slip:g}.",
                "Their sum must be below 1, or knowing more would not help.",
            )
        check_range("seed", self.seed, SEED)

    def to_json(self) -> dict[str, Any]:
        """Return the numbers with the version of the laws they belong to."""
        return {"version": VERSION, **asdict(self)}


@dataclass(frozen=True)
class World:
    """The laws of one simulated class as tables; items and skills are counted from 0.

    Shape letters: A abilities, M levels, N items, C combinations of groups, T gaps.

    Attributes:
        cell_share: Share of the students in each combination of groups; shape (C,).
        ability: Probability of each ability by combination of groups; shape (C, A).
        initial: Probability of each level when a skill is first met, by ability; shape (A, M).
        growth: Probability of rising a level after an answer, by ability, by whether the answer
            was right, and by level; shape (A, 2, M), 0 at the top level.
        forgetting: Probability of each level after so many answers on other skills, by the level
            before; shape (T, M, M). Longer gaps count as the last one.
        correct: Probability of a right answer by item, ability and level; shape (N, A, M).
        skill: Each item's skill; shape (N,).
    """

    cell_share: NDArray[np.float64]
    ability: NDArray[np.float64]
    initial: NDArray[np.float64]
    growth: NDArray[np.float64]
    forgetting: NDArray[np.float64]
    correct: NDArray[np.float64]
    skill: NDArray[np.int64]

    @classmethod
    def of(cls, laws: Laws) -> Self:
        """Work out the tables; the same laws give the same tables."""
        rng = np.random.default_rng([laws.seed, 0])
        difficulty = rng.normal(0.0, DIFFICULTY_SPREAD, laws.items)
        levels = len(LEVEL_LOGITS)
        share, mean = _group_cells()
        edges = np.concatenate([[-np.inf], (ABILITY[1:] + ABILITY[:-1]) / 2, [np.inf]])
        spread = np.sqrt(1.0 - share @ (mean - share @ mean) ** 2)
        # Able students begin a skill higher: a binomial over the steps between the levels.
        initial = _binomial(levels - 1, expit(-0.7 + 0.8 * ABILITY))
        # Able students learn faster, and a right answer teaches more than a wrong one.
        pace = np.clip(laws.growth * (1.0 + 0.25 * ABILITY), 0.0, 1.0)
        rise = np.clip(pace[:, None] * np.array([0.7, 1.3]), 0.0, 1.0)
        top = np.append(np.ones(levels - 1), 0.0)
        fall = np.diag(np.append(1.0, np.full(levels - 1, 1.0 - laws.forgetting)))
        fall += np.diag(np.full(levels - 1, laws.forgetting), -1)
        gaps = np.empty((LONGEST_GAP + 1, levels, levels))
        gaps[0] = np.eye(levels)
        for gap in range(LONGEST_GAP):
            gaps[gap + 1] = gaps[gap] @ fall
        logits = ABILITY_LOGITS * ABILITY[:, None] + LEVEL_LOGITS
        return cls(
            cell_share=share,
            ability=np.diff(norm.cdf((edges - mean[:, None]) / spread), axis=1),
            initial=initial,
            growth=rise[:, :, None] * top,
            forgetting=gaps,
            correct=laws.guess
            + (1.0 - laws.guess - laws.slip) * expit(logits - difficulty[:, None, None]),
            skill=np.arange(laws.items) * laws.skills // laws.items,
        )

    @classmethod
    def from_about(cls, about: Mapping[str, Any]) -> Self:
        """Make the laws again from what the simulator noted in a store (``store.about``).

        Raises:
            DataError: The data was not simulated, or by the laws of another release.
        """
        if "simulator" not in about:
            raise DataError(
                "the data was not simulated, so its true laws are not known.",
                "Make simulated data with: torchedu data simulate OUT",
            )
        noted = about["simulator"]
        if noted.get("version") != VERSION:
            raise DataError(
                f"the class was simulated by laws of version {noted.get('version')!r}.",
                f"This release knows the laws of version {VERSION}: simulate the class again.",
            )
        return cls.of(Laws(**{field.name: noted[field.name] for field in fields(Laws)}))

    @property
    def num_skills(self) -> int:
        """Number of skills."""
        return int(self.skill.max()) + 1

    @property
    def num_items(self) -> int:
        """Number of items."""
        return len(self.skill)


def vocabulary(skills: int, items: int) -> Vocabulary:
    """Return the names of a simulated class: items ``q001``..., skills of school mathematics."""
    rounds = (f" {i // len(_SKILLS) + 1}" if i >= len(_SKILLS) else "" for i in range(skills))
    width = max(3, len(str(items)))
    return Vocabulary(
        {
            ITEM: Names(f"q{i + 1:0{width}d}" for i in range(items)),
            SKILL: Names(_SKILLS[i % len(_SKILLS)] + part for i, part in enumerate(rounds)),
            **{GROUP + attribute: Names(groups) for attribute, groups in GROUPS.items()},
        }
    )


def _group_cells() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return share and mean ability of each combination of groups, the last attribute fastest."""
    share, mean = np.ones(1), np.zeros(1)
    for groups in GROUPS.values():
        shares, means = map(np.array, zip(*groups.values(), strict=True))
        share, mean = np.outer(share, shares).ravel(), np.add.outer(mean, means).ravel()
    return share, mean


def _binomial(trials: int, chance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the chances of 0..trials successes; shape (len(chance), trials + 1)."""
    table = np.ones((len(chance), 1))
    for _ in range(trials):
        table = (
            np.pad(table, ((0, 0), (0, 1))) * (1 - chance[:, None])
            + np.pad(table, ((0, 0), (1, 0))) * chance[:, None]
        )
    return table
