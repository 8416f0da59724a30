"""A service as others start it: a unit of systemd, an image, manifests of Kubernetes.

Each starts ``torchedu serve`` with the options that it was written from, as a user without rights,
and answers nobody without a key.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from torchedu.bounded import yaml_text
from torchedu.errors import ConfigError
from torchedu.serve.postgresql import is_server

Kind = Literal["systemd", "container", "kubernetes"]
NAME = "torchedu"
"""The unit, the user, the stateful set and the secret are called so."""
STATE = PurePosixPath("/var/lib/torchedu")
"""Where the service's file stands: what is kept when all else is made anew."""
WORK = PurePosixPath("/work")
"""Where the runs stand in an image."""
USER = 1000
"""The user of the project's image, as a number."""
GRACE = 30
"""Seconds that a service has to end in order."""
MISTAKE = 2
"""The exit code where a word is wrong: to begin again would be the same."""
PORT, FREE_PORTS = 8000, 1024
"""The port, and the first that anybody may listen to."""
ANY = "0.0.0.0"
"""Inside a container the address that those outside reach."""


def deployment(kind: Kind, options: Mapping[str, Any], image: str = "torchedu-serve") -> str:
    """Return the file that starts a service.

    Args:
        kind: Who starts it: systemd, what builds images, or Kubernetes.
        options: The arguments of ``torchedu serve`` that are not its defaults, ``runs`` among them.
        image: The image of the containers of Kubernetes.

    Raises:
        ConfigError: The options mean what is only on this machine, or differs at each start.
    """
    if options.get("engine") == "ray":
        raise ConfigError(
            f"⟦write⟧ {kind} is for processes of a host, and ⟦engine⟧ is ray.",
            "Leave one of the two out: on a cluster, give the command itself on one of its nodes.",
        )
    if options.get("port") == 0:
        raise ConfigError("⟦port⟧ is 0, any that is free.", "Name the port that others ask.")
    if kind == "systemd":
        return _unit(options)
    if kind == "container":
        return _containerfile(options)
    if not image.strip() or any(letter.isspace() for letter in image):
        raise ConfigError(f"⟦image⟧ is {image!r}.", "Name the image that was built.")
    # What parts share is written out at each: anchors are read by few.
    manifests = json.loads(json.dumps(_manifests(options, image)))
    return "---\n".join(yaml_text(manifest) for manifest in manifests)


def _words(options: Mapping[str, Any]) -> list[str]:
    """Return the words of the command that has these options, and asks for a key."""
    words = ["serve", *options["runs"]]
    for name, value in {**options, "require_key": True}.items():
        if name != "runs":
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            words += [f"--{name}", text]
    return words


def _unit(options: Mapping[str, Any]) -> str:
    here = {
        **options,
        "runs": [_absolute(run) for run in options["runs"]],
        "store": _kept(options),
    }
    if "prerequisites" in options:
        here["prerequisites"] = _absolute(options["prerequisites"])
    if "derived" in options:
        here["derived"] = [_absolute(folder) for folder in options["derived"]]
    store = PurePosixPath(here["store"])
    apart = not store.is_relative_to(STATE) and not is_server(here["store"])
    written = [str(store.parent)] if apart else []
    written += here.get("derived", [])
    writable = "".join(f"ReadWritePaths={_quoted(folder)}\n" for folder in written)
    right = "CAP_NET_BIND_SERVICE" if options.get("port", PORT) < FREE_PORTS else ""
    command = [str(Path(sys.executable).parent / NAME), *_words(here)]
    return f"""\
# /etc/systemd/system/{NAME}.service
[Unit]
Description=torchedu: what each student knows now
Documentation=man:systemd.service(5)
Wants=network-online.target
After=network-online.target

[Service]
Type=exec
ExecStart={" ".join(map(_quoted, command))}
User={NAME}
StateDirectory={NAME}
StateDirectoryMode=0700
WorkingDirectory={STATE}
UMask=0077
# Secrets, such as TORCHEDU_FORWARD_PASSWORD; may be absent.
EnvironmentFile=-/etc/{NAME}.env
Environment=OMP_NUM_THREADS=1 PYTHONUNBUFFERED=1
Restart=on-failure
RestartSec=1
# A word that is wrong stays wrong.
RestartPreventExitStatus={MISTAKE}
# The first process ends the others in order.
KillMode=mixed
TimeoutStopSec={GRACE}
LimitNOFILE=65536

# It reads its runs, writes its file, and listens.
ProtectSystem=strict
{writable}ProtectHome=read-only
PrivateTmp=yes
PrivateDevices=yes
NoNewPrivileges=yes
CapabilityBoundingSet={right}
AmbientCapabilities={right}
RestrictAddressFamilies=AF_INET AF_INET6 AF_NETLINK AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
SystemCallArchitectures=native

[Install]
WantedBy=multi-user.target
"""


def _absolute(place: str) -> str:
    return str(Path(place).absolute())


