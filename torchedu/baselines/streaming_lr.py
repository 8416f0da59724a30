"""Logistic regression on all that a student has done: what a network has to add to."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.special import stdtrit

from torchedu.baselines.logistic import Floats
from torchedu.baselines.tracing import HistoryRegression, drawn, histories, named
from torchedu.datasets.answers import Answers, ragged_index
from torchedu.datasets.past import Past, past
from torchedu.schema import RESERVED

ITEM_SPREADS = (0.8, 0.12)
"""How far weights of an item are expected from 0: its own, and that of the student's mean mark."""
SKILL_SPREADS = (0.3, 0.2, 0.2, 0.05, 0.05, 0.05, 0.12)
"""The same of a skill: its own, of the first five numbers of ``Past.on_skill``, and of the mean."""
SHARED_SPREAD = 0.3
"""The same of weights of the numbers that all answers share, from ``CENTRE``."""
FEW = 10
"""So many students at least are held out to choose by, or half of them where there are few."""
MEAN = 2
"""Which column of ``Past.in_all`` is the student's mean."""
CENTRE = np.array(
    [
        *(1.26, -2.10, 1.74, 0.25, -0.05, 0.09, -0.04),  # in all
        *(0.25, 0.20, 0.02, 0.05, 0.03),  # on the item
        *(0.23, 0.73, 1.13, -0.45, -0.32, 0.42, 0.32),  # on the skills
    ]
)
"""Where weights of the shared numbers are expected: what they were on average in eight simulated
classes of 1,500 students with laws drawn at random; ``scripts/streaming_lr_centre.py`` made them on
30 November 2026. A class of a dozen students leans on them, a large one hardly at all."""


class Weights(NamedTuple):
    """What was learnt, by what it belongs to.

    Attributes:
        item: Of each item id, as ``ITEM_SPREADS`` lists them; shape (items, 2).
        skill: Of each skill id, as ``SKILL_SPREADS`` lists them; shape (skills, 7).
        shared: Of the numbers of ``shared_numbers``; shape (19,).
        bias: The log odds where all else is 0.
    """

    item: Floats
    skill: Floats
    shared: Floats
    bias: float


class Evidence(NamedTuple):
    """What answers alone say of items.

    Attributes:
        weight: How easy each item is, in log odds; shape (items,).
        information: How surely, the inverse of that number's variance; 0 where nobody answered.
        variance: How far items are expected to differ, squared.
    """

    weight: Floats
    information: Floats
    variance: Floats

    def of(self, items: NDArray[np.int64]) -> "Evidence":
        """Return what they say of some items."""
        return Evidence(*(column[items] for column in self))


