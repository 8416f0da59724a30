"""Those who log in elsewhere: tokens of an issuer of OpenID Connect, in place of keys.

https://openid.net/specs/openid-connect-core-1_0.html. A token is taken whose signature is by a key
that the issuer publishes, and that was made by this issuer, for this service, and holds now.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from http import HTTPStatus
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import jwt

from torchedu.errors import ConfigError
from torchedu.serve.access import MARK, SCOPES
from torchedu.serve.problems import Problem

SIGNED = (
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA",
)  # fmt: skip
"""Signatures that are taken: those of a key pair alone, so that what is public signs nothing."""
LEEWAY = 30
"""Seconds by which the issuer's clock may be another."""
TIMEOUT = 5
"""Seconds in which the issuer answers."""
AGAIN = 10
"""Seconds after which a key that is not known is looked for anew among the issuer's."""
PREFIX = "torchedu:"
"""What a scope may have before it in a token."""


def is_token(key: str) -> bool:
    """Say whether what a request sends is a token, and no key of the service's own."""
    return not key.startswith(MARK)


@dataclass(frozen=True)
class Issuer:
    """Who lets people log in.

    Args:
        url: The issuer, as its tokens name it; its configuration stands below it.
        audience: Whom its tokens have to be for: this service, as the issuer knows it.
        scopes: The claim that has the scopes, words in a text or a list.
        classes: The claim that has a person's classes; all classes where it is None.
    """

    url: str
    audience: str
    scopes: str = "scope"
    classes: str | None = None

    def __post_init__(self) -> None:
        """Refuse an address that others on the way could change."""
        if not is_safe(self.url):
            raise ConfigError(
                f"⟦issuer⟧ is {self.url!r}.", "It is an address that begins with https://."
            )
        if not self.audience:
            raise ConfigError(
                f"⟦issuer⟧ is {self.url!r}, and there is no ⟦audience⟧.",
                "Name for whom its tokens are: this service, as the issuer knows it.",
            )

    def who(self, token: str) -> dict[str, Any]:
        """Return who sends a token, as messages have it; see ``access.Who``.

        Raises:
            Problem: The token does not hold (401), or the issuer is out of reach (503).
        """
        claims = self.claims(token)
        words = claims.get(self.scopes, "")
        given = words.split() if isinstance(words, str) else [str(word) for word in words or ()]
        scopes = [word.removeprefix(PREFIX) for word in given]
        groups = None
        if self.classes is not None:
            named = claims.get(self.classes) or []
            groups = [named] if isinstance(named, str) else [str(name) for name in named]
        return {
            "name": f"{claims['sub']} of {self.url}",
            "scopes": [scope for scope in SCOPES if scope in scopes],
            "groups": groups,
        }

    def claims(self, token: str, nonce: str | None = None) -> Mapping[str, Any]:
        """Return what a token says, once it is found to hold.

        Args:
            token: The token.
            nonce: What was drawn for the login that it is of; None where that is over.

        Raises:
            Problem: It does not hold (401), or the issuer is out of reach (503).
        """
        try:
            key = self._keys.get_signing_key_from_jwt(token)
            claims: dict[str, Any] = jwt.decode(
                token, key, list(SIGNED), audience=self.audience, issuer=self.url, leeway=LEEWAY,
                options={"require": ["exp", "iat", "iss", "aud", "sub"]},
            )  # fmt: skip
        except (jwt.PyJWKClientConnectionError, URLError, TimeoutError) as error:
            raise _out_of_reach(self.url) from error
        except (jwt.PyJWTError, ValueError) as error:
            raise _refused(type(error).__name__) from None
        if nonce is not None and claims.get("nonce") != nonce:
            raise _refused("another nonce")
        return claims

    @cached_property
    def configuration(self) -> Mapping[str, Any]:
        """What the issuer says of itself.

        Raises:
            Problem: It is out of reach, or says that it is another.
        """
        place = f"{self.url.rstrip('/')}/.well-known/openid-configuration"
        said = ask_issuer(self.url, Request(place))
        if said.get("issuer") != self.url:
            raise _out_of_reach(self.url)
        return said

    def endpoint(self, name: str) -> str:
        """Return where the issuer has one of its parts.

        Raises:
            Problem: It is out of reach, or does not say so safely.
        """
        place = str(self.configuration.get(name))
        if not is_safe(place):
            raise _out_of_reach(self.url)
        return place

    @cached_property
    def _keys(self) -> jwt.PyJWKClient:
        place = self.endpoint("jwks_uri")
        return jwt.PyJWKClient(place, timeout=TIMEOUT, cooldown_duration=AGAIN)


def ask_issuer(issuer: str, request: Request) -> Mapping[str, Any]:
    """Return what an issuer answers.

    Args:
        issuer: It, as an error names it.
        request: What it is asked, by https or on loopback.

    Raises:
        HTTPError: It refuses what it is sent.
        Problem: It is out of reach (503).
    """
    try:
        with urlopen(request, timeout=TIMEOUT) as reply:
            said = json.loads(reply.read(2**20))
    except HTTPError as error:
        if error.code < HTTPStatus.INTERNAL_SERVER_ERROR and request.data:
            raise
        raise _out_of_reach(issuer) from error
    except (OSError, ValueError) as error:
        raise _out_of_reach(issuer) from error
    if not isinstance(said, dict):
        raise _out_of_reach(issuer)
    return said


def is_safe(url: str) -> bool:
    """Say whether nobody on the way to an address can change what comes from there."""
    parts = urlsplit(url)
    local = parts.hostname in ("127.0.0.1", "::1", "localhost")
    return parts.scheme == "https" or (local and parts.scheme == "http")


def _refused(why: str) -> Problem:
    return Problem(
        HTTPStatus.UNAUTHORIZED, f"the request has no token that holds ({why}).",
        "Log in again, and send the new one: Authorization: Bearer TOKEN.",
    )  # fmt: skip


def _out_of_reach(url: str) -> Problem:
    return Problem(
        HTTPStatus.SERVICE_UNAVAILABLE, f"the issuer {url} cannot be asked for its keys.",
        "Ask again in a moment; a key of the service's own is taken meanwhile.",
    )  # fmt: skip
