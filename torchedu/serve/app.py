"""The routes of a service: HTTP in, a message to the states, their answer out."""

import asyncio
from base64 import b64decode
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping
from contextlib import asynccontextmanager, suppress
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Depends, FastAPI, HTTPException, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse
from fastapi.security import HTTPBearer

from torchedu import __version__
from torchedu.errors import TorcheduError
from torchedu.serve import xapi
from torchedu.serve.access import digest_of
from torchedu.serve.bodies import (
    EITHER,
    Course,
    Name,
    Students,
    Time,
    Training,
    read_events,
    refused,
)
from torchedu.serve.browser_login import Login
from torchedu.serve.browser_login import routes as login_routes
from torchedu.serve.duty_routes import routes as duty_routes
from torchedu.serve.forgetter import Forgetter
from torchedu.serve.json_bodies import StrictRoute
from torchedu.serve.login import Issuer, is_token
from torchedu.serve.problems import MEDIA_TYPE, Problem
from torchedu.serve.records import DEFINITIONS
from torchedu.serve.service import Reply
from torchedu.serve.spoken_routes import routes as spoken_routes
from torchedu.serve.text_bodies import Sentences, Texts, Wanted, plain
from torchedu.serve.texts import TextRuns
from torchedu.serve.version_routes import add_versions
from torchedu.serve.wire import Ask

LIMIT = 2**20
"""Bytes of a body."""
AUDIO_LIMIT = 600.0
"""Seconds of the recordings of a request."""
HEADERS = {
    HTTPStatus.UNAUTHORIZED: {"WWW-Authenticate": "Bearer"},
    HTTPStatus.TOO_MANY_REQUESTS: {"Retry-After": "1"},
    HTTPStatus.SERVICE_UNAVAILABLE: {"Retry-After": "1"},
}

Student = Annotated[Name, Query(description="The student's name.")]
Run = Annotated[Name | None, Query(description="Which run is asked, where several can answer.")]
Count = Annotated[int, Query(ge=1, le=1000, description="How many.")]


