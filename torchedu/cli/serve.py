"""``torchedu serve``: trained networks as a service."""

import os
from collections.abc import Mapping, Sequence
from inspect import signature
from pathlib import Path
from typing import Literal

from torchedu.cli.terminal import Terminal
from torchedu.errors import ConfigError, MissingExtraError
from torchedu.parsing import listed, run_functions


def main(arguments: Sequence[str]) -> None:
    """Run the command with the words after ``torchedu serve``."""
    run_functions(serve, listed(arguments), "serve")


def serve(
    runs: list[str],
    store: str = "torchedu.db",
    host: str = "127.0.0.1",
    port: int = 8000,
    workers: int = 1,
    shards: int | None = None,
    engine: Literal["processes", "ray"] = "processes",
    synchronous: Literal["FULL", "NORMAL"] = "FULL",
    body_limit: int = 2**20,
    audio_limit: float = 600.0,
    rate: float | None = None,
    prerequisites: str | None = None,
    forward: str | None = None,
    decisions: bool = True,
    retain: str | None = None,
    derived: list[str] = [],  # noqa: B006 - never changed
    issuer: str | None = None,
    audience: str = "",
    scopes_claim: str = "scope",
    classes_claim: str | None = None,
    client: str | None = None,
    address: str | None = None,
    require_key: bool = False,
    write: Literal["systemd", "container", "kubernetes"] | None = None,
    image: str = "torchedu-serve",
) -> None:
    """Take events over HTTP, and answer what each student masters, risks and needs next.

    Args:
        runs: Runs' folders, checkpoints or exports, one after the other.
        store: The file of events and states, which is made where there is none; or a database of
            PostgreSQL, postgresql://USER@HOST/NAME.
        host: The address to listen at.
        port: The port; 0 takes any that is free.
        workers: Processes that speak HTTP.
        shards: Processes that have the states, each of the students whose names fall to it and with
            a file of its own; one of a new store, and as many as a known one has.
        engine: Where all of them are: processes of this host; or ray, a Ray cluster.
        synchronous: FULL: what is acknowledged is on the disk. NORMAL is faster; what was
            acknowledged last is lost where the machine loses its power.
        body_limit: Most bytes of a request.
        audio_limit: Most seconds of the recordings of a request, all together.
        prerequisites: A CSV file of pairs of skills, ``skill`` and ``requires``: no item comes next
            whose skills require one that is not mastered.
        forward: A record store to which learning records are sent on; its login stands in
            TORCHEDU_FORWARD_USER and TORCHEDU_FORWARD_PASSWORD.
        rate: Events and questions a second that a key may send on average; any number by default.
        decisions: Keep what is said of students, by which network and rule, to be made again.
        retain: How long after a student's last event the student is forgotten, such as 400d; never
            by default.
        derived: Folders in which stores and runs stand that were made of the file: who is
            forgotten goes from there too.
        issuer: Whose tokens are taken beside keys: an issuer of OpenID Connect, such as
            https://login.example.org.
        audience: For whom its tokens have to be: this service, as the issuer knows it.
        scopes_claim: The claim of a token that has its scopes.
        classes_claim: The claim of a token that has its classes; all classes by default.
        client: The service as the issuer knows it, for people who log in with a browser at
            /login; its secret, where it has one, stands in TORCHEDU_CLIENT_SECRET.
        address: Where browsers reach the service, such as https://school.example.org.
        require_key: Answer nobody without a key, though there is none yet; as behind a proxy.
        write: Serve nothing, and print what starts the service with these options: a unit of
            systemd, a file of which an image is built, or manifests of Kubernetes.
        image: The image that the manifests name.
    """
    given = locals()
    # torch is loaded only when there is something to serve, not for help.
    try:
        from torchedu.serve.browser_login import Login
        from torchedu.serve.deployment import deployment
        from torchedu.serve.forgetting import milliseconds
        from torchedu.serve.login import Issuer
        from torchedu.serve.processes import Settings
        from torchedu.serve.processes import serve as run
    except ModuleNotFoundError as error:
        raise MissingExtraError("torchedu serve", str(error.name), "serve") from None
    if workers < 1 or body_limit < 1 or (shards is not None and shards < 1):
        raise ConfigError(
            f"⟦workers⟧ is {workers}, ⟦shards⟧ {shards} and ⟦body_limit⟧ {body_limit}.",
            "Each is at least 1.",
        )
    if rate is not None and not rate > 0:
        raise ConfigError(f"⟦rate⟧ is {rate}.", "It is above 0; leave it out for any number.")
    if not audio_limit > 0:
        raise ConfigError(f"⟦audio_limit⟧ is {audio_limit}.", "It is above 0 seconds.")
    for folder in derived:
        if not Path(folder).is_dir():
            raise ConfigError(f"⟦derived⟧ {folder} is no folder.", "Name folders that exist.")
    span = None if retain is None else milliseconds(retain, "retain")
    known = login = None
    if issuer is not None:
        known = Issuer(issuer, audience or client or "", scopes_claim, classes_claim)
    if client is not None or address is not None:
        if known is None or client is None or address is None:
            raise ConfigError(
                f"⟦issuer⟧ is {issuer}, ⟦client⟧ {client} and ⟦address⟧ {address}.",
                "For people to log in name all three; for tokens of programs the issuer alone.",
            )
        login = Login(known, client, address, os.environ.get("TORCHEDU_CLIENT_SECRET") or None)
    if write is not None:
        parameters = signature(serve).parameters.values()
        options = {p.name: given[p.name] for p in parameters if given[p.name] != p.default}
        written = {name: options.pop(name) for name in ("write", "image") if name in options}
        print(deployment(written.pop("write"), options, **written), end="")
        return
    settings = Settings(
        runs, store, host, port, workers, shards, synchronous, body_limit, audio_limit, rate,
        prerequisites, forward, decisions, span, derived, known, login, require_key,
    )  # fmt: skip
    terminal = Terminal()

    def ready(address: str, at: Mapping[str, str]) -> None:
        for name, path in at.items():
            if path not in [str(Path(run).absolute()) for run in runs]:
                terminal.print(f"{name} is answered by {path}, which has taken its place")
        terminal.print(f"{', '.join(runs)}: {address} ({address}/docs tells what to ask)")

    if engine == "ray":
        try:
            from torchedu.serve.on_ray import serve_on_ray as run
        except ModuleNotFoundError:
            raise MissingExtraError("A service on a Ray cluster", "ray", "ray") from None
    raise SystemExit(run(settings, ready))
