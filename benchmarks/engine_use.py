"""An engine in use: equal to a store's batches, equal to the whole of a course, fast, soon there.

Random networks suffice: nothing here depends on what weights have learned.
"""

import sys
import time
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from harness import ROOT, Goal, Job, run, script

sys.path.insert(0, str(ROOT))  # random data is drawn as the tests draw it
from tests.engine.plain_rows import difference, networks
from tests.features.courses_at_random import courses_at_random, live, tell
from tests.models.own_network import TimedGRU
from torchedu.companions import Companions
from torchedu.datasets.simulator import simulate
from torchedu.domains import Tracing
from torchedu.engine import TracingEngine
from torchedu.features.course_view import Moments, view
from torchedu.models import ItemDKT
from torchedu.schema import ITEM, SKILL, Names, Vocabulary

ITEMS, SKILLS, STUDENTS = 1000, 100, 256
DAYS = [10.0, 33.5, 60.0, 88.0]
START = """
import sys, time
from torchedu import open_engine
engine = open_engine(sys.argv[1])
ready = time.process_time()
heavy = [name for name in ("lightning", "pyarrow") if name in sys.modules]
engine.predict("ann", next(iter(engine.companions.vocabulary["item"])))
print("ready", ready, len(heavy))
"""


def equal(goal: str, number: int) -> tuple[list[Goal], Any]:
    """Compare every network of every task on rows in Python and on a store's batches."""
    found = {}
    for domain, net in [*networks(), (Tracing, TimedGRU)]:
        with TemporaryDirectory() as folder:
            gap = difference(domain, net, number, Path(folder))
        found[f"{domain.__name__} {net.__name__}"] = gap
    worst = max(found.values())
    must = f"within 1e-6 in fp32 on {number:,} histories for each of {len(found)} networks"
    return [Goal(goal, worst, must, worst <= 1e-6)], found


def unequal(seed: int) -> int:
    """Return in how many numbers a course told event by event differs from the whole."""
    drawn, delay = courses_at_random(seed), float(seed % 3 * 7)
    size, wrong = len(drawn.enrolments), 0
    order = np.random.default_rng(seed).permutation(size)
    told = live(drawn, delay, order)
    whole = view(drawn.store, Moments(np.repeat(np.arange(size), 4), np.tile(DAYS, size)), delay)
    for row, (student, course, *_) in enumerate(drawn.enrolments):
        mine = told.view(student, "abc"[course], DAYS)
        events = slice(*whole.event_offsets[row : row + 2])
        for name in ("event", "event_kind", "event_day", "moment", "seen", "registered", "leaving"):
            some = events if name.startswith("event") else slice(4 * row, 4 * row + 4)
            one, other = getattr(mine, name), getattr(whole, name)[some]
            wrong += one.size if one.shape != other.shape else int((one != other).sum())
    return wrong


def cost(events: int) -> float:
    """Return the processor seconds of an event after so many others, the least of five rounds."""
    drawn = courses_at_random(1, students=200, events=events + 500)
    told = live(drawn._replace(events=drawn.events[:events]), 7)
    rounds = []
    for some in np.array_split(np.arange(events, events + 500), 5):
        begin = time.process_time()
        for i in some:
            tell(told, drawn, drawn.events[i])
        rounds.append((time.process_time() - begin) / len(some))
    return min(rounds)


def risk(goal: str, orders: int) -> tuple[list[Goal], Any]:
    """Compare courses told in random orders with the whole, and what an event costs."""
    wrong = sum(map(unequal, range(orders)))
    few, many = cost(100), cost(10_000)
    must = f"no number of {orders:,} random event orders differs from the whole in any bit"
    grows = "an event after 10,000 others costs at most 1.5 times one after 100"
    return [
        Goal(goal, wrong, must, wrong == 0),
        Goal(f"{goal}_cost", many / few, grows, many / few <= 1.5),
    ], {"microseconds after 100": 1e6 * few, "after 10,000": 1e6 * many}


