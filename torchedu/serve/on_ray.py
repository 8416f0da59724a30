"""A service past one host: its shards and those who speak HTTP are on a cluster of Ray.

Each shard is an actor, which owns it as a process of a host would. Ray starts one that is lost
again, wherever there is room; requests wait meanwhile.
"""

import asyncio
import atexit
import logging
import os
import queue
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import ExitStack
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any

import ray
import torch
from fastapi import FastAPI
from ray import serve
from ray.exceptions import RayError

from torchedu.errors import ConfigError
from torchedu.ray_address import cluster, of_nodes
from torchedu.serve.forgetter import Forgetter
from torchedu.serve.forwarding import address_of, forward
from torchedu.serve.log import EventLog
from torchedu.serve.opening import check_alone
from torchedu.serve.problems import Problem
from torchedu.serve.processes import (
    FORGETTING,
    WAITING,
    Opened,
    Settings,
    app_for,
    bound,
    check_keys,
    forgetter_for,
    opened_for,
    service_for,
)
from torchedu.serve.service import Message, Reply, Service
from torchedu.serve.shards import Shards
from torchedu.serve.stores import Store, hold, shards_of
from torchedu.serve.wire import IDLE, Ask

NAME = "torchedu"
"""What the application is called on the cluster, and where its actors have their names."""
AGAIN = 0.05
"""Seconds after which a shard that did not answer is asked again."""
PATIENCE = 30.0
"""Seconds for which a shard that does not answer is asked: one that begins anew imports all."""
OPENING = 600.0
"""Seconds that all shards have to open their runs and their parts of the store."""
AT_ONCE = 10_000
"""Requests that a process takes; how many are answered together, the shards say."""
ENDS = (signal.SIGTERM, signal.SIGINT)


class States:
    """Has the states of a shard: an actor.

    Args:
        settings: How the service runs.
        store: The shard.
        home: Where the service was started, from which paths go.
    """

    def __init__(self, settings: Settings, store: Store, home: str) -> None:
        os.chdir(home)
        self._settings, self._store = settings, store
        self._asked: queue.Queue[tuple[Message, Future[tuple[int, Any]]] | None] = queue.Queue()
        self._opened, self._closed = Future[None](), Future[None]()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()
        atexit.register(self._end)  # a thread that is in torch as the interpreter ends aborts it

    async def opened(self) -> None:
        """Return once it answers."""
        await asyncio.wrap_future(self._opened)

    async def ask(self, message: Message) -> tuple[int, Any]:
        """Answer a message, with others that came meanwhile."""
        replied: Future[tuple[int, Any]] = Future()
        self._asked.put((message, replied))
        return await asyncio.wrap_future(replied)

    async def close(self) -> None:
        """Keep what is in memory, and answer nothing more."""
        self._asked.put(None)
        await asyncio.wrap_future(self._closed)

    def _end(self) -> None:
        self._asked.put(None)
        self._thread.join(PATIENCE)  # one that waits for its shard is not in torch

    def _work(self) -> None:
        """Answer a group after the other; whatever ends this ends the actor, which begins anew."""
        try:
            torch.set_num_threads(1)
            with ExitStack() as stack:
                opened = opened_for(self._settings)
                log = self._owned(stack)
                service, keys = service_for(self._settings, opened, log)
                self._opened.set_result(None)
                while not log.lost:
                    if not self._answer(service):
                        service.close()
                        keys.close()
                        self._closed.set_result(None)
                        return
        except BaseException:  # noqa: BLE001 - a thread's end would leave the others waiting
            traceback.print_exc()
        os._exit(1)

    def _owned(self, stack: ExitStack) -> EventLog:
        """Return the log of the shard, once nobody else has it: who was lost may not be gone yet.

        Args:
            stack: Holds a shard that is a file as long as it is open.
        """
        problem = ""
        while True:
            try:
                if not self._store.on_server:
                    stack.enter_context(hold(self._store))
                log = EventLog(self._store, self._settings.synchronous)
                if log.own():
                    return log
                log.close()
            except ConfigError as error:
                if error.problem != problem:
                    print(problem := error.problem, file=sys.stderr, flush=True)
            time.sleep(WAITING)

    def _answer(self, service: Service) -> bool:
        """Answer those who have asked; False where it is time to close."""
        asked = []
        try:
            asked.append(self._asked.get(timeout=IDLE))
            while True:
                asked.append(self._asked.get_nowait())
        except queue.Empty:
            pass
        group = [each for each in asked if each is not None]
        replies = service.handle([message for message, _ in group])
        for (_, replied), reply in zip(group, replies, strict=True):
            if replied.set_running_or_notify_cancel():  # somebody still waits for it
                replied.set_result((reply.status, reply.body))
        return len(group) == len(asked)


