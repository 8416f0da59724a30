"""Whether anybody listens where a Ray cluster is said to be."""

import socket

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
