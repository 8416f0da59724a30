"""A simulated class whose every student is known, so that the best possible score is known too.

Each student has an ability that stays and, for each skill, a level that practice raises and answers
on other skills let fall. Which skill comes next never depends on the hidden state, so an exact
filter (``exact_filter.py``) can say what any model could know at best. ``docs/simulator.md`` tells
the laws and why they are as they are; ``world.py`` holds them as tables.
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from rich.progress import Progress

from torchedu.datasets.answers import AnswerStore, AnswerWriter
from torchedu.datasets.world import GROUPS, Laws, World, vocabulary
from torchedu.errors import ConfigError
from torchedu.schema import RESERVED

BLOCK = 4096
"""Students drawn together, from one stream of random numbers; part of what a seed means."""
BLOCK_LENGTH = 6
"""Mean number of answers in a row on one skill."""
REVIEW = 0.4
"""Share of the blocks that go back to a skill met before."""
LENGTH_SPREAD = 0.6
"""Standard deviation of the logarithm of a history's length."""
_TERM_START = 1_725_235_200_000  # Monday 2 September 2024, 00:00 UTC, in milliseconds
_DAY = 86_400_000


class _Histories(NamedTuple):
    """The histories of one block of students, one after the other."""

    lengths: NDArray[np.int64]
    cell: NDArray[np.int64]
    columns: dict[str, NDArray[Any]]


