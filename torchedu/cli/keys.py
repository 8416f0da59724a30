"""``torchedu keys``: who may ask a service what."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from torchedu.cli.terminal import Terminal
from torchedu.errors import ConfigError, MissingExtraError
from torchedu.parsing import run_functions


def main(arguments: Sequence[str]) -> None:
    """Run the command with the words after ``torchedu keys``."""
    run_functions({"add": add, "list": show, "revoke": revoke}, arguments, "keys")


def add(
    store: str,
    name: str,
    scopes: list[str] = ["write", "read"],  # noqa: B006 - never changed
    group: str | None = None,
) -> None:
    """Make a key for a service, and say it: it cannot be had again.

    Args:
        store: The service's file, which is made where there is none.
        name: Whose the key is.
        scopes: write: post events; read: ask about students and classes; overrule:
            overrule decisions; admin: read counters, export and forget students, swap networks.
        group: The class (or course) that the key is for; all where it is not named.
    """
    keys = _keys(store)
    Terminal().print(keys.add(name, scopes, group))
    keys.close()


def show(store: str) -> None:
    """List the keys of a service: names, scopes, classes, and when they were made and revoked.

    Args:
        store: The service's file.
    """
    keys, terminal = _keys(store, made=True), Terminal()
    for key in keys.all():
        group = "" if key.group is None else f", class {key.group}"
        revoked = "" if key.revoked is None else f", revoked {_day(key.revoked)}"
        terminal.print(f"{key.name}: {key.scopes}{group}, made {_day(key.made)}{revoked}")
    keys.close()


def revoke(store: str, name: str) -> None:
    """Let a key hold no more; a service that runs refuses it at once.

    Args:
        store: The service's file.
        name: Whose the key is.
    """
    keys = _keys(store, made=True)
    keys.revoke(name)
    keys.close()


def _keys(store: str, made: bool = False) -> Any:
    """Return the keys of a service, whose file has to be there where it was to be made before."""
    try:
        from torchedu.serve.access import Keys
        from torchedu.serve.stores import Store
    except ModuleNotFoundError as error:
        raise MissingExtraError("torchedu keys", str(error.name), "serve") from None
    if made and not Store.of(store).exists:
        raise ConfigError(
            f"⟦store⟧ {Store.of(store)} does not exist.", "Name the file of a service."
        )
    return Keys(store)


def _day(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%d")
