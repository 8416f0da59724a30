"""What every recommender without gradients does, and what each is known by."""

from typing import Any

import numpy as np
import pytest
from scipy import sparse

from torchedu.baselines import (
    EASE,
    IALS,
    Baseline,
    Blend,
    ItemKNN,
    Markov,
    NextCourseRidge,
    Popularity,
    RecentEASE,
    recommendation,
)
from torchedu.baselines.ease import PENALTIES
from torchedu.baselines.recommendation import HeldOut, TooLarge, hold_out_last, ndcg, recent
from torchedu.datasets.enrolments import Enrolled
from torchedu.errors import ConfigError, DataError

ALL: tuple[type[Baseline[Enrolled, Any]], ...] = (
    Popularity,
    ItemKNN,
    IALS,
    EASE,
    RecentEASE,
    Markov,
    NextCourseRidge,
)
SIZE = 22


def histories(*courses: list[int]) -> Enrolled:
    offsets = np.concatenate([[0], np.cumsum([len(one) for one in courses])]).astype(np.int64)
    item = np.array([course for one in courses for course in one], np.int32)
    return Enrolled(offsets, item, SIZE)


def chains(students: int = 400) -> Enrolled:
    """Give students each of whom takes courses of one half, each followed by the next."""
    drawn = np.random.default_rng(0)
    taken = []
    for student in range(students):
        begin, half = drawn.integers(10), 10 * (student % 2)
        taken.append([2 + half + int(begin + k) % 10 for k in range(2 + drawn.integers(5))])
    return histories(*taken)


@pytest.mark.parametrize("kind", ALL)
def test_scores_have_the_shape_of_the_catalogue(kind: type[Baseline[Enrolled, Any]]) -> None:
    fitted = kind().fit(chains())
    found = fitted.predict(histories([2, 3], [], [15]))
    assert found.shape == (3, SIZE)
    assert np.isfinite(found).all()
    assert found.dtype == np.float32


@pytest.mark.parametrize("kind", ALL)
def test_nothing_to_learn_from_is_said(kind: type[Baseline[Enrolled, Any]]) -> None:
    with pytest.raises(DataError, match="no enrolments to learn from"):
        kind().fit(histories([]))


@pytest.mark.parametrize("kind", [ItemKNN, IALS, EASE, RecentEASE, NextCourseRidge])
def test_courses_taken_together_score_above_those_that_never_were(
    kind: type[Baseline[Enrolled, Any]],
) -> None:
    (found,) = kind().fit(chains()).predict(histories([4, 5]))
    assert found[[6, 7]].min() > found[12:].max()


@pytest.mark.parametrize("kind", [Markov, NextCourseRidge])
def test_the_next_course_comes_first(kind: type[Baseline[Enrolled, Any]]) -> None:
    found = kind().fit(chains()).predict(histories([4], [4, 5], [17]))
    assert found[:, 2:].argmax(1).tolist() == [5 - 2, 6 - 2, 18 - 2]


def test_ease_is_the_ridge_with_a_zero_diagonal() -> None:
    data = chains(60)
    fitted = EASE(penalty=(3.0,)).fit(data)
    x = np.zeros((60, SIZE))
    x[np.repeat(np.arange(60), np.diff(data.offsets)), data.item] = 1
    others = [j for j in range(SIZE) if j != 7]
    gram = x[:, others].T @ x[:, others] + 3.0 * np.eye(SIZE - 1)
    expected = np.linalg.solve(gram, x[:, others].T @ x[:, 7])
    assert np.allclose(fitted.weights[others, 7], expected, atol=1e-5)
    assert fitted.weights[7, 7] == 0


@pytest.mark.parametrize("recency", [0.0, 0.5])
def test_ridge_is_the_regression_it_says(recency: float) -> None:
    data = histories([2, 3, 4], [3, 4])
    fitted = NextCourseRidge(penalty=(1.0,), decay=1.0, window=2, recency=recency).fit(data)
    bag = np.zeros((5, SIZE))
    bag[1, 2] = 1
    bag[2, 3], bag[2, 2] = 1, 0.5
    bag[4, 3] = 1
    target = np.zeros((5, SIZE))
    target[np.arange(5), data.item] = 1
    weight = np.array([3.0, 2, 1, 2, 1]) ** -recency
    rows = bag.T * (weight / weight.mean())
    expected = np.linalg.solve(rows @ bag + np.eye(SIZE), rows @ target)
    assert np.allclose(fitted.weights, expected, atol=1e-5)


def test_markov_weighs_the_newest_transitions_most() -> None:
    data = histories([2, 3, 2, 4], [5])
    older, newer = (
        Markov(prior=(1e-9,), recency=(1.0,)).fit(data).predict(histories([2]))[0, [3, 4]]
    )
    assert np.isclose(newer / older, 3)


def test_recent_weighs_by_lag() -> None:
    found = recent(histories([5, 6, 7], [8]), np.array([1, 0.5], np.float32)).toarray()
    assert found[0, [5, 6, 7]].tolist() == [0, 0.5, 1]
    assert found[1, 8] == 1


def test_a_blend_leans_on_what_knows() -> None:
    drawn = np.random.default_rng(0)
    target = drawn.integers(2, SIZE, 500)
    knows = drawn.standard_normal((500, SIZE)).astype(np.float32)
    knows[np.arange(500), target] += 2
    noise = drawn.standard_normal((500, SIZE)).astype(np.float32)
    for one in (knows, noise):
        one[:, :2] = -np.inf
    blend = Blend([True, True]).fit([knows, noise], target)
    assert blend.weights is not None
    assert blend.weights[0] > 0.5
    assert abs(blend.weights[1]) < 0.1
    assert (blend([knows, noise]).argmax(1) == target).mean() > 0.3
    with pytest.raises(ConfigError, match="no weights yet"):
        Blend([True])([knows])


