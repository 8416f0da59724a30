"""The most popular courses, the same for everyone: the least that a recommender has to beat."""

from typing import Self

import numpy as np

from torchedu.baselines.baseline import Baseline
from torchedu.baselines.recommendation import Scores, refuse_nothing
from torchedu.datasets.enrolments import Enrolled


class Popularity(Baseline[Enrolled, Scores]):
    """Scores a course by how many students took it, or rather by the logarithm of that."""

    name = "popularity"
    gives_logs = True

    def fit(self, enrolled: Enrolled) -> Self:
        """Count; see ``Baseline.fit``."""
        refuse_nothing(enrolled, self.name)
        count = np.bincount(enrolled.item, minlength=enrolled.num_items)
        self.log_count = np.log1p(count).astype(np.float32)
        return self

    def predict(self, enrolled: Enrolled) -> Scores:
        """Score the courses; see ``Scores``."""
        return np.tile(self.log_count, (len(enrolled.offsets) - 1, 1))
