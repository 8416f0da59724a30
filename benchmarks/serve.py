"""The service: equal to batches, quick to update and to start, kept when power and processes go."""

import inspect
import signal
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from harness import ROOT, Goal, Job, main

sys.path.insert(0, str(ROOT))  # services are made as the tests make them
from serve_duty import access, forgotten, replayed
from serve_fuzz import fuzz, own_kib
from serve_linear import linear
from serve_load import fill, kills, rate, served_run
from serve_power import power
from serve_records import records
from serve_swap import swap

from tests.engine.plain_rows import SMALL, networks
from tests.serve.services import (
    batch_chances,
    disturbed,
    histories,
    live_chances,
    post,
    service_of,
    tracing_engine,
)
from tests.serve.test_processes import Server
from torchedu.domains import Tracing
from torchedu.models import ItemDKT
from torchedu.serve import students
from torchedu.serve.events import event_of
from torchedu.serve.tracing import TracingFollower

SHARDS = 3
"""How many shards services of several have."""


def parity(goal: str, number: int) -> tuple[list[Goal], Any]:
    """Compare what services know of students with batches, for every network that steps."""
    nets = [net for domain, net in networks() if domain is Tracing]
    apart = {}
    for net in nets:
        given = inspect.signature(net).parameters
        small = {name: value for name, value in SMALL.items() if name in given}
        engine, drawn = tracing_engine(partial(net, **small)), np.random.default_rng(0)
        worst, left = 0.0, -(-number // len(nets))
        while left > 0:
            size = min(left, 100)
            left -= size
            events = histories(size, 30, drawn)
            last = {event["student"]: event["id"] for event in events}
            before = [event for event in events if event["id"] != last[event["student"]]]
            with TemporaryDirectory() as folder:
                opened = partial(service_of, engine, Path(folder))
                service = disturbed(engine, before, opened, drawn)
                asked = [event for event in events if event["id"] == last[event["student"]]]
                live, whole = live_chances(service, asked), batch_chances(engine, events)
                service.close()
            worst = max(worst, *(abs(live[id] - whole[id]) for id in live))
        apart[net.__name__] = worst
    must = f"live beside batch over {number:,} histories of {len(nets)} networks, at most 1e-5"
    return [Goal(goal, max(apart.values()), must, max(apart.values()) <= 1e-5)], apart


def update(goal: str, rounds: int) -> tuple[list[Goal], Any]:
    """Time one more answer of a student who has 1,000, and the student's state made of the log."""
    torch.set_num_threads(1)
    students.EVERY = 10**9  # no snapshot helps
    given = [
        {"id": str(n), "event": "answered", "student": "ann", "item": f"i{n % 40}",
         "correct": float(n % 2), "time": 10**12 + n}
        for n in range(1000)
    ]  # fmt: skip
    with TemporaryDirectory() as folder:
        service = service_of(tracing_engine(partial(ItemDKT, dim=64)), Path(folder))
        follower = service.followers[0]
        assert isinstance(follower, TracingFollower)
        post(service, given)
        seconds: dict[str, list[float]] = {"one more": [], "from the log": [], "in one batch": []}

        def timed(name: str, call: Callable[[], object]) -> None:
            begin = time.perf_counter()
            call()
            seconds[name].append(time.perf_counter() - begin)

        for n in range(rounds):
            timed("in one batch", partial(batch_chances, follower.engine, given))
            follower.students.drop("ann")
            timed("from the log", partial(follower.students.load, ["ann"]))
            more = event_of({**given[n], "time": 10**12 + 1000}, 1001 + n, 0)
            timed("one more", partial(follower.take, [more]))
        service.log.close()
    middle = {name: 1000 * float(np.median(took)) for name, took in seconds.items()}
    ratio = middle["from the log"] / middle["one more"]
    must = "times as long takes a state of 1,000 answers from the log as one more; at least 100"
    return [Goal(goal, ratio, must, ratio >= 100)], {"milliseconds": middle}


def start(goal: str, number: int) -> tuple[list[Goal], Any]:
    """Start a service on a store of many students, and ask about one of them."""
    with TemporaryDirectory() as home:
        run, folder = served_run(Path(home)), Path(home)
        fill(run, folder / "torchedu.db", number)
        began = time.perf_counter()
        server = Server(run, folder)
        status, body = server.ask(f"/mastery?student=s{number // 3}")
        seconds = time.perf_counter() - began
        processes = [server.process.pid, *server.children()]
        mib = sum(own_kib(process) for process in processes) / 1024
        server.end(signal.SIGTERM)
    assert (status, body["answers"]) == (200, 1), body
    must = f"seconds from the start to an answer, {number:,} students in the store; below 10"
    less = "MiB of memory of all its processes, what they share counted once; below 1,024"
    return [
        Goal(goal, seconds, must, seconds < 10),
        Goal(f"{goal}_memory", mib, less, mib < 1024),
    ], {}


def jobs() -> list[Job]:
    """Return the jobs of both campaigns."""
    return [
        Job(("serve.parity",), partial(parity, "serve.parity", 10_000)),
        Job(("serve.parity_short",), partial(parity, "serve.parity_short", 110), short=True),
        Job(("serve.update",), partial(update, "serve.update", 20)),
        Job(("serve.update_short",), partial(update, "serve.update_short", 10), short=True),
        Job(("serve.start", "serve.start_memory"), partial(start, "serve.start", 1_000_000)),
        Job(
            ("serve.start_short", "serve.start_short_memory"),
            partial(start, "serve.start_short", 20_000),
            short=True,
        ),
        Job(("serve.access",), partial(access, "serve.access")),
        Job(("serve.access_short",), partial(access, "serve.access_short"), short=True),
        Job(("serve.replay",), partial(replayed, "serve.replay", 1000)),
        Job(("serve.replay_short",), partial(replayed, "serve.replay_short", 100), short=True),
        Job(
            ("serve.forget", "serve.forget_others"),
            partial(forgotten, "serve.forget", 50, retain=True),
        ),
        Job(
            ("serve.forget_short", "serve.forget_short_others"),
            partial(forgotten, "serve.forget_short", 10, retain=False),
            short=True,
        ),
        Job(
            ("serve.power", "serve.power_off", "serve.power_order"),
            partial(power, "serve.power", 200, 400),
        ),
        Job(
            ("serve.power_short", "serve.power_short_off", "serve.power_short_order"),
            partial(power, "serve.power_short", 20, 60),
            short=True,
        ),
        Job(
            ("serve.rate", "serve.rate_p99", "serve.rate_batches"),
            partial(rate, "serve.rate", 100_000, 60.0),
        ),
        Job(
            ("serve.rate_short", "serve.rate_short_p99", "serve.rate_short_batches"),
            partial(rate, "serve.rate_short", 2_000, 5.0),
            short=True,
        ),
        Job(
            ("serve.fuzz", "serve.fuzz_memory", "serve.fuzz_document"),
            partial(fuzz, "serve.fuzz", 20_000, 200),
        ),
        Job(
            ("serve.fuzz_short", "serve.fuzz_short_memory", "serve.fuzz_short_document"),
            partial(fuzz, "serve.fuzz_short", 1_000, 10),
            short=True,
        ),
        Job(("serve.linear",), partial(linear, "serve.linear", 60.0, 3.0)),
        Job(("serve.linear_shards",), partial(linear, "serve.linear_shards", 60.0, 3.0, SHARDS)),
        Job(("serve.linear_short",), partial(linear, "serve.linear_short", 8.0, 2.0), short=True),
        Job(("serve.xapi",), partial(records, "serve.xapi", 300)),
        Job(("serve.xapi_short",), partial(records, "serve.xapi_short", 12), short=True),
        Job(("serve.kills", "serve.kills_good"), partial(kills, "serve.kills", 60.0, 5.0)),
        Job(
            ("serve.kills_shards", "serve.kills_shards_good"),
            partial(kills, "serve.kills_shards", 60.0, 5.0, SHARDS),
        ),
        Job(
            ("serve.kills_short", "serve.kills_short_good"),
            partial(kills, "serve.kills_short", 10.0, 2.0),
            short=True,
        ),
        Job(
            ("serve.swap", "serve.swap_parity", "serve.swap_loop"),
            partial(swap, "serve.swap", 20, 300),
        ),
        Job(
            ("serve.swap_short", "serve.swap_short_parity", "serve.swap_short_loop"),
            partial(swap, "serve.swap_short", 3, 100),
            short=True,
        ),
    ]


if __name__ == "__main__":
    sys.exit(main("serve", jobs(), __doc__ or ""))