def test_ials_solves_what_implicit_solves() -> None:
    """Both sides in turn from the same start; ours aims at 1 / (1 + unobserved) where it aims at 1.

    Its confidences are in units of a course not taken.
    """
    als = pytest.importorskip("implicit.cpu.als", reason="implicit is not installed")
    data, unobserved, penalty = chains(80), 0.05, 0.4
    ours = IALS(dim=6, unobserved=(unobserved,), penalty=(penalty,), scaling=0.0, rounds=3).fit(
        data
    )
    theirs = als.AlternatingLeastSquares(
        factors=6, regularization=penalty / unobserved, use_cg=False, num_threads=1
    )
    shape = (80, SIZE)
    confidence = np.full(len(data.item), (1 + unobserved) / unobserved, np.float32)
    taken = sparse.csr_matrix((confidence, data.item, data.offsets), shape=shape)
    drawn = np.random.default_rng(0).standard_normal((SIZE, 6)) / 6
    theirs.item_factors = drawn.astype(np.float32)
    for _ in range(3):
        user = theirs.recalculate_user(np.arange(80), taken)
        theirs.user_factors = user / np.float32(1 + unobserved)
        theirs._YtY = theirs._XtX = None  # it keeps the products of the last vectors
        item = theirs.recalculate_item(np.arange(SIZE), taken.T.tocsr())
        theirs.item_factors = item / np.float32(1 + unobserved)
        theirs._YtY = theirs._XtX = None
    assert np.allclose(ours.course, theirs.item_factors, atol=2e-4)
    assert np.abs(ours.course[2:]).max() > 0.1


def crowded(students: int, courses: int, length: int, seed: int = 0) -> Enrolled:
    """Give students courses that suit them; another seed gives other students."""
    suits = np.random.default_rng(9).standard_normal((courses, 4))
    drawn = np.random.default_rng(seed)
    liking = drawn.standard_normal((students, 4)) @ suits.T + drawn.gumbel(size=(students, courses))
    item = np.argsort(-liking)[:, :length]
    item = drawn.permuted(item, axis=1).ravel().astype(np.int32) + np.int32(2)
    return Enrolled(np.arange(students + 1) * length, item, courses + 2)


@pytest.mark.parametrize("kind", [EASE, NextCourseRidge])
@pytest.mark.parametrize(("courses", "length"), [(60, 5), (200, 40)])
def test_a_penalty_is_chosen_near_the_best(
    kind: type[EASE | NextCourseRidge], courses: int, length: int
) -> None:
    train, test = crowded(600, courses, length), crowded(3000, courses, length, 1)
    held, *_ = hold_out_last(test)

    def score(penalty: tuple[float, ...] = PENALTIES) -> float:
        return 1 - held.loss(kind(penalty=penalty).fit(train).predict(held.histories))

    best = max(score((penalty,)) for penalty in PENALTIES[::2])
    assert score() >= 0.99 * best


def test_a_blend_is_never_below_its_best_part_where_it_is_found() -> None:
    for seed in range(6):
        drawn = np.random.default_rng(seed)
        target = drawn.integers(2, SIZE, 60)
        parts = [drawn.random((60, SIZE)).astype(np.float32) for _ in range(4)]
        for i, one in enumerate(parts):
            one[np.arange(60), target] += 0.2 * i
            one[:, :2] = -np.inf
        blend = Blend([False, True, False, True]).fit(parts, target)
        assert blend.weights is not None
        assert (blend.weights >= 0).all()
        assert ndcg(blend(parts), target) >= max(ndcg(one, target) for one in parts)


def test_equal_scores_rank_half_above() -> None:
    scores = np.zeros((1, 9), np.float32)
    assert ndcg(scores, np.array([3])) == pytest.approx(1 / np.log2(4 + 2))


def test_last_courses_are_held_out_of_half_of_few_students_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = histories([2, 3, 4], [5], [3, 6], [7, 8], [])
    *halves, before = hold_out_last(data)
    assert sorted(course for held in halves for course in held.target.tolist()) == [4, 6, 8]
    for held in halves:
        assert len(held.rest.item) == len(data.item) - len(held.target)
        assert len(held.histories.offsets) == len(held.target) + 1
    assert before.target.tolist() == [3], "the last course but one, of whom it is not the first"
    assert before.rest.item.tolist() == [2, 5, 3, 7]
    assert hold_out_last(histories([2], [3])) == []
    monkeypatch.setattr("torchedu.baselines.recommendation.FEW", 3)
    assert len(hold_out_last(data)) == 2, "enough choose by their last course"


def test_where_few_choose_every_place_counts() -> None:
    data = histories([2, 3], [4, 5])
    held = HeldOut(data, data, np.array([6, 7]))
    scores = -np.arange(30, dtype=np.float32)[None].repeat(2, 0)
    far = scores.copy()
    far[1, 7] = -40  # the course that is looked for falls to the end of its list
    assert held.loss(scores, few=True) == pytest.approx(1 - (5 / 7 + 5 / 8) / 2)
    assert held.loss(far, few=True) == pytest.approx(1 - (5 / 7 + 5 / 30) / 2)


@pytest.mark.parametrize("kind", [ItemKNN, EASE, RecentEASE, Markov, NextCourseRidge])
def test_more_courses_than_memory_holds_are_refused_beforehand(
    kind: type[Baseline[Enrolled, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    enrolled = histories([2, 3, 4], [3, 2])._replace(num_items=50_000)
    monkeypatch.setattr(recommendation, "memory", lambda: 16 * 2**30)
    with pytest.raises(TooLarge, match=r"GiB of memory for 50,000 courses; .* 16\.0\.\nLeave"):
        kind().fit(enrolled)
