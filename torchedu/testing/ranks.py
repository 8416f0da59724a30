"""The other side of ``launch.py``: one process that imports everything once and forks ranks."""

# ruff: noqa: NPY002 - numpy's global state is what a new process would seed

import gc
import importlib
import importlib.util
import multiprocessing
import os
import pickle
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from io import TextIOWrapper
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from operator import attrgetter
from pathlib import Path
from types import ModuleType
from typing import NamedTuple, cast

import numpy as np


class Place(NamedTuple):
    """Where a function stands, so that another process finds it."""

    module: str
    file: str | None  # None for what is built into Python
    name: str


class Job(NamedTuple):
    """What the server is asked to start."""

    launch: int
    place: Place
    arguments: bytes
    ranks: int
    outside: dict[str, str]  # the user's process's environment
    environment: dict[str, str]  # what comes before that and torchrun's variables
    folder: Path
    working: Path
    path: list[str]


class Kill(NamedTuple):
    """What the server is asked to signal."""

    launch: int
    ranks: list[int]
    signum: int
    tree: bool


class Started(NamedTuple):
    """The processes of a job, by rank."""

    launch: int
    pids: list[int]


class Signalled(NamedTuple):
    """The signals that were asked for are sent."""

    launch: int


class Ended(NamedTuple):
    """A rank has ended; the code is the signal's number, negative, where one killed it."""

    launch: int
    rank: int
    code: int


def output_file(folder: Path, rank: int) -> Path:
    """Return where a rank's standard output and error go."""
    return folder / f"rank-{rank}.txt"


def result_file(folder: Path, rank: int) -> Path:
    """Return where what a rank's function returned goes."""
    return folder / f"rank-{rank}.pickle"


def torchrun_variables(rank: int, ranks: int, port: int) -> dict[str, str]:
    """Return the variables by which torch and Lightning know their place, as torchrun sets them."""
    return {
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "GROUP_RANK": "0",
        "WORLD_SIZE": str(ranks),
        "LOCAL_WORLD_SIZE": str(ranks),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "TORCHELASTIC_RUN_ID": "torchedu",  # by it Lightning knows torchrun
    }


def serve(handle: int, modules: Sequence[str]) -> None:
    """Fork ranks on request until the other side has gone, then kill what still runs.

    Args:
        handle: The file descriptor of the connection to the user's process.
        modules: What to import once.
    """
    for module in modules:
        importlib.import_module(module)
    gc.collect()
    gc.freeze()  # a collection in a rank would copy pages that it shares with this process
    client = Connection(handle)
    wake, bell = socket.socketpair()  # a signal rings the bell, and that ends the wait below
    wake.setblocking(False)
    bell.setblocking(False)
    signal.set_wakeup_fd(bell.fileno(), warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    running: dict[tuple[int, int], BaseProcess] = {}
    try:
        while True:
            ready = wait([client, wake])
            if wake in ready:
                wake.recv(4096)
            for (launch, number), process in list(running.items()):
                if process.exitcode is not None:
                    del running[launch, number]
                    client.send(Ended(launch, number, process.exitcode))
            if client in ready:
                match client.recv():
                    case Job() as job:
                        started = start(job, client)
                        running |= {(job.launch, rank): p for rank, p in enumerate(started)}
                        client.send(Started(job.launch, [p.pid or 0 for p in started]))
                    case Kill(launch, ranks, signum, tree):
                        for rank in ranks:
                            send_signal(running.get((launch, rank)), signum, tree)
                        client.send(Signalled(launch))
    except (EOFError, ConnectionError):
        pass  # the other side has gone
    finally:
        for child in multiprocessing.active_children():
            send_signal(child, signal.SIGKILL, tree=True)


def start(job: Job, client: Connection) -> list[BaseProcess]:
    """Fork a job's ranks."""
    # The port stays bound, and so nobody else's, while a rank lives; as it does not listen and may
    # be bound again, the store of rank 0 can listen there.
    with socket.socket() as port:
        port.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        port.bind(("127.0.0.1", 0))
        processes: list[BaseProcess] = []
        for rank in range(job.ranks):
            process = multiprocessing.get_context("fork").Process(
                target=run, args=(rank, job, client, port), name=f"rank {rank}"
            )
            process.start()
            with suppress(ProcessLookupError, PermissionError):  # it has gone, or become another
                os.setpgid(process.pid or 0, process.pid or 0)  # here too: a kill may come at once
            processes.append(process)
    return processes


def send_signal(process: BaseProcess | None, signum: int, tree: bool) -> None:
    """Signal a process, with its children or alone, if it still runs."""
    # Only exitcode reaps, so a process that has none keeps its number until the signal is sent.
    if process is not None and process.exitcode is None and process.pid:
        with suppress(ProcessLookupError, PermissionError):  # a rank may leave its process group
            (os.killpg if tree else os.kill)(process.pid, signum)


def run(rank: int, job: Job, client: Connection, port: socket.socket) -> None:
    """Be one rank: put in order what the fork took over from the server, and call the function."""
    client.close()
    os.setpgid(0, 0)
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    output = os.open(output_file(job.folder, rank), os.O_WRONLY | os.O_APPEND)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(output)
    cast(TextIOWrapper, sys.stdout).reconfigure(line_buffering=True)
    place = torchrun_variables(rank, job.ranks, port.getsockname()[1]) if job.ranks > 1 else {}
    os.environ.clear()
    os.environ.update(job.outside | place | job.environment)
    os.chdir(job.working)
    sys.path[:] = job.path
    sys.argv = [job.place.file or job.place.name]
    if lightning := sys.modules.get("lightning.fabric.utilities.rank_zero"):
        # It takes this from the environment as it is imported, and that was in the server.
        lightning.rank_zero_only.rank = int(os.environ.get("RANK", 0))
    # A shell's background job, and so all that it forks, does not hear Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    np.random.seed()  # as importing it does; it is the server's own seed otherwise, in every rank
    function = find(job.place)
    result = function(*pickle.loads(job.arguments))
    result_file(job.folder, rank).write_bytes(pickle.dumps(result))


def find(place: Place) -> Callable[..., object]:
    """Return the function of that name, by its module's name or, failing that, from its file."""
    return attrgetter(place.name)(module_of(place))


def module_of(place: Place) -> ModuleType:
    """Import the module that a function stands in."""
    name, file = place.module, place.file
    if file is None or _is_named(name, file):
        return importlib.import_module(name)
    # A script is named as multiprocessing does it, so that `if __name__ == "__main__"` stays quiet.
    spec = importlib.util.spec_from_file_location(
        "__mp_main__" if name == "__main__" else name, file
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = sys.modules[name] = module  # what is pickled names classes by either
    spec.loader.exec_module(module)
    return module


def _is_named(name: str, file: str) -> bool:
    """Return whether importing that name gives that file."""
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):  # a package that is not there; __main__ has no spec
        return False
    return spec is not None and spec.origin is not None and Path(spec.origin) == Path(file)