def create_app(
    ask: Ask,
    texts: TextRuns | None = None,
    limit: int = LIMIT,
    issuer: Issuer | None = None,
    forgetter: Forgetter | None = None,
    retain: int | None = None,
    login: Login | None = None,
    audio_limit: float = AUDIO_LIMIT,
) -> FastAPI:
    """Return the application.

    Args:
        ask: Puts a message to the service.
        texts: The runs that read what is sent; none where it is None.
        limit: Most bytes of a body.
        issuer: Whose tokens are taken beside keys; nobody's where it is None.
        forgetter: Forgets students beside the service's file too; the file alone where it is None.
        retain: Milliseconds after a student's last event at which the student is forgotten.
        login: How people log in with a browser; not where it is None.
        audio_limit: Most seconds of the recordings of a request.
    """

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        task = None
        if forgetter is not None and retain is not None:
            task = asyncio.create_task(forgetter.keep_retaining(retain))
        yield
        if task is not None:
            task.cancel()

    app = FastAPI(
        title="torchedu", version=__version__, lifespan=lifespan,
        summary="A service that knows each student now.",
        dependencies=[Depends(HTTPBearer(auto_error=False, description="A key, where the service "
                                         "has any."))],
        responses={422: {"description": "A problem document (RFC 9457) that names the field.",
                         "content": {MEDIA_TYPE: {"schema": {"type": "object"}}}}},
    )  # fmt: skip
    app.router.route_class = StrictRoute
    app.state.origin = "" if login is None else login.origin
    app.add_middleware(_Limited, limit=limit)

    async def caller(request: Request) -> dict[str, Any]:
        key = _key(request)
        if issuer is not None and key is not None and is_token(key):
            return {"who": await asyncio.to_thread(issuer.who, key)}
        if key is None and login is not None and (token := login.token_of(request)) is not None:
            return {"who": await asyncio.to_thread(login.who, token)}
        return {"key": None if key is None else digest_of(key)}

    async def put(request: Request, do: str, **arguments: Any) -> Reply:
        given = {name: value for name, value in arguments.items() if value is not None}
        return await ask({"do": do, **await caller(request), **given})

    async def asked(request: Request, do: str, **arguments: Any) -> Response:
        return _response(await put(request, do, **arguments))

    events = {"content": {"application/json": {"schema": EITHER.json_schema(
        ref_template="#/components/schemas/{model}")}}, "required": True}  # fmt: skip
    definitions = events["content"]["application/json"]["schema"].pop("$defs")  # type: ignore[index]

    @app.post("/events", openapi_extra={"requestBody": events}, tags=["events"])
    async def post_events(request: Request) -> Response:
        """Take in events, one or a list of them: all, or none.

        They are on the disk when it says so. An event of a name that is known changes nothing if it
        is the same, and is a conflict (409) if it is another.
        """
        return await asked(request, "post", events=read_events(await request.body()))

    @app.post("/courses", tags=["events"])
    async def post_course(request: Request, course: Course) -> Response:
        """Begin a course, whose students are then followed event by event."""
        return await asked(request, "post", events=[course.event()])

    @app.post("/training", tags=["events"])
    async def post_training(request: Request, training: Training) -> Response:
        """Say whether networks may be trained on what a student does; the latest counts."""
        return await asked(
            request, "post", events=[training.model_dump(by_alias=True, exclude_none=True)]
        )

    @app.get("/mastery", tags=["students"])
    async def get_mastery(
        request: Request,
        student: Student,
        run: Run = None,
        history: Annotated[int, Query(ge=0, le=1000, description="Last answers after each of "
                                      "which it is told too.")] = 0,
    ) -> Response:  # fmt: skip
        """Say how well a student masters each skill.

        It is the chance of answering a new question on it right; of a student who is not known,
        what is known of anybody.
        """
        return await asked(request, "mastery", student=student, run=run, history=history)

    @app.get("/chances", tags=["students"])
    async def get_chances(
        request: Request,
        student: Student,
        item: Annotated[list[Name], Query(min_length=1, max_length=1000, description="Items.")],
        run: Run = None,
        time: Annotated[Time | None, Query(description="When they are put.")] = None,
    ) -> Response:
        """Say how likely a student is to answer items right, each as the next one."""
        return await asked(request, "chances", student=student, items=item, run=run, time=time)

    @app.get("/next", tags=["students"])
    async def get_next(
        request: Request,
        student: Student,
        run: Run = None,
        count: Count = 1,
        target: Annotated[float, Query(ge=0, le=1, description="The chance wanted.")] = 0.7,
        time: Annotated[Time | None, Query(description="When they are put.")] = None,
    ) -> Response:
        """Suggest the items that a student answers right with a chance nearest to a target."""
        return await asked(
            request, "next", student=student, run=run, count=count, target=target, time=time
        )

    @app.get("/risk", tags=["students"])
    async def get_risk(
        request: Request,
        student: Student,
        run: Run = None,
        course: Annotated[Name | None, Query(description="The course; all where left out.")] = None,
        day: Annotated[float | None, Query(allow_inf_nan=False, description="The day.")] = None,
    ) -> Response:
        """Say how likely a student is to fail a course, or to leave it within a week."""
        return await asked(request, "risk", student=student, run=run, course=course, day=day)

    @app.get("/recommendations", tags=["students"])
    async def get_recommendations(
        request: Request, student: Student, run: Run = None, count: Count = 10
    ) -> Response:
        """Recommend the courses that a student is likeliest to take next."""
        return await asked(request, "courses", student=student, run=run, count=count)

    @app.get("/overview", tags=["classes"])
    async def get_overview(
        request: Request,
        group: Annotated[Name, Query(alias="class", description="The class, or the course.")],
    ) -> Response:
        """Say of each student of a class what each run knows."""
        return await asked(request, "overview", group=group)

    runs = texts or TextRuns({})

    async def read(request: Request, do: str, run: str | None, given: dict[str, Any]) -> Response:
        reply = await put(request, do)
        if reply.status != HTTPStatus.OK:
            return _response(reply)
        try:
            return JSONResponse(await runs.answer(do, run, given, reply.body.get("at")))
        except TorcheduError as error:
            raise Problem.of(error) from None

    @app.post("/grades", tags=["texts"])
    async def post_grades(request: Request, texts: Texts, run: Run = None) -> Response:
        """Grade essays or short answers; nothing of them is kept."""
        return await read(request, "grade", run, {"texts": plain(texts)})

    @app.post("/tags", tags=["texts"])
    async def post_tags(request: Request, sentences: Sentences, run: Run = None) -> Response:
        """Tag the sentences of a lesson, in their order; nothing of them is kept."""
        return await read(request, "tag", run, {"sentences": plain(sentences)})

    @app.post("/explanations", tags=["texts"])
    async def post_explanations(request: Request, wanted: Wanted, run: Run = None) -> Response:
        """Explain a problem, to a student whose mastery is looked up where one is named."""
        known: dict[str, float] = {}
        if wanted.student is not None:
            reply = await put(request, "mastery", student=wanted.student)
            if reply.status != HTTPStatus.OK:
                return _response(reply)
            known = reply.body["skills"]
        return await read(request, "explain", run, wanted.asked(known))

    app.include_router(spoken_routes(read, audio_limit))
    app.include_router(xapi.routes(put))
    app.include_router(duty_routes(asked))
    add_versions(app, asked)
    if login is not None:
        app.include_router(login_routes(login))

    @app.post("/forget", tags=["service"])
    async def post_forget(request: Request, named: Students) -> Response:
        """Delete all that is known of students, so that no byte of it is left in the file.

        The answer is the certificate, which also names the networks that have learned from them.
        """
        if forgetter is None:
            return await asked(request, "forget", students=named.students)
        return _response(await forgetter.forget(await caller(request), named.students))

    @app.get("/health", tags=["service"])
    async def get_health(request: Request) -> Response:
        """Say whether the service answers, and what it serves."""
        return await asked(request, "health")

    @app.get("/metrics", tags=["service"], response_class=PlainTextResponse)
    async def get_metrics(request: Request) -> Response:
        """Return counters for Prometheus."""
        reply = await put(request, "metrics")
        return PlainTextResponse(reply.body) if reply.status == HTTPStatus.OK else _response(reply)

    @app.exception_handler(Problem)
    async def on_problem(_: Request, problem: Problem) -> Response:
        return _response(Reply(problem.status, problem.to_json()))

    @app.exception_handler(RequestValidationError)
    async def on_invalid(request: Request, error: RequestValidationError) -> Response:
        return await on_problem(request, refused(error.errors()))

    @app.exception_handler(HTTPException)
    @app.exception_handler(HTTPStatus.NOT_FOUND)
    @app.exception_handler(HTTPStatus.METHOD_NOT_ALLOWED)
    async def on_http(request: Request, error: HTTPException) -> Response:
        allowed = error.headers.get("Allow") if error.headers else None
        remedy = f"Allowed: {allowed}." if allowed else "See /docs for what there is."
        detail = f"{request.method} {request.url.path}: {error.detail}."
        return await on_problem(request, Problem(error.status_code, detail, remedy))

    schema = app.openapi

    def openapi() -> dict[str, Any]:
        whole = schema()
        whole["components"]["schemas"].update(definitions | DEFINITIONS)
        return whole

    app.openapi = openapi  # type: ignore[method-assign]
    return app


def _key(request: Request) -> str | None:
    """Return the key that a request sends, which itself goes no further than here.

    Record stores are told a name and a password (Basic), of which the password is the key.
    """
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        with suppress(ValueError):
            key = b64decode(key.strip(), validate=True).decode().partition(":")[2]
    return key.strip() if scheme.lower() in ("bearer", "basic") else None


def _response(reply: Reply) -> Response:
    media = MEDIA_TYPE if reply.status >= HTTPStatus.BAD_REQUEST else "application/json"
    return JSONResponse(reply.body, reply.status, HEADERS.get(HTTPStatus(reply.status)), media)


Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class _Limited:
    """Refuses bodies over a limit, before they are read whole.

    Args:
        app: The application.
        limit: Most bytes of a body.
    """

    def __init__(self, app: Callable[..., Awaitable[None]], limit: int) -> None:
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        came = 0

        async def counted() -> MutableMapping[str, Any]:
            nonlocal came
            message = await receive()
            came += len(message.get("body", b""))
            if came > self._limit:
                detail = f"the body has more than {self._limit:,} bytes"
                raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail)
            return message

        await self._app(scope, counted, send)
