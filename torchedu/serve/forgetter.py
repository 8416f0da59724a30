"""Who forgets students whole, beside the answering: on request, and when their time is over."""

import asyncio
import traceback
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from http import HTTPStatus
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from torchedu.serve.access import ADMIN
from torchedu.serve.forgetting import SPANS, certify, clean, due, new_number
from torchedu.serve.service import Reply, now
from torchedu.serve.stores import Store, open_tables
from torchedu.serve.wire import Ask

AT_ONCE = 500
"""Students who are forgotten at a time when their time is over."""
FIRST = SPANS["m"]
"""Milliseconds after its start at which a service first looks for them."""
RETENTION: Mapping[str, Any] = {"who": {"name": "--retain", "scopes": [ADMIN], "groups": None}}


async def apart(job: Callable[..., Any], *arguments: Any) -> Any:
    """Do a job in a process that ends with it, and takes with it all that the job has loaded."""
    pool = ProcessPoolExecutor(1, mp_context=get_context("spawn"))
    try:
        return await asyncio.get_running_loop().run_in_executor(pool, job, *arguments)
    finally:
        pool.shutdown(wait=False)


@dataclass
class Forgetter:
    """Forgets students in a service's file and in what was made of it.

    Args:
        ask: Puts a message to the service.
        stores: Its shards.
        runs: The runs that it serves.
        folders: Folders in which stores and runs stand that were made of it.
        apart: Does a job that reads stores; by default in a process that ends with it.
    """

    ask: Ask
    stores: Sequence[Store]
    runs: Sequence[Path] = ()
    folders: Sequence[Path] = ()
    apart: Callable[..., Awaitable[Any]] = apart

    async def forget(
        self, caller: Mapping[str, Any], students: Sequence[str], before: int | None = None
    ) -> Reply:
        """Forget students, and certify it.

        Args:
            caller: Who asks, as messages have it.
            students: Their names.
            before: Only those of whom there is no event from this time on.
        """
        reply = await self.ask({"do": "forgetting", **caller})
        if reply.status != HTTPStatus.OK:
            return reply
        away = self.apart if self.folders else asyncio.to_thread
        cleaned = await away(clean, self.stores[0], students, self.runs, self.folders)
        number = new_number()
        given = {} if before is None else {"before": before}
        message = {"do": "forget", **caller, "students": students, "certificate": number, **given}
        reply = await self.ask(message)
        if reply.status != HTTPStatus.OK:
            return reply
        return Reply(HTTPStatus.OK, certify(self.stores[0], number, reply.body, cleaned))

    async def retain(self, span: int, at: int) -> int:
        """Forget those of whom there was nothing for so long.

        Args:
            span: How long, in milliseconds.
            at: The time, in milliseconds since 1970.

        Returns:
            How many there were.
        """
        students = await asyncio.to_thread(self._due, at - span)
        for first in range(0, len(students), AT_ONCE):
            await self.forget(RETENTION, students[first : first + AT_ONCE], at - span)
        return len(students)

    async def keep_retaining(self, span: int) -> None:
        """Forget every day, or ten times within a shorter span, those whose time is over."""
        await asyncio.sleep(min(FIRST, span / 10) / 1000)  # what begins is let begin
        while True:
            try:
                await self.retain(span, now())
            except Exception:  # noqa: BLE001 - it is tried again
                traceback.print_exc()
            await asyncio.sleep(min(SPANS["d"], span / 10) / 1000)

    def _due(self, before: int) -> list[str]:
        students = list[str]()
        for store in self.stores:
            tables = open_tables(store)
            try:
                students += due(tables, before)
            finally:
                tables.dispose()
        return students
