"""Processes forked from this one, which has imported everything."""

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from typing import Any

from torchedu.errors import ConfigError, TorcheduError, TrainingError
from torchedu.machine import forks

INTERRUPTED = 130
"""Exit code of a process that was ended by Ctrl-C, as a shell has it."""
LOOK = 1.0
"""Seconds between two looks at other processes."""


def forked(function: Callable[..., Any], *arguments: Any) -> BaseProcess:
    """Start a function in a process forked from this one.

    Args:
        function: The function.
        *arguments: What it is called with; nothing is pickled.

    Raises:
        ConfigError: This system cannot fork.
    """
    if not forks():
        raise ConfigError(
            f"the search forks processes, for ⟦workers⟧ or several devices; {sys.platform} cannot.",
            "Ask for one of each; the command may be started several times instead.",
        )
    child = multiprocessing.get_context("fork").Process(target=function, args=arguments)
    child.start()
    return child


def in_process(function: Callable[..., Any], *arguments: Any) -> Any:
    """Return what a function returns in a process of its own, so that this one stays fit to fork.

    Args:
        function: The function.
        *arguments: What it is called with.

    Raises:
        TorcheduError: It raised one.
        TrainingError: Its process ended without a word.
    """
    here, there = multiprocessing.Pipe(duplex=False)

    def run() -> None:
        try:
            there.send((True, function(*arguments)))
        except TorcheduError as error:
            there.send((False, (type(error).__name__, error.problem, error.remedy)))

    child = forked(run)
    there.close()
    try:
        right, answer = here.recv()
    except EOFError:
        child.join()
        raise TrainingError(
            f"a process of the search has ended (exit code {child.exitcode}).",
            "What it said stands above.",
        ) from None
    child.join()
    if not right:
        _, problem, remedy = answer
        raise ConfigError(problem, remedy)
    return answer


def end_with(parent: int) -> None:
    """End this process when its parent is gone, whose trial another one then takes up.

    Args:
        parent: The parent's number, as it is now.
    """

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(LOOK)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, name="parent", daemon=True).start()
