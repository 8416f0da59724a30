"""People who log in with a browser: the authorization code flow of OpenID Connect, with PKCE.

https://openid.net/specs/openid-connect-core-1_0.html#CodeFlowAuth, RFC 7636. Nothing is kept here:
what was drawn for a login stands in a cookie until it is over, and then the token that the issuer
has signed, which is checked at every request as one that a program sends.
"""

import base64
import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from http import HTTPStatus
from typing import Annotated, Any
from urllib.error import HTTPError
from urllib.parse import quote, quote_plus, unquote, urlencode, urlsplit
from urllib.request import Request as Asked

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse

from torchedu.errors import ConfigError
from torchedu.serve.login import Issuer, ask_issuer, is_safe
from torchedu.serve.problems import Problem

LOCAL = r"^/([^/\\\x00-\x1f][^\\\x00-\x1f]*)?$"
"""A path of the service's own, which leads to no other host."""
WITHIN = 600
"""Seconds in which a login is over."""
DRAWN = 43
"""Letters of what is drawn for a login: 32 bytes."""
MOST = 3800
"""Letters of a token that a cookie holds in every browser."""
READING = ("GET", "HEAD")
"""Methods that change nothing, which a link of another site may bring about."""
AT_LOGIN = "Begin again at /login."


@dataclass(frozen=True)
class Login:
    """How people log in.

    Args:
        issuer: Where.
        client: The service, as the issuer knows it: for whom the tokens of people are.
        address: Where browsers reach the service.
        secret: By which the issuer knows the service; None where the client is a public one.
    """

    issuer: Issuer
    client: str
    address: str
    secret: str | None = None

    def __post_init__(self) -> None:
        """Refuse an address that others on the way could change, or that is no service's."""
        parts = urlsplit(self.address)
        if not is_safe(self.address) or parts.path.strip("/") or parts.query or parts.fragment:
            raise ConfigError(
                f"⟦address⟧ is {self.address!r}.",
                "It is where browsers reach the service: https://HOST, without a path.",
            )
        if not self.client:
            raise ConfigError("⟦client⟧ is empty.", "Name the service, as the issuer knows it.")

    @property
    def session(self) -> str:
        """The name of the cookie of those who are logged in; no other host sets one of https."""
        return "__Host-torchedu" if self._secure else "torchedu"

    @property
    def begun(self) -> str:
        """The name of the cookie of those who are about to."""
        return f"{self.session}-login"

    @property
    def _secure(self) -> bool:
        return urlsplit(self.address).scheme == "https"

    @property
    def origin(self) -> str:
        """The origin of its pages, as browsers name it."""
        return self.address.rstrip("/").lower()

    @property
    def _return(self) -> str:
        return f"{self.address.rstrip('/')}/login/done"

    @cached_property
    def _people(self) -> Issuer:
        return replace(self.issuer, audience=self.client)

    def token_of(self, request: Request) -> str | None:
        """Return the token of who is logged in; None where nobody is, or another site asks."""
        own = request.headers.get("origin", "").lower() == self.origin
        if request.method in READING or own:
            return request.cookies.get(self.session)
        return None

    def who(self, token: str) -> dict[str, Any]:
        """Return who is logged in, as messages have it; see ``access.Who``.

        Raises:
            Problem: The token does not hold (401), or the issuer is out of reach (503).
        """
        return self._people.who(token)

    def begin(self, to: str) -> Response:
        """Return what leads a browser to the issuer.

        Args:
            to: The path to come back to.

        Raises:
            Problem: The issuer is out of reach, or lets nobody log in this way.
        """
        drawn = secrets.token_urlsafe(32)
        challenge = hashlib.sha256(_part(drawn, "verifier").encode()).digest()
        asked = {
            "response_type": "code",
            "client_id": self.client,
            "redirect_uri": self._return,
            "scope": "openid profile",
            "state": _part(drawn, "state"),
            "nonce": _part(drawn, "nonce"),
            "code_challenge": _letters(challenge),
            "code_challenge_method": "S256",
        }
        place = self.issuer.endpoint("authorization_endpoint")
        joined = f"{place}{'&' if '?' in place else '?'}{urlencode(asked)}"
        response = RedirectResponse(joined, HTTPStatus.SEE_OTHER)
        self._keep(response, self.begun, f"{drawn}{quote(to, safe='')}", WITHIN)
        return response

    def finish(self, cookie: str, query: Mapping[str, str]) -> Response:
        """Return what leads a browser back, logged in.

        Args:
            cookie: What was drawn for this login, and where to go.
            query: What the issuer says by way of the browser.

        Raises:
            Problem: It is of another login, or the issuer lets nobody in (401); the token is too
                long for a cookie (422); the issuer is out of reach (503).
        """
        drawn, to = cookie[:DRAWN], cookie[DRAWN:]
        state = query.get("state", "")
        if len(drawn) < DRAWN or not hmac.compare_digest(
            state.encode("utf-8", "replace"), _part(drawn, "state").encode()
        ):
            raise _refused("this browser has begun another one, or none")
        if query.get("iss", self.issuer.url) != self.issuer.url:
            raise _refused("another issuer answers")
        if "code" not in query:
            raise _refused(f"the issuer says {query.get('error', 'nothing')[:80]!r}")
        token = self._exchanged(query["code"], _part(drawn, "verifier"))
        claims = self._people.claims(token, nonce=_part(drawn, "nonce"))
        if claims.get("azp", self.client) != self.client:
            raise _refused("the token is another client's")
        if len(token) > MOST:
            raise Problem(
                HTTPStatus.UNPROCESSABLE_ENTITY,
                f"the token of the issuer has {len(token):,} letters, and a cookie {MOST:,}.",
                "Let the issuer say less of people in it.",
            )
        to = unquote(to)
        response = RedirectResponse(to if re.match(LOCAL, to) else "/", HTTPStatus.SEE_OTHER)
        self._keep(response, self.session, token, int(claims["exp"] - time.time()))
        self._keep(response, self.begun, "", 0)
        return response

    def end(self) -> Response:
        """Return what lets a browser forget who is logged in."""
        response = Response(status_code=HTTPStatus.NO_CONTENT)
        self._keep(response, self.session, "", 0)
        return response

    def _keep(self, response: Response, name: str, value: str, seconds: int) -> None:
        response.set_cookie(
            name, value, max(0, seconds), path="/", secure=self._secure, httponly=True,
            samesite="lax",
        )  # fmt: skip

    def _exchanged(self, code: str, verifier: str) -> str:
        """Return the token that the issuer gives for a code.

        Raises:
            Problem: It gives none (401), or is out of reach (503).
        """
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._return,
            "client_id": self.client,
            "code_verifier": verifier,
        }
        headers = {"Accept": "application/json"}
        ways = self.issuer.configuration.get("token_endpoint_auth_methods_supported")
        if self.secret and "client_secret_basic" in (ways or ["client_secret_basic"]):
            pair = f"{quote_plus(self.client)}:{quote_plus(self.secret)}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        elif self.secret:
            form["client_secret"] = self.secret
        place = self.issuer.endpoint("token_endpoint")
        try:
            given = ask_issuer(self.issuer.url, Asked(place, urlencode(form).encode(), headers))
        except HTTPError as error:
            raise _refused(f"the issuer answers {error.code}") from None
        token = given.get("id_token")
        if not isinstance(token, str):
            raise _refused("the issuer gives no token")
        return token


