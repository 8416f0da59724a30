"""The dialect of learning records: ``/xAPI/statements`` as the Experience API (xAPI) has it.

https://github.com/adlnet/xAPI-Spec, 1.0.3, with the statuses of other stores where it leaves them
open: 204 for what is known already, 409 for another statement of a known name, 422 for what is no
statement.
"""

import json
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from http import HTTPStatus
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from torchedu.datasets.statements import name_of
from torchedu.serve.bodies import refused
from torchedu.serve.problems import MEDIA_TYPE, Problem
from torchedu.serve.records import SCHEMA, Agent, Timestamp, read_statements
from torchedu.serve.service import Reply
from torchedu.serve.statements import event_fields, milliseconds, timestamp

PATH = "/xAPI"
VERSIONS = ("1.0.0", "1.0.1", "1.0.2", "1.0.3")
HEADER = "X-Experience-API-Version"
THROUGH = "X-Experience-API-Consistent-Through"
PAGE = 100
"""Statements of an answer at most."""
Put = Callable[..., Awaitable[Reply]]
"""Asks the service: a request, a verb, and its arguments by name."""


class Unasked(BaseModel):
    """Nothing: what a query says beside is refused."""

    model_config = ConfigDict(extra="forbid")


class Named(Unasked):
    """What the statement that is sent is called."""

    statementId: UUID


class Search(Unasked):
    """Which statements are asked for."""

    statementId: UUID | None = None
    voidedStatementId: UUID | None = None
    agent: str | None = Field(None, description="Whose, as JSON.")
    verb: str | None = None
    activity: str | None = None
    registration: str | None = None
    since: Timestamp | None = None
    until: Timestamp | None = None
    limit: int = Field(0, ge=0, description=f"How many at most; 0 for {PAGE}, which is the most.")
    ascending: bool = False
    place: str | None = Field(
        None, pattern=r"^\d{1,18}(-\d{1,18})*$", description="Where the next page goes on."
    )
    format: Literal["exact"] = "exact"
    attachments: Literal[False, "false"] = False
    related_agents: Literal[False, "false"] = False
    related_activities: Literal[False, "false"] = False

    def asked(self) -> dict[str, Any]:
        """Return it as the arguments of ``statements.find``.

        Raises:
            Problem: It asks for one statement and for others.
        """
        if self.statementId or self.voidedStatementId:
            beside = self.model_fields_set - {"format", "attachments"}
            if len(beside) > 1:
                raise Problem(
                    400, f"{', '.join(sorted(beside))} are asked for at once.",
                    "One statement is asked for alone.", field="statementId",
                )  # fmt: skip
            void = self.statementId is None
            return {"id": str(self.statementId or self.voidedStatementId), "void": void}
        times = {"since": self.since, "until": self.until}
        given: dict[str, Any]
        given = {name: milliseconds(value) for name, value in times.items() if value is not None}
        given |= {"limit": min(self.limit, PAGE) or PAGE}
        if self.agent is not None:
            agent = _agent(self.agent)
            given |= {"agent": agent, "student": name_of(agent)}
        if self.place is not None:
            given["place"] = [int(place) for place in self.place.split("-")]
        names = ("verb", "activity", "registration", "ascending")
        return given | self.model_dump(include=set(names))


def _agent(text: str) -> dict[str, Any]:
    try:
        Agent.model_validate_json(text)
    except ValidationError as error:
        raise Problem(
            400, f"the field 'agent': {error.errors()[0]['msg']}.", "It is an agent in JSON.",
            field="agent",
        ) from None  # fmt: skip
    return dict(json.loads(text))


_BAD = Problem(HTTPStatus.BAD_REQUEST, "").to_json()


class _Route(APIRoute):
    """Asks for the version that a client speaks, and tells which one is answered in."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return what answers a request."""
        handle = super().get_route_handler()

        async def versioned(request: Request) -> Response:
            try:
                self._check(request)
                response = await handle(request)
            except Problem as problem:
                response = _problem(Reply(problem.status, problem.to_json()))
            except RequestValidationError as error:  # of the query
                asked = {**refused(error.errors()).to_json(), **_BAD}
                response = _problem(Reply(HTTPStatus.BAD_REQUEST, asked))
            response.headers[HEADER] = VERSIONS[-1]
            return response

        return versioned

    def _check(self, request: Request) -> None:
        version = request.headers.get(HEADER, "")
        if not self.path.endswith("/about") and not (version == "1.0" or version in VERSIONS):
            given = f"is {version!r}" if version else "is not there"
            raise Problem(
                HTTPStatus.BAD_REQUEST, f"the header {HEADER} {given}.",
                f"Allowed: {', '.join(VERSIONS)}.", field=HEADER,
            )  # fmt: skip


