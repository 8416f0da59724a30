"""Baselines of students at risk suit themselves to a few moments as to many."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from torchedu.baselines.risk import RiskBoosting, RiskLogistic, RiskMoments


def moments(students: int, seed: int, columns: int = 12) -> RiskMoments:
    """Give students three moments each, whose numbers tell the outcome the later the better."""
    drawn = np.random.default_rng(seed)
    at_risk = (drawn.random(students) < 0.4).astype(float)
    student, share = np.repeat(np.arange(students), 3), np.tile([0.25, 0.5, 0.75], students)
    numbers = drawn.standard_normal((len(student), columns))
    numbers[:, 0] += 1.5 * at_risk[student] * share
    numbers[:, 1] -= at_risk[student] * share
    return RiskMoments(
        numbers, student % 2, 2, student, np.zeros(len(student), int), share, at_risk[student]
    )


@pytest.mark.parametrize("students", [40, 100, 330])
@pytest.mark.parametrize("kind", [RiskBoosting, RiskLogistic])
def test_a_few_hundred_moments_teach_something(
    kind: type[RiskBoosting | RiskLogistic], students: int
) -> None:
    asked = moments(2000, 1)
    risk = kind().fit(moments(students, 0)).predict(asked)
    assert roc_auc_score(asked.at_risk, risk) > 0.6


def test_leaves_grow_with_the_data() -> None:
    few = RiskBoosting().fit(moments(60, 0)).chosen["leaf"]
    assert few < 150


def test_a_moment_is_predicted_by_the_nearest_cutoffs_regression() -> None:
    baseline = RiskLogistic((0.25, 0.75), c=(0.1,)).fit(moments(400, 0))
    asked = moments(50, 1)
    early = asked.where(asked.share < 0.3)
    again = early._replace(share=early.share + 0.1)
    np.testing.assert_array_equal(baseline.predict(early), baseline.predict(again))
    late = early._replace(share=early.share + 0.5)
    assert not np.allclose(baseline.predict(early), baseline.predict(late))


def test_moments_of_several_courses_are_held_out_by_course() -> None:
    data = moments(300, 0)
    course = data.student % 10
    divided = data._replace(course=course).divided(0)
    assert divided is not None
    fitted, asked = divided
    assert len(np.unique(asked.course)) == 2
    assert not set(fitted.course) & set(asked.course)
