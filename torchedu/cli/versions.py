"""``torchedu versions``: which version of each run a service answers by, and others beside it."""

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote
from urllib.request import Request, urlopen

from torchedu.cli.terminal import Terminal
from torchedu.errors import ConfigError
from torchedu.parsing import run_functions

SERVICE = "http://127.0.0.1:8000"
KEY = "TORCHEDU_KEY"
"""The variable of the environment that holds the key: other users see what stands in a command."""
POLL = 0.2
"""Seconds after which it is asked again how far a version is."""
SECONDS = 60
"""For which an answer is waited for."""


def main(arguments: Sequence[str]) -> None:
    """Run the command with the words after ``torchedu versions``."""
    functions: dict[str, Callable[..., None]] = {
        "show": show, "swap": swap, "shadow": shadow, "promote": promote, "drop": drop,
        "drift": drift,
    }  # fmt: skip
    run_functions(functions, arguments, "versions")


def show(service: str = SERVICE) -> None:
    """Say which version of each run answers, how far others are, and how they compare.

    Args:
        service: The service's address. Its key, of the scope admin, stands in TORCHEDU_KEY.
    """
    for run in _ask(service, "/versions")["runs"]:
        _print(run)


def swap(path: str, run: str | None = None, service: str = SERVICE) -> None:
    """Make a version ready, and let it answer then; no request is lost meanwhile.

    Args:
        path: A run's folder, a checkpoint or an export, where the service runs.
        run: In whose place; the only run that is served where it is not named.
        service: The service's address. Its key, of the scope admin, stands in TORCHEDU_KEY.
    """
    _begin(service, path, run, shadow=False)


def shadow(path: str, run: str | None = None, service: str = SERVICE) -> None:
    """Let a version follow all events beside the one that answers, to compare them.

    Args:
        path: A run's folder, a checkpoint or an export, where the service runs.
        run: Beside which; the only run that is served where it is not named.
        service: The service's address. Its key, of the scope admin, stands in TORCHEDU_KEY.
    """
    _begin(service, path, run, shadow=True)


def promote(run: str | None = None, service: str = SERVICE) -> None:
    """Let the version in shadow answer from the next request on.

    Args:
        run: Of which run; the only one that is served where it is not named.
        service: The service's address. Its key, of the scope admin, stands in TORCHEDU_KEY.
    """
    _ask(service, "/versions/promote", {"run": run})
    show(service)


def drop(run: str | None = None, service: str = SERVICE) -> None:
    """Give up the version that is on its way or in shadow.

    Args:
        run: Of which run; the only one that is served where it is not named.
        service: The service's address. Its key, of the scope admin, stands in TORCHEDU_KEY.
    """
    _ask(service, "/versions/drop", {"run": run})
    show(service)


def drift(run: str | None = None, service: str = SERVICE) -> None:
    """Say how far what comes is from what networks know, and from what they foresaw.

    Args:
        run: Of which run; all that are served where it is not named.
        service: The service's address. Its key, of the scope admin, stands in TORCHEDU_KEY.
    """
    terminal = Terminal()
    of_run = "" if run is None else f"?run={quote(run, safe='')}"
    for name, seen in _ask(service, f"/drift{of_run}")["runs"].items():
        terminal.print(f"{name}: {seen['events']:,} events of {seen['students']:,} students")
        for line in _drifts(seen):
            terminal.print(f"  {line}")


WATCHED = {
    "unknown": "share of events on items that the network does not know",
    "new": "share of events that are a student's first",
    "mark": "mean mark",
    "gap": "marks above what was foreseen",
    "items": "mix of items, against the one learned from (PSI)",
}


def _drifts(seen: Mapping[str, Any]) -> Iterator[str]:
    for name, about in WATCHED.items():
        if name not in seen:
            continue
        line = f"{about}: {seen[name]['value']:.3f}"
        if "interval" in seen[name]:
            line += " ({:.3f} to {:.3f})".format(*seen[name]["interval"])
        if "by_chance" in seen[name]:
            line += f" (up to {seen[name]['by_chance']:.3f} by chance)"
        yield line + (f": {seen[name]['verdict']}" if "verdict" in seen[name] else "")


