"""Tokens of an issuer: what they may, and all that is refused."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.serve.every_route import ANN
from tests.serve.issuers import AUDIENCE, LoopbackIssuer
from tests.serve.test_access import MASTERY, Kept
from torchedu.errors import ConfigError
from torchedu.serve import login
from torchedu.serve.login import Issuer
from torchedu.serve.problems import Problem


@pytest.fixture(scope="module")
def loopback() -> Iterator[LoopbackIssuer]:
    issuer = LoopbackIssuer()
    with issuer.served():
        yield issuer


def test_tokens_that_do_not_hold_are_refused(loopback: LoopbackIssuer, tmp_path: Path) -> None:
    kept = Kept(tmp_path, issuer=Issuer(loopback.url, AUDIENCE))
    assert kept.status(loopback.token(), *MASTERY) == 200
    assert kept.status(None, *MASTERY) == 401
    for name, token in loopback.wrong().items():
        assert kept.status(token, *MASTERY) == 401, name
    assert kept.status(kept.keys.add("platform", ["read"]), *MASTERY) == 200
    assert kept.status("tedu_wrong", *MASTERY) == 401
    kept.close()


def test_a_token_does_what_its_claims_say(loopback: LoopbackIssuer, tmp_path: Path) -> None:
    kept = Kept(tmp_path, issuer=Issuer(loopback.url, AUDIENCE, "rights", "classes"))
    post = ("POST", "/events", {**ANN, "id": "a"})
    rights = {"rights": ["torchedu:read", "write", "root"]}
    assert kept.status(loopback.token(**rights, classes=["7c", "7b"]), *post) == 200
    assert kept.status(loopback.token(**rights, classes="7b"), *MASTERY) == 200
    for classes in ("7c", [], None):
        assert kept.status(loopback.token(**rights, classes=classes), *MASTERY) == 403
    assert kept.status(loopback.token(rights="write", classes="7b"), *MASTERY) == 403
    assert kept.status(loopback.token(classes="7b"), *MASTERY) == 403
    assert kept.status(loopback.token(**rights, classes="7b"), "GET", "/acts", None) == 403
    kept.close()


def test_rotated_keys_are_followed_and_strangers_ask_for_none(
    loopback: LoopbackIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    issuer = Issuer(loopback.url, AUDIENCE)
    before = loopback.token()
    assert issuer.who(before)["name"] == f"ms lee of {loopback.url}"
    asked = loopback.fetched
    for number in range(20):  # nobody makes the service ask the issuer again and again
        with pytest.raises(Problem):
            issuer.who(loopback.token(kid=str(number)))
    assert loopback.fetched == asked
    monkeypatch.setattr(login, "AGAIN", 0)
    issuer = Issuer(loopback.url, AUDIENCE)
    issuer.who(before)
    loopback.rotate("second")
    issuer.who(loopback.token())
    with pytest.raises(Problem, match="PyJWKClientError"):
        issuer.who(before)


def test_a_login_has_its_nonce(loopback: LoopbackIssuer) -> None:
    issuer = Issuer(loopback.url, AUDIENCE)
    token = loopback.token(nonce="drawn")
    assert issuer.claims(token, "drawn")["sub"] == "ms lee"
    for given in (token, loopback.token()):
        with pytest.raises(Problem, match="nonce"):
            issuer.claims(given, "another")


def test_an_issuer_that_is_not_there_is_told(loopback: LoopbackIssuer) -> None:
    with pytest.raises(Problem, match="cannot be asked") as raised:
        Issuer("http://127.0.0.1:9", AUDIENCE).who(loopback.token())
    assert raised.value.status == 503
    with pytest.raises(Problem, match="cannot be asked"):  # it says that it is another
        Issuer(loopback.url + "/", AUDIENCE).who(loopback.token())
    for url in ("http://login.example.org", "login", "file:///etc/passwd"):
        with pytest.raises(ConfigError, match="issuer"):
            Issuer(url, AUDIENCE)
    with pytest.raises(ConfigError, match="audience"):
        Issuer("https://login.example.org", "")
