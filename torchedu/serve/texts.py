"""Runs that read what is sent: essays and speech graded, lessons tagged, problems explained.

They keep nothing of anybody, so that each process that speaks HTTP has its own, opened when it is
first asked: what a GPU holds does not outlive a fork.
"""

import asyncio
import traceback
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from torchedu.domains import Domain, Explanation, Grading, Lessons, Spoken
from torchedu.engine.engine import Engine, engine_of
from torchedu.engine.opening import open_task
from torchedu.errors import TorcheduError, allowed
from torchedu.serve.problems import Problem

VERBS: dict[type[Domain], str] = {
    Grading: "grade", Lessons: "tag", Explanation: "explain", Spoken: "grade_spoken",
}  # fmt: skip
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


def _heard(engine: Any, **asked: Any) -> list[dict[str, Any]]:
    return [
        {"scores": {name: score._asdict() for name, score in scores.items()}}
        for scores in engine.grade(**asked)
    ]


ANSWERS: dict[str, tuple[str, Callable[..., Any]]] = {
    "grade": ("grades", _graded), "tag": ("tags", _tagged), "explain": ("text", _explained),
    "grade_spoken": ("grades", _heard),
}  # fmt: skip
"""What the answer is called, and how it is made."""


class TextRuns:
    """The runs of one process that read what is sent.

    Args:
        domains: Their tasks, by the names of the runs.
        at: Where each stands that was opened.
    """

    def __init__(self, domains: Mapping[str, Domain], at: Mapping[str, str] | None = None) -> None:
        self._domains = dict(domains)
        self._at = dict(at or {})
        self._engines: dict[str, Engine[Any]] = {}
        self._alone = asyncio.Lock()

    async def answer(
        self,
        verb: str,
        run: str | None,
        asked: Mapping[str, Any],
        at: Mapping[str, str] | None = None,
    ) -> Any:
        """Answer a request, one at a time, beside what else the process does.

        Args:
            verb: What is asked; see ``VERBS``.
            run: The run; the first that can where it is None.
            asked: The arguments.
            at: Where the runs stand that are to answer; those that were opened where it is None.

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
            made = await asyncio.to_thread(self._made, name, make, asked, (at or {}).get(name))
            return {"run": name, called: made}

    def _made(
        self, name: str, make: Callable[..., Any], asked: Mapping[str, Any], path: str | None
    ) -> Any:
        if path is not None and path != self._at.get(name):  # another has taken its place
            self._at[name] = path
            try:
                self._domains[name] = open_task(path)
                self._engines.pop(name, None)
            except TorcheduError:  # it was opened elsewhere before it was put here; this one stays
                traceback.print_exc()
        if name not in self._engines:
            self._engines[name] = engine_of(self._domains[name])
        return make(self._engines[name], **asked)