def simulate(
    out: str | Path,
    *,
    students: int = 6000,
    skills: int = 10,
    items: int = 150,
    answers: int = 60,
    guess: float = 0.12,
    slip: float = 0.05,
    growth: float = 0.3,
    forgetting: float = 0.05,
    seed: int = 0,
) -> AnswerStore:
    """Simulate a class of students and write their answers as a store.

    A student is the same whatever the number of students, so a larger class holds the smaller one.
    Memory does not grow with the class. Beside the answers the store keeps the column ``truth``:
    the probability of a right answer given the student's hidden state (the oracle's prediction).

    Args:
        out: Folder of the store to make or replace.
        students: Number of students.
        skills: Number of skills in the course.
        items: Number of items, shared out evenly among the skills; each has one skill.
        answers: Median number of answers a student gives; the mean is about 1.2 times as much.
        guess: Probability of a right answer where nothing is known.
        slip: Probability of a wrong answer where all is known.
        growth: Mean probability of rising a level in a skill after an answer on it.
        forgetting: Probability of falling a level in a skill during an answer on another skill.
        seed: Decides everything that is drawn.

    Returns:
        The store, opened.

    Raises:
        ConfigError: A number cannot work; it is named.
    """
    if students < 1:
        raise ConfigError(f"⟦students⟧ is {students}.", "There must be at least 1 student.")
    if answers < 1:
        raise ConfigError(f"⟦answers⟧ is {answers}.", "Students give at least 1 answer.")
    laws = Laws(skills, items, guess, slip, growth, forgetting, seed)
    world = World.of(laws)
    lengths = np.concatenate([np.zeros(RESERVED, np.int64), np.ones(items, np.int64)])
    writer = AnswerWriter(
        out,
        vocabulary(skills, items),
        (lengths, world.skill + RESERVED),
        columns=("time", "truth"),
        about={
            "source": "simulated by torchedu",
            "simulator": {"students": students, "answers": answers, **laws.to_json()},
        },
    )
    sizes = tuple(map(len, GROUPS.values()))
    # A bar for a class that is done at once would only flicker.
    with writer, Progress(transient=True, disable=students <= 4 * BLOCK) as progress:
        task = progress.add_task("Simulating students", total=students)
        for first in range(0, students, BLOCK):
            histories = _simulate_block(world, answers, seed, first // BLOCK)
            count = min(BLOCK, students - first)
            total = int(histories.lengths[:count].sum())
            groups = np.unravel_index(histories.cell[:count], sizes)
            writer.append(
                [f"s{first + i + 1:07d}" for i in range(count)],
                histories.lengths[:count],
                {name: values[:total] for name, values in histories.columns.items()},
                dict(zip(GROUPS, (ids + RESERVED for ids in groups), strict=True)),
            )
            progress.advance(task, count)
    return AnswerStore(out)


def _simulate_block(world: World, answers: int, seed: int, block: int) -> _Histories:
    """Draw one whole block of students; a pure function of its arguments."""
    rng = np.random.Generator(np.random.SFC64(np.random.SeedSequence(seed, spawn_key=(1, block))))
    drawn = answers * np.exp(LENGTH_SPREAD * rng.standard_normal(BLOCK))
    lengths = np.clip(np.rint(drawn), 1, 20 * answers).astype(np.int64)
    cell = _draw(rng, world.cell_share[None].repeat(BLOCK, 0))
    ability = _draw(rng, world.ability[cell])
    starts = np.cumsum(lengths) - lengths
    skill, new_block = _course(rng, world.num_skills, lengths, starts)
    counts = np.bincount(world.skill)
    firsts = np.cumsum(counts) - counts
    item = firsts[skill] + (rng.random(len(skill), np.float32) * counts[skill]).astype(np.int64)
    correct, truth = _answer(rng, world, ability, item, skill, lengths, starts)
    columns: dict[str, NDArray[Any]] = {
        "item": (item + RESERVED).astype(np.int32),
        "correct": correct,
        "time": _times(rng, lengths, starts, new_block),
        "truth": truth,
    }
    return _Histories(lengths, cell, columns)


def _course(
    rng: np.random.Generator, num_skills: int, lengths: NDArray[np.int64], starts: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Choose the skills: blocks of practice along the course, with reviews of earlier skills.

    A student joins the course at any skill and begins again at its end.

    Returns:
        The skill of every answer, and whether a block of practice begins there; shape (answers,).
    """
    total = int(lengths.sum())
    begins = rng.random(total, np.float32) < 1 / BLOCK_LENGTH
    begins[starts] = True
    blocks = np.flatnonzero(begins)
    opens = np.searchsorted(blocks, starts)  # each student's first block
    student_blocks = np.diff(np.append(opens, len(blocks)))
    advance = rng.random(len(blocks), np.float32) >= REVIEW
    advance[opens] = True
    done = np.cumsum(advance, dtype=np.int64)
    done -= np.repeat(done[opens], student_blocks)  # skills done before this one
    back = rng.random(len(blocks), np.float32) * np.minimum(done, num_skills - 1)
    join = np.repeat(rng.integers(num_skills, size=len(lengths)), student_blocks)
    place = join + done - np.where(advance, 0, 1 + back.astype(np.int64)) * (done > 0)
    return (place % num_skills)[np.cumsum(begins) - 1], begins


def _answer(
    rng: np.random.Generator,
    world: World,
    ability: NDArray[np.int64],
    item: NDArray[np.int64],
    skill: NDArray[np.int64],
    lengths: NDArray[np.int64],
    starts: NDArray[np.int64],
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Let the students forget, answer and learn, all of them one answer at a time.

    Returns:
        Right or wrong, and the probability of right that the hidden state gave; shape (answers,).
    """
    num_levels = world.initial.shape[1]
    # The longest first, so that those who still answer are always a slice from the front.
    order = np.argsort(-lengths, kind="stable")
    ability, starts = ability[order], starts[order]
    active = np.searchsorted(-lengths[order], -np.arange(lengths.max()), side="left")
    begin = world.initial.cumsum(1)[:, :-1].astype(np.float32)
    level = np.stack(
        [
            (rng.random(len(order), np.float32)[:, None] >= begin[ability]).sum(1)
            for _ in range(world.num_skills)
        ],
        axis=1,
    ).ravel()
    last = np.full(level.shape, -1)
    forget = world.forgetting.cumsum(2)[:, :, :-1].astype(np.float32).reshape(-1, num_levels - 1)
    longest_gap = len(world.forgetting) - 1
    chance = world.correct.astype(np.float32).ravel()
    growth = world.growth.astype(np.float32).ravel()
    ability_rows = np.arange(len(order)) * world.num_skills
    correct = np.empty(len(item), np.uint8)
    truth = np.empty(len(item), np.float32)
    for step, count in enumerate(active):
        now = starts[:count] + step
        a = ability[:count]
        cell = ability_rows[:count] + skill[now]
        before = last[cell]
        gap = np.minimum(np.where(before < 0, 0, step - 1 - before), longest_gap)
        draws = rng.random((3, count), np.float32)
        m = (draws[0][:, None] >= forget[gap * num_levels + level[cell]]).sum(1)
        p = chance[(item[now] * len(world.initial) + a) * num_levels + m]
        right = draws[1] < p
        correct[now] = right
        truth[now] = p
        level[cell] = m + (draws[2] < growth[(a * 2 + right) * num_levels + m])
        last[cell] = step
    return correct, truth


def _times(
    rng: np.random.Generator,
    lengths: NDArray[np.int64],
    starts: NDArray[np.int64],
    new_block: NDArray[np.bool_],
) -> NDArray[np.int64]:
    """Return when each answer was given, in milliseconds: lessons of some blocks, days apart.

    The hidden state does not look at the clock: a network that sees no times loses nothing.
    """
    seconds = 8.0 + rng.standard_exponential(len(new_block), np.float32) * 30.0
    pause = (seconds * 1000).astype(np.int64)
    rests = np.flatnonzero(new_block & (rng.random(len(new_block), np.float32) < 0.4))
    pause[rests] += rng.integers(1, 8, len(rests)) * _DAY
    joined = rng.integers(0, 60, len(lengths)) * _DAY
    joined += rng.integers(8 * 3_600_000, 15 * 3_600_000, len(lengths))
    clock = np.cumsum(pause)
    return clock + np.repeat(_TERM_START + joined - clock[starts], lengths)


def _draw(rng: np.random.Generator, chances: NDArray[np.float64]) -> NDArray[np.int64]:
    """Draw one outcome a row; chances has shape (rows, outcomes)."""
    draws = rng.random((len(chances), 1))
    drawn: NDArray[np.int64] = (draws >= chances.cumsum(1)[:, :-1]).sum(1)
    return drawn