def _quoted(word: str) -> str:
    """Return a word as systemd reads it back: its own signs doubled, the rest in quotes."""
    plain = word.replace("%", "%%").replace("$", "$$")
    if plain and all(letter.isalnum() or letter in "/._-:=,%$+@" for letter in plain):
        return plain
    return json.dumps(plain, ensure_ascii=False)


def _inside(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options as they are inside a container.

    Raises:
        ConfigError: One of them means what is on this machine alone.
    """
    if "derived" in options:
        raise ConfigError(
            f"⟦derived⟧ names folders of this machine: {', '.join(options['derived'])}.",
            "Leave it out: where these stand, torchedu service forget does the same.",
        )
    named = [("runs", run) for run in options["runs"]]
    named += [("prerequisites", file) for file in _prerequisites(options)]
    for name, place in named:
        path = PurePosixPath(place)
        if path.is_absolute() or ".." in path.parts:
            raise ConfigError(
                f"⟦{name}⟧ {place} does not stand below this folder, of which the image is made.",
                "Go to a folder above it, and name it from there.",
            )
    store = PurePosixPath(_kept(options))
    if not is_server(_kept(options)) and (".." in store.parts or not store.is_relative_to(STATE)):
        raise ConfigError(
            f"⟦store⟧ {store} is inside the container, and goes with it.",
            f"Name a file without a folder: it stands in {STATE}, which is a volume.",
        )
    return {**options, "store": _kept(options), "host": ANY}


def _kept(options: Mapping[str, Any]) -> str:
    """Return the store: a file below the service's own folder, or a database as it is called."""
    store = str(options.get("store", f"{NAME}.db"))
    return store if is_server(store) else str(STATE / store)


def _prerequisites(options: Mapping[str, Any]) -> list[str]:
    return [options["prerequisites"]] if "prerequisites" in options else []


def _containerfile(options: Mapping[str, Any]) -> str:
    inside = _inside(options)
    port = options.get("port", PORT)
    copied = [*options["runs"], *_prerequisites(options)]
    pairs = ([str(PurePosixPath(place)), str(WORK / place)] for place in copied)
    copies = "\n".join(
        f"COPY --chown={USER}:{USER} {json.dumps(pair, ensure_ascii=False)}" for pair in pairs
    )
    ask = f"import urllib.request as u; u.urlopen('http://127.0.0.1:{port}/health', timeout=4)"
    return f"""\
# docker build -f Containerfile.serve -t torchedu-serve .
#
# It stands on the image that the project's own Containerfile makes.
ARG TORCHEDU={NAME}
FROM ${{TORCHEDU}}

USER root
RUN install -d -o {USER} -g {USER} -m 0700 {STATE}
{copies}
USER {USER}
WORKDIR {WORK}
VOLUME {STATE}
ENV OMP_NUM_THREADS=1
EXPOSE {port}
STOPSIGNAL SIGTERM
HEALTHCHECK --start-period=60s --timeout=5s CMD {json.dumps(["python", "-c", ask])}
CMD {json.dumps([NAME, *_words(inside)], ensure_ascii=False)}
"""


def _manifests(options: Mapping[str, Any], image: str) -> list[dict[str, Any]]:
    """Return a service and a set of one pod: the file of SQLite has one writer."""
    inside = _inside(options)
    port = options.get("port", PORT)
    labels = {"app.kubernetes.io/name": NAME}
    health: dict[str, Any] = {"httpGet": {"path": "/health", "port": "http"}, "timeoutSeconds": 5}
    container = {
        "name": NAME,
        "image": image,
        "command": [NAME, *_words(inside)],
        "workingDir": str(WORK),
        "env": [{"name": "OMP_NUM_THREADS", "value": "1"}],
        # Secrets, such as TORCHEDU_FORWARD_PASSWORD; may be absent.
        "envFrom": [{"secretRef": {"name": NAME, "optional": True}}],
        "ports": [{"name": "http", "containerPort": port}],
        "startupProbe": {**health, "periodSeconds": 2, "failureThreshold": 60},
        "livenessProbe": {**health, "periodSeconds": 20, "failureThreshold": 6},
        "readinessProbe": {**health, "periodSeconds": 5},
        "resources": {
            "requests": {
                "cpu": str(options.get("shards", 1) + options.get("workers", 1)),
                "memory": "1Gi",
            },
            "limits": {"memory": "4Gi"},
        },
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [
            {"name": "state", "mountPath": str(STATE)},
            {"name": "tmp", "mountPath": "/tmp"},
        ],
    }
    pod = {
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": GRACE,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "fsGroup": USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container],
        "volumes": [{"name": "tmp", "emptyDir": {}}],
    }
    claim = {
        "metadata": {"name": "state"},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "10Gi"}},
        },
    }
    pods = {
        "replicas": 1,
        "serviceName": NAME,
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": pod},
        "volumeClaimTemplates": [claim],
    }
    metadata = {"name": NAME, "labels": labels}
    ports = [{"name": "http", "port": 80, "targetPort": "http"}]
    return [
        {"apiVersion": "v1", "kind": "Service", "metadata": metadata,
         "spec": {"selector": labels, "ports": ports}},
        {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": metadata, "spec": pods},
    ]  # fmt: skip
