"""Requests from the processes that speak HTTP to the one that has the states, over a local socket.

A frame is its length in four bytes, then JSON: a number with a message there, the number with a
status and a body back. Any number of requests may be on their way at once.
"""

import asyncio
import itertools
import json
import selectors
import socket
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from http import HTTPStatus
from typing import Any

from torchedu.serve.problems import Problem
from torchedu.serve.service import Message, Reply

IDLE = 0.1
"""Seconds without a request after which there is time for other work."""
PATIENCE = 5.0
"""Seconds for which a request is asked again of a process that is being replaced."""
_LENGTH = 4
_PIECE = 2**18

Ask = Callable[[Message], Awaitable[Reply]]
"""Puts a message to the service."""


def frame(value: Any) -> bytes:
    """Return a value as a frame."""
    content = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    return len(content).to_bytes(_LENGTH, "big") + content


def frames(buffer: bytearray) -> list[Any]:
    """Take the whole frames from the front of what has come so far."""
    values, begin = [], 0
    while len(buffer) >= begin + _LENGTH:
        stop = begin + _LENGTH + int.from_bytes(buffer[begin : begin + _LENGTH], "big")
        if len(buffer) < stop:
            break
        values.append(json.loads(buffer[begin + _LENGTH : stop]))
        begin = stop
    del buffer[:begin]
    return values


class _Peer:
    """A connection, with what has come and what is still to go."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.came, self.goes = bytearray(), bytearray()


def answer(
    listener: socket.socket,
    handle: Callable[[Sequence[Message]], Sequence[Reply]],
    *ends: socket.socket,
) -> None:
    """Answer requests, all that have come at once as one group, until the end is told.

    Args:
        listener: Where connections come in.
        handle: Answers a group; an empty one where nothing has come for ``IDLE``.
        ends: Sockets that become readable when it is time to end.
    """
    with selectors.DefaultSelector() as selector:
        listener.setblocking(False)
        selector.register(listener, selectors.EVENT_READ)
        for end in ends:
            selector.register(end, selectors.EVENT_READ)
        try:
            _answer(selector, listener, handle, ends)
        finally:
            for key in list(selector.get_map().values()):
                if key.data is not None:
                    key.data.connection.close()


def _answer(
    selector: selectors.BaseSelector,
    listener: socket.socket,
    handle: Callable[[Sequence[Message]], Sequence[Reply]],
    ends: Sequence[socket.socket],
) -> None:
    while True:
        group: list[tuple[_Peer, int, Message]] = []
        ready = selector.select(IDLE)
        for key, events in ready:
            if key.fileobj in ends:
                return
            if key.fileobj is listener:
                with suppress(BlockingIOError):  # another process may have taken it
                    connection, _ = listener.accept()
                    connection.setblocking(False)
                    selector.register(connection, selectors.EVENT_READ, _Peer(connection))
                continue
            peer: _Peer = key.data
            if events & selectors.EVENT_READ:
                group += [(peer, n, message) for n, message in _received(selector, peer)]
            if events & selectors.EVENT_WRITE:
                _send(selector, peer)
        if not group:
            if not ready:
                handle([])
            continue
        replies = handle([message for _, _, message in group])
        for (peer, number, _), reply in zip(group, replies, strict=True):
            peer.goes += frame([number, reply.status, reply.body])
        for peer in {id(peer): peer for peer, _, _ in group}.values():
            _send(selector, peer)


def _received(selector: selectors.BaseSelector, peer: _Peer) -> list[Any]:
    try:
        piece = peer.connection.recv(_PIECE)
    except BlockingIOError:
        return []
    except OSError:
        piece = b""
    if not piece:
        _close(selector, peer)
        return []
    peer.came += piece
    return frames(peer.came)


def _send(selector: selectors.BaseSelector, peer: _Peer) -> None:
    """Send what can be sent now; the rest when the other side has read."""
    if peer.connection.fileno() < 0:  # it has left before its answer
        return
    try:
        while peer.goes:
            del peer.goes[: peer.connection.send(peer.goes)]
    except BlockingIOError:
        pass
    except OSError:
        _close(selector, peer)
        return
    wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if peer.goes else 0)
    selector.modify(peer.connection, wanted, peer)


def _close(selector: selectors.BaseSelector, peer: _Peer) -> None:
    selector.unregister(peer.connection)
    peer.connection.close()


class Asker:
    """Asks the process that has the states, and again where that one was lost on the way.

    Asking again is safe: an event that is known by its name is not taken in twice.

    Args:
        path: The socket.
        patience: Seconds for which it is tried.
    """

    def __init__(self, path: str, patience: float = PATIENCE) -> None:
        self._path = path
        self._patience = patience
        self._numbers = itertools.count()
        self._waiting: dict[int, asyncio.Future[Reply]] = {}
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None
        self._connecting = asyncio.Lock()

    async def __call__(self, message: Message) -> Reply:
        """Put a message to the service.

        Raises:
            Problem: Nobody answers.
        """
        end = time.monotonic() + self._patience
        while time.monotonic() < end:
            try:
                async with asyncio.timeout(max(0.0, end - time.monotonic())):
                    return await self._ask(message)
            except TimeoutError:
                break
            except OSError:  # the process is gone, and another one takes its place
                await asyncio.sleep(0.02)
        raise Problem(
            HTTPStatus.SERVICE_UNAVAILABLE, "the states are out of reach.", "Ask again in a moment."
        )

    async def close(self) -> None:
        """Ask nothing more."""
        if self._writer is not None and self._reading is not None:
            self._writer.close()
            await self._reading

    async def _ask(self, message: Message) -> Reply:
        writer = await self._connected()
        number = next(self._numbers)
        reply = self._waiting[number] = asyncio.get_running_loop().create_future()
        try:
            writer.write(frame([number, message]))
            await writer.drain()
            return await reply
        finally:
            self._waiting.pop(number, None)

    async def _connected(self) -> asyncio.StreamWriter:
        async with self._connecting:
            if self._writer is None or self._writer.is_closing():
                reader, self._writer = await asyncio.open_unix_connection(self._path)
                self._reading = asyncio.create_task(self._read(reader, self._writer))
            return self._writer

    async def _read(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        buffer = bytearray()
        with suppress(OSError):
            while piece := await reader.read(_PIECE):
                buffer += piece
                for number, status, body in frames(buffer):
                    waiting = self._waiting.get(number)
                    if waiting is not None and not waiting.done():
                        waiting.set_result(Reply(status, body))
        writer.close()
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(ConnectionResetError("the process that has the states ended"))
