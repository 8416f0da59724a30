"""Frames, groups, and a process that is replaced while it is asked."""

import asyncio
import socket
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from torchedu.serve.problems import Problem
from torchedu.serve.service import Message, Reply
from torchedu.serve.wire import Asker, answer, frame, frames


def test_frames_are_taken_whole() -> None:
    whole = frame([1, {"a": "ü"}]) + frame([2, {}])
    buffer = bytearray()
    values = []
    for i in range(len(whole)):
        buffer += whole[i : i + 1]
        values += frames(buffer)
    assert values == [[1, {"a": "ü"}], [2, {}]]
    assert not buffer


class Answering:
    """Answers in a thread with what was asked, and keeps the sizes of groups."""

    def __init__(self, listener: socket.socket) -> None:
        self.sizes: list[int] = []
        self._told, self._tell = socket.socketpair()
        self.began, self.go_on = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=answer, args=(listener, self._handle, self._told))
        self._thread.start()

    def _handle(self, messages: Sequence[Message]) -> list[Reply]:
        self.sizes.append(len(messages))
        self.began.set()
        self.go_on.wait()
        return [Reply(200, message) for message in messages]

    def end(self) -> None:
        self.go_on.set()
        self._tell.send(b"x")
        self._thread.join()
        self._told.close()
        self._tell.close()


@pytest.fixture
def listener(tmp_path: Path) -> Any:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        listener.listen()
        yield listener


def test_what_comes_while_a_group_is_answered_is_the_next_group(listener: socket.socket) -> None:
    answering = Answering(listener)

    async def ask() -> list[Reply]:
        asker = Asker(listener.getsockname())
        first = asyncio.create_task(asker({"do": 0}))
        while not answering.began.is_set():
            await asyncio.sleep(0.01)
        rest = [asyncio.create_task(asker({"do": n, "long": "x" * 10**5})) for n in range(1, 9)]
        await asyncio.sleep(0.1)
        answering.go_on.set()
        replies = await asyncio.gather(first, *rest)
        await asker.close()
        return replies

    replies = asyncio.run(ask())
    answering.end()
    assert [reply.body["do"] for reply in replies] == list(range(9))
    assert answering.sizes[0] == 1
    assert sum(answering.sizes) == 9


def test_a_process_that_is_lost_is_asked_again(listener: socket.socket) -> None:
    async def ask() -> Reply:
        asker = Asker(listener.getsockname())
        waiting = asyncio.create_task(asker({"do": 1}))
        await asyncio.sleep(0)
        connection, _ = await asyncio.to_thread(listener.accept)
        await asyncio.to_thread(connection.recv, 4)
        connection.close()  # killed before it answered
        await asyncio.to_thread(lambda: answerings.append(Answering(listener)))
        answerings[0].go_on.set()
        reply = await waiting
        await asker.close()
        return reply

    answerings: list[Answering] = []
    assert asyncio.run(ask()) == Reply(200, {"do": 1})
    answerings[0].end()


def test_where_nobody_answers_it_is_a_problem(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="out of reach") as refused:
        asyncio.run(Asker(str(tmp_path / "nobody"), patience=0.1)({"do": 1}))
    assert refused.value.status == 503
