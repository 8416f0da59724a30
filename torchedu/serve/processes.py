"""The processes of a service: one that has the states, some that speak HTTP, one that watches them.

The watcher opens the runs and forks the others, so that one that dies is there again in a moment.
It holds both listening sockets: what comes in between waits, and nothing is refused.
"""

import os
import select
import signal
import socket
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, nullcontext, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
import uvicorn
from fastapi import FastAPI

from torchedu.domains import Domain
from torchedu.errors import ConfigError, TorcheduError
from torchedu.serve.access import Access, Keys
from torchedu.serve.app import AUDIO_LIMIT, LIMIT, create_app
from torchedu.serve.browser_login import Login
from torchedu.serve.forgetter import Forgetter
from torchedu.serve.forwarding import address_of, forward
from torchedu.serve.log import EventLog, Unwritable
from torchedu.serve.login import Issuer
from torchedu.serve.opening import (
    check_alone,
    follow,
    kind_of,
    named,
    open_runs,
    requirements,
)
from torchedu.serve.places import serving
from torchedu.serve.service import Message, Reply, Service, now
from torchedu.serve.shards import Shards
from torchedu.serve.stores import Store, Synchronous, hold, shards_of
from torchedu.serve.texts import TextRuns
from torchedu.serve.versions import Serving, Versions
from torchedu.serve.watcher import Watcher
from torchedu.serve.wire import PATIENCE, Ask, Asker, answer

LOOPBACK = ("127.0.0.1", "::1", "localhost")
FORGETTING = 3600.0
"""Seconds for which a request to forget is waited for: a large file is written anew."""
BACKLOG = 2048
"""Connections that wait to be taken."""
SWITCH = 0.0005
"""Seconds after which who makes a candidate lets those go on who answer."""
STATES = "states "
"""Begins the names of the processes that have them, one a shard."""
WAITING = 0.5
"""Seconds after which it is looked again whether a shard is free."""


@dataclass
class Settings:
    """How a service runs; see ``cli.serve``."""

    runs: Sequence[str]
    store: str = "torchedu.db"
    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 1
    shards: int | None = None
    synchronous: Synchronous = "FULL"
    body_limit: int = LIMIT
    audio_limit: float = AUDIO_LIMIT
    rate: float | None = None
    prerequisites: str | None = None
    forward: str | None = None
    decisions: bool = True
    retain: int | None = None
    derived: Sequence[str] = ()
    issuer: Issuer | None = None
    login: Login | None = None
    require_key: bool = False

    @property
    def closed(self) -> bool:
        """Whether nobody is answered before there is a key."""
        return self.require_key or self.issuer is not None


@dataclass
class Opened:
    """The runs as the watcher has opened them, which its forks share.

    Attributes:
        domains: Their tasks, by what they are called.
        given: Where those stand that the service was started with.
        at: Where those stand that were opened, which may have taken the places of the former.
        more: Further arguments of those that follow the log.
    """

    domains: dict[str, Domain]
    given: dict[str, str]
    at: dict[str, str]
    more: dict[str, dict[str, Any]]

    def now(self, at: Mapping[str, str], prerequisites: str | None) -> "Opened":
        """Return what is served since others took places; what cannot be opened is as it was."""
        now = Opened(dict(self.domains), self.given, dict(self.at), dict(self.more))
        for name, path in at.items():
            if path != self.at[name]:
                try:
                    domains = open_runs({name: path})
                    now.more |= requirements(domains, prerequisites)
                except TorcheduError:
                    traceback.print_exc()
                    continue
                now.domains |= domains
                now.at[name] = path
        return now


