"""An issuer of OpenID Connect on loopback, whose keys change and whose tokens may be forged."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qsl, unquote_plus

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import RSAAlgorithm

AUDIENCE = "torchedu"


class LoopbackIssuer:
    """Publishes keys, and signs tokens by the last of them.

    Attributes:
        url: Where it stands.
        fetched: How often its keys were asked for.
        codes: By code, what a browser was sent with and the token that the code is good for.
        secret: What a client has to know; None where anybody may be it.
    """

    def __init__(self) -> None:
        self.keys: dict[str, RSAPrivateKey] = {}
        self.codes: dict[str, tuple[Mapping[str, str], str]] = {}
        self.secret: str | None = None
        self.fetched = 0
        self.rotate("first")

    def rotate(self, kid: str) -> None:
        """Sign by another key from now on; the one before is no longer published."""
        self.keys = {kid: generate_private_key(65537, 2048)}

    def log_in(self, asked: Mapping[str, str], token: str) -> str:
        """Return a code for a token, as of somebody who has logged in.

        Args:
            asked: The query with which a browser came.
            token: The token.
        """
        code = f"code {len(self.codes)}"
        self.codes[code] = asked, token
        return code

    def _exchanged(self, form: Mapping[str, str], login: str) -> dict[str, Any] | None:
        """Return what a client is given that sends a form; None where it is refused."""
        asked, token = self.codes.pop(form["code"], ({}, ""))
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        pair = base64.b64decode(login.removeprefix("Basic ")).decode().partition(":")
        known = unquote_plus(pair[0]), unquote_plus(pair[2])
        right = (
            form["grant_type"] == "authorization_code"
            and asked.get("code_challenge_method") == "S256"
            and base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == asked["code_challenge"]
            and form["redirect_uri"] == asked["redirect_uri"]
            and form["client_id"] == asked["client_id"]
            and (self.secret is None or known == (form["client_id"], self.secret))
        )
        return {"id_token": token, "token_type": "Bearer"} if right else None

    def token(self, kid: str | None = None, **claims: Any) -> str:
        """Return a token that holds, but for what claims say; those that are None are left out."""
        now = int(time.time())
        told = {"iss": self.url, "aud": AUDIENCE, "sub": "ms lee", "iat": now, "exp": now + 3600,
                "scope": "openid read", **claims}  # fmt: skip
        name, key = next(iter(self.keys.items()))
        given = {k: v for k, v in told.items() if v is not None}
        return jwt.encode(given, key, "RS256", {"kid": kid or name})

    def _unsigned(self, claims: dict[str, Any]) -> str:
        """Return a token that says that it needs no signature."""
        return jwt.encode(claims, None, "none", {"kid": next(iter(self.keys))})

    def _confused(self, claims: dict[str, Any]) -> str:
        """Return a token whose secret is the public key, as if that were one."""
        kid, key = next(iter(self.keys.items()))
        public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        head = _part({"alg": "HS256", "typ": "JWT", "kid": kid}) + b"." + _part(claims)
        signature = hmac.new(public, head, hashlib.sha256).digest()
        return (head + b"." + base64.urlsafe_b64encode(signature).rstrip(b"=")).decode()

    def _forged(self, claims: dict[str, Any]) -> str:
        """Return a token that somebody else has signed under a name of one of its keys."""
        other = generate_private_key(65537, 2048)
        return jwt.encode(claims, other, "RS256", {"kid": next(iter(self.keys))})

    def wrong(self, **given: Any) -> dict[str, str]:
        """Return tokens none of which may be taken, with claims that all have."""
        past, whole = int(time.time()) - 3600, self.token(**given)
        changed: dict[str, dict[str, Any]] = {
            "another audience": {"aud": "gradebook"}, "no audience": {"aud": None},
            "another issuer": {"iss": "http://127.0.0.1:1"}, "expired": {"exp": past},
            "no end": {"exp": None}, "not yet": {"nbf": past + 7200}, "nobody": {"sub": None},
            "unknown key": {"kid": "other"},
        }  # fmt: skip
        claims = jwt.decode(whole, options={"verify_signature": False})
        return {
            **{name: self.token(**{**given, **claim}) for name, claim in changed.items()},
            "no signature": self._unsigned(claims), "forged": self._forged(claims),
            "a public key as secret": self._confused(claims), "cut": whole[:-9], "no token": "abc",
        }  # fmt: skip

    @contextmanager
    def served(self) -> Iterator[None]:
        """Answer while a block runs."""
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                told: dict[str, Any] = {
                    "issuer": issuer.url, "jwks_uri": f"{issuer.url}/keys",
                    "authorization_endpoint": f"{issuer.url}/authorize?prompt=login",
                    "token_endpoint": f"{issuer.url}/token",
                }  # fmt: skip
                if self.path == "/keys":
                    issuer.fetched += 1
                    told = {"keys": [_public(kid, key) for kid, key in issuer.keys.items()]}
                self._answer(200, told)

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                given = issuer._exchanged(
                    dict(parse_qsl(body)), self.headers.get("Authorization", "")
                )
                self._answer(400 if given is None else 200, given or {"error": "invalid_grant"})

            def _answer(self, status: int, told: Any) -> None:
                body = json.dumps(told).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            self.url = f"http://127.0.0.1:{server.server_port}"
            thread = Thread(target=server.serve_forever, args=(0.01,))
            thread.start()
            try:
                yield
            finally:
                server.shutdown()
                thread.join()


def _part(value: Any) -> bytes:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=")


def _public(kid: str, key: RSAPrivateKey) -> dict[str, Any]:
    return {**RSAAlgorithm.to_jwk(key.public_key(), as_dict=True), "kid": kid, "use": "sig"}