def routes(put: Put) -> APIRouter:
    """Return the routes.

    Args:
        put: Asks the service.
    """
    router = APIRouter(prefix=PATH, route_class=_Route, tags=["learning records"])
    bodies = {"content": {"application/json": {"schema": SCHEMA}}, "required": True}

    async def record(request: Request, statements: list[dict[str, Any]]) -> Reply:
        pairs = [event_fields(statement) for statement in statements]
        ids = [statement["id"] for statement in statements]
        again, times = Counter(ids).most_common(1)[0]
        if times > 1:
            raise Problem(
                400, f"{times} statements are called {again!r}.",
                "Each has a name of its own; nothing was kept.", field="id",
            )  # fmt: skip
        own, meanings = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
        return await put(request, "record", events=own, meanings=meanings)

    @router.get("/about")
    async def get_about() -> dict[str, Any]:
        """Say which versions of the specification are spoken."""
        return {"version": list(VERSIONS), "extensions": {}}

    @router.put("/statements", status_code=204, openapi_extra={"requestBody": bodies})
    async def put_statement(request: Request, named: Annotated[Named, Query()]) -> Response:
        """Take in a statement; it is on the disk when it says so."""
        body, name = await request.body(), str(named.statementId)
        if body.lstrip()[:1] == b"[":
            raise Problem(400, "the body is a list.", "PUT takes one statement; POST takes more.")
        (statement,) = read_statements(body, name)
        if statement["id"] != name:
            raise Problem(
                400, f"the statement is called {statement['id']!r} and {name!r}.",
                "Call it alike in both places.", field="statementId",
            )  # fmt: skip
        reply = await record(request, [statement])
        return _nothing() if reply.status == HTTPStatus.OK else _problem(reply)

    @router.post("/statements", openapi_extra={"requestBody": bodies})
    async def post_statements(request: Request, _: Annotated[Unasked, Query()]) -> Response:
        """Take in statements, one or a list of them: all, or none.

        They are on the disk when it says so. The answer has their names; it is empty (204) where
        all were known.
        """
        statements = read_statements(await request.body())
        reply = await record(request, statements)
        if reply.status != HTTPStatus.OK:
            return _problem(reply)
        if not reply.body["new"]:
            return _nothing()
        return JSONResponse([statement["id"] for statement in statements])

    @router.get("/statements")
    async def get_statements(request: Request, search: Annotated[Search, Query()]) -> Response:
        """Return a statement, or statements, the last that was stored first."""
        reply = await put(request, "statements", **search.asked())
        if reply.status != HTTPStatus.OK:
            return _problem(reply)
        statements, more = reply.body["statements"], reply.body["more"]
        through = {THROUGH: timestamp(time.time_ns() // 1_000_000)}
        if search.statementId is None and search.voidedStatementId is None:
            places = more if isinstance(more, list) else [more]
            further = request.url.include_query_params(place="-".join(map(str, places)))
            link = "" if more is None else f"{further.path}?{further.query}"
            return JSONResponse({"statements": statements, "more": link}, headers=through)
        if not statements:
            raise Problem(
                HTTPStatus.NOT_FOUND, "there is no such statement.",
                "What is void is asked for as voidedStatementId.", field="statementId",
            )  # fmt: skip
        return JSONResponse(statements[0], headers=through)

    return router


def _nothing() -> Response:
    """Return an answer without a body, with the type that other stores give it."""
    return Response(status_code=HTTPStatus.NO_CONTENT, media_type="application/json")


def _problem(reply: Reply) -> Response:
    """Return a problem; who has no key may log in with a name of any kind and the key."""
    needs = {"WWW-Authenticate": "Basic"} if reply.status == HTTPStatus.UNAUTHORIZED else None
    return JSONResponse(reply.body, reply.status, needs, MEDIA_TYPE)