def serve(settings: Settings, ready: Callable[[str, Mapping[str, str]], None]) -> int:
    """Serve until the process is told to end (SIGTERM, SIGINT).

    Args:
        settings: How.
        ready: Called once requests are taken, with the address and where the runs stand that are
            served.

    Returns:
        The exit code.

    Raises:
        ConfigError: The file or the port cannot be used, or a run cannot be served.
        CheckpointError: A run cannot be opened.
    """
    if settings.forward is not None:
        address_of(settings.forward)  # what is wrong is told now
    torch.set_num_threads(1)  # until all are forked: a pool of threads does not live on in a fork
    opened = opened_for(settings)
    with (
        bound(settings.host, settings.port) as door,
        nullcontext() if Store.of(settings.store).on_server else hold(settings.store),
        tempfile.TemporaryDirectory(prefix="torchedu-") as folder,
        ExitStack() as stack,
    ):
        stores = shards_of(settings.store, settings.shards)  # what is wrong is told now
        check_alone(opened.domains, len(stores))
        check_keys(settings)
        askable = [Shard(store, f"{folder}/{store.shard}") for store in stores]
        listeners = [stack.enter_context(shard.listening()) for shard in askable]
        watcher = Watcher(STATES, len(stores) + settings.workers)
        for shard, listener in zip(askable, listeners, strict=True):
            watcher.start(
                f"{STATES}{shard.store.shard}",
                partial(_follow, settings, opened, shard, listener, watcher.parent_gone),
            )
        for number in range(settings.workers):
            watcher.start(
                f"worker {number}",
                partial(_speak, settings, opened, door, askable, watcher.parent_gone, not number),
            )
        for store in stores if settings.forward is not None else ():
            watcher.start(
                f"forwarder {store.shard}",
                partial(_forward, store, str(settings.forward), watcher.parent_gone),
            )
        host, port = door.getsockname()[:2]
        ready(f"http://{f'[{host}]' if ':' in host else host}:{port}", opened.at)
        return watcher.watch()


class Shard(NamedTuple):
    """A shard that is asked by those who speak HTTP.

    Attributes:
        store: What it keeps.
        path: The socket at which it is asked.
    """

    store: Store
    path: str

    @property
    def mark(self) -> Path:
        """A file that is there while this host has the first shard."""
        return Path(self.path).with_name("mine")

    @property
    def mine(self) -> bool:
        """Whether this host may have it."""
        return not self.store.on_server or self.mark.exists()

    def listening(self) -> socket.socket:
        """Return what it listens with."""
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(self.path)
        listener.listen(BACKLOG)
        return listener


def asking(shards: Sequence[Shard], rated: bool, patience: float = PATIENCE) -> Ask:
    """Return what puts a message to shards, or to the only one."""
    asks = [Asker(shard.path, patience) for shard in shards]
    return Shards(asks, rated) if len(asks) > 1 else asks[0]


def opened_for(settings: Settings) -> Opened:
    """Open what a service serves.

    Raises:
        ConfigError: The store cannot be used, or a run cannot be served.
        CheckpointError: A run cannot be opened.
    """
    given = named(settings.runs)
    at = serving(settings.store, given)
    domains = open_runs(at)
    return Opened(domains, given, at, requirements(domains, settings.prerequisites))


def service_for(settings: Settings, opened: Opened, log: EventLog) -> tuple[Service, Keys]:
    """Return the service of a shard, with the keys to be closed after it."""
    keys = Keys(settings.store)
    opened = opened.now(serving(log.store, opened.given), settings.prerequisites)
    followers = follow(opened.domains, log, opened.more)
    kinds = {name: kind_of(domain, name) for name, domain in opened.domains.items()}
    versions = Versions(
        followers, log, Serving(kinds, opened.given, opened.at), settings.prerequisites, now
    )
    access = Access(keys, log, settings.rate, required=settings.issuer is not None)
    return Service(
        followers, log, access=access, versions=versions, decisions=settings.decisions
    ), keys


def forgetter_for(settings: Settings, ask: Ask, stores: Sequence[Store]) -> Forgetter:
    """Return what forgets students whole, with patience to wait for it."""
    runs, derived = map(Path, settings.runs), map(Path, settings.derived)
    return Forgetter(ask, stores, list(runs), list(derived))


