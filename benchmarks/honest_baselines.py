"""Do baselines that choose by themselves come near the best that they could have been?

Each is fitted as it is, and then with every setting of a wide grid; all are scored on the same
test. A set is named for what it is like; small simulated ones are drawn several times over, so that
chance moves little: the best is the setting that does best on all draws together.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from harness import Goal, real_data
from numpy.typing import NDArray

from torchedu.baselines import (
    EASE,
    IALS,
    Baseline,
    BestLR,
    Blend,
    ItemKNN,
    ItemMean,
    Markov,
    NextCourseRidge,
    Popularity,
    RecentEASE,
)
from torchedu.baselines.baseline import cross_entropy
from torchedu.baselines.recommendation import HeldOut, ndcg
from torchedu.baselines.tracing import histories
from torchedu.datasets.enrolments import Enrolled
from torchedu.datasets.importers import import_data
from torchedu.schema import RESERVED

RECOMMENDERS = (EASE, RecentEASE, ItemKNN, Markov, NextCourseRidge, IALS)
BLENDED = (Popularity, EASE, RecentEASE, Markov, NextCourseRidge)
WITHIN = 0.01
TESTED = 6000
"""Last courses that are asked for, at least: of few students, in several draws."""
Figures = dict[str, dict[str, float]]


def enrolments(students: int, courses: int, length: int, ordered: float, seed: int) -> HeldOut:
    """Simulate students who take what suits them, what all take, and what follows.

    Args:
        students: Number of students, whose last courses are asked for.
        courses: Number of courses.
        length: Courses a student takes on average.
        ordered: Share of the courses that are what follows the one before.
        seed: Seed of everything.

    Returns:
        What to learn from, which is what to ask with too, and the last courses.
    """
    drawn = np.random.default_rng(seed)
    suits = drawn.standard_normal((courses, 8)) * 1.2
    known = drawn.permutation(-0.8 * np.log(np.arange(1, courses + 1)))
    after = drawn.permutation(courses)
    taken: list[list[int]] = []
    for _ in range(students):
        liking = known + suits @ drawn.standard_normal(8) + drawn.gumbel(size=courses)
        most = int(min(max(3, drawn.poisson(length)), courses // 2))
        wanted = drawn.permutation(np.argsort(-liking)[:most]).tolist()
        own = [wanted[0]]
        for course in wanted[1:]:
            if drawn.random() < ordered and after[own[-1]] not in own:
                own.append(int(after[own[-1]]))
            elif course not in own:
                own.append(course)
        taken.append(own)
    offsets = np.append(0, np.cumsum([len(own) for own in taken]))
    item = np.concatenate([np.array(own, np.int32) for own in taken]) + np.int32(RESERVED)
    last = offsets[1:] - 1
    kept = np.ones(len(item), bool)
    kept[last] = False
    before = Enrolled(offsets - np.arange(len(offsets)), item[kept], courses + RESERVED)
    return HeldOut(before, before, item[last])


def against_grid(
    kind: Callable[..., Any], draws: Sequence[tuple[Any, Callable[[Any], float]]], every: int
) -> dict[str, float]:
    """Score a baseline as it is, and with the one setting of a grid that does best.

    Args:
        kind: The baseline.
        draws: What it learns from, and what scores a fitted one, the higher the better.
        every: The grid has every so many values of a ladder, and both ends.
    """

    def mean(**setting: tuple[float, ...]) -> float:
        return float(np.mean([score(kind(**setting).fit(train)) for train, score in draws]))

    ladders = kind().ladders
    grid = [sorted({*ladder[::every], ladder[0], ladder[-1]}) for ladder in ladders.values()]
    best = max(
        mean(**{name: (value,) for name, value in zip(ladders, values, strict=True)})
        for values in product(*grid)
    )
    chosen = mean()
    print(f"  {kind.__name__}: {chosen:.4f} by itself, {best:.4f} at best", flush=True)
    return {"chosen": chosen, "best": best}


def blended(asked: HeldOut) -> dict[str, float]:
    """Find a blend's weights on half of the cases; score it and its best part on both halves."""
    parts: list[Baseline[Enrolled, Any]] = [kind().fit(asked.rest) for kind in BLENDED]
    half = np.arange(len(asked.target)) < len(asked.target) // 2
    scores = [_in_running(one.predict(asked.histories), asked.histories) for one in parts]
    blend = Blend([one.gives_logs for one in parts])
    blend.fit([one[half] for one in scores], asked.target[half].astype(np.int64))
    found = {}
    for name, rows in (("found on", half), ("test", ~half)):
        found[name] = ndcg(blend([one[rows] for one in scores]), asked.target[rows])
        found[f"best part, {name}"] = max(ndcg(one[rows], asked.target[rows]) for one in scores)
    return found


def _in_running(scores: NDArray[np.float32], before: Enrolled) -> NDArray[np.float32]:
    able = np.array(scores, np.float32)
    able[np.repeat(np.arange(len(able)), np.diff(before.offsets)), before.item] = -np.inf
    able[:, :RESERVED] = -np.inf
    return able


def of_courses(sets: dict[str, tuple[int, int, int, float]], every: int) -> Iterator[Any]:
    """Yield the figures of each set of courses, and of its blend."""
    for name, sizes in sets.items():
        draws = [enrolments(*sizes, seed) for seed in range(max(1, TESTED // sizes[0]))]

        def scorer(asked: HeldOut) -> Callable[[Any], float]:
            return lambda one: 1 - asked.loss(one.predict(asked.histories))

        pairs = [(asked.rest, scorer(asked)) for asked in draws]
        figures = {kind.name: against_grid(kind, pairs, every) for kind in RECOMMENDERS}
        yield name, figures, blended(draws[0])


def of_answers(students: tuple[int, ...], every: int) -> Iterator[tuple[str, Figures]]:
    """Yield the figures of some of EdNet's students, scored by log loss on others."""
    with TemporaryDirectory() as folder:
        raw = real_data() / "kt" / "ednet_pebg5k"
        answers = import_data("ednet", raw, Path(folder) / "store").answers()
    drawn = np.random.default_rng(0).permutation(len(answers.offsets) - 1)
    test = histories(answers, np.sort(drawn[:1000]))

    def score(one: Any) -> float:
        return -cross_entropy(one.predict(test), test.correct)

    for some in students:
        train = histories(answers, np.sort(drawn[1000 : 1000 + some]))
        yield (
            f"EdNet, {some} students",
            {kind.name: against_grid(kind, [(train, score)], every) for kind in (ItemMean, BestLR)},
        )


def measure(
    sets: dict[str, tuple[int, int, int, float]], students: tuple[int, ...], every: int
) -> tuple[list[Goal], Any]:
    """Measure all; the figure is the farthest that a baseline stays behind its best."""
    kept: dict[str, Any] = {}
    behind: list[tuple[float, str]] = []
    held = True
    for name, figures, blend in of_courses(sets, every):
        kept[name] = {**figures, "linear blend": blend}
        held &= blend["found on"] >= blend["best part, found on"]
    kept |= dict(of_answers(students, every))
    for name, rows in kept.items():
        for model, row in rows.items():
            if "best" in row:
                lost = (row["best"] - row["chosen"]) / abs(row["best"])
                behind.append((lost, f"{model} on {name}"))
    worst, where = max(behind)
    must = f"at most {WITHIN:g} of its best lost ({where}); a blend never below its best part"
    return [Goal("honest.baselines", round(worst, 4), must, worst <= WITHIN and held)], kept
