"""A simulated class: its students, its course, its laws, and what is refused."""

import inspect
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from torchedu.cli import data as data_commands
from torchedu.datasets import AnswerStore, simulator
from torchedu.datasets.simulator import BLOCK, TOGETHER, _letters, _names, simulate
from torchedu.datasets.world import GROUPS, Laws, World
from torchedu.errors import ConfigError
from torchedu.schema import ITEM, SKILL

LAWS = Laws(skills=10, items=150, guess=0.12, slip=0.05, growth=0.3, forgetting=0.05, seed=0)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> AnswerStore:
    """Give one whole block of students and a few of the next, by default laws."""
    return simulate(tmp_path_factory.mktemp("simulated") / "class.store", students=BLOCK + 10)


@pytest.mark.parametrize("students", [1, 700, BLOCK + 1])
def test_a_smaller_class_is_the_beginning_of_a_larger(
    students: int, store: AnswerStore, tmp_path: Path
) -> None:
    part = simulate(tmp_path / "part.store", students=students)
    assert part.num_students == students
    assert part.vocabulary == store.vocabulary
    for column in ("item", "correct", "time", "truth"):
        values = part.answer_column(column)
        np.testing.assert_array_equal(values, store.answer_column(column)[: len(values)])
    for attribute in GROUPS:
        np.testing.assert_array_equal(part.group(attribute), store.group(attribute)[:students])
    assert part.student_names([0, students - 1]) == store.student_names([0, students - 1])


def test_several_processes_write_the_same(tmp_path: Path) -> None:
    size = {"students": BLOCK * TOGETHER + 7, "answers": 1}
    two = simulate(tmp_path / "two.store", **size, processes=2)
    assert two.manifest["files"] == simulate(tmp_path / "one.store", **size).manifest["files"]
    assert sorted(file.name for file in tmp_path.iterdir()) == ["one.store", "two.store"]


def test_a_class_goes_on_from_what_a_call_that_was_ended_has_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(simulator, "TOGETHER", 1)
    size = {"students": 3 * BLOCK + 5, "answers": 2}
    whole = simulate(tmp_path / "whole.store", **size)
    made, make = [], simulator._Making.__call__

    def ended(self: simulator._Making, part: int) -> Any:
        made.append(part)
        if made == [0, 1]:
            raise KeyboardInterrupt
        return make(self, part)

    monkeypatch.setattr(simulator._Making, "__call__", ended)
    with pytest.raises(KeyboardInterrupt):
        simulate(tmp_path / "class.store", **size)
    assert [file.name for file in tmp_path.glob("*class*")] == [".class.store.simulating"]
    store = simulate(tmp_path / "class.store", **size)
    assert made == [0, 1, 1, 2, 3]
    assert store.manifest["files"] == whole.manifest["files"]
    store.verify()


def test_names_have_seven_digits_or_as_many_as_they_need() -> None:
    numbers = np.array([1, 42, 9_999_999, 10_000_000, 123_456_789])
    letters, lengths = _names(numbers)
    assert letters.tobytes().decode() == "".join(f"s{number:07d}" for number in numbers)
    assert lengths.tolist() == [8, 8, 8, 9, 10]
    for students in (1, 9_999_999, 10_000_003, 100_000_001):
        assert _letters(students) == sum(
            (digits + 1) * (min(students, 10**digits - 1) - max(0, first))
            for digits, first in [(7, 0), (8, 10**7 - 1), (9, 10**8 - 1)]
            if students > first
        )


def test_the_hidden_state_is_kept_where_it_is_asked_for(tmp_path: Path) -> None:
    assert not simulate(tmp_path / "a.store", students=5, truth=False).has("truth")


def test_another_seed_is_another_class_of_the_same_kind(store: AnswerStore, tmp_path: Path) -> None:
    other = simulate(tmp_path / "other.store", students=1000, seed=1)
    assert other.vocabulary == store.vocabulary
    assert not np.array_equal(other.item[:1000], store.item[:1000])
    assert not np.allclose(World.from_about(other.about).correct, World.of(LAWS).correct)


def test_blocks_of_students_differ(store: AnswerStore) -> None:
    offsets = store.history_offsets
    first, next_block = store.item[: offsets[10]], store.item[offsets[BLOCK] :]
    assert not np.array_equal(first, next_block)


def test_answers_come_true_as_often_as_the_hidden_state_says(store: AnswerStore) -> None:
    truth, correct = np.asarray(store.answer_column("truth"), float), np.asarray(store.correct)
    part = (truth * 10).astype(int)
    used = np.unique(part)
    surplus = np.bincount(part, correct - truth)[used]
    assert len(used) >= 8
    assert np.abs(surplus / np.sqrt(np.bincount(part, truth * (1 - truth))[used])).max() < 4
    assert truth.min() >= LAWS.guess
    assert truth.max() <= 1 - LAWS.slip + 1e-6


def test_lengths_are_about_what_was_asked(store: AnswerStore) -> None:
    lengths = np.diff(store.history_offsets)
    assert lengths.min() >= 1
    assert 57 <= np.median(lengths) <= 63
    assert 68 <= lengths.mean() <= 76


