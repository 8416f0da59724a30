"""A Ray cluster: whether anybody listens where it is said to be, joined, and its nodes asked."""

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from torchedu import __version__
from torchedu.errors import ConfigError, MissingExtraError

MEETING = 10.0
"""Seconds that an address has to answer."""
PATIENCE = 60.0
"""Seconds that each node has to answer."""

T = TypeVar("T")


def meet(address: str) -> None:
    """Refuse at once an address where nobody listens; Ray itself tries for minutes.

    Args:
        address: ``HOST:PORT``, also as ``ray://HOST:PORT``; words such as ``auto`` pass.

    Raises:
        OSError: Nobody listens there.
    """
    host, _, port = address.rpartition("://")[2].rpartition(":")
    if port.isdigit():
        socket.create_connection((host, int(port)), MEETING).close()


@contextmanager
def _unheard() -> Iterator[None]:
    """Let nothing come to the terminal that libraries write by themselves; they raise it too."""
    kept, nothing = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nothing)


@contextmanager
def cluster() -> Iterator[None]:
    """Join the cluster that Ray's own variables name, or the one of this host, or begin one here.

    Raises:
        ConfigError: It cannot be reached, or asks for another token.
        MissingExtraError: Ray is not installed.
    """
    try:
        import ray  # who only meets it need not have it
    except ImportError:
        raise MissingExtraError("What runs on a Ray cluster", "ray", "ray") from None

    os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")  # the other one speaks whatever it is told
    try:
        meet(os.environ.get("RAY_ADDRESS", ""))
        with _unheard():  # its core tells of each of twenty tries
            ray.init(log_to_driver=False, logging_level="ERROR", include_dashboard=False)
    except Exception as error:  # noqa: BLE001 - Ray has no class of its own for what it raises
        said = " ".join(str(error).split()) or type(error).__name__
        raise ConfigError(
            f"⟦engine⟧ ray: no cluster at {os.environ.get('RAY_ADDRESS', 'this host')}: "
            f"{said[:200]}",
            "See RAY_ADDRESS, and RAY_AUTH_MODE and RAY_AUTH_TOKEN as the cluster has them.",
        ) from None
    try:
        yield
    finally:
        ray.shutdown()


def of_nodes(asked: Callable[..., T], *arguments: object) -> dict[str, T]:
    """Ask all nodes of the cluster that was joined something, in the folder of this process.

    Args:
        asked: Is called on each node; the folder may not be there.
        arguments: What it is given.

    Returns:
        The answers, by the nodes' addresses.

    Raises:
        ConfigError: A node has no torchedu, or another one.
    """
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    answers = {
        node["NodeManagerAddress"]: ray.remote(num_cpus=0)(_answered)
        .options(scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False))
        .remote(str(Path.cwd()), asked, arguments)
        for node in ray.nodes()
        if node["Alive"]
    }
    said = dict[str, T]()
    for address, answer in answers.items():
        try:
            version, said[address] = ray.get(answer, timeout=PATIENCE)
        except ray.exceptions.RayError as error:
            raise ConfigError(
                f"⟦engine⟧ ray: the node {address} has no torchedu ({type(error).__name__}).",
                "Install the same on all nodes.",
            ) from None
        if version != __version__:
            raise ConfigError(
                f"⟦engine⟧ ray: the node {address} has torchedu {version}, and this is "
                f"{__version__}.",
                "Install the same on all nodes.",
            )
    return said


def _answered(home: str, asked: Callable[..., T], arguments: tuple[object, ...]) -> tuple[str, T]:
    """Return, on a node, its torchedu's version and what it answers."""
    with suppress(OSError):
        os.chdir(home)
    return __version__, asked(*arguments)
