"""The processes of a service: one that has the states, some that speak HTTP, one that watches them.

The watcher opens the runs and forks the others, so that one that dies is there again in a moment.
It holds both listening sockets: what comes in between waits, and nothing is refused.
"""

import gc
import os
import signal
import socket
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import torch
import uvicorn

from torchedu.domains import Domain
from torchedu.errors import ConfigError, TorcheduError
from torchedu.serve.access import Access, Keys
from torchedu.serve.app import LIMIT, create_app
from torchedu.serve.browser_login import Login
from torchedu.serve.forgetter import Forgetter
from torchedu.serve.forwarding import address_of, forward
from torchedu.serve.log import EventLog
from torchedu.serve.login import Issuer
from torchedu.serve.opening import follow, kind_of, named, open_runs, requirements
from torchedu.serve.places import serving
from torchedu.serve.service import Service, now
from torchedu.serve.tables import Synchronous, hold
from torchedu.serve.texts import TextRuns
from torchedu.serve.versions import Serving, Versions
from torchedu.serve.wire import Asker, answer
from torchedu.threads import share

LOOPBACK = ("127.0.0.1", "::1", "localhost")
FORGETTING = 3600.0
"""Seconds for which a request to forget is waited for: a large file is written anew."""
BACKLOG = 2048
"""Connections that wait to be taken."""
SWITCH = 0.0005
"""Seconds after which who makes a candidate lets those go on who answer."""
AT_LEAST = 1.0
"""Seconds after which a process that fails has not failed as it began."""
STATES = "states"
"""The name of the process that has them."""
WATCHED = {signal.SIGTERM, signal.SIGINT, signal.SIGCHLD}
TIMES = 5
"""Processes in a row that fail as they begin, after which the service ends."""


@dataclass
class Settings:
    """How a service runs; see ``cli.serve``."""

    runs: Sequence[str]
    store: str = "torchedu.db"
    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 1
    synchronous: Synchronous = "FULL"
    body_limit: int = LIMIT
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
    given = named(settings.runs)
    at = serving(settings.store, given)
    domains = open_runs(at)
    opened = Opened(domains, given, at, requirements(domains, settings.prerequisites))
    with (
        _bound(settings.host, settings.port) as door,
        hold(Path(settings.store)),
        tempfile.TemporaryDirectory(prefix="torchedu-") as folder,
        socket.socket(socket.AF_UNIX) as states,
    ):
        EventLog(settings.store, settings.synchronous).close()  # what is wrong is told now
        _check_keys(settings)
        path = f"{folder}/states"
        states.bind(path)
        states.listen(BACKLOG)
        watcher = _Watcher(settings.workers + 1)
        watcher.start(STATES, lambda: _follow(settings, opened, states, watcher.parent_gone))
        for number in range(settings.workers):
            watcher.start(
                f"worker {number}",
                lambda first=not number: _speak(  # type: ignore[misc]
                    settings, opened, door, path, watcher.parent_gone, first
                ),
            )
        if settings.forward is not None:
            watcher.start(
                "forwarder",
                lambda: _forward(settings.store, str(settings.forward), watcher.parent_gone),
            )
        host, port = door.getsockname()[:2]
        ready(f"http://{f'[{host}]' if ':' in host else host}:{port}", at)
        return watcher.watch()