def routes(login: Login) -> APIRouter:
    """Return the routes by which people log in and out."""
    router = APIRouter(tags=["login"])

    @router.get("/login", status_code=HTTPStatus.SEE_OTHER, response_class=RedirectResponse)
    def get_login(
        to: Annotated[str, Query(pattern=LOCAL, max_length=500, description="The path to come "
                                 "back to.")] = "/docs",
    ) -> Response:  # fmt: skip
        """Lead a browser to the issuer, to log in there."""
        return login.begin(to)

    @router.get("/login/done", status_code=HTTPStatus.SEE_OTHER, response_class=RedirectResponse)
    def get_done(request: Request) -> Response:
        """Take a browser back from the issuer, logged in."""
        return login.finish(request.cookies.get(login.begun, ""), request.query_params)

    @router.post("/logout", status_code=HTTPStatus.NO_CONTENT)
    def post_logout() -> Response:
        """Let the browser forget who is logged in."""
        return login.end()

    return router


def _part(drawn: str, name: str) -> str:
    """Return one of the secrets of a login: who knows one knows no other."""
    return _letters(hmac.digest(drawn.encode("utf-8", "replace"), name.encode(), "sha256"))


def _letters(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _refused(why: str) -> Problem:
    return Problem(HTTPStatus.UNAUTHORIZED, f"the login is not taken: {why}.", AT_LOGIN)
