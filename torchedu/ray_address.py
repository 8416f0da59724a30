"""Where a Ray cluster is said to be: whether anybody listens there, and joined."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from torchedu.errors import ConfigError, MissingExtraError

MEETING = 10.0
"""Seconds that an address has to answer."""


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
        ray.init(log_to_driver=False, logging_level="ERROR", include_dashboard=False)
    except (ConnectionError, OSError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
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
