"""Start processes in a moment: they are forked from one that has imported everything once."""

import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from operator import attrgetter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from torchedu.errors import ConfigError
from torchedu.testing.ranks import (
    Ended,
    Job,
    Kill,
    Place,
    Signalled,
    Started,
    output_file,
    result_file,
    torchrun_variables,
)

CALM = {
    "OMP_NUM_THREADS": "1",  # ranks share the machine's cores
    "JE_ARROW_MALLOC_CONF": "background_thread:false",  # pyarrow's only thread; forks want none
}
"""Environment that keeps the server to one thread; all else is as where the server began."""


class LaunchError(RuntimeError):
    """A rank failed and so returned nothing, or the launch server is gone."""


class LaunchServer:
    """Starts functions in processes of their own, in milliseconds instead of an import's seconds.

    One server process imports torch, Lightning and torchedu once, and forks every rank::

        with LaunchServer() as server:
            launch = server.start(train, "class.store", ranks=2)
            assert launch.wait(timeout=60) == [0, 0]
            weights = launch.result()

    The server begins with the first ``start`` and ends, with every rank that still runs, when it is
    closed or when the process that uses it dies. Use it from one thread.

    A rank differs from a new process in this: what modules read from the environment while they
    are imported is what the server read (so is the number of OpenMP threads, 1, which
    ``torch.set_num_threads`` changes); sets of strings have the same order in all ranks; functions
    registered with ``atexit`` are not called; and to ``multiprocessing`` it is a child, whose own
    children are forked.

    Args:
        modules: What the server imports once, torch aside. ``torchedu.run`` brings Lightning, numpy
            and pyarrow; add what the functions' own files import and is slow to come.

    Raises:
        ConfigError: This system cannot fork.
    """

    def __init__(self, modules: Sequence[str] = ("torchedu.run",)) -> None:
        if not hasattr(os, "fork"):
            raise ConfigError(
                f"A launch server forks processes, which {sys.platform} cannot.",
                "Use Linux or macOS.",
            )
        self._modules = list(modules)
        self._home: TemporaryDirectory[str] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._launches: dict[int, Launch] = {}
        self._count = 0

    def __enter__(self) -> "LaunchServer":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(
        self,
        function: Callable[..., object],
        *arguments: object,
        ranks: int = 1,
        environment: Mapping[str, str] | None = None,
        folder: str | Path | None = None,
    ) -> "Launch":
        """Start a function in one process or several.

        Each is in a process group of its own, with this process's working folder, import path and
        environment as they are now. Several ranks also have the variables that torchrun would set,
        so that ``init_process_group`` and ``Trainer(devices=ranks, strategy="ddp")`` work
        unchanged; a single process has none of them.

        Args:
            function: A function at the top of a module, a script or a file of tests. Its file is
                imported in each rank, where the server has not done so.
            *arguments: What it is called with; it is pickled.
            ranks: How many processes.
            environment: Further variables, which come before all others.
            folder: Where the ranks' output and results are kept; None stands for one that goes when
                the server is closed.

        Returns:
            The handle of these processes, which have begun.

        Raises:
            ConfigError: The function cannot be found by its name, or there is no rank.
            LaunchError: The server is gone, or could not begin.
        """
        if ranks < 1:
            raise ConfigError(f"ranks is {ranks}.", "Give 1 or more.")
        place, argument_bytes = _place(function), pickle.dumps(arguments)
        if self._process is None:
            self._begin()
        assert self._home is not None
        self._count += 1
        kept = Path(folder or Path(self._home.name) / str(self._count)).absolute()
        launch = Launch(self, self._count, kept, ranks)
        self._launches[self._count] = launch
        torchrun = torchrun_variables(0, ranks, 0)
        outside = {name: value for name, value in os.environ.items() if name not in torchrun}
        job = Job(
            launch=self._count,
            place=place,
            arguments=argument_bytes,
            ranks=ranks,
            outside={**outside, **CALM},
            environment=dict(environment or {}),
            folder=kept,
            working=Path.cwd(),
            path=list(sys.path),
        )
        self._ask(launch, job, lambda: bool(launch.pids))
        return launch

    def close(self) -> None:
        """Kill every rank that still runs, with its own children, and end the server."""
        if self._process is not None:
            self._connection.close()
            self._process.wait()
            self._forget()
        if self._home is not None:
            self._home.cleanup()
            self._home = None

    def _begin(self) -> None:
        self._home = self._home or TemporaryDirectory(prefix="torchedu-launch-")
        self._log = Path(self._home.name) / "server.txt"
        self._connection, other = multiprocessing.Pipe()
        # Not -m: torchedu.testing imports this file, and runpy would then make a second copy of it.
        code = (
            f"from torchedu.testing.ranks import serve; serve({other.fileno()}, {self._modules!r})"
        )
        with other, self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-c", code],
                env={**os.environ, **CALM, "PYTHONPATH": os.pathsep.join(sys.path)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=[other.fileno()],
                start_new_session=True,  # Ctrl-C ends the user's process, and that ends the server
            )

    def _ask(self, launch: "Launch", question: object, done: Callable[[], bool]) -> None:
        """Ask the server, and hear until it has answered."""
        self._must_hold(launch)
        try:
            self._connection.send(question)
        except ConnectionError:
            raise self._lost() from None
        self._hear(launch, done, None)

    def _hear(self, launch: "Launch", done: Callable[[], bool], timeout: float | None) -> bool:
        """Take in what the server tells until something is done; return False if time runs out."""
        end = None if timeout is None else time.monotonic() + timeout
        while not done():
            self._must_hold(launch)
            try:
                if not self._connection.poll(end and max(0.0, end - time.monotonic())):
                    return False
                news = self._connection.recv()
            except (EOFError, ConnectionError):
                raise self._lost() from None
            self._launches[news.launch]._take(news)
        return True

    def _must_hold(self, launch: "Launch") -> None:
        if self._launches.get(launch._number) is not launch:
            raise LaunchError("The launch server that had these ranks is gone.")

    def _lost(self) -> LaunchError:
        """Kill what a server that has died left running, and return how it ended."""
        assert self._process is not None
        self._connection.close()
        code = self._process.wait()
        for launch in self._launches.values():
            for rank in launch.running() if launch.pids else []:
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(launch.pids[rank], signal.SIGKILL)
        self._forget()
        said = self._log.read_text("utf-8", errors="replace")
        return LaunchError(f"The launch server ended with exit code {code}.\n{said}".rstrip())

    def _forget(self) -> None:
        self._launches.clear()
        self._process = None


