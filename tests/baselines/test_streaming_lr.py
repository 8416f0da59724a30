from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from torchedu.baselines import BestLR, StreamingLR, tracing
from torchedu.baselines.baseline import cross_entropy
from torchedu.baselines.streaming_lr import _as_good, shared_numbers
from torchedu.baselines.tracing import histories
from torchedu.datasets.answers import Answers
from torchedu.datasets.past import past
from torchedu.errors import DataError


def test_it_beats_best_lr_where_students_differ(rasch_class: Callable[..., Answers]) -> None:
    train, test = rasch_class(300, 30, 1), rasch_class(200, 30, 2)
    ours, theirs = (
        cross_entropy(one().fit(train).predict(test), test.correct) for one in (StreamingLR, BestLR)
    )
    assert ours < theirs


def test_a_class_of_a_dozen_leans_on_other_classes(rasch_class: Callable[..., Answers]) -> None:
    test = rasch_class(200, 30, 2)
    gains = []
    for seed in range(3, 6):
        train = rasch_class(12, 20, seed)
        ours, theirs = (
            cross_entropy(one().fit(train).predict(test), test.correct)
            for one in (StreamingLR, BestLR)
        )
        gains.append(theirs - ours)
    assert min(gains) > 0


def test_a_prediction_sees_earlier_marks_alone(rasch_class: Callable[..., Answers]) -> None:
    train, test = rasch_class(60, 20, 1), rasch_class(5, 20, 2)
    model = StreamingLR().fit(train)
    before = model.predict(test)
    flipped = test.correct.copy()
    flipped[10] = 1 - flipped[10]  # the first student's eleventh answer
    after = model.predict(test._replace(correct=flipped))
    np.testing.assert_array_equal(before[:11], after[:11])
    assert (before[11:20] != after[11:20]).all()
    np.testing.assert_array_equal(before[20:], after[20:])


def test_weights_by_name_give_the_same_predictions(rasch_class: Callable[..., Answers]) -> None:
    train = rasch_class(60, 20, 1)
    model = StreamingLR().fit(train)
    known, before = model.weights, past(train)
    mean = before.in_all[:, 2]
    logit = known.bias + shared_numbers(before) @ known.shared
    logit += known.item[train.item] @ [1, 0] + mean * known.item[train.item, 1]
    of_skill = np.column_stack([np.ones(len(before.row)), before.on_skill[:, :5], mean[before.row]])
    logit += np.bincount(before.row, (known.skill[before.skill] * of_skill).sum(1), len(train.item))
    np.testing.assert_allclose(1 / (1 + np.exp(-logit)), model.predict(train), atol=1e-6)


def test_names_that_were_not_fitted_are_judged_by_the_rest(
    rasch_class: Callable[..., Answers],
) -> None:
    train, test = rasch_class(60, 20, 1), rasch_class(5, 20, 2)
    offsets, skill = np.append(test.skill_offsets, len(test.skill) + 1), np.append(test.skill, 6)
    grown = test._replace(skill_offsets=offsets, skill=skill, num_items=43, num_skills=7)
    new = grown._replace(item=np.full_like(grown.item, 42))
    found = StreamingLR().fit(train).predict(new)
    assert np.isfinite(found).all()
    assert found[0] == pytest.approx(train.correct.mean(), abs=0.2)


def test_no_answers_are_refused(rasch_class: Callable[..., Answers]) -> None:
    empty = rasch_class(0, 20, 1)
    with pytest.raises(DataError, match="got no answers"):
        StreamingLR().fit(empty)


def test_students_of_one_kind_or_one_student_alone_will_do(
    rasch_class: Callable[..., Answers],
) -> None:
    one = rasch_class(1, 20, 1)
    for train in (one, one._replace(correct=np.ones_like(one.correct))):
        assert np.isfinite(StreamingLR().fit(train).predict(rasch_class(3, 20, 2))).all()


def test_what_earlier_students_taught_stays_where_new_ones_say_nothing(
    rasch_class: Callable[..., Answers],
) -> None:
    before = StreamingLR().fit(rasch_class(200, 30, 1)).weights
    few = rasch_class(3, 4, 2)
    after = StreamingLR(known=before).fit(few).weights
    silent = np.setdiff1d(np.arange(2, 42), few.item)
    assert len(silent) > 20
    np.testing.assert_allclose(after.item[silent], before.item[silent], atol=1e-6)
    assert abs(after.shared - before.shared).max() < 0.5


def test_how_far_a_student_moves_an_item_is_what_fitting_without_shows(
    rasch_class: Callable[..., Answers],
) -> None:
    train = rasch_class(60, 20, 1)
    fitted = StreamingLR(c=(1.0,)).fit(train)
    moved = fitted.moved(train)
    others = histories(train, np.arange(1, 60))
    without = StreamingLR(c=(1.0,)).fit(others).weights.item[:, 0]
    own = train.item[:20]  # the first student's
    really = fitted.weights.item[own, 0] - without[own]
    assert np.corrcoef(really, moved[:20])[0, 1] > 0.95
    np.testing.assert_allclose(moved[:20], really, atol=0.03)
    assert np.abs(moved[:20]).max() > 0.09


def test_students_who_were_not_drawn_have_moved_nothing(
    rasch_class: Callable[..., Answers],
) -> None:
    train = rasch_class(60, 20, 1)
    moved = StreamingLR(c=(1.0,), most_answers=400).fit(train).moved(train)
    assert (np.count_nonzero(moved.reshape(60, 20), 1) > 0).sum() == 20


@pytest.mark.parametrize(("students", "held"), [(12, 6), (30, 10), (100, 20)])
def test_ten_students_or_half_of_them_choose(
    students: int, held: int, rasch_class: Callable[..., Answers], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen, plain = [], tracing.divide

    def divide(*given: Any) -> tuple[Answers, Answers]:
        parts = plain(*given)
        seen.append(len(parts[1].offsets) - 1)
        return parts

    monkeypatch.setattr(tracing, "divide", divide)
    StreamingLR().fit(rasch_class(students, 20, 1))
    assert seen == [held]


def test_a_few_students_do_not_make_priors_wide() -> None:
    assert _as_good(np.array([5.0]))  # one tells nothing
    assert _as_good(np.array([0.0, 0.5]))
    assert _as_good(np.array([0.1, -0.2, 0.15]))
    assert not _as_good(np.array([1.0, 1.1, 0.9]))