def serve_on_ray(settings: Settings, ready: Callable[[str, Mapping[str, str]], None]) -> int:
    """Serve on a cluster until the process is told to end (SIGTERM, SIGINT).

    Args:
        settings: How. All nodes see the runs by the same paths, and reach the store where it is a
            database; all is on this node where it is a file.
        ready: See ``processes.serve``.

    Returns:
        The exit code.

    Raises:
        ConfigError: The cluster, the store or the port cannot be used.
    """
    if settings.forward is not None:
        address_of(settings.forward)  # what is wrong is told now
    if not settings.port:
        raise ConfigError("⟦port⟧ is 0, and all nodes listen at one.", "Name one that is free.")
    torch.set_num_threads(1)
    logging.getLogger("ray.serve").setLevel(logging.WARNING)
    opened = opened_for(settings)
    with cluster():
        where = _where(Store.of(settings.store))
        if not where:
            _check_nodes(opened)
        _check_room(settings.shards or 1, where)  # before a store is made
        _check_free()
        bound(settings.host, settings.port).close()
        if Store.of(settings.store).exists:
            with hold(settings.store):
                pass  # nobody has it; from now on each shard is its actor's
        stores = shards_of(settings.store, settings.shards)
        _check_room(len(stores), where)
        check_alone(opened.domains, len(stores))
        check_keys(settings)
        actors = [_states(settings, store, where) for store in stores]
        try:
            _until_opened(stores, actors)
            _begin(settings, stores, where)
            run = partial(ready, f"http://{settings.host}:{settings.port}", opened.at)
            asyncio.run(_until_ended(settings, stores, actors, run))
        finally:
            serve.shutdown()
            _close(actors)
    return 0


# What is told before anything begins


def _where(store: Store) -> dict[str, float]:
    """Return what shards and replicas take of a node: of this one alone where a file is there."""
    if store.on_server:
        return {}
    here = ray.get_runtime_context().get_node_id()
    address = next(n["NodeManagerAddress"] for n in ray.nodes() if n["NodeID"] == here)
    return {f"node:{address}": 0.001}


def _check_nodes(opened: Opened) -> None:
    """Refuse a cluster of which a node does not see the runs, or has another torchedu."""
    paths = [str(Path.cwd()), *opened.at.values()]
    for node, missing in of_nodes(_missing, paths).items():
        if missing:
            raise ConfigError(
                f"⟦engine⟧ ray: the node {node} does not see {missing[0]}.",
                "Begin in a folder that all nodes have, and put the runs where all see them.",
            )


def _missing(paths: Sequence[str]) -> list[str]:
    return [path for path in paths if not Path(path).exists()]


def _check_room(shards: int, where: Mapping[str, float]) -> None:
    """Refuse more shards than there are CPUs."""
    alive = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    mine = [node for node in alive if all(resource in node for resource in where)]
    room = int(sum(node.get("CPU", 0) for node in mine))
    if room < shards:
        raise ConfigError(
            f"⟦shards⟧ is {shards}, and the {'node here' if where else 'cluster'} has {room} CPUs.",
            "Each shard takes one: take fewer of a new store, divide one, or begin nodes with "
            "more (ray start --num-cpus).",
        )


def _check_free() -> None:
    """Refuse a cluster that serves something; what was left of a service that is gone ends."""
    actors = ray.util.list_named_actors(all_namespaces=True)
    names = {*serve.status().applications} - {NAME}
    if names or any(actor["namespace"] == NAME for actor in actors):
        raise ConfigError(
            f"⟦engine⟧ ray: the cluster serves {', '.join(sorted(names)) or 'a store'} already.",
            "End that one, or begin another cluster.",
        )
    serve.shutdown()


# What is on the cluster


def _states(settings: Settings, store: Store, where: Mapping[str, float]) -> Any:
    """Return the actor of a shard, which Ray starts again where it is lost."""
    options: dict[str, Any] = {
        "name": _called(store), "namespace": NAME, "num_cpus": 1, "resources": where,
        "max_restarts": -1, "max_concurrency": AT_ONCE, "scheduling_strategy": "SPREAD",
    }  # fmt: skip
    return ray.remote(States).options(**options).remote(settings, store, str(Path.cwd()))