def app_for(
    settings: Settings, opened: Opened, ask: Ask, forgetter: Forgetter, retain: int | None = None
) -> FastAPI:
    """Return what speaks HTTP; see ``create_app``."""
    texts = TextRuns(opened.domains, opened.at)
    return create_app(
        ask, texts, settings.body_limit, settings.issuer, forgetter, retain, settings.login,
        settings.audio_limit,
    )  # fmt: skip


def _follow(
    settings: Settings,
    opened: Opened,
    shard: Shard,
    states: socket.socket,
    gone: socket.socket,
) -> None:
    """Have the states of a shard, and answer those who ask about them."""
    sys.setswitchinterval(SWITCH)
    end, wake = socket.socketpair()
    wake.setblocking(False)
    signal.set_wakeup_fd(wake.fileno())
    signal.signal(signal.SIGTERM, lambda *_: None)  # it wakes what waits for requests
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal: those who speak HTTP end first
    log = _owned(shard, settings.synchronous, end, gone)
    if log is None:
        return
    service, keys = service_for(settings, opened, log)

    def handle(messages: Sequence[Message]) -> Sequence[Reply]:
        replies = service.handle(messages)
        if log.lost or not shard.mine:  # another process goes on from what the database has
            os.kill(os.getpid(), signal.SIGTERM)
        return replies

    answer(states, handle, end, gone)
    with suppress(Unwritable):
        service.close()
    keys.close()


def _owned(shard: Shard, synchronous: Synchronous, *ends: socket.socket) -> EventLog | None:
    """Return the log of a shard, once no other host has it; None where it is time to end.

    A host that has the first shard has all of them, so that each request is answered by one host.
    """
    if not shard.store.shard:
        shard.mark.unlink(missing_ok=True)
    waited = False
    while True:
        try:
            log = EventLog(shard.store, synchronous)
            if (not shard.store.shard or shard.mine) and log.own():
                shard.mark.touch()
                return log
            log.close()
            problem = f"another host has {shard.store}; this one waits until it is gone."
        except ConfigError as error:
            if not shard.store.on_server:
                raise
            problem = error.problem.replace("⟦store⟧ ", "")
        if not (waited or shard.store.shard):
            print(problem, file=sys.stderr, flush=True)
        waited = True
        if select.select(ends, [], [], WAITING)[0]:
            return None


def _speak(
    settings: Settings,
    opened: Opened,
    door: socket.socket,
    shards: Sequence[Shard],
    gone: socket.socket,
    first: bool,
) -> None:
    """Speak HTTP; the first of those who do also looks whose time is over."""

    def end_with_parent() -> None:
        gone.recv(1)  # returns when it is gone
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=end_with_parent, daemon=True).start()
    stores = [shard.store for shard in shards]
    forgetter = forgetter_for(settings, asking(shards, False, FORGETTING), stores)
    retain = settings.retain if first else None
    ask = asking(shards, settings.rate is not None)
    config = uvicorn.Config(
        app_for(settings, opened, ask, forgetter, retain),
        access_log=False,  # addresses hold names
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=10,
    )
    uvicorn.Server(config).run(sockets=[door])


def _forward(store: Store, url: str, gone: socket.socket) -> None:
    """Send learning records on."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal: it is told by SIGTERM
    forward(store, url, gone)


def check_keys(settings: Settings) -> None:
    """Refuse to be reached by others without keys."""
    keys = Keys(settings.store)
    try:
        if settings.host not in LOOPBACK and not keys and not settings.closed:
            raise ConfigError(
                f"⟦host⟧ is {settings.host!r}, which others reach, and the service has no keys.",
                "Make one: torchedu keys add STORE NAME; or name an ⟦issuer⟧.",
            )
    finally:
        keys.close()


def bound(host: str, port: int) -> socket.socket:
    """Return a socket that listens.

    Raises:
        ConfigError: It cannot listen there.
    """
    try:
        return socket.create_server(
            (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET,
            backlog=BACKLOG,
        )  # fmt: skip
    except (OSError, OverflowError) as error:
        raise ConfigError(
            f"⟦port⟧ {port} of ⟦host⟧ {host} cannot be listened to ({error}).",
            "Name another port; 0 takes any that is free.",
        ) from None
