"""A simulated class whose every student is known, so that the best possible score is known too.

Each student has an ability that stays and, for each skill, a level that practice raises and answers
on other skills let fall. Which skill comes next never depends on the hidden state, so an exact
filter (``exact_filter.py``) can say what any model could know at best. ``docs/simulator.md`` tells
the laws and why they are as they are; ``world.py`` holds them as tables.
"""

from collections.abc import Iterator
from pathlib import Path
from shutil import rmtree
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.progress import Progress

from torchedu.datasets.answers import AnswerStore, AnswerWriter
from torchedu.datasets.filling import Filling, Piece
from torchedu.datasets.world import GROUPS, Laws, World, vocabulary
from torchedu.errors import ConfigError
from torchedu.schema import GROUP, RESERVED

BLOCK = 4096
"""Students drawn together, from one stream of random numbers; part of what a seed means."""
TOGETHER = 16
"""Blocks that are made together, and made again where a call was ended among them."""
MOST_PROCESSES = 256
"""Processes beyond which no machine simulates faster."""
DIGITS = 7
"""Digits of a student's name, at least."""
BLOCK_LENGTH = 6
"""Mean number of answers in a row on one skill."""
REVIEW = 0.4
"""Share of the blocks that go back to a skill met before."""
LENGTH_SPREAD = 0.6
"""Standard deviation of the logarithm of a history's length."""
_TERM_START = 1_725_235_200_000  # Monday 2 September 2024, 00:00 UTC, in milliseconds
_DAY = 86_400_000


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
    truth: bool = True,
    processes: int = 1,
) -> AnswerStore:
    """Simulate a class of students and write their answers as a store.

    A student is the same whatever the number of students, so a larger class holds the smaller one.
    Memory does not grow with the class. What a call that was ended half-way has written, the same
    call goes on from; until the store is whole it stands in a hidden folder beside it.

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
        truth: Whether the column ``truth`` is kept: the probability of a right answer given the
            student's hidden state, which is the oracle's prediction.
        processes: How many processes simulate; what they write does not depend on it.

    Returns:
        The store, opened.

    Raises:
        ConfigError: A number cannot work, or the disk has no room; it is named.
    """
    if students < 1:
        raise ConfigError(f"⟦students⟧ is {students}.", "There must be at least 1 student.")
    if answers < 1:
        raise ConfigError(f"⟦answers⟧ is {answers}.", "Students give at least 1 answer.")
    if not 1 <= processes <= MOST_PROCESSES:
        raise ConfigError(f"⟦processes⟧ is {processes}.", f"1 to {MOST_PROCESSES} can work.")
    laws = Laws(skills, items, guess, slip, growth, forgetting, seed)
    named = {"students": students, "answers": answers, **laws.to_json()}
    lengths = np.concatenate([np.zeros(RESERVED, np.int64), np.ones(items, np.int64)])
    writer = AnswerWriter(
        out,
        vocabulary(skills, items),
        (lengths, World.of(laws).skill + RESERVED),
        columns=("time", "truth") if truth else ("time",),
        about={"source": "simulated by torchedu", "simulator": named},
    )
    blocks = range(-(-students // BLOCK))
    begins = np.cumsum([0, *(int(_lengths(answers, seed, b)[1].sum()) for b in blocks)])
    out = Path(out)
    with writer:
        making = _Making(laws, students, answers, truth, begins)
        folder = out.absolute().with_name(f".{out.name}.simulating")
        filled = Filling(folder, making.sizes, making.parts, making, named, processes).fill()
        done = next(filled)  # processes are begun before the bar begins a thread
        # A bar for a class that is done at once would only flicker.
        with Progress(transient=True, disable=making.parts < 2) as progress:
            task = progress.add_task("Simulating students", total=making.parts, completed=done)
            for done in filled:
                progress.update(task, completed=done)
        writer.take(folder, students, _letters(students), making.answers_before(students))
    rmtree(folder)
    return AnswerStore(out)


class _Making:
    """Makes the files of a class, ``TOGETHER`` blocks of students at a time.

    Args:
        laws: Of the class.
        students: How many there are.
        answers: Median number of answers a student gives.
        truth: Whether the column ``truth`` is made.
        begins: Answers of all whole blocks before each block; shape (blocks + 1,).

    Attributes:
        sizes: Bytes of each file.
        parts: How often ``TOGETHER`` blocks there are.
    """

    def __init__(
        self, laws: Laws, students: int, answers: int, truth: bool, begins: NDArray[np.int64]
    ) -> None:
        self._laws, self._students, self._answers, self._truth = laws, students, answers, truth
        self._begins = begins
        every = self.answers_before(students)
        self.parts = -(-students // (BLOCK * TOGETHER))
        self.sizes = {
            "name.utf8.bin": _letters(students), "name.offsets": 8 * (students + 1),
            "answer.offsets": 8 * (students + 1), "answer.item.bin": 4 * every,
            "answer.correct.bin": every, "answer.time.bin": 8 * every,
            **({"answer.truth.bin": 4 * every} if truth else {}),
            **{f"{GROUP}{name}.bin": 4 * students for name in GROUPS},
        }  # fmt: skip

    def answers_before(self, student: int) -> int:
        """Return how many answers the students before one gave."""
        block, more = divmod(student, BLOCK)
        inside = _lengths(self._answers, self._laws.seed, block)[1][:more].sum() if more else 0
        return int(self._begins[block] + inside)

    def __call__(self, part: int) -> Iterator[Piece]:
        """Make a part; see ``Filling``."""
        world = World.of(self._laws)
        if part == 0:
            yield "name.offsets", 0, np.zeros(1, "<i8")
            yield "answer.offsets", 0, np.zeros(1, "<i8")
        for first in range(part * TOGETHER * BLOCK, self._students, BLOCK)[:TOGETHER]:
            yield from self._block(world, first, min(BLOCK, self._students - first))

    def _block(self, world: World, first: int, count: int) -> Iterator[Piece]:
        rng, lengths = _lengths(self._answers, self._laws.seed, first // BLOCK)
        cell, columns = _simulate_block(rng, world, lengths)
        lengths, begin = lengths[:count], int(self._begins[first // BLOCK])
        letters, name_lengths = _names(np.arange(first + 1, first + count + 1))
        name_begin = _letters(first)
        yield "name.utf8.bin", name_begin, letters
        for family, start, sizes in (
            ("name", name_begin, name_lengths), ("answer", begin, lengths),
        ):  # fmt: skip
            yield f"{family}.offsets", 8 * (first + 1), (start + np.cumsum(sizes)).astype("<i8")
        for name, ids in zip(
            GROUPS, np.unravel_index(cell[:count], tuple(map(len, GROUPS.values()))), strict=True
        ):
            yield f"{GROUP}{name}.bin", 4 * first, (ids + RESERVED).astype("<i4")
        if not self._truth:
            del columns["truth"]
        for name, values in columns.items():
            size = values.dtype.itemsize
            yield f"answer.{name}.bin", size * begin, values[: int(lengths.sum())]


def _letters(students: int) -> int:
    """Return how many letters the names of the first students have."""
    longer = (max(0, students - 10**digits + 1) for digits in range(DIGITS, 19))
    return (1 + DIGITS) * students + sum(longer)


def _names(numbers: NDArray[np.int64]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return the names of students by their numbers from 1: their letters, and how many each has.

    They are ``s`` and a number of seven digits, more where seven are too few.
    """
    tens = 10 ** np.arange(18, -1, -1)
    digits = np.maximum((numbers[:, None] >= tens).sum(1), DIGITS)
    letters = np.empty((len(numbers), 20), np.uint8)
    letters[:, 1:] = numbers[:, None] // tens % 10 + ord("0")
    start = 19 - digits
    letters[np.arange(len(numbers)), start] = ord("s")
    return letters[np.arange(20) >= start[:, None]], digits + 1


def _lengths(answers: int, seed: int, block: int) -> tuple[np.random.Generator, NDArray[np.int64]]:
    """Return how many answers each student of a block gives, and what draws all else of them."""
    rng = np.random.Generator(np.random.SFC64(np.random.SeedSequence(seed, spawn_key=(1, block))))
    drawn = answers * np.exp(LENGTH_SPREAD * rng.standard_normal(BLOCK))
    return rng, np.clip(np.rint(drawn), 1, 20 * answers).astype(np.int64)


def _simulate_block(
    rng: np.random.Generator, world: World, lengths: NDArray[np.int64]
) -> tuple[NDArray[np.int64], dict[str, NDArray[Any]]]:
    """Draw one whole block of students; a pure function of its arguments.

    Returns:
        Each student's combination of groups, and the columns of their answers, one student after
        the other.
    """
    cell = _draw(rng, world.cell_share[None].repeat(BLOCK, 0))
    ability = _draw(rng, world.ability[cell])
    starts = np.cumsum(lengths) - lengths
    skill, new_block = _course(rng, world.num_skills, lengths, starts)
    counts = np.bincount(world.skill)
    firsts = np.cumsum(counts) - counts
    item = firsts[skill] + (rng.random(len(skill), np.float32) * counts[skill]).astype(np.int64)
    correct, truth = _answer(rng, world, ability, item, skill, lengths, starts)
    return cell, {
        "item": (item + RESERVED).astype("<i4"),
        "correct": correct,
        "time": _times(rng, lengths, starts, new_block).astype("<i8", copy=False),
        "truth": truth.astype("<f4", copy=False),
    }


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
    # What is gathered stands in few bits, so that all of a block stays near the processor.
    level, skill, item = level.astype(np.int32), skill.astype(np.int32), item.astype(np.int32)
    ability = ability.astype(np.int32)
    last = np.full(level.shape, -1, np.int32)
    forget = world.forgetting.cumsum(2).astype(np.float32).reshape(-1, num_levels)
    bounds = [np.ascontiguousarray(bound) for bound in forget.T[:-1]]
    longest_gap = len(world.forgetting) - 1
    chance = world.correct.astype(np.float32).ravel()
    growth = world.growth.astype(np.float32).ravel()
    cells = np.arange(len(order), dtype=np.int32) * world.num_skills
    item_row = (item * len(world.initial)).astype(np.int32)
    correct = np.empty(len(item), np.uint8)
    truth = np.empty(len(item), np.float32)
    for step, count in enumerate(active):
        now = starts[:count] + step
        a = ability[:count]
        cell = cells[:count] + skill.take(now)
        before = last.take(cell)
        gap = np.minimum(np.where(before < 0, 0, step - 1 - before), longest_gap)
        draws = rng.random((3, count), np.float32)
        row = gap * num_levels + level.take(cell)
        m = np.zeros(count, np.int32)
        for bound in bounds:
            m += draws[0] >= bound.take(row)
        p = chance.take((item_row.take(now) + a) * num_levels + m)
        right = draws[1] < p
        correct[now] = right
        truth[now] = p
        level[cell] = m + (draws[2] < growth.take((a * 2 + right) * num_levels + m))
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
