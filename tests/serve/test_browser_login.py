"""People who log in with a browser: the whole way there and back, and each way it may go wrong."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx2
import pytest
from fastapi.testclient import TestClient

from tests.serve.every_route import ANN
from tests.serve.issuers import LoopbackIssuer
from tests.serve.test_access import Kept
from torchedu.errors import ConfigError
from torchedu.serve import login as login_module
from torchedu.serve.app import create_app
from torchedu.serve.browser_login import DRAWN, MOST, Login
from torchedu.serve.login import Issuer

ADDRESS = "https://school.example.org"
CLIENT = "torchedu at school"
MASTERY = "/mastery?student=ann"


@pytest.fixture(scope="module")
def loopback() -> Iterator[LoopbackIssuer]:
    issuer = LoopbackIssuer()
    with issuer.served():
        yield issuer


class Browser:
    """A browser before a service whose people log in elsewhere.

    Args:
        kept: The service behind the application.
        loopback: Where they do.
        secret: What the service tells it.
    """

    def __init__(self, kept: Kept, loopback: LoopbackIssuer, secret: str | None = None) -> None:
        issuer = Issuer(loopback.url, "programs", "roles", "classes")
        self.loopback = loopback
        self.login = Login(issuer, CLIENT, ADDRESS, secret)
        self.client = TestClient(
            create_app(kept.ask, issuer=issuer, login=self.login), ADDRESS, follow_redirects=False
        )

    def begin(self, to: str = "/docs") -> dict[str, str]:
        """Go to the login, and return what the issuer is asked."""
        led = self.client.get("/login", params={"to": to})
        assert led.status_code == 303
        place = led.headers["location"]
        assert place.startswith(f"{self.loopback.url}/authorize?prompt=login&")
        return dict(parse_qsl(urlsplit(place).query))

    def end(self, asked: dict[str, str], **claims: Any) -> httpx2.Response:
        """Come back with a code for a token that holds, but for what claims say."""
        given = {"aud": CLIENT, "nonce": asked["nonce"], "roles": ["read"], **claims}
        code = self.loopback.log_in(asked, self.loopback.token(**given))
        return self.client.get("/login/done", params={"code": code, "state": asked["state"]})


@pytest.fixture
def browser(loopback: LoopbackIssuer, tmp_path: Path) -> Iterator[Browser]:
    kept = Kept(tmp_path, issuer=Issuer(loopback.url, "programs"))
    key = kept.keys.add("platform", ["write"])
    assert kept.status(key, "POST", "/events", {**ANN, "id": "a"}) == 200
    yield Browser(kept, loopback)
    kept.close()


def test_who_logs_in_is_answered_and_who_logs_out_is_not(browser: Browser) -> None:
    assert browser.client.get(MASTERY).status_code == 401
    asked = browser.begin("/overview?class=7b")
    assert asked["response_type"] == "code"
    assert "openid" in asked["scope"].split()
    led = browser.end(asked, classes=["7b"])
    assert (led.status_code, led.headers["location"]) == (303, "/overview?class=7b")
    for cookie in led.headers.get_list("set-cookie"):
        assert all(word in cookie for word in ("__Host-", "HttpOnly", "Secure", "SameSite=lax"))
    assert browser.client.get(MASTERY).status_code == 200
    assert browser.client.get("/overview?class=7c").status_code == 403
    assert browser.client.get("/acts").status_code == 403
    # A key that is sent is who asks, whatever the cookie says.
    wrong = {"Authorization": "Bearer tedu_wrong"}
    assert browser.client.get(MASTERY, headers=wrong).status_code == 401
    assert browser.client.post("/logout").status_code == 204
    assert browser.client.get(MASTERY).status_code == 401


def test_another_site_does_nothing_with_the_cookie(browser: Browser) -> None:
    browser.end(browser.begin(), roles="write", classes="7b")
    event = {**ANN, "id": "b"}
    for origin, code in (
        ({}, 401),
        ({"Origin": "https://evil.example.org"}, 403),
        ({"Origin": "null"}, 403),
    ):
        assert browser.client.post("/events", json=event, headers=origin).status_code == code
    own = {"Origin": ADDRESS}
    assert browser.client.post("/events", json=event, headers=own).status_code == 200


def test_no_token_is_taken_that_does_not_hold(browser: Browser, loopback: LoopbackIssuer) -> None:
    asked = browser.begin()
    wrong = loopback.wrong(aud=CLIENT, nonce=asked["nonce"], roles="read")
    wrong["of programs"] = loopback.token(aud="programs", nonce=asked["nonce"])
    wrong["another nonce"] = loopback.token(aud=CLIENT, nonce="another")
    wrong["no nonce"] = loopback.token(aud=CLIENT)
    both = [CLIENT, "gradebook"]
    wrong["of another client"] = loopback.token(aud=both, azp="gradebook", nonce=asked["nonce"])
    for name, token in wrong.items():
        code = loopback.log_in(asked, token)
        back = browser.client.get("/login/done", params={"code": code, "state": asked["state"]})
        assert back.status_code == 401, name
        assert browser.login.session not in browser.client.cookies, name
        browser.client.cookies.set(browser.login.session, token, "school.example.org")
        if name not in ("another nonce", "no nonce", "of another client"):  # a login's alone
            assert browser.client.get(MASTERY).status_code == 401, name
        browser.client.cookies.delete(browser.login.session)
    assert browser.end(asked).status_code == 303


def test_a_login_is_of_the_browser_that_began_it(browser: Browser) -> None:
    asked = browser.begin()
    code = browser.loopback.log_in(
        asked, browser.loopback.token(aud=CLIENT, nonce=asked["nonce"], roles="read")
    )
    for state in ("", "another", asked["state"][:-1], "é"):
        back = browser.client.get("/login/done", params={"code": code, "state": state})
        assert back.status_code == 401
        assert "another one" in back.json()["detail"]
    right = {"code": code, "state": asked["state"]}
    other = browser.client.get("/login/done", params={**right, "iss": "https://other.example.org"})
    assert "another issuer" in other.json()["detail"]
    cookie = browser.client.cookies.get(browser.login.begun)
    browser.client.cookies.clear()
    assert browser.client.get("/login/done", params=right).status_code == 401
    browser.client.cookies.set(browser.login.begun, str(cookie), "school.example.org")
    assert browser.client.get("/login/done", params=right).status_code == 303
    # Neither the code nor the cookie is good for another time.
    assert browser.client.get("/login/done", params=right).status_code == 401


def test_a_code_that_was_stolen_is_good_for_nobody(browser: Browser) -> None:
    stolen, mine = browser.begin(), browser.begin()
    token = browser.loopback.token(aud=CLIENT, nonce=mine["nonce"], roles="read")
    code = browser.loopback.log_in(stolen, token)
    back = browser.client.get("/login/done", params={"code": code, "state": mine["state"]})
    assert (back.status_code, "answers 400" in back.json()["detail"]) == (401, True)


def test_who_is_not_let_in_is_told(browser: Browser) -> None:
    state = browser.begin()["state"]
    back = browser.client.get(
        "/login/done", params={"state": state, "error": "access_denied<script>"}
    )
    assert back.status_code == 401
    assert "access_denied" in back.json()["detail"]
    assert back.headers["content-type"] == "application/problem+json"
    asked = browser.begin()
    assert browser.end(asked, much="x" * MOST).status_code == 422


@pytest.mark.parametrize("to", ["https://evil.org", "//evil.org", "/\\evil.org", "docs", "/a\nb"])
def test_a_login_leads_back_to_the_service_alone(to: str, browser: Browser) -> None:
    assert browser.client.get("/login", params={"to": to}).status_code == 422
    asked = browser.begin()
    drawn = str(browser.client.cookies.get(browser.login.begun))[:DRAWN]
    browser.client.cookies.clear()
    browser.client.cookies.set(
        browser.login.begun, drawn + to.replace("\n", ""), "school.example.org"
    )
    back = browser.end(asked)
    assert back.headers["location"] in ("/", "/ab")


def test_a_cookie_ends_with_its_token(browser: Browser) -> None:
    led = browser.end(browser.begin(), exp=int(time.time()) + 900)
    (cookie,) = (each for each in led.headers.get_list("set-cookie") if "login=" not in each)
    seconds = int(cookie.partition("Max-Age=")[2].partition(";")[0])
    assert 800 < seconds <= 900


def test_rotated_keys_are_followed(
    loopback: LoopbackIssuer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(login_module, "AGAIN", 0)
    kept = Kept(tmp_path, issuer=Issuer(loopback.url, "programs"))
    browser = Browser(kept, loopback)
    assert browser.end(browser.begin()).status_code == 303
    assert browser.client.get("/mastery?student=new").status_code == 403  # no class of theirs
    loopback.rotate("third")
    assert browser.client.get("/mastery?student=new").status_code in (401, 403)
    assert browser.end(browser.begin()).status_code == 303
    kept.close()


def test_the_issuer_knows_the_service_by_its_secret(
    loopback: LoopbackIssuer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = Kept(tmp_path, issuer=Issuer(loopback.url, "programs"))
    monkeypatch.setattr(loopback, "secret", "it's 50%:done")
    for secret, status in (("it's 50%:done", 303), ("another", 401), (None, 401)):
        browser = Browser(kept, loopback, secret)
        assert browser.end(browser.begin()).status_code == status
    kept.close()


def test_an_issuer_that_is_away_is_told(tmp_path: Path) -> None:
    issuer = Issuer("http://127.0.0.1:9", "programs")
    kept = Kept(tmp_path, issuer=issuer)
    login = Login(issuer, CLIENT, "http://localhost:8000")
    client = TestClient(create_app(kept.ask, issuer=issuer, login=login), "http://localhost:8000")
    assert client.get("/login").status_code == 503
    kept.close()


@pytest.mark.parametrize(
    "address",
    [
        "http://school.example.org",
        "school.example.org",
        "https://a.org/torchedu",
        "https://a.org?x",
    ],
)
def test_an_address_that_cannot_be_is_refused(address: str) -> None:
    issuer = Issuer("https://login.example.org", "programs")
    with pytest.raises(ConfigError, match="address"):
        Login(issuer, CLIENT, address)
    with pytest.raises(ConfigError, match="client"):
        Login(issuer, "", ADDRESS)
