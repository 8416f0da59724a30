import math

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from torchedu.metrics.paired import (
    AGREEMENT,
    COST,
    SHARE,
    WIDE,
    Estimate,
    auc,
    averaged,
    clustered,
    holm,
    without_each,
)
from torchedu.metrics.within import within


def drawn(students: int, seed: int = 0, noise: float = 0.0) -> tuple[np.ndarray, ...]:
    """Draw students of different ability and unequal length, and predictions that know it."""
    random = np.random.default_rng(seed)
    student = np.repeat(np.arange(students), random.integers(1, 40, students))
    logit = (random.normal(size=students) + 0.5)[student]
    correct = random.random(len(student)) < 1 / (1 + np.exp(-logit))
    other = 1 / (1 + np.exp(-logit + noise * random.normal(size=len(logit))))
    return np.round(other, 2), correct.astype(float), student


def test_scores_are_the_usual_ones() -> None:
    p, y, who = drawn(50, noise=1.0)
    scores = clustered(p, y, who)
    assert scores["auc"].value == pytest.approx(roc_auc_score(y, p))
    assert scores["auc_within"].value == pytest.approx(within(p, y, who).auc())
    clipped = p.clip(1e-7, 1 - 1e-7)
    loss = -(y * np.log(clipped) + (1 - y) * np.log(1 - clipped)).mean()
    assert scores["log_loss"].value == pytest.approx(loss)


@pytest.mark.parametrize("name", ["auc", "auc_within", "log_loss"])
def test_the_error_is_the_spread_over_classes_of_other_students(name: str) -> None:
    found = [clustered(*drawn(60, seed, 1.0))[name] for seed in range(400)]
    spread = np.std([one.value for one in found])
    assert np.mean([one.error for one in found]) == pytest.approx(spread, rel=0.12)


def test_a_difference_of_nothing_is_seen_in_five_of_a_hundred_classes() -> None:
    seen = 0
    for seed in range(400):
        p, y, who = drawn(60, seed)
        random = np.random.default_rng(1000 + seed)
        one, other = (
            clustered(p + 0.3 * random.normal(size=len(p)), y, who)["auc"] for _ in range(2)
        )
        seen += one.minus(other).p < 0.05
    assert 8 <= seen <= 34


def test_without_both_kinds_there_is_no_auc() -> None:
    scores = clustered([0.2, 0.4], [1, 1], [0, 1])
    assert scores["auc"].plain() == {"value": None, "low": None, "high": None}
    assert math.isnan(scores["auc"].p)
    assert scores["log_loss"].plain()["value"] is not None


def test_one_student_gives_no_interval() -> None:
    assert clustered([0.2, 0.4], [0, 1], [3, 3])["auc"].plain() == {
        "value": 1.0, "low": None, "high": None,
    }  # fmt: skip


def test_an_interval_ends_where_its_score_does() -> None:
    moved = np.array([0.3, -0.3, 0.2])
    free, share = Estimate(0.9, moved), Estimate(0.9, moved, SHARE)
    assert free.ends[1] > 1 > free.ends[0]
    assert share.plain() == {**free.plain(), "low": 0, "high": 1}
    cost = Estimate(0.1, moved, COST)
    assert cost.ends == pytest.approx((0, free.ends[1] - 0.8))


def test_a_difference_ends_where_its_scores_can_lie_farthest_apart() -> None:
    moved = np.array([3.0, -3.0])
    for between, ends in ((SHARE, (-1, 1)), (AGREEMENT, (-2, 2))):
        apart = Estimate(0.5, moved, between).minus(Estimate(0.5, -moved, between))
        assert apart.ends == ends
    apart = Estimate(0.5, moved, COST).minus(Estimate(0.5, -moved, COST))
    assert apart.ends == pytest.approx((-WIDE * apart.error, WIDE * apart.error))


def test_equal_predictions_differ_by_nothing() -> None:
    one = clustered(*drawn(20))["auc"]
    assert one.minus(one).p == 1
    assert Estimate(0.1, np.zeros(5)).p == 0
    assert pytest.approx(1.96, abs=1e-3) == WIDE


def test_holm_is_that_of_the_paper() -> None:
    corrected = holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": math.nan})
    assert corrected.pop("d") != corrected.get("d")
    assert corrected == pytest.approx({"a": 0.03, "b": 0.06, "c": 0.06})
    assert holm({"a": 0.6, "b": 0.7}) == {"a": 1.0, "b": 1.0}


def test_leaving_each_person_out_tells_what_influence_functions_do() -> None:
    p, y, who = drawn(80, noise=1.0)

    def area(mine: np.ndarray) -> float:
        return float(roc_auc_score(y[mine], p[mine]))

    known, again = auc(p, y, who), without_each(area, who)
    assert again.value == pytest.approx(known.value)
    assert again.error == pytest.approx(known.error, rel=0.1)
    mean, once_more = averaged(y, who), without_each(lambda mine: float(y[mine].mean()), who)
    assert once_more.error == pytest.approx(mean.error, rel=0.1)


def test_of_one_person_nothing_is_sure() -> None:
    assert math.isnan(auc([0.2, 0.8], [0, 1], [3, 3]).error)
    assert math.isnan(without_each(lambda mine: 0.5, [1, 1]).error)
    assert math.isnan(without_each(lambda mine: None, [1, 2]).value)
