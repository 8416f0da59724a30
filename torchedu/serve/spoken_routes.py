"""The route to which answers are sent, with their recordings and photographs."""

import math
from base64 import b64decode
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from pydantic import BeforeValidator, Field, TypeAdapter, ValidationError
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import Field as FormField
from python_multipart.multipart import File, FormParser, parse_options_header

from torchedu.datasets.attached import ATTACHED
from torchedu.datasets.photographs import MOST_PIXELS
from torchedu.serve.bodies import Body, refused
from torchedu.serve.json_bodies import OwnSiteRoute
from torchedu.serve.problems import Problem

FORM = "multipart/form-data"
FIELDS = ("text", *(kind.column for kind in ATTACHED))
"""Parts of a form, each of which it may have once."""


def _decoded(value: object) -> object:
    """Return the bytes that stand for base64; what is none is a ValueError, told as it is."""
    if not isinstance(value, str):
        return value
    try:
        return b64decode(value, validate=True)
    except ValueError:
        raise ValueError("it is no base64") from None


class Answer(Body):
    """An answer that was typed, spoken, photographed, or several of these."""

    text: str | None = Field(None, max_length=100_000, description="What was typed.")
    audio: Annotated[bytes, BeforeValidator(_decoded)] | None = Field(
        None, description="A file of what was said, in base64: WAV, FLAC, OGG or MP3.",
        json_schema_extra={"type": "string", "format": "byte"},
    )  # fmt: skip
    image: Annotated[bytes, BeforeValidator(_decoded)] | None = Field(
        None, description="A photograph of what was written, in base64: PNG, JPEG or WebP.",
        json_schema_extra={"type": "string", "format": "byte"},
    )  # fmt: skip


_ANSWERS: TypeAdapter[list[Answer]] = TypeAdapter(
    Annotated[list[Answer], Field(min_length=1, max_length=100)]
)
_BODY = {
    "required": True,
    "content": {
        FORM: {"schema": {
            "type": "object", "additionalProperties": False,
            "properties": {"text": {"type": "string", "maxLength": 100_000},
                           **{kind.column: {"type": "string", "format": "binary"}
                              for kind in ATTACHED}},
        }},
        "application/json": {"schema": {
            "type": "array", "minItems": 1, "maxItems": 100, "items": Answer.model_json_schema(),
        }},
    },
}  # fmt: skip


async def answers_of(request: Request) -> list[dict[str, Any]]:
    """Return the answers of a request: a form is one of them, JSON a list.

    Raises:
        Problem: It is neither, or a field cannot be.
    """
    try:
        body, content_type = await request.body(), request.headers.get("content-type", "")
        if content_type.lower().startswith(FORM):
            answers = [Answer.model_validate(_form(body, content_type))]
        else:
            answers = _ANSWERS.validate_json(body)
    except ValidationError as error:
        raise refused(error.errors(include_url=False)) from None
    return [answer.model_dump(exclude_none=True) for answer in answers]


def _form(body: bytes, content_type: str) -> dict[str, Any]:
    """Return the parts of a form by name.

    Files of any size stay in memory: no voice and no hand is written to a disk.

    Raises:
        Problem: It is damaged or cut, or has a part twice or of another kind.
    """
    kind, options = parse_options_header(content_type)
    parts: list[tuple[str, str | bytes]] = []
    ends: list[bool] = []

    def on_file(file: File) -> None:
        parts.append((_name(file.field_name), file.file_object.getvalue()))  # type: ignore[union-attr]

    def on_field(field: FormField) -> None:
        parts.append((_name(field.field_name), _name(field.value)))

    try:
        parser = FormParser(
            kind.decode("latin-1"), on_field, on_file, lambda: ends.append(True),
            options.get(b"boundary"), config={"MAX_MEMORY_FILE_SIZE": math.inf},
        )  # fmt: skip
        parser.write(body)
        parser.finalize()
    except (FormParserError, UnicodeDecodeError) as error:
        raise _no_form("it is damaged") from error
    if not ends:
        raise _no_form("it is cut")
    given = dict(parts)
    if len(given) < len(parts):
        raise _no_form("it has a part twice")
    for name in FIELDS:
        if isinstance(given.get(name), bytes if name == "text" else str):
            is_what, send = (
                ("a file", "field") if name == "text" else ("no file", "file with a name")
            )
            raise Problem(
                HTTPStatus.UNPROCESSABLE_ENTITY, f"{name} is {is_what}.",
                f"Send {name} as a {send}.", field=name,
            )  # fmt: skip
    return given


def _name(content: bytes | None) -> str:
    return (content or b"").decode()


def _no_form(why: str) -> Problem:
    return Problem(
        HTTPStatus.BAD_REQUEST, f"the body is no form: {why}.",
        f"Send {', '.join(FIELDS[:-1])} and {FIELDS[-1]}, each once, as {FORM} in UTF-8.",
    )  # fmt: skip


def routes(read: Callable[..., Awaitable[Response]], most_seconds: float) -> APIRouter:
    """Return the route.

    Args:
        read: Has a run read what was sent: the request, a verb, the run's name and arguments.
        most_seconds: Seconds that the recordings of a request may have together.
    """
    router = APIRouter(route_class=OwnSiteRoute)

    @router.post("/grades/spoken", tags=["texts"], openapi_extra={"requestBody": _BODY})
    async def post_spoken(request: Request, run: str | None = None) -> Response:
        """Grade answers typed, spoken or photographed; nothing of them is kept.

        A form is one answer, JSON a list of them. Each score has its value, and the ends between
        which the true one lies with a chance of 80 %.
        """
        answers = await answers_of(request)
        given = {"answers": answers, "most_seconds": most_seconds,
                 "most_pixels": MOST_PIXELS}  # fmt: skip
        return await read(request, "grade_spoken", run, given)

    return router
