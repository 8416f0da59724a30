"""Runs that read texts: essays graded, lessons tagged, problems explained, as they are sent.

They keep nothing of anybody, so that each process that speaks HTTP has its own, opened when it is
first asked: what a GPU holds does not outlive a fork.
"""

import asyncio
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from torchedu.domains import Domain, Explanation, Grading, Lessons
from torchedu.engine.engine import Engine, engine_of
from torchedu.errors import allowed
from torchedu.serve.problems import Problem

VERBS: dict[type[Domain], str] = {Grading: "grade", Lessons: "tag", Explanation: "explain"}
"""What is asked of each task."""


def _graded(engine: Any, **rows: Any) -> list[dict[str, Any]]:
    return [
        {name: value for name, value in grade._asdict().items() if value}
        for grade in engine.grade_many(rows["texts"])
    ]


def _tagged(engine: Any, **rows: Any) -> list[dict[str, Any]]:
    return [tag._asdict() for tag in engine.tag(rows["sentences"])]


def _explained(engine: Any, **asked: Any) -> str:
    return str(engine.explain(**asked))


ANSWERS: dict[str, tuple[str, Callable[..., Any]]] = {
    "grade": ("grades", _graded), "tag": ("tags", _tagged), "explain": ("text", _explained),
}  # fmt: skip
"""What the answer is called, and how it is made."""


class TextRuns:
    """The runs of one process that read texts.

    Args:
        domains: Their tasks, by the names of the runs.
    """

    def __init__(self, domains: Mapping[str, Domain]) -> None:
        self._domains = domains
        self._engines: dict[str, Engine[Any]] = {}
        self._alone = asyncio.Lock()

    async def answer(self, verb: str, run: str | None, asked: Mapping[str, Any]) -> Any:
        """Answer a request, one at a time, beside what else the process does.

        Args:
            verb: What is asked; see ``VERBS``.
            run: The run; the first that can where it is None.
            asked: The arguments.

        Raises:
            Problem: No run here can.
            TorcheduError: A text cannot be read.
        """
        able = {
            name: domain
            for name, domain in self._domains.items()
            if any(isinstance(domain, kind) and VERBS[kind] == verb for kind in VERBS)
        }
        if not able or (run is not None and run not in able):
            raise Problem(
                HTTPStatus.NOT_FOUND, f"no run here answers {verb!r}.",
                allowed(run or "", able) if able else "Serve a run of that task.",
                field="run" if run is not None else None, value=run,
            )  # fmt: skip
        name = next(iter(able)) if run is None else run
        called, make = ANSWERS[verb]
        async with self._alone:
            return {"run": name, called: await asyncio.to_thread(self._made, name, make, asked)}

    def _made(self, name: str, make: Callable[..., Any], asked: Mapping[str, Any]) -> Any:
        if name not in self._engines:
            self._engines[name] = engine_of(self._domains[name])
        return make(self._engines[name], **asked)