class StreamingLR(HistoryRegression):
    """Predicts each answer by item, skills, and numbers of the student's whole history.

    No one paper's model: Best-LR (see ``BestLR``) with moving averages of marks and the latest of
    them, in all, on the skills and on the item (``datasets.past``), and with weights of an item's
    and a skill's own for how much the student's mean counts there, as in the two-parameter logistic
    model of item response theory. Weights are expected near 0, those that all answers share near
    ``CENTRE``, by Gaussian priors of one width a kind. The width of all but the items' own weights
    is multiplied by one number, chosen on students held out of the training students.

    Args:
        c: The candidates for that number's square, ascending. Of those whose log loss on held-out
            students is within a standard error of the least one, the first is used (Breiman and
            others, 1984): a few students cannot tell that priors should be wide. Then all training
            students are fitted.
        held_out: Share of the training students held out for that choice.
        most_answers: Above that many training answers, students are drawn at random to about that
            number.
        most_to_choose: The same, while candidates are tried.
        seed: Seed of the draws.
        known: What earlier students have taught, of the same vocabulary: expected in place of 0 and
            of ``CENTRE``.
    """

    name = "Streaming-LR"

    def __init__(
        self,
        c: tuple[float, ...] = (0.3, 3.0, 30.0),
        held_out: float = 0.2,
        most_answers: int = 1_000_000,
        most_to_choose: int = 200_000,
        seed: int = 0,
        known: Weights | None = None,
    ) -> None:
        super().__init__(c, held_out, most_answers, most_to_choose, seed)
        self.known = known

    @property
    def weights(self) -> Weights:
        """What was learnt."""
        items, skills = self._sizes
        ends = np.cumsum([len(ITEM_SPREADS) * items, len(SKILL_SPREADS) * skills, len(CENTRE)])
        item, skill, shared, (scale, bias) = np.split(self._weights, ends)
        return Weights(
            item.reshape(-1, items).T, skill.reshape(-1, skills).T, shared + scale * CENTRE, bias
        )

    def moved(self, answers: Answers) -> NDArray[np.float32]:
        """Return how far each answer's student has moved the weight of its item.

        That less, the weight is what it would be without the student, whose marks it then does not
        hold: by one step of Newton's method from where it is, the other weights left as they are.

        Args:
            answers: Those that were fitted.

        Returns:
            0 where students were drawn and this one was not; shape (answers,).
        """
        students = drawn(np.diff(answers.offsets), self.most_answers, self.seed)
        index, bounds = ragged_index(answers.offsets, students)
        moved = np.zeros(len(answers.item), np.float32)
        item = answers.item[index].astype(np.int64)
        p = self.predict(histories(answers, students)).astype(np.float64)
        residual, curvature = answers.correct[index] - p, p * (1 - p)
        owner = np.repeat(np.arange(len(students)), np.diff(bounds))
        pair, which = np.unique(owner * answers.num_items + item, return_inverse=True)
        own, bent = np.bincount(which, residual), np.bincount(which, curvature)
        others = np.bincount(item, curvature, answers.num_items)[pair % answers.num_items] - bent
        moved[index] = (own / (others + ITEM_SPREADS[0] ** -2))[which]
        moved[answers.item < RESERVED] = 0
        return moved

    def evidence(self, answers: Answers) -> Evidence:
        """Return what answers alone say of items, by one step of Newton's method from the prior.

        A skill that is one item's alone tells of that item, so its own weight counts with it.

        Args:
            answers: Those that were fitted.
        """
        p = self.predict(answers).astype(np.float64)
        information: Floats = np.bincount(answers.item, p * (1 - p), answers.num_items).astype(
            float
        )
        information[:RESERVED] = 0
        owner = np.repeat(np.arange(answers.num_items), np.diff(answers.skill_offsets))
        own = (np.bincount(answers.skill, minlength=answers.num_skills) == 1)[answers.skill]
        own &= answers.skill >= RESERVED
        skill = np.bincount(owner[own], self.weights.skill[answers.skill[own], 0], len(information))
        alone = np.bincount(owner[own], minlength=len(information))
        more = SKILL_SPREADS[0] ** 2 * self.chosen["c"]
        variance = np.asarray(ITEM_SPREADS[0] ** 2 + alone * more, np.float64)
        weight = self.weights.item[:, 0] + skill
        weight += (weight - self._item_centre) / variance / np.maximum(information, 1e-12)
        return Evidence(weight, information, variance)

    def expecting(self, centre: Floats, evidence: Evidence) -> Floats:
        """Return the weights of items as they are where other ones are expected.

        By one step of Newton's method, the other weights left as they are: the more answers an item
        has, the less it matters what was expected.

        Args:
            centre: What is expected, NaN where it stays as it was; shape (items,).
            evidence: What answers tell of each.
        """
        moved = (centre - self._item_centre) / (1 + evidence.variance * evidence.information)
        return self.weights.item[:, 0] + np.nan_to_num(moved)

    @property
    def _item_centre(self) -> Floats:
        """Where the items' own weights were expected."""
        return np.zeros(self._sizes[0]) if self.known is None else self.known.item[:, 0]

    def _design(self, answers: Answers) -> csr_array:
        return streaming_features(answers, past(answers), *self._sizes)

    def _expected(self, c: float) -> tuple[Floats, Floats]:
        items, skills = self._sizes
        spread = np.concatenate(
            [
                np.full(items, ITEM_SPREADS[0] / c**0.5),  # c leaves it as it is
                np.full(items, ITEM_SPREADS[1]),
                np.repeat(SKILL_SPREADS, skills),
                np.full(len(CENTRE), SHARED_SPREAD),
                [1.0],
            ]
        )
        expected = np.zeros(len(spread))
        if self.known is None:
            expected[-1] = 1  # as much of the centre as it is in other classes
        else:
            item, skill, shared, _ = self.known
            expected[:-1] = np.concatenate([item.T.ravel(), skill.T.ravel(), shared])
        return spread, expected

    def _least_held_out(self, students: int) -> float:
        return min(0.5, FEW / max(students, 1))

    def _settled(self, losses: dict[float, Floats]) -> float:
        best = losses.get(self.chosen["c"])
        close = (c for c in sorted(losses) if best is not None and _as_good(losses[c] - best))
        return next(close, self.chosen["c"])