class Launch:
    """The handle of one function's processes; ``LaunchServer.start`` returns it.

    Attributes:
        pids: The process number of each rank.
        folder: Where their output, ``rank-0.txt``, and results are kept.
    """

    def __init__(self, server: LaunchServer, number: int, folder: Path, ranks: int) -> None:
        self._number = number
        self.folder = folder
        self.pids: list[int] = []
        self._server = server
        self._codes: list[int | None] = [None] * ranks
        self._signalled = False
        folder.mkdir(parents=True, exist_ok=True)
        for rank in range(ranks):
            output_file(folder, rank).write_bytes(b"")
            result_file(folder, rank).unlink(missing_ok=True)  # of an earlier launch

    def kill(
        self, signum: int = signal.SIGKILL, rank: int | None = None, *, tree: bool = False
    ) -> None:
        """Send a signal; where a rank has ended already, nothing happens.

        Args:
            signum: The signal.
            rank: Which rank gets it; all of them where it is None.
            tree: Whether a rank's own children, such as loader workers, get it too. Where they do
                not and their rank is killed, they are left to notice, as in life; torch's loader
                workers end within some seconds.
        """
        ranks = self.running() if rank is None else [rank] if self._codes[rank] is None else []
        if ranks:
            self._signalled = False
            question = Kill(self._number, ranks, signum, tree)
            self._server._ask(self, question, lambda: self._signalled)

    def wait(self, timeout: float) -> list[int]:
        """Wait until every rank has ended.

        Args:
            timeout: For how many seconds at most.

        Returns:
            Each rank's exit code; a rank that signal 9 has killed has -9.

        Raises:
            TimeoutError: Some ranks still run, and go on; the message names them.
            LaunchError: The server is gone.
        """
        if not self._server._hear(self, lambda: not self.running(), timeout):
            left = ", ".join(f"rank {rank} (pid {self.pids[rank]})" for rank in self.running())
            ended = [
                f"rank {r} with {code}" for r, code in enumerate(self._codes) if code is not None
            ]
            raise TimeoutError(
                f"After {timeout:g} seconds these still run: {left}. "
                f"Ended: {', '.join(ended) or 'none'}."
            )
        return [code for code in self._codes if code is not None]

    def running(self) -> list[int]:
        """Return the ranks that were not seen to end, as of the last ``wait``."""
        return [rank for rank, code in enumerate(self._codes) if code is None]

    def output(self, rank: int = 0) -> str:
        """Return what a rank has printed so far, to standard output and error together."""
        return output_file(self.folder, rank).read_text("utf-8", errors="replace")

    def result(self, rank: int = 0) -> Any:
        """Return what the function returned in a rank that has ended.

        Args:
            rank: Which rank.

        Returns:
            The value; None where the function left by ``sys.exit(0)``.

        Raises:
            LaunchError: The rank failed, and then the message has its output; or it still runs.
        """
        code = self._codes[rank]
        if code is None:
            raise LaunchError(f"Rank {rank} has not ended yet; wait for it.")
        if code:
            raise LaunchError(f"Rank {rank} ended with exit code {code}.\n{self.output(rank)}")
        file = result_file(self.folder, rank)
        return pickle.loads(file.read_bytes()) if file.exists() else None

    def _take(self, news: Started | Ended | Signalled) -> None:
        """Note what the server tells of these ranks."""
        match news:
            case Started(_, pids):
                self.pids = pids
            case Ended(_, rank, code):
                self._codes[rank] = code
            case Signalled():
                self._signalled = True


def _place(function: Callable[..., object]) -> Place:
    """Return where another process finds a function."""
    name = getattr(function, "__qualname__", "")
    module = sys.modules.get(getattr(function, "__module__", None) or "")
    try:
        place = attrgetter(name)(module)
    except AttributeError:
        place = None
    if module is None or place != function:
        raise ConfigError(
            f"{name or function!r} cannot be started: no module has it under this name.",
            "Define it with def at the top of a file; give what it needs as arguments.",
        )
    return Place(module.__name__, getattr(module, "__file__", None), name)
