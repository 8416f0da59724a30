import multiprocessing
import os
import time

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


def test_a_worker_with_its_loader_goes_on() -> None:
    with_its_loader(0)
