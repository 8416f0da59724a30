import numpy as np
import pytest

from torchedu.metrics.thresholds import thresholds


def drawn(size: int = 4000) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    group = random.integers(-1, 2, size)
    y = random.random(size) < 0.3
    signal = random.normal(np.where(group == 1, 0.8, 2.0) * y - 1, 1)
    return 1 / (1 + np.exp(-signal)), y, group


def by_policy(*given: np.ndarray, **more: float) -> dict[str, dict]:
    return {one["policy"]: one for one in thresholds(*given, **more)}


def test_the_least_cost_is_that_of_no_other_threshold() -> None:
    p, y, _ = drawn(300)
    told = by_policy(p, y)["least_cost"]
    costs = [((p >= at) & ~y).sum() + 4 * ((p < at) & y).sum() for at in np.unique(p)]
    assert told["cost"] == pytest.approx(min(costs) / len(y))
    assert by_policy(p, y, price=9.0)["least_cost"]["called"] > told["called"]


def test_an_even_list_is_as_long_as_there_are_students_at_risk() -> None:
    p, y, _ = drawn()
    assert by_policy(p, y)["even"]["called"] == pytest.approx(y.mean())


def test_equal_opportunity_finds_the_same_share_in_every_group() -> None:
    p, y, group = drawn()
    told = by_policy(p, y, group)
    own = told["equal_opportunity"]["threshold"]
    assert set(own) == {0, 1}
    shares = [(p >= at)[y & (group == one)].mean() for one, at in own.items()]
    assert shares == pytest.approx([told["least_cost"]["found"]] * 2, abs=0.01)
    single = told["least_cost"]["threshold"]
    unequal = [(p >= single)[y & (group == one)].mean() for one in (0, 1)]
    assert abs(unequal[0] - unequal[1]) > 0.05


def test_what_has_no_threshold_is_refused() -> None:
    with pytest.raises(ValueError, match="alike"):
        thresholds([0.1, 0.2], [1, 1])
    with pytest.raises(ValueError, match="not \\(students,\\) twice"):
        thresholds([0.1, 0.2], [1])
