"""A real SLURM on this machine: its controller, and two nodes of one host.

Debian's packages are installed where they are missing; everything of the cluster stands in one
folder and ends with it. It needs root, as its daemons do.
"""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from harness import Skip

PACKAGES = ("slurm-wlm", "munge")
CONF = """ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
# A requeued job begins again when credentials of before have expired: 120 s if unsaid, 5 at least.
AuthInfo=socket={folder}/munge.socket,cred_expire=5
SlurmctldPort={ports[0]}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/linear
SchedulerType=sched/backfill
SchedulerParameters=bf_interval=1,sched_interval=1,batch_sched_delay=0,sched_min_interval=0
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
JobRequeue=0
KillWait=30
MinJobAge=3600
ReturnToService=2
SlurmdTimeout=3600
NodeName=node-a NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[1]} CPUs=2 RealMemory=1000
NodeName=node-b NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[2]} CPUs=2 RealMemory=1000
PartitionName=low Nodes=node-a,node-b Default=YES PriorityTier=1 GraceTime=60 MaxTime=60
PartitionName=high Nodes=node-a,node-b PriorityTier=2 PreemptMode=off
"""


def install() -> None:
    """Install SLURM where it is missing.

    Raises:
        Skip: This machine cannot have it.
    """
    if os.geteuid() != 0:
        raise Skip("SLURM's daemons need root")
    if shutil.which("slurmctld", path=PATH) and shutil.which("munged", path=PATH):
        return
    if shutil.which("apt-get") is None:
        raise Skip(f"there is no apt-get to install {' and '.join(PACKAGES)} with")
    subprocess.run(["apt-get", "update", "-qq"], check=False, capture_output=True)
    words = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *PACKAGES]
    done = subprocess.run(words, check=False, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(words)}: {done.stderr[-500:]}")


PATH = os.pathsep.join([os.environ["PATH"], "/usr/sbin", "/opt/slurm/bin"])
"""Where Debian and those who build it themselves put it."""


@contextmanager
def slurm(folder: Path) -> Iterator[dict[str, str]]:
    """Run a cluster of two nodes.

    Args:
        folder: Where all of it stands.

    Yields:
        Variables of the environment by which its programs are reached.

    Raises:
        Skip: This machine cannot have one.
    """
    install()
    folder.mkdir(parents=True)
    for name in ("state", "spool-node-a", "spool-node-b"):
        (folder / name).mkdir()
    ports, host = _free_ports(3), socket.gethostname().partition(".")[0]
    conf = folder / "slurm.conf"
    conf.write_text(CONF.format(folder=folder, ports=ports, host=host), "utf-8")
    key = folder / "munge.key"
    key.write_bytes(os.urandom(128))
    key.chmod(0o400)
    variables = {"SLURM_CONF": str(conf), "PATH": PATH}
    environment = {**os.environ, **variables}
    daemons: list[subprocess.Popen[bytes]] = []

    def daemon(*words: str) -> None:
        with (folder / "daemons.log").open("ab") as log:
            daemons.append(
                subprocess.Popen(words, env=environment, stdout=log, stderr=log, cwd=folder)
            )

    try:
        daemon(
            *("munged", "--foreground", "--force", f"--socket={folder}/munge.socket"),
            *(f"--key-file={key}", f"--log-file={folder}/munged.log"),
            *(f"--pid-file={folder}/munged.pid", f"--seed-file={folder}/munged.seed"),
        )
        _until(lambda: (folder / "munge.socket").exists(), 30, folder)
        daemon("slurmctld", "-D", "-f", str(conf))
        for node in ("node-a", "node-b"):
            daemon("slurmd", "-D", "-N", node, "-f", str(conf))

        def ready() -> bool:
            words = ["sinfo", "--noheader", "--format=%T", "--partition=low"]
            said = subprocess.run(words, env=environment, capture_output=True, text=True)
            return said.returncode == 0 and said.stdout.split() == ["idle"]

        _until(ready, 60, folder)
        yield variables
    finally:
        for one in reversed(daemons):
            one.terminate()
        for one in reversed(daemons):
            try:
                one.wait(10)
            except subprocess.TimeoutExpired:
                one.kill()
                one.wait()


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def _until(holds: Callable[[], bool], seconds: float, folder: Path) -> None:
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            logs = sorted(folder.glob("*.log"))
            raise RuntimeError("\n".join(f"{log.name}: {log.read_text()[-1500:]}" for log in logs))
        time.sleep(0.1)
