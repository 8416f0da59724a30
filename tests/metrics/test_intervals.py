"""The interval is that of students, not of answers."""

import numpy as np
import pytest

from torchedu.metrics import intervals, scores
from torchedu.metrics.intervals import auc_interval


def drawn(students: int, answers: int, seed: int) -> tuple[np.ndarray, ...]:
    generator = np.random.default_rng(seed)
    who = np.repeat(np.arange(students), answers)
    ability = generator.random(students)[who]
    p = np.clip(ability + generator.normal(0, 0.2, len(who)), 0, 1).round(2)
    return p, (generator.random(len(who)) < ability).astype(float), who


def test_it_holds_the_score_and_narrows_with_students() -> None:
    few, many = (auc_interval(*drawn(n, 20, 0)) for n in (8, 200))
    assert few is not None
    assert many is not None
    for (low, high), n in ((few, 8), (many, 200)):
        p, y, _ = drawn(n, 20, 0)
        auc = scores(p, y)["auc"]
        assert auc is not None
        assert low < auc < high
    assert few[1] - few[0] > 2 * (many[1] - many[0])


def test_more_answers_of_the_same_students_do_not_narrow_it() -> None:
    p, y, who = drawn(20, 10, 0)
    again = auc_interval(np.tile(p, 9), np.tile(y, 9), np.tile(who, 9))
    assert again == pytest.approx(auc_interval(p, y, who))


def test_of_one_student_or_very_many_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    assert auc_interval(*drawn(1, 20, 0)) is None
    monkeypatch.setattr(intervals, "MOST", 5)
    assert auc_interval(*drawn(6, 20, 0)) is None
    assert auc_interval([0.5, 0.4], [1, 1], [0, 1]) is None
