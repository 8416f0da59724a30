"""The best prediction that anyone could make in a simulated class, by Bayes' rule.

No model that sees the same history can have a lower expected log loss, so its AUC is printed as
"best reachable" beside every score on simulated data.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from torchedu.datasets.answers import Answers
from torchedu.datasets.world import World
from torchedu.errors import DataError
from torchedu.schema import RESERVED

BLOCK = 2048
"""Students filtered together; bounds the memory, changes no prediction."""


def predict(about: Mapping[str, Any] | World, answers: Answers) -> NDArray[np.float64]:
    """Predict each answer of simulated students from the answers before it, as well as can be.

    It knows the laws of the class (difficulties, growth, forgetting, guessing, slipping, how
    ability is spread), but of a student only the earlier answers and which item is asked now; not
    the groups, as the networks do not see them either.

    Each item has one skill and a skill's level moves by its own practice alone, so given ability
    the skills are independent: p(a, m_1 .. m_K | history) = p(a | h) prod_k p(m_k | a, h). The
    filter keeps these factors exactly; nothing is sampled or cut off.

    Args:
        about: What the simulator noted (``store.about``), or the laws themselves.
        answers: Histories of simulated students with the ids of their store.

    Returns:
        The probability that each answer is right; shape (answers,).

    Raises:
        DataError: The data was not simulated, or holds an item that its laws do not know.
    """
    world = about if isinstance(about, World) else World.from_about(about)
    item = np.asarray(answers.item, np.int64) - RESERVED
    if len(item) and not (item.min() >= 0 and item.max() < world.num_items):
        raise DataError(
            f"an item's id is outside {RESERVED}..{world.num_items + RESERVED - 1}.",
            "Give the answers with the ids of the store that was simulated.",
        )
    correct = np.asarray(answers.correct) > 0.5
    starts = np.asarray(answers.offsets[:-1])
    lengths = np.diff(answers.offsets)
    order = np.argsort(-lengths, kind="stable")
    predicted = np.empty(len(item))
    for first in range(0, len(order), BLOCK):
        rows = order[first : first + BLOCK]
        _filter(world, item, correct, starts[rows], lengths[rows], predicted)
    return predicted


def _filter(
    world: World,
    item: NDArray[np.int64],
    correct: NDArray[np.bool_],
    starts: NDArray[np.int64],
    lengths: NDArray[np.int64],
    predicted: NDArray[np.float64],
) -> None:
    """Fill in the predictions of some students, who come longest first.

    Shape letters: S students, K skills, A abilities, M levels.
    """
    students = len(starts)
    if not students or not lengths[0]:
        return
    ability_SA = np.tile(world.cell_share @ world.ability, (students, 1))
    level_SKAM = np.tile(world.initial, (students, world.num_skills, 1, 1))
    last_SK = np.full((students, world.num_skills), -1)
    longest_gap = len(world.forgetting) - 1
    growth_2AM = world.growth.swapaxes(0, 1)
    active = np.searchsorted(-lengths, -np.arange(lengths[0]), side="left")
    for step, count in enumerate(active):
        now = starts[:count] + step
        rows, asked = np.arange(count), item[now]
        skill = world.skill[asked]
        before = last_SK[rows, skill]
        gap = np.minimum(np.where(before < 0, 0, step - 1 - before), longest_gap)
        level_SAM = level_SKAM[rows, skill] @ world.forgetting[gap]
        right_SAM = level_SAM * world.correct[asked]
        right_SA = right_SAM.sum(2)
        ability_SA = ability_SA[:count]
        predicted[now] = (ability_SA * right_SA).sum(1)
        # Bayes' rule: what the answer says about the level given ability, then about ability.
        was_right = correct[now]
        likely_SA = np.where(was_right[:, None], right_SA, 1.0 - right_SA)
        level_SAM = np.where(was_right[:, None, None], right_SAM, level_SAM - right_SAM)
        # Where an answer is impossible under an ability, that ability has no weight from here on.
        level_SAM /= np.maximum(likely_SA, 1e-300)[:, :, None]
        ability_SA = ability_SA * likely_SA
        ability_SA /= np.maximum(ability_SA.sum(1, keepdims=True), 1e-300)
        risen_SAM = level_SAM * growth_2AM[was_right.astype(np.int64)]
        level_SAM -= risen_SAM
        level_SAM[:, :, 1:] += risen_SAM[:, :, :-1]
        level_SKAM[rows, skill] = level_SAM
        last_SK[rows, skill] = step
