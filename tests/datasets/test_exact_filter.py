"""The filter against every latent path of a tiny class, and against what simulated students do."""

from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from torchedu.baselines import BestLR, ItemMean
from torchedu.datasets import Answers, AnswerStore, exact_filter
from torchedu.datasets.simulator import simulate
from torchedu.datasets.world import World
from torchedu.errors import DataError
from torchedu.schema import RESERVED

TINY = World(
    cell_share=np.array([0.3, 0.7]),
    ability=np.array([[0.8, 0.2], [0.25, 0.75]]),
    initial=np.array([[0.9, 0.1], [0.45, 0.55]]),
    growth=np.array([[[0.1, 0.0], [0.35, 0.0]], [[0.3, 0.0], [0.6, 0.0]]]),
    forgetting=np.array([np.eye(2), [[1.0, 0.0], [0.2, 0.8]], [[1.0, 0.0], [0.5, 0.5]]]),
    correct=np.array(
        [[[0.2, 0.7], [0.3, 0.9]], [[0.1, 0.5], [0.35, 0.95]], [[0.4, 0.6], [0.5, 1]]]
    ),
    skill=np.array([0, 0, 1]),
)
"""Two abilities, two levels, two skills, three items; gaps of 2 and more count as 2."""


def _answers(items: NDArray[np.int64], correct: NDArray[np.int64], world: World = TINY) -> Answers:
    """Return histories of equal lengths; items from 0, shapes (students, answers)."""
    count, length = items.shape
    return Answers(
        offsets=np.arange(count + 1) * length,
        item=(items.ravel() + RESERVED).astype(np.int32),
        correct=correct.ravel().astype(np.float32),
        skill_offsets=np.maximum(np.arange(world.num_items + RESERVED + 1) - RESERVED, 0),
        skill=(world.skill + RESERVED).astype(np.int32),
        num_items=world.num_items + RESERVED,
        num_skills=world.num_skills + RESERVED,
    )


def _history_probability(world: World, items: list[int], correct: list[int]) -> float:
    """Add up the probabilities of every way in which a hidden student can give these answers."""
    total = 0.0
    levels, steps = range(world.initial.shape[1]), range(len(items))
    for ability in range(len(world.initial)):
        prior = sum(world.cell_share * world.ability[:, ability])
        for start in product(levels, repeat=world.num_skills):
            # At each step two things are hidden: the level met, and the level left behind.
            for met, left in product(product(levels, repeat=len(items)), repeat=2):
                p = prior * np.prod([world.initial[ability, level] for level in start])
                now, last = list(start), [None] * world.num_skills
                for t in steps:
                    k = int(world.skill[items[t]])
                    if last[k] is not None:
                        gap = min(t - last[k] - 1, len(world.forgetting) - 1)
                        p *= world.forgetting[gap, now[k], met[t]]
                    elif met[t] != now[k]:
                        p = 0.0
                    right = world.correct[items[t], ability, met[t]]
                    p *= right if correct[t] else 1 - right
                    rise = world.growth[ability, correct[t], met[t]]
                    p *= {0: 1 - rise, 1: rise}.get(left[t] - met[t], 0.0)
                    if p == 0:
                        break
                    now[k], last[k] = left[t], t
                total += p
    return total


@pytest.mark.parametrize("items", [(0, 2, 1, 0), (0, 2, 2, 2, 1), (2, 0, 0, 2)])
def test_equals_the_sum_over_all_latent_paths(items: tuple[int, ...]) -> None:
    outcomes = np.array(list(product((0, 1), repeat=len(items))))
    known = {
        history: _history_probability(TINY, list(items[: len(history)]), list(history))
        for length in range(1, len(items) + 1)
        for history in product((0, 1), repeat=length)
    } | {(): 1.0}
    expected = [
        [known[(*row[:t], 1)] / known[tuple(row[:t])] for t in range(len(items))]
        for row in outcomes.tolist()
    ]
    found = exact_filter.predict(TINY, _answers(np.tile(items, (len(outcomes), 1)), outcomes))
    np.testing.assert_allclose(found.reshape(outcomes.shape), expected, rtol=0, atol=1e-10)


