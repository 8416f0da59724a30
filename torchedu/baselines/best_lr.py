"""Logistic regression of what a student has done so far: hard to beat on many real classes."""

from scipy.sparse import csr_array

from torchedu.baselines.counts import count_features
from torchedu.baselines.tracing import HistoryRegression
from torchedu.datasets.answers import Answers


class BestLR(HistoryRegression):
    """Predicts each answer from its item, its skills and the student's earlier wins and attempts.

    Best-LR of Gervet, Koedinger, Schneider and Mitchell, "When is Deep Learning the Best Approach
    to Knowledge Tracing?", JEDM 12(3), 2020 (https://doi.org/10.5281/zenodo.4143614); the features
    are told in ``count_features``. Deviations: the strength of the penalty is chosen on students
    held out of the training students (theirs is always 1); marks between 0 and 1 are fitted as
    shares; columns that only test students could fill are not made, and ids without a name have
    none.

    Args:
        c: The candidates for the strength of the data against the penalty, ascending. The one with
            the least log loss on held-out students is used; then all training students are fitted.
        held_out: Share of the training students held out for that choice.
        most_answers: About the most answers that are fitted; see ``HistoryRegression``.
        seed: Seed of both draws.
    """

    name = "Best-LR"

    def __init__(
        self,
        c: tuple[float, ...] = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0),
        held_out: float = 0.2,
        most_answers: int = 1_000_000,
        seed: int = 0,
    ) -> None:
        super().__init__(c, held_out, most_answers, seed=seed)

    def _design(self, answers: Answers) -> csr_array:
        return count_features(answers, *self._sizes)