def _begin(service: str, path: str, run: str | None, *, shadow: bool) -> None:
    """Begin with a version, and wait until it is ready.

    Raises:
        ConfigError: It failed.
    """
    given = {"path": str(Path(path).absolute()), "run": run, "shadow": shadow}
    runs = _ask(service, "/versions", given)["runs"]
    name = run or runs[0]["run"]
    while True:
        (about,) = (about for about in runs if about["run"] == name)
        candidate = about["candidate"]
        if candidate is None or candidate["state"] == "ready":
            return _print(about)
        if candidate["state"] == "failed":
            problem = candidate["problem"]
            raise ConfigError(problem["detail"], problem.get("remedy", "The old one answers."))
        time.sleep(POLL)
        runs = _ask(service, "/versions")["runs"]


def _print(about: Mapping[str, Any]) -> None:
    terminal = Terminal()
    since = "" if about["since"] is None else f", since {_moment(about['since'])}"
    terminal.print(f"{about['run']}: {about['path']} answers{since}")
    candidate = about["candidate"]
    if candidate is None:
        return
    beside = "in shadow" if candidate["role"] == "shadow" else "to answer next"
    states = f", {candidate['students']:,} students' states made" if candidate["students"] else ""
    terminal.print(f"  {candidate['path']}, {beside}: {candidate['state']}{states}")
    if "problem" in candidate:
        terminal.print(f"  {candidate['problem']['detail']}")
    for line in _compared(candidate.get("comparison")):
        terminal.print(f"  {line}")


def _compared(comparison: Mapping[str, Any] | None) -> Iterator[str]:
    if comparison is None:
        return
    counted = f"{comparison['events']:,} events of {comparison['students']:,} students"
    yield f"{comparison['verdict']}: by {counted}"
    for score in ("log_loss", "misses", "auc"):
        sides = comparison.get(score, {})
        if None not in (mine := sides.get("served"), other := sides.get("other")):
            yield f"{score.replace('_', ' ')}: {mine:.4f} of what answers, {other:.4f} of the other"
    if "interval" in comparison:
        low, high = comparison["interval"]
        yield f"the other's loss is {comparison['difference']:+.4f} ({low:+.4f} to {high:+.4f})"


def _ask(service: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
    """Ask a service, and return what it answers.

    Raises:
        ConfigError: It refuses, or does not answer.
    """
    headers = {"Content-Type": "application/json"}
    if key := os.environ.get(KEY):
        headers["Authorization"] = f"Bearer {key}"
    data = None if body is None else json.dumps(body).encode()
    if not service.startswith(("http://", "https://")):
        raise ConfigError(f"⟦service⟧ is {service!r}.", f"Give an address, such as {SERVICE}.")
    try:
        request = Request(service.rstrip("/") + path, data, headers)
        with urlopen(request, timeout=SECONDS) as reply:
            return json.loads(reply.read())
    except HTTPError as error:
        raise _refused(service, error) from None
    except (URLError, OSError, ValueError) as error:
        why = error.reason if isinstance(error, URLError) else error
        raise ConfigError(
            f"⟦service⟧ {service} does not answer as a service of torchedu ({why}).",
            "Give the address that torchedu serve prints.",
        ) from None


def _refused(service: str, error: HTTPError) -> ConfigError:
    try:
        problem = json.loads(error.read())
        return ConfigError(
            str(problem["detail"]), str(problem.get("remedy", f"See {service}/docs"))
        )
    except (ValueError, KeyError, TypeError):
        return ConfigError(
            f"⟦service⟧ {service} is no service of torchedu (it answers {error.code}).",
            "Give the address that torchedu serve prints.",
        )


def _moment(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")