def test_students_practise_in_blocks_and_come_back_to_skills(store: AnswerStore) -> None:
    skill = store.skill[store.skill_offsets[store.item]]
    inside = np.ones(len(skill) - 1, bool)
    inside[store.history_offsets[1:-1] - 1] = False
    stays = (skill[1:] == skill[:-1])[inside].mean()
    assert 0.8 < stays < 0.9  # blocks of 6 answers, a few of them on the skill just practised
    used = np.bincount(store.item, minlength=92)[2:]
    assert used.min() > 0.5 * used.mean()
    steps = (skill[1:] - skill[:-1])[inside]
    assert (steps == 1).mean() > 0.04  # the course goes on
    assert (steps < -1).mean() > 0.01  # reviews, and the course from its beginning


def test_practice_raises_and_other_skills_lower_what_a_student_can(store: AnswerStore) -> None:
    skill = np.asarray(store.skill[store.skill_offsets[store.item]])
    student = np.repeat(np.arange(store.num_students), np.diff(store.history_offsets))
    world = World.from_about(store.about)
    ease = (world.cell_share @ world.ability @ world.correct.mean(2).T)[store.item - 2]
    surplus = np.asarray(store.answer_column("truth")) - ease  # what the items do not explain
    order = np.lexsort((np.arange(len(skill)), skill, student))
    same = (np.diff(student[order]) == 0) & (np.diff(skill[order]) == 0)
    change = np.diff(surplus[order])[same]
    gap = np.diff(order)[same] - 1
    assert change[gap == 0].mean() > 0.02
    assert change[gap > 20].mean() < -0.05


def test_groups_have_their_shares_and_their_gap(store: AnswerStore) -> None:
    lengths = np.diff(store.history_offsets)
    right = np.add.reduceat(np.asarray(store.correct, float), store.history_offsets[:-1]) / lengths
    for attribute, groups in GROUPS.items():
        ids, names = store.group(attribute), store.vocabulary[f"group.{attribute}"]
        assert list(names) == list(groups)
        for name, (share, _) in groups.items():
            assert (ids == names.id(name)).mean() == pytest.approx(share, abs=0.03)
        means = [right[ids == names.id(name)].mean() for name in groups]
        assert means[0] > means[1] + 0.02


def test_time_goes_forward(store: AnswerStore) -> None:
    pauses = np.diff(store.answer_column("time"))
    pauses = np.delete(pauses, store.history_offsets[1:-1] - 1)
    assert pauses.min() > 0
    assert 20_000 < np.median(pauses) < 40_000


def test_the_laws_are_probabilities() -> None:
    world = World.of(LAWS)
    for table in (world.cell_share, world.ability, world.initial, world.forgetting):
        assert table.min() >= 0
        np.testing.assert_allclose(table.sum(-1), 1.0)
    for table in (world.growth, world.correct):
        assert table.min() >= 0
        assert table.max() <= 1
    assert (world.growth[:, :, -1] == 0).all()
    assert (np.diff(world.correct, axis=1) > 0).all()
    assert (np.diff(world.correct, axis=2) > 0).all()
    ability = world.cell_share @ world.ability
    np.testing.assert_allclose(ability, ability[::-1], atol=0.02)


def test_the_store_notes_the_laws(store: AnswerStore) -> None:
    noted = json.loads(json.dumps(store.about))["simulator"]
    assert noted["students"] == BLOCK + 10
    assert noted["answers"] == 60
    for name, value in LAWS.to_json().items():
        assert noted[name] == value


def test_the_command_has_the_same_defaults() -> None:
    command = inspect.signature(data_commands.simulate).parameters
    function = inspect.signature(simulate).parameters
    assert {n: p.default for n, p in command.items()} == {n: p.default for n, p in function.items()}


@settings(max_examples=25)
@given(
    students=st.integers(1, 40),
    skills=st.integers(1, 60),
    spare=st.integers(0, 60),
    answers=st.integers(1, 6),
    seed=st.integers(0, 2**64),
    chances=st.tuples(*[st.floats(0, 0.49)] * 2, *[st.floats(0, 1)] * 2),
)
def test_any_sensible_class_can_be_made(
    tmp_path_factory: pytest.TempPathFactory,
    students: int,
    skills: int,
    spare: int,
    answers: int,
    seed: int,
    chances: tuple[float, float, float, float],
) -> None:
    guess, slip, growth, forgetting = chances
    made = simulate(
        tmp_path_factory.mktemp("any") / "class.store",
        students=students,
        skills=skills,
        items=skills + spare,
        answers=answers,
        guess=guess,
        slip=slip,
        growth=growth,
        forgetting=forgetting,
        seed=seed,
    )
    assert made.num_students == students
    assert len(made.vocabulary[ITEM]) == skills + spare + 2
    assert len(made.vocabulary[SKILL]) == skills + 2
    assert made.item.min() >= 2
    assert made.item.max() < skills + spare + 2
    assert set(np.unique(made.skill)) == set(range(2, skills + 2))
    made.verify()


@pytest.mark.parametrize(
    ("given_", "message"),
    [
        ({"students": 0}, "students is 0"),
        ({"skills": 0}, "skills is 0"),
        ({"skills": 9, "items": 8}, "items is 8, fewer than the 9"),
        ({"answers": 0}, "answers is 0"),
        ({"guess": -0.1}, "guess is -0.1"),
        ({"slip": float("nan")}, "slip is nan"),
        ({"guess": 0.6, "slip": 0.4}, "add up to 1"),
        ({"growth": 1.1}, "growth is 1.1"),
        ({"forgetting": 2.0}, "forgetting is 2.0"),
        ({"seed": -1}, "seed is -1"),
    ],
)
def test_numbers_that_cannot_work_are_refused(
    given_: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=message):
        simulate(tmp_path / "class.store", **given_)
    assert list(tmp_path.iterdir()) == []