def _as_good(more: Floats) -> bool:
    """Say whether a loss is above another by no more than a standard error, over students.

    Of few students that error is itself uncertain: as many of it as hold 84 %, by Student's t.
    """
    size = len(more)
    if size < 2:
        return True
    return bool(more.sum() <= stdtrit(size - 1, 0.84) * more.std(ddof=1) * size**0.5)


def shared_numbers(before: Past) -> Floats:
    """Return the numbers that answers to whatever item share weights for.

    Args:
        before: What came before each answer.

    Returns:
        In all; on the item, and the latest mark there by how recent it is; the mean over the skills
        of what is known of each, and again that product. Shape (answers, 19).
    """
    rows = len(before.in_all)
    count = np.maximum(np.bincount(before.row, minlength=rows), 1)
    on_skills = np.stack(
        [np.bincount(before.row, column, rows) / count for column in before.on_skill.T], axis=1
    )
    parts = (before.in_all, _with_product(before.on_item), _with_product(on_skills))
    return np.concatenate(parts, axis=1, dtype=np.float64)


def _with_product(numbers: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return numbers that end in the latest mark and how recent it is, and the product of both."""
    return np.concatenate([numbers, numbers[:, -2:-1] * numbers[:, -1:]], axis=1)


def streaming_features(
    answers: Answers, before: Past, num_items: int, num_skills: int
) -> csr_array:
    """Return the features of every answer.

    The columns are, in this order: a block for each of ``ITEM_SPREADS``, with a column an item; a
    block for each of ``SKILL_SPREADS``, with a column a skill; the shared numbers; these weighed by
    ``CENTRE``. An id that is reserved, or that the fitted vocabulary lacks, has no column.

    Args:
        answers: The histories.
        before: What came before each answer.
        num_items: Size of the item vocabulary that was fitted, reserved ids included.
        num_skills: Size of the skill vocabulary that was fitted, reserved ids included.

    Returns:
        Shape (answers, 2 num_items + 7 num_skills + 20).
    """
    rows, mean = len(answers.item), before.in_all[:, MEAN]
    fitted = np.flatnonzero(named(answers.item, num_items))
    kept = named(before.skill, num_skills)
    row, skill, on_skill = before.row[kept], before.skill[kept], before.on_skill[kept]
    item = answers.item[fitted].astype(np.int64)
    shared = shared_numbers(before)
    shared = np.concatenate([shared, (shared @ CENTRE)[:, None]], axis=1)

    first_skill = len(ITEM_SPREADS) * num_items
    first_shared = first_skill + len(SKILL_SPREADS) * num_skills
    of_skill = [np.ones(len(row)), *on_skill[:, :5].T, mean[row]]
    blocks = [
        (fitted, item, np.ones(len(fitted))),
        (fitted, num_items + item, mean[fitted]),
        *((row, first_skill + i * num_skills + skill, x) for i, x in enumerate(of_skill)),
        *(
            (np.arange(rows), np.full(rows, first_shared + i), column)
            for i, column in enumerate(shared.T)
        ),
    ]
    row, column, value = (np.concatenate(part) for part in zip(*blocks, strict=True))
    features = csr_array((value, (row, column)), (rows, first_shared + shared.shape[1]))
    features.eliminate_zeros()
    return features
