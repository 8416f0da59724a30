"""Learning records sent on to another store: from the log, again until it has them.

A cursor beside the service's file says how far the other store is. What was sent and not noted is
sent again, which a store of records takes as what it knows already.
"""

import json
import os
import select
import socket
import sys
from base64 import b64encode
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from torchedu.errors import ConfigError
from torchedu.files import write_whole
from torchedu.serve.events import STATEMENT, Event
from torchedu.serve.log import EventLog
from torchedu.serve.statements import timestamp
from torchedu.serve.stores import Store
from torchedu.serve.xapi import HEADER, VERSIONS

USER, PASSWORD = "TORCHEDU_FORWARD_USER", "TORCHEDU_FORWARD_PASSWORD"
"""Variables of the environment that hold the login of the other store."""
AT_ONCE = 100
"""Statements of a request."""
PAUSE, LONGEST_PAUSE = 1.0, 60.0
"""Seconds until it is looked for more, and until a store that fails is asked again at most."""
PATIENCE = 30.0
"""Seconds of a request."""
REFUSED = (
    HTTPStatus.BAD_REQUEST, HTTPStatus.CONFLICT, HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNPROCESSABLE_ENTITY,
)  # fmt: skip
"""What a store says of statements that it will not take, however often they are sent."""


def address_of(url: str) -> str:
    """Return where statements are posted to.

    Args:
        url: The address of a record store, such as ``https://lrs.example.org/xAPI``.

    Raises:
        ConfigError: It is none, or tells a password.
    """
    try:
        parts = urlsplit(url)
        known = parts.port is None or parts.port > 0
    except ValueError:
        parts, known = urlsplit(""), False
    if not known or parts.scheme not in ("http", "https") or not parts.hostname or parts.query:
        raise ConfigError(
            f"⟦forward⟧ is {url!r}.",
            "Name the address of a record store, such as https://lrs.example.org/xAPI.",
        )
    if "@" in parts.netloc:
        raise ConfigError(
            "⟦forward⟧ tells a login, which others may see there.",
            f"Leave it out, and set {USER} and {PASSWORD} in the environment.",
        )
    return f"{url.rstrip('/').removesuffix('/statements')}/statements"


class _Stays(HTTPRedirectHandler):
    """Follows no redirection, which would tell another host the login."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        """Return nothing to ask instead."""


class Forwarder:
    """Sends the statements of a log on.

    Args:
        log: The log, which another process writes.
        url: The other store; see ``address_of``.
        login: Its user's name and password.
    """

    def __init__(self, log: EventLog, url: str, login: tuple[str, str] | None = None) -> None:
        self._log = log
        self._address = address_of(url)
        self._headers = {"Content-Type": "application/json", HEADER: VERSIONS[-1]}
        if login is not None:
            self._headers["Authorization"] = f"Basic {b64encode(':'.join(login).encode()).decode()}"
        self._opener = build_opener(_Stays)
        self._file = log.store.beside("forwarded")
        self._last = self._begin()
        self._failing = False

    def run(self, gone: socket.socket) -> None:
        """Send what there is and what comes, until a socket can be read."""
        pause = PAUSE
        while True:
            try:
                more = self.step()
            except (OSError, HTTPException) as error:
                self._say(error)
                pause = min(2 * pause, LONGEST_PAUSE)
            else:
                self._say(None)
                pause = 0.0 if more else PAUSE
            if select.select([gone], [], [], pause)[0]:
                return

    def step(self) -> bool:
        """Send the next statements, and note that.

        Returns:
            Whether there may be more.

        Raises:
            OSError: The store is out of reach, or does not take any now.
            HTTPException: It speaks no HTTP.
        """
        last = self._log.last_seq()
        page = self._log.page(STATEMENT, AT_ONCE, seqs=(self._last, last + 1))
        if page:
            self._send(page)
        more = len(page) == AT_ONCE
        reached = page[-1].seq if more else last
        if page:
            self._note(reached)
        self._last = reached
        return more

    def _send(self, page: Sequence[Event]) -> None:
        body = [{"timestamp": timestamp(e.time), **e.fields["statement"]} for e in page]
        request = Request(self._address, json.dumps(body).encode(), self._headers)
        try:
            self._opener.open(request, timeout=PATIENCE).close()
        except HTTPError as error:
            with error:
                if error.code not in REFUSED:
                    raise
            if len(page) > 1:  # the others of them are taken
                for event in page:
                    self._send([event])
            elif error.code != HTTPStatus.CONFLICT:
                print(
                    f"The statement {page[0].fields['statement']['id']} is not forwarded: "
                    f"{self._address} answers {error.code}.", file=sys.stderr,
                )  # fmt: skip

    def _begin(self) -> int:
        """Return how far this store is; 0 where it is another one, or the log is."""
        try:
            noted: Mapping[str, Any] = json.loads(self._file.read_text("utf-8"))
            last = int(noted["seq"]) if noted["address"] == self._address else 0
        except (OSError, ValueError, KeyError, TypeError):
            return 0
        return last if last <= self._log.last_seq() else 0

    def _note(self, last: int) -> None:
        note = json.dumps({"address": self._address, "seq": last})
        write_whole(self._file, note.encode())

    def _say(self, error: Exception | None) -> None:
        """Say once that the store fails, and once that it does no more."""
        if error is not None and not self._failing:
            print(f"{self._address} takes no statements now ({error}).", file=sys.stderr)
        elif error is None and self._failing:
            print(f"{self._address} takes statements again.", file=sys.stderr)
        self._failing = error is not None


def forward(store: str | Path | Store, url: str, gone: socket.socket) -> None:
    """Send the statements of a service's file on, until a socket can be read.

    Args:
        store: Its store, or the shard of it.
        url: The other store; see ``address_of``. Its login stands in the environment.
        gone: The socket.
    """
    log = EventLog(store)
    login = os.environ.get(USER, ""), os.environ.get(PASSWORD, "")
    try:
        Forwarder(log, url, login if any(login) else None).run(gone)
    finally:
        log.close()