def engine() -> TracingEngine:
    """Return an engine of ItemDKT as it is by default, for 1,000 items and 100 skills."""
    names = Vocabulary(
        {ITEM: Names(f"i{n}" for n in range(ITEMS)), SKILL: Names(f"k{n}" for n in range(SKILLS))}
    )
    drawn = np.random.default_rng(0)
    skills = np.zeros((ITEMS + 2, 2), np.int64)
    skills[2:, 0] = drawn.integers(2, SKILLS // 2, ITEMS)
    skills[2:, 1] = np.where(drawn.random(ITEMS) < 0.3, drawn.integers(60, SKILLS, ITEMS), 0)
    domain = Tracing(ItemDKT, ITEMS + 2, SKILLS + 2)
    domain.take(Companions(names, item_skills=skills))
    return TracingEngine(domain)


def speed(goal: str, number: int) -> tuple[list[Goal], Any]:
    """Time answers of one student, and of many at once, on one thread."""
    torch.set_num_threads(1)
    used, seconds = engine(), []
    for n in range(number):
        begin = time.perf_counter()
        used.answer("ann", f"i{n % ITEMS}", n % 2, time=10**12 + n)
        seconds.append(time.perf_counter() - begin)
    rounds = [
        [
            {"student": f"s{j}", "item": f"i{(7 * n + j) % ITEMS}", "correct": (n + j) % 2,
             "time": 10**12 + n}
            for j in range(STUDENTS)
        ]
        for n in range(number // 10)
    ]  # fmt: skip
    used.answer_many(rounds[0])
    begin = time.process_time()
    for rows in rounds[1:]:
        used.answer_many(rows)
    rate = STUDENTS * (len(rounds) - 1) / (time.process_time() - begin)
    one = 1000 * float(np.median(seconds))
    return [
        Goal(f"{goal}_one", one, "ms: an answer of one student, at most 1.5 (median)", one <= 1.5),
        Goal(
            f"{goal}_many", rate,
            f"answers a CPU-second of {STUDENTS} students at once, at least 50,000", rate >= 50_000,
        ),
    ], {}  # fmt: skip


def start(goal: str) -> tuple[list[Goal], Any]:
    """Open a run in a process of its own."""
    with TemporaryDirectory() as folder:
        simulate(Path(folder) / "class.store", students=80, skills=3, items=12, answers=15)
        words = ["fit", "--data.path", "class.store", "--model.net", "ItemDKT", "--run", "run"]
        words += ["--trainer.max_epochs", "1", "--trainer.accelerator", "cpu"]
        run([script("torchedu"), *words], Path(folder))
        words = [sys.executable, "-c", START, str(Path(folder) / "run")]
        outputs = [run(words, Path(folder)).output.splitlines() for _ in range(3)]
    ready = [line.split() for lines in outputs for line in lines if line.startswith("ready")]
    seconds, heavy = min(float(one[1]) for one in ready), max(int(one[2]) for one in ready)
    must = "CPU-seconds from the process's start to an open engine, at most 3"
    return [
        Goal(goal, seconds, must, seconds <= 3),
        Goal(f"{goal}_imports", heavy, "neither lightning nor pyarrow is imported", heavy == 0),
    ], {}


def jobs() -> list[Job]:
    """Return the jobs of both campaigns."""
    return [
        Job(("rows.equal",), partial(equal, "rows.equal", 1_000)),
        Job(("rows.equal_short",), partial(equal, "rows.equal_short", 20), short=True),
        Job(("rows.risk", "rows.risk_cost"), partial(risk, "rows.risk", 2_000)),
        Job(
            ("rows.risk_short", "rows.risk_short_cost"),
            partial(risk, "rows.risk_short", 20),
            short=True,
        ),
        Job(("rows.speed_one", "rows.speed_many"), partial(speed, "rows.speed", 2_000)),
        Job(
            ("rows.speed_short_one", "rows.speed_short_many"),
            partial(speed, "rows.speed_short", 200),
            short=True,
        ),
        Job(("rows.start", "rows.start_imports"), partial(start, "rows.start")),
    ]