class _Watcher:
    """Starts processes, and starts them again when they die.

    Args:
        processes: How many of them compute.
    """

    def __init__(self, processes: int) -> None:
        self._processes = processes
        self._jobs: dict[str, Callable[[], None]] = {}
        self._running: dict[int, tuple[str, float]] = {}
        self.parent_gone, self._alive = socket.socketpair()  # the first reads its end when we die
        # Waited for in one place; a signal that comes while a process is forked is not lost.
        signal.pthread_sigmask(signal.SIG_BLOCK, WATCHED)
        gc.freeze()  # what is shared by the forks stays shared

    def start(self, name: str, job: Callable[[], None]) -> None:
        """Run a job in a process of its own."""
        self._jobs[name] = job
        sys.stdout.flush()
        sys.stderr.flush()
        process = os.fork()
        if not process:
            self._run(job)
        self._running[process] = name, time.monotonic()

    def _run(self, job: Callable[[], None]) -> NoReturn:
        code = 1
        try:
            self._alive.close()
            share(self._processes)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, WATCHED)
            job()
            code = 0
        except BaseException:  # noqa: BLE001 - a fork never returns to its parent's code
            sys.excepthook(*sys.exc_info())
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    def watch(self) -> int:
        """Watch until it is time to end, then end everything in order; return the exit code."""
        short = 0
        while short < TIMES:
            if signal.sigwait(WATCHED) != signal.SIGCHLD:
                break
            for name, failed_soon in self._died():
                short = short + 1 if failed_soon else 0
                self.start(name, self._jobs[name])
        self._stop(lambda name: name != STATES)
        self._stop(lambda name: True)
        if short == TIMES:
            print("The processes of the service die as soon as they start.", file=sys.stderr)
        return int(short == TIMES)

    def _died(self) -> list[tuple[str, bool]]:
        """Return the names of processes that have ended, and whether they failed as they began."""
        waited = [os.waitpid(process, os.WNOHANG) for process in self._running]
        died = []
        for process, status in waited:
            if process:
                name, began = self._running.pop(process)
                soon = time.monotonic() - began < AT_LEAST
                died.append((name, soon and os.WIFEXITED(status)))  # not: killed by somebody
        return died

    def _stop(self, which: Callable[[str], bool]) -> None:
        """Tell processes to end, and wait until they have."""
        some = [process for process, (name, _) in self._running.items() if which(name)]
        for process in some:
            os.kill(process, signal.SIGTERM)
        for process in some:
            os.waitpid(process, 0)
            del self._running[process]


def _follow(
    settings: Settings,
    opened: Opened,
    states: socket.socket,
    gone: socket.socket,
) -> None:
    """Have the states, and answer those who ask about them."""
    sys.setswitchinterval(SWITCH)
    end, wake = socket.socketpair()
    wake.setblocking(False)
    signal.set_wakeup_fd(wake.fileno())
    signal.signal(signal.SIGTERM, lambda *_: None)  # it wakes what waits for requests
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal: those who speak HTTP end first
    log = EventLog(settings.store, settings.synchronous)
    keys = Keys(settings.store)
    opened = opened.now(serving(settings.store, opened.given), settings.prerequisites)
    followers = follow(opened.domains, log, opened.more)
    kinds = {name: kind_of(domain, name) for name, domain in opened.domains.items()}
    versions = Versions(
        followers, log, Serving(kinds, opened.given, opened.at), settings.prerequisites, now
    )
    access = Access(keys, log, settings.rate, required=settings.closed)
    service = Service(
        followers, log, access=access, versions=versions, decisions=settings.decisions
    )
    answer(states, service.handle, end, gone)
    service.close()
    keys.close()


def _speak(
    settings: Settings,
    opened: Opened,
    door: socket.socket,
    path: str,
    gone: socket.socket,
    first: bool,
) -> None:
    """Speak HTTP; the first of those who do also looks whose time is over."""

    def end_with_parent() -> None:
        gone.recv(1)  # returns when it is gone
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=end_with_parent, daemon=True).start()
    forgetter = Forgetter(
        Asker(path, FORGETTING), Path(settings.store),
        [Path(run) for run in settings.runs], [Path(folder) for folder in settings.derived],
    )  # fmt: skip
    retain = settings.retain if first else None
    config = uvicorn.Config(
        create_app(
            Asker(path),
            TextRuns(opened.domains, opened.at),
            settings.body_limit,
            settings.issuer,
            forgetter,
            retain,
            settings.login,
        ),
        access_log=False,  # addresses hold names
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=10,
    )
    uvicorn.Server(config).run(sockets=[door])


def _forward(store: str, url: str, gone: socket.socket) -> None:
    """Send learning records on."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal: it is told by SIGTERM
    forward(store, url, gone)


def _check_keys(settings: Settings) -> None:
    """Refuse to be reached by others without keys."""
    keys = Keys(settings.store)
    try:
        if settings.host not in LOOPBACK and not keys and not settings.closed:
            raise ConfigError(
                f"⟦host⟧ is {settings.host!r}, which others reach, and {settings.store} has no "
                "keys.",
                f"Make one: torchedu keys add {settings.store} NAME; or name an ⟦issuer⟧.",
            )
    finally:
        keys.close()


def _bound(host: str, port: int) -> socket.socket:
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
