"""Bodies read alike on all routes: JSON of numbers that are some, and of whole characters alone."""

import json
from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from fastapi import Request, Response
from fastapi.routing import APIRoute
from pydantic import TypeAdapter, ValidationError

from torchedu.serve.problems import Problem

_ANY: TypeAdapter[Any] = TypeAdapter(Any)


def parse(body: bytes) -> Any:
    """Return the value of a body.

    Raises:
        JSONDecodeError: It is none, or holds what no JSON can: a number beyond all, half a
            character; or it is nested too deep.
    """
    try:
        value = _ANY.validate_json(body)
        json.dumps(value, allow_nan=False)
    except ValidationError as error:
        text = str(error.errors(include_url=False)[0]["ctx"]["error"])
        raise json.JSONDecodeError(text, "", 0) from None
    except ValueError:
        raise json.JSONDecodeError("a number is out of range", "", 0) from None
    return value


class _Strict(Request):
    """A request whose body is read by ``parse``."""

    async def json(self) -> Any:
        """Return the value of the body."""
        return parse(await self.body())


class OwnSiteRoute(APIRoute):
    """A route whose handler reads the body itself.

    What a page of another site has a browser send, without a key, is refused: a browser asks before
    it sends what is called JSON, and it would not ask here. The service's own pages are those of
    its host, and of ``app.state.origin`` where people log in to it behind a proxy.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return what answers a request."""
        handle = super().get_route_handler()

        async def own(request: Request) -> Response:
            origin, host = (request.headers.get(name, "") for name in ("origin", "host"))
            if (
                request.method not in ("GET", "HEAD")
                and "authorization" not in request.headers
                and origin
                and urlsplit(origin).netloc != host
                and origin.lower() != request.app.state.origin
            ):
                raise Problem(
                    HTTPStatus.FORBIDDEN,
                    f"a page of {origin} sends this by a browser, without a key.",
                    "Send it from a program, or with a key: torchedu keys add --help.",
                    field="Origin",
                )
            return await handle(self.as_read(request))

        return own

    def as_read(self, request: Request) -> Request:
        """Return a request as the handler reads it."""
        return request


class StrictRoute(OwnSiteRoute):
    """A route whose body is JSON, read by ``parse``, whatever its sender calls it."""

    def as_read(self, request: Request) -> Request:
        """Return a request whose body is called JSON."""
        headers = [(k, v) for k, v in request.scope["headers"] if k != b"content-type"]
        headers.append((b"content-type", b"application/json"))
        return _Strict({**request.scope, "headers": headers}, request.receive)
