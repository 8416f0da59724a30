"""A request to each route that an application has, none forgotten, by those who may not ask."""

import json
from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlencode

from fastapi import FastAPI
from fastapi.routing import APIRoute
from pydantic import BaseModel

from tests.serve.issuers import LoopbackIssuer
from torchedu.serve.access import SCOPES, Keys

RECORD = {
    "actor": {"account": {"homePage": "https://a.org", "name": "ann"}},
    "verb": {"id": "http://adlnet.gov/expapi/verbs/answered"},
    "object": {"id": "i1"},
    "context": {"contextActivities": {"grouping": [{"id": "7b"}]}},
}
BY_AGENT = "/xAPI/statements?agent=" + quote(json.dumps(RECORD["actor"]))
ANN = {"student": "ann", "item": "i1", "correct": 1, "class": "7b"}
QUERY: Mapping[str, Any] = {
    "student": "ann", "item": "i1", "class": "7b",
    "PUT /xAPI/statements": {"statementId": "27b5c80a-0b4b-4b1c-9ab6-4b1f7a3c2d10"},
}  # fmt: skip
"""A value of each parameter that a route needs, or its whole query."""
BODIES: Mapping[str, Any] = {
    "/events": [{**ANN, "id": "x"}],
    "/courses": {"course": "7b", "length": 9},
    "/training": {"student": "ann", "allowed": False, "class": "7b", "id": "y"},
    "/decisions/overrule": {"student": "ann", "decision": 1, "reason": "She was ill."},
    "/grades": [{"text": "My hat."}],
    "/grades/spoken": [{"text": "It is warm."}],
    "/tags": [{"sentence": "Why?"}],
    "/explanations": {"problem": "1 + 1", "student": "ann"},
    "/forget": {"students": ["ann"]},
    "/xAPI/statements": RECORD,
    "/versions": {"path": "runs/next"},
    "/versions/promote": {},
    "/versions/drop": {},
}
"""What is sent to each route that takes a body."""
OPEN = {"/health", "/xAPI/about"}
"""Routes that need no key."""
NOBODY = {"/grades", "/grades/spoken", "/tags"}
"""Routes that are about nobody whom the service knows, and so about no class."""

Asked = tuple[str, str, Any]
"""Method, path with its query, and body."""


def requests(app: FastAPI) -> list[Asked]:
    """Return a request to each route; one that nobody has given an example here is an error."""
    return [
        (method, route.path + _query(method, route), _body(method, route))
        for route in _routes(app.routes)
        for method in sorted(route.methods)
    ] + [("GET", BY_AGENT, None)]


def _routes(routes: Any) -> Iterator[APIRoute]:
    for route in routes:
        if isinstance(route, APIRoute):
            yield route
        elif hasattr(route, "original_router"):
            yield from _routes(route.original_router.routes)


def _body(method: str, route: APIRoute) -> Any:
    return None if method == "GET" else BODIES[route.path]


def _query(method: str, route: APIRoute) -> str:
    needed = [
        param.alias
        for param in route.dependant.query_params
        if param.field_info.is_required() and not _is_form(param.field_info.annotation)
    ]
    query = QUERY.get(f"{method} {route.path}") or {name: QUERY[name] for name in needed}
    return f"?{urlencode(query)}" if query else ""


def _is_form(kind: Any) -> bool:
    """Say whether a parameter is a form that a whole query is read by."""
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def path_of(asked: Asked) -> str:
    return asked[1].partition("?")[0]


def strangers(keys: Keys, issuer: LoopbackIssuer) -> dict[str, str | None]:
    """Return those who may ask nothing: without a key, and with keys and tokens that do not hold.

    Args:
        keys: The keys of the service, which gets one that is revoked.
        issuer: Whose tokens it takes.
    """
    revoked = keys.add("revoked", SCOPES)
    keys.revoke("revoked")
    whole = " ".join(SCOPES)
    forged = {f"token: {name}": token for name, token in issuer.wrong(scope=whole).items()}
    return {"no key": None, "a key that never was": "tedu_wrong", "revoked": revoked, **forged}


def answered(
    app: FastAPI, keys: Keys, issuer: LoopbackIssuer, status: Callable[..., int]
) -> tuple[int, list[str]]:
    """Ask every route as everybody who may not.

    Args:
        app: The application.
        keys: The keys of the service, which knows ``ann`` of class ``7b``.
        issuer: Whose tokens it takes; their classes are in ``classes``.
        status: Asks, with a key and a request, and returns the status.

    Returns:
        How many requests there were, and which of them were not refused.
    """
    routes = [asked for asked in requests(app) if path_of(asked) not in OPEN]
    tried = [(who, key, asked) for who, key in strangers(keys, issuer).items() for asked in routes]
    elsewhere = {
        "another class": keys.add("another class", SCOPES, "7c"),
        "token: another class": issuer.token(scope=" ".join(SCOPES), classes=["7c", "7d"]),
        "token: no class": issuer.token(scope=" ".join(SCOPES)),
    }
    tried += [
        (who, key, asked)
        for who, key in elsewhere.items()
        for asked in routes
        if path_of(asked) not in NOBODY
    ]
    refused = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
    wrong = [
        f"{who}: {asked[0]} {asked[1]}"
        for who, key, asked in tried
        if status(key, *asked) not in refused
    ]
    single = {scope: keys.add(f"only {scope}", [scope]) for scope in SCOPES}
    single |= {f"token: {scope}": issuer.token(scope=scope, classes=["7b"]) for scope in SCOPES}
    for asked in sorted(routes, key=lambda asked: path_of(asked) == "/forget"):  # last of all
        for mark in ("", "token: "):
            may = [s for s in SCOPES if status(single[mark + s], *asked) not in refused]
            wrong += [f"{mark}{scope}: {asked[0]} {asked[1]}" for scope in may[1:]]
            wrong += [f"nobody: {asked[0]} {asked[1]}"] if not (may or mark) else []
    return len(tried) + len(single) * len(routes), wrong
