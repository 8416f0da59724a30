"""The most popular courses, the same for everyone: the least that a recommender has to beat."""

from typing import Self

import numpy as np
from numpy.typing import NDArray

from torchedu.baselines.recommender import RecommenderBaseline, refuse_nothing
from torchedu.datasets.enrolments import Enrolled


class Popularity(RecommenderBaseline):
    """Scores a course by how many students took it, or rather by the logarithm of that."""

    name = "popularity"
    gives_logs = True

    def fit(self, enrolled: Enrolled) -> Self:
        """Count; see ``RecommenderBaseline.fit``."""
        refuse_nothing(enrolled, self.name)
        count = np.bincount(enrolled.item, minlength=enrolled.num_items)
        self.log_count = np.log1p(count).astype(np.float32)
        return self

    def scores(self, histories: Enrolled) -> NDArray[np.float32]:
        """Score the courses; see ``RecommenderBaseline.scores``."""
        return np.tile(self.log_count, (len(histories.offsets) - 1, 1))
