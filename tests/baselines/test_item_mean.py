from collections.abc import Callable

import numpy as np
import pytest

from torchedu.baselines import ItemMean
from torchedu.datasets.answers import Answers
from torchedu.errors import DataError

# Items 2 and 3 teach skill 2; item 4 skill 3; items 5 and 6 are new, with and without a skill.
SKILLS = [[], [], [2], [2], [3], [2, 3], []]


def test_means_are_smoothed_and_new_items_fall_back(class_of: Callable[..., Answers]) -> None:
    train = class_of([[(2, 1), (2, 1), (3, 0), (4, 0)]], SKILLS)
    asked = class_of([[(2, 0), (3, 0), (4, 0), (5, 0), (6, 0), (1, 0)]], SKILLS)
    overall = 2.5 / 5
    expected = [
        (2 + 2 * overall) / 4,
        (0 + 2 * overall) / 3,
        (0 + 2 * overall) / 3,
        ((2 + 2 * overall) / 5 + (0 + 2 * overall) / 3) / 2,
        overall,
        overall,
    ]
    predicted = ItemMean(smoothing=(2.0,)).fit(train).predict(asked)
    assert predicted.dtype == np.float32
    np.testing.assert_allclose(predicted, expected, rtol=1e-6)


def test_shares_of_marks_are_averaged(class_of: Callable[..., Answers]) -> None:
    train = class_of([[(2, 0.25), (2, 0.75), (2, 0.5)]], SKILLS)
    np.testing.assert_allclose(ItemMean().fit(train).predict(train), 0.5)


def test_unknown_items_teach_nothing_about_each_other(class_of: Callable[..., Answers]) -> None:
    train = class_of([[(1, 0), (1, 0), (2, 1), (2, 1), (2, 1)]], SKILLS)
    assert ItemMean().fit(train).predict(class_of([[(1, 0)]], SKILLS)) == np.float32(3.5 / 6)


def test_a_grown_vocabulary_falls_back_to_known_skills(class_of: Callable[..., Answers]) -> None:
    train = class_of([[(2, 1), (3, 1), (4, 0), (4, 0)]], SKILLS[:5])
    asked = class_of([[(5, 0), (6, 0), (7, 0)]], [*SKILLS[:5], [2], [3], [4]])
    easy, hard, new = ItemMean().fit(train).predict(asked)
    assert easy > new > hard
    assert new == np.float32(2.5 / 5)


def test_smoothing_is_chosen_on_students_held_out(class_of: Callable[..., Answers]) -> None:
    def students(means: tuple[float, float]) -> Answers:
        rng = np.random.default_rng(0)
        rows = [[(2, rng.random() < means[0]), (3, rng.random() < means[1])] for _ in range(300)]
        return class_of(rows, SKILLS)

    baseline = ItemMean(smoothing=(1.0, 1000.0))
    assert baseline.fit(students((0.95, 0.05))).chosen == {"smoothing": 1}
    assert baseline.fit(students((0.5, 0.5))).chosen == {"smoothing": 1000}


def test_predictions_do_not_depend_on_the_answers_they_are_for(
    rasch_class: Callable[..., Answers],
) -> None:
    baseline, asked = ItemMean().fit(rasch_class(50, 20, 1)), rasch_class(20, 20, 2)
    flipped = asked._replace(correct=1 - asked.correct)
    np.testing.assert_array_equal(baseline.predict(asked), baseline.predict(flipped))


def test_no_answers_are_refused(class_of: Callable[..., Answers]) -> None:
    with pytest.raises(DataError, match="item mean got no answers"):
        ItemMean().fit(class_of([], SKILLS))
