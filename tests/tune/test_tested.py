"""What the test part shows that the validation part was too small for."""

import pytest

pytest.importorskip("optuna", reason="needs the package optuna")

from torchedu.tune.tested import OnTest, overlooked

SCORES = {"val/auc": OnTest(0.76, 0.74, 0.78), "val/abroca.gender": OnTest(0.222, 0.18, 0.27)}


def test_a_gap_that_was_counted_as_none_is_named() -> None:
    said = overlooked(12, {"val/auc": 0.77, "val/abroca.gender": 0.0}, SCORES)
    assert said.startswith("Trial 12 has a gap of 0.222 (abroca.gender) on the test part")


def test_nothing_is_said_where_both_parts_show_one_or_none() -> None:
    assert not overlooked(12, {"val/auc": 0.77, "val/abroca.gender": 0.2}, SCORES)
    none = {**SCORES, "val/abroca.gender": OnTest(0.0)}
    assert not overlooked(12, {"val/auc": 0.77, "val/abroca.gender": 0.0}, none)
    assert not overlooked(12, {"val/auc": 0.0}, {"val/auc": SCORES["val/auc"]})