@given(st.data())
def test_sees_nothing_of_the_answer_itself_or_later_ones(data: st.DataObject) -> None:
    length = data.draw(st.integers(1, 12))
    rows = st.lists(st.integers(0, 1), min_size=length, max_size=length)
    items = np.array([data.draw(st.lists(st.integers(0, 2), min_size=length, max_size=length))])
    first, second = np.array([data.draw(rows)]), np.array([data.draw(rows)])
    t = data.draw(st.integers(0, length - 1))
    second[:, :t] = first[:, :t]
    predicted = [exact_filter.predict(TINY, _answers(items, c))[: t + 1] for c in (first, second)]
    np.testing.assert_array_equal(*predicted)


def test_students_do_not_touch_one_another(
    monkeypatch: pytest.MonkeyPatch, small: AnswerStore
) -> None:
    students = np.array([7, 3, 200, 11, 0])
    whole = exact_filter.predict(small.about, small.answers())
    monkeypatch.setattr(exact_filter, "BLOCK", 2)
    some = exact_filter.predict(small.about, small.answers(students))
    bounds = small.history_offsets
    expected = np.concatenate([whole[bounds[i] : bounds[i + 1]] for i in students])
    np.testing.assert_allclose(some, expected, rtol=0, atol=1e-12)


def test_of_no_students_is_nothing(small: AnswerStore) -> None:
    none = small.answers(np.array([], np.int64))
    assert exact_filter.predict(small.about, none).shape == (0,)


def test_predictions_are_calibrated(small: AnswerStore) -> None:
    correct = np.asarray(small.correct, float)
    predicted = exact_filter.predict(small.about, small.answers())
    part = np.minimum((predicted * 20).astype(int), 19)
    # The errors of right predictions are martingale differences, so each sum is about normal.
    surplus = np.bincount(part, correct - predicted, 20)
    spread = np.sqrt(np.bincount(part, predicted * (1 - predicted), 20))
    used = spread > 3
    assert used.sum() > 12
    assert np.abs(surplus[used] / spread[used]).max() < 4


def test_no_baseline_beats_it_and_only_the_oracle_does(small: AnswerStore) -> None:
    train, test = np.arange(1500), np.arange(1500, small.num_students)
    answers = small.answers(test)
    bound = _log_loss(answers, exact_filter.predict(small.about, answers))
    truth = np.asarray(small.answer_column("truth"))[small.history_offsets[1500] :]
    assert _log_loss(answers, truth) < bound - 0.02
    for baseline in (ItemMean(), BestLR()):
        assert (
            _log_loss(answers, baseline.fit(small.answers(train)).predict(answers)) > bound + 0.015
        )


@pytest.mark.parametrize("law", ["forgetting", "growth", "initial", "correct"])
def test_a_filter_of_other_laws_is_worse(law: str, small: AnswerStore) -> None:
    world = World.from_about(small.about)
    other = {
        "forgetting": np.broadcast_to(world.forgetting[0], world.forgetting.shape),
        "growth": world.growth * 0.3,
        "initial": world.initial[:, ::-1],
        "correct": world.correct[::-1],
    }[law]
    answers = small.answers()
    losses = [
        _log_loss(answers, exact_filter.predict(laws, answers))
        for laws in (world, replace(world, **{law: other}))
    ]
    assert losses[0] < losses[1] - 0.0005


def test_refuses_an_unknown_item_and_data_that_was_not_simulated(small: AnswerStore) -> None:
    with pytest.raises(DataError, match=r"outside 2\.\.4"):
        exact_filter.predict(TINY, _answers(np.array([[3]]), np.array([[1]])))
    with pytest.raises(DataError, match="not simulated"):
        exact_filter.predict({"source": "a file"}, small.answers())
    noted = {"simulator": {**small.about["simulator"], "version": 99}}
    with pytest.raises(DataError, match="version 99"):
        exact_filter.predict(noted, small.answers())


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> AnswerStore:
    """Give a class of 2,000 students with all other defaults."""
    folder: Path = tmp_path_factory.mktemp("simulated")
    return simulate(folder / "class.store", students=2000)


def _log_loss(answers: Answers, predicted: NDArray[np.floating]) -> float:
    p = np.asarray(predicted, float)
    return float(-np.mean(np.where(answers.correct > 0.5, np.log(p), np.log1p(-p))))