def _called(store: Store) -> str:
    return f"shard {store.shard}"


def _until_opened(stores: Sequence[Store], actors: Sequence[Any]) -> None:
    end = time.monotonic() + OPENING
    for store, actor in zip(stores, actors, strict=True):
        try:
            ray.get(actor.opened.remote(), timeout=max(0.0, end - time.monotonic()))
        except RayError as error:
            raise ConfigError(
                f"⟦engine⟧ ray: the shard {store} does not begin ({type(error).__name__}).",
                "What it said stands in Ray's logs (session_latest/logs/worker-*.err); or "
                "the cluster has no room for it (ray status).",
            ) from None


def _begin(settings: Settings, stores: Sequence[Store], where: Mapping[str, float]) -> None:
    """Let replicas speak HTTP.

    Raises:
        ConfigError: They do not begin.
    """
    home = str(Path.cwd())

    def application() -> FastAPI:  # Ray Serve builds it by a function that is none of a class
        return _app(settings, stores, home)

    replica = serve.deployment(
        serve.ingress(application)(), name="door", num_replicas=settings.workers,
        max_ongoing_requests=AT_ONCE, ray_actor_options={"num_cpus": 0, "resources": where},
    )  # fmt: skip
    try:
        serve.start(http_options={"host": settings.host, "port": settings.port})
        serve.run(replica.bind(), name=NAME, route_prefix="/")
    except (RuntimeError, TimeoutError, RayError) as error:
        said = str(error).strip().splitlines() or [type(error).__name__]
        raise ConfigError(
            f"⟦engine⟧ ray: those who speak HTTP do not begin: {said[0][:200]}",
            "What they said stands in Ray's logs (session_latest/logs/serve).",
        ) from None


def _app(settings: Settings, stores: Sequence[Store], home: str) -> FastAPI:
    """Return what speaks HTTP in one replica."""
    os.chdir(home)
    torch.set_num_threads(1)
    actors = [ray.get_actor(_called(store), NAME) for store in stores]
    forgetter = _forgetter(settings, stores, actors)
    ask = _asking(actors, settings.rate is not None)
    return app_for(settings, opened_for(settings), ask, forgetter)


def _forgetter(settings: Settings, stores: Sequence[Store], actors: Sequence[Any]) -> Forgetter:
    return forgetter_for(settings, _asking(actors, False, FORGETTING), stores)


def _asking(actors: Sequence[Any], rated: bool, patience: float = PATIENCE) -> Ask:
    """Return what puts a message to shards, or to the only one."""
    asks: list[Ask] = [partial(_ask, actor, patience) for actor in actors]
    return Shards(asks, rated) if len(asks) > 1 else asks[0]


async def _ask(actor: Any, patience: float, message: Message) -> Reply:
    """Put a message to a shard, and again where it was lost on the way.

    Asking again is safe: an event that is known by its name is not taken in twice.

    Raises:
        Problem: It does not answer.
    """
    end = time.monotonic() + patience
    while (left := end - time.monotonic()) > 0:
        try:
            async with asyncio.timeout(left):
                return Reply(*await actor.ask.remote(message))
        except TimeoutError:
            break
        except RayError:
            await asyncio.sleep(AGAIN)
    raise Problem(
        HTTPStatus.SERVICE_UNAVAILABLE, "the states are out of reach.", "Ask again in a moment."
    )


# What the command does meanwhile


async def _until_ended(
    settings: Settings, stores: Sequence[Store], actors: Sequence[Any], ready: Callable[[], None]
) -> None:
    """Wait for the end; forget and send on meanwhile, where that is asked for."""
    ended = asyncio.Event()
    for number in ENDS:
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    gone, wake = socket.socketpair()
    work = [
        asyncio.to_thread(forward, store, str(settings.forward), gone)
        for store in stores
        if settings.forward is not None
    ]
    if settings.retain is not None:
        work.append(_forgetter(settings, stores, actors).keep_retaining(settings.retain))
    tasks = [asyncio.create_task(each) for each in work]
    ready()
    await ended.wait()
    with gone, wake:
        wake.close()  # those who send on end
        for task in tasks[len(stores) if settings.forward is not None else 0 :]:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _close(actors: Sequence[Any]) -> None:
    """Let shards keep what they have in memory, and end them."""
    closing = [actor.close.remote() for actor in actors]
    ray.wait(closing, num_returns=len(closing), timeout=PATIENCE)
    for actor in actors:
        ray.kill(actor)
