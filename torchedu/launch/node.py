"""What every node does before its part of a job begins: it is looked at, and finds its network.

python -m torchedu.launch.node check EXPECTED [NOW]
python -m torchedu.launch.node run FIRST COMMAND...
"""

import json
import os
import platform
import shutil
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from torchedu.errors import ConfigError, LostRankError, TorcheduError, command_line, read_by
from torchedu.launch.job import checksum, versions

if os.name == "posix":
    import fcntl

CLOCK = 60.0
"""Seconds by which clocks may differ: above, locks and certificates of other nodes look stale."""
PATIENCE = 900.0
"""Seconds for which the first node may have no name yet, as where its image is still fetched."""
ADDRESS, IS_FIRST = "{address}", "{is_first}"
"""Stand in a command for this node's address towards the first, and whether it is that one."""
_SIOCGIFADDR = 0x8915


def check(expected: Mapping[str, Any], now: float | None = None) -> None:
    """Refuse to train on a node that is not as the job was written for.

    Args:
        expected: What ``Job.expected`` returned.
        now: Seconds since 1970 by the clock of the node that leads; not compared where it is None.

    Raises:
        ConfigError: The node is another.
    """
    own = versions()
    for package, version in expected["versions"].items():
        if own.get(package) != version:
            raise _refused(
                f"{package} is {own.get(package) or 'not installed'} there, and {version} where "
                "the job was written.",
                "Install the same on all nodes, or write the job on one of them.",
            )
    if now is not None and abs(time.time() - now) > CLOCK:
        raise _refused(
            f"its clock is {time.time() - now:+,.0f} s from that of the first node.",
            "Let all nodes follow one time server (chrony, ntpd).",
        )
    if (gpus := _gpus()) < expected["gpus"]:
        raise _refused(
            f"it has {gpus} GPUs that this job may use, of {expected['gpus']} that it is to have.",
            "Ask for fewer ⟦devices⟧, or let the scheduler give them; on a CPU: -- fit ... "
            "⟦trainer.accelerator⟧ cpu.",
        )
    folder = expected["folder"]
    if folder is not None and not Path(folder).is_dir():
        raise _refused(
            f"{folder}, the job's folder, is not there.",
            "Write the job, its run and its data to a file system that all nodes share.",
        )
    _check_room(Path(expected["run"]), expected["free_gib"])
    _check_data(expected["data"], expected["checksum"])


def _check_room(run: Path, free_gib: float) -> None:
    """Refuse a disk on which the run would soon have no room."""
    place = next(path for path in (run.absolute(), *run.absolute().parents) if path.is_dir())
    free = shutil.disk_usage(place).free / 2**30
    if free < free_gib:
        raise _refused(
            f"{place} has {free:.1f} GiB left, of {free_gib:g} that a run is to have.",
            "Free some, name another ⟦run⟧, or ask for less: ⟦free_gib⟧.",
        )
    if not os.access(place, os.W_OK):
        raise _refused(f"{place} cannot be written.", "Name another ⟦run⟧, or see its rights.")


def _check_data(data: str | None, known: str | None) -> None:
    """Refuse data that is not there, or other than where the job was written."""
    if data is None or "://" in data:
        return
    if not Path(data).exists():
        raise _refused(
            f"⟦data.path⟧ {data} is not there.",
            "Put it where all nodes see it, under the path that the job names.",
        )
    if known is not None and checksum(Path(data)) != known:
        raise _refused(
            f"⟦data.path⟧ {data} is other data there than where the job was written.",
            "Copy it again, or write the job anew.",
        )


def _refused(problem: str, remedy: str) -> ConfigError:
    return ConfigError(f"node {platform.node()}: {problem}", remedy)


def _gpus() -> int:
    """Count the GPUs that this process may use, without what would reserve memory on them."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return len([name for name in visible.split(",") if name.strip() not in ("", "-1")])
    with suppress(OSError, subprocess.SubprocessError):
        listed = subprocess.run(
            ["nvidia-smi", "-L"], capture_output=True, text=True, timeout=60, check=False
        )
        return sum(line.startswith("GPU ") for line in listed.stdout.splitlines())
    return 0


def run(first: str, command: Sequence[str]) -> None:
    """Let this process become a command that meets others by the network to the first node.

    What the environment says already is left as it is.

    Args:
        first: Name or address of the first node, and its port where one is named; none where the
            job has no other.
        command: The command, in which ``ADDRESS`` and ``IS_FIRST`` are filled in.
    """
    host = first.rpartition(":")[0] or first
    address = toward(host) if host else "127.0.0.1"
    if host and (interface := interface_of(address)):
        # Gloo takes the address of the host's name, which many systems let lead back to the host
        # itself; NCCL takes the first network that it sees, which may lead nowhere.
        for name in ("GLOO_SOCKET_IFNAME", "NCCL_SOCKET_IFNAME"):
            os.environ.setdefault(name, interface)
    is_first = str(not host or is_here(host)).lower()
    filled = [word.replace(ADDRESS, address).replace(IS_FIRST, is_first) for word in command]
    sys.stdout.flush()
    try:
        os.execvp(filled[0], filled)
    except OSError as error:
        raise _refused(
            f"{filled[0]} cannot be run ({error.strerror}).",
            "Write the job with the environment that the nodes have.",
        ) from None


def toward(host: str) -> str:
    """Return the address by which this node reaches another, and is reached by it.

    Args:
        host: Name or address of the other.
    """
    end = time.monotonic() + PATIENCE
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:  # nothing is sent
        while True:
            try:
                probe.connect((host, 1))
                break
            except OSError as error:
                if time.monotonic() > end:
                    raise LostRankError(
                        f"node {platform.node()}: the first node {host!r} cannot be reached "
                        f"({error.strerror or error}).",
                        "See that every node knows its name, or give its address.",
                    ) from None
            time.sleep(1.0)
        own = str(probe.getsockname()[0])
        if own.startswith("127.") and host != own:  # the first node's name of itself
            with suppress(OSError):
                probe.connect(("192.0.2.1", 1))  # an address of nobody: the way out
                own = str(probe.getsockname()[0])
    return own


def is_here(host: str) -> bool:
    """Say whether a name or an address is this node's own."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        try:
            probe.bind((host, 0))
        except OSError:
            return False
    return True


def interface_of(address: str) -> str | None:
    """Return the network of this node that has an address; None where the system does not say."""
    return next((name for name, own in _interfaces() if own == address), None)


def _interfaces() -> Iterator[tuple[str, str]]:
    if sys.platform != "linux":
        return
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        for _, name in socket.if_nameindex():
            with suppress(OSError):  # it has no address
                asked = struct.pack("256s", name.encode()[:15])
                answer = fcntl.ioctl(probe.fileno(), _SIOCGIFADDR, asked)
                yield name, socket.inet_ntoa(answer[20:24])


def main(words: Sequence[str]) -> int:
    """Do what a job's script asks for, and return the exit code."""
    with read_by(command_line):
        try:
            if words[0] == "check":
                check(json.loads(words[1]), float(words[2]) if len(words) > 2 else None)
            else:
                run(words[1], words[2:])
        except TorcheduError as error:
            print(error, file=sys.stderr)
            return error.code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
