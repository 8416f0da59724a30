import errno
import gc
import multiprocessing
import os
import sys
import time
from multiprocessing.process import BaseProcess
from pathlib import Path

from torchedu.datamodules import Interactions
from torchedu.datamodules.stream import with_its_loader
from torchedu.testing.launch import LaunchServer


def killed_while_its_worker_begins() -> bytes:
    """Return what a worker still writes whose loader is gone before it has begun."""
    read, write = os.pipe()
    loader = multiprocessing.get_context("fork").Process(target=_loader, args=(write,))
    loader.start()
    os.close(write)
    told = os.read(read, 99)  # ends when nobody is left who could write
    loader.join()
    return told


def _loader(write: int) -> None:
    multiprocessing.get_context("fork").Process(target=_worker, args=(write,)).start()
    os._exit(0)


def _worker(write: int) -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    while os.getppid() == parent.pid:
        time.sleep(0.01)
    with_its_loader(0)
    os.write(write, b"it stays")


def test_a_worker_ends_with_a_loader_that_is_killed_while_it_begins(launch: LaunchServer) -> None:
    started = launch.start(killed_while_its_worker_begins)
    assert started.wait(timeout=120) == [0], started.output()
    assert started.result() == b""


def not_all_workers_begin(store: str) -> tuple[str, list[str], list[bool]]:
    """Return how a loader ends of whose workers one cannot be started, and what else is said."""
    begin, begun, unheard = BaseProcess.start, [], []

    def start(process: BaseProcess) -> None:
        if begun:
            raise OSError(errno.EMFILE, "too many files")
        begin(process)
        begun.append(process)

    BaseProcess.start = start  # type: ignore[method-assign]
    sys.unraisablehook = lambda said: unheard.append(str(said.exc_value))
    try:
        next(iter(Interactions(store, num_workers=2).train_dataloader()))
    except OSError as error:
        told = str(error.strerror)
    gc.collect()
    return told, unheard, [process.is_alive() for process in begun]


def test_workers_end_where_another_cannot_begin(class_store: Path, launch: LaunchServer) -> None:
    started = launch.start(not_all_workers_begin, str(class_store))
    assert started.wait(timeout=120) == [0], started.output()
    assert started.result() == ("too many files", [], [False])


def test_a_worker_with_its_loader_goes_on() -> None:
    with_its_loader(0)
