from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from torchedu.baselines import BestLR, ItemMean, tracing
from torchedu.baselines.tracing import histories
from torchedu.datasets.answers import Answers
from torchedu.datasets.importers import import_data
from torchedu.errors import DataError


@pytest.fixture(scope="module")
def fitted(rasch_class: Callable[..., Answers]) -> BestLR:
    return BestLR().fit(rasch_class(300, 40, 1))


@pytest.fixture(scope="module")
def asked(rasch_class: Callable[..., Answers]) -> Answers:
    return rasch_class(100, 40, 2)


def test_it_learns_ability_where_the_item_mean_cannot(
    fitted: BestLR, asked: Answers, rasch_class: Callable[..., Answers]
) -> None:
    floor = ItemMean().fit(rasch_class(300, 40, 1)).predict(asked)
    predicted = fitted.predict(asked)
    assert predicted.dtype == np.float32
    assert roc_auc_score(asked.correct, predicted) > roc_auc_score(asked.correct, floor) + 0.05


def test_labels_shuffled_leave_nothing_to_learn(
    asked: Answers, rasch_class: Callable[..., Answers]
) -> None:
    rng = np.random.default_rng(0)
    train = rasch_class(300, 40, 1)
    train = train._replace(correct=rng.permutation(train.correct))
    asked = asked._replace(correct=rng.permutation(asked.correct))
    assert abs(roc_auc_score(asked.correct, BestLR().fit(train).predict(asked)) - 0.5) < 0.02


def test_a_prediction_sees_only_earlier_answers_of_the_same_student(
    fitted: BestLR, asked: Answers
) -> None:
    before = fitted.predict(asked)

    @given(st.integers(0, len(asked.item) - 1))
    def check(changed: int) -> None:
        correct = asked.correct.copy()
        correct[changed] = 1 - correct[changed]
        after = fitted.predict(asked._replace(correct=correct))
        end = asked.offsets[np.searchsorted(asked.offsets, changed, "right")]
        moved = np.flatnonzero(before != after)
        assert ((moved > changed) & (moved < end)).all()
        assert len(moved) == end - changed - 1  # every later answer of that student hears of it

    check()


def test_a_student_is_predicted_alike_alone_in_chunks_and_in_a_class(
    fitted: BestLR, asked: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = fitted.predict(asked)
    monkeypatch.setattr(tracing, "CHUNK", 95)
    np.testing.assert_array_equal(fitted.predict(asked), whole)
    alone = fitted.predict(histories(asked, np.array([7])))
    np.testing.assert_array_equal(alone, whole[asked.offsets[7] : asked.offsets[8]])


def test_fitting_twice_gives_the_same_predictions(
    fitted: BestLR, asked: Answers, rasch_class: Callable[..., Answers]
) -> None:
    again = BestLR().fit(rasch_class(300, 40, 1))
    np.testing.assert_array_equal(again.predict(asked), fitted.predict(asked))


def test_items_and_skills_never_fitted_are_all_predicted_alike(
    fitted: BestLR, asked: Answers
) -> None:
    # A grown vocabulary: two items more, with a new skill and with none, each in a first answer.
    new = asked._replace(
        offsets=np.array([0, 1, 2, 3]),
        item=np.array([42, 43, 1], np.int32),
        correct=np.ones(3, np.float32),
        skill_offsets=np.append(asked.skill_offsets, [len(asked.skill) + 1] * 2),
        skill=np.append(asked.skill, np.int32(6)),
        num_items=44,
        num_skills=7,
    )
    assert len(set(fitted.predict(new).tolist())) == 1


@pytest.mark.parametrize("students", [1, 2])
def test_a_tiny_class_is_fitted(
    students: int, asked: Answers, rasch_class: Callable[..., Answers]
) -> None:
    predicted = BestLR().fit(rasch_class(students, 30, 3)).predict(asked)
    assert ((predicted > 0) & (predicted < 1)).all()


def test_a_large_class_is_thinned_by_whole_students(
    asked: Answers, rasch_class: Callable[..., Answers]
) -> None:
    baseline = BestLR(most_answers=2_000)
    thin = tracing.thinned(rasch_class(300, 40, 1), 2_000, baseline.seed)
    assert len(thin.item) == 2_000
    assert set(np.diff(thin.offsets)) == {40}
    assert roc_auc_score(asked.correct, baseline.fit(thin).predict(asked)) > 0.7


def test_no_answers_are_refused(class_of: Callable[..., Answers]) -> None:
    with pytest.raises(DataError, match="Best-LR got no answers"):
        BestLR().fit(class_of([], [[], []]))


def test_on_ednet_it_reaches_what_was_measured(real_data: Path, tmp_path: Path) -> None:
    raw = real_data / "kt" / "ednet_pebg5k"
    answers = import_data("ednet", raw, tmp_path / "store").answers()
    drawn = np.random.default_rng(0).permutation(len(answers.offsets) - 1)
    cut = len(drawn) * 8 // 10
    train, test = (histories(answers, np.sort(part)) for part in (drawn[:cut], drawn[cut:]))
    auc = {
        baseline.name: roc_auc_score(test.correct, baseline.fit(train).predict(test))
        for baseline in (ItemMean(), BestLR())
    }
    assert auc["item mean"] == pytest.approx(0.7034, abs=0.002)
    assert auc["Best-LR"] == pytest.approx(0.7355, abs=0.002)
