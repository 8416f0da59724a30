"""torchrun: the same script on every node, which meet by themselves and go on after a lost process.

Its static rendezvous does not survive a killed worker; the one used here (c10d) does: the agents
that are left meet anew, in any order, and the run goes on from its last checkpoint.
"""

import re
import shlex

from torchedu.errors import ConfigError
from torchedu.launch.job import Job, program_here
from torchedu.launch.launcher import LOGS, Launcher, Started, started_here
from torchedu.launch.node import ADDRESS, IS_FIRST
from torchedu.launch.settings import Setting, exports, node_check, python_here

PORT = 29400
"""Where agents meet if nothing else is named: torchrun's own choice."""
SCRIPT = "node.sh"
GRACE = 120
"""Seconds between what asks a run at its time limit to save, and its end."""
PREFIX = Setting(
    "TORCHELASTIC_LOG_LINE_PREFIX_TEMPLATE", "[rank ${rank}] ", "whose line of a node's log it is"
)
OWN_STORE = Setting(
    "TORCH_DISABLE_SHARE_RDZV_TCP_STORE",
    "1",
    "after a restart workers would find the addresses of those before them in a shared one",
)
"""PyTorch means to make a store for every restart, and keeps the first (torch 2.13)."""


class Torchrun(Launcher):
    """Nodes on which a script can be started by hand, by ssh or by a tool of one's own.

    Args:
        first: Name or address of the first node, and its port: node-1:29400. Needed where there are
            several.
    """

    def __init__(self, first: str = "") -> None:
        self.first = first

    def files(self, job: Job) -> dict[str, str]:
        """Return the script that every node runs, whichever comes first."""
        self.check_words(job)
        first = self._first(job)
        python, logs = shlex.quote(python_here()), shlex.quote(str(job.folder / LOGS / "ranks"))
        limit = f"timeout --signal=TERM --kill-after={GRACE} {job.seconds} " * bool(job.seconds)
        where = ["--standalone"]
        if first:
            where = ["--rdzv-backend", "c10d", "--rdzv-endpoint", first, "--rdzv-id", job.called]
            where += ["--rdzv-conf", f"is_host={IS_FIRST}", "--local-addr", ADDRESS]
        sizes = f"--nnodes {job.nodes} --nproc-per-node {job.devices}"
        lines = [
            "#!/bin/sh",
            f"# The part of each node in {job.called}: run it on all {job.nodes}, in any order.",
            "set -u",
            f"cd {shlex.quote(str(job.here))} || exit 2",
            *exports(job, [OWN_STORE]),
            f"export {PREFIX.name}='{PREFIX.value}'  # {PREFIX.reason}",
            *node_check(job, python_here(), shared=True),
            f"exec {limit}{python} -m torchedu.launch.node run {shlex.quote(first)} \\",
            f"  {python} -m torch.distributed.run {shlex.join(where)} \\",
            f"  {sizes} --max-restarts {job.restarts} \\",
            f"  --log-dir {logs} --tee 3 --no-python -- \\",
            f"  {shlex.join(job.training(program_here()))}",
            "",
        ]
        return {SCRIPT: "\n".join(lines)}

    def _first(self, job: Job) -> str:
        if job.nodes == 1:
            return ""
        if not self.first:
            raise ConfigError(
                f"{job.nodes} nodes meet at the first of them, and ⟦first⟧ names none.",
                "Give its name or address, and a port if you like: ⟦first⟧ node-1:29400.",
            )
        whole = self.first if ":" in self.first else f"{self.first}:{PORT}"
        known = re.fullmatch(r"[\w.-]+:(\d{1,5})", whole, re.ASCII)
        if known is None or not 0 < int(known[1]) < 2**16:
            raise ConfigError(
                f"⟦first⟧ is {self.first!r}.",
                "A name or an address of IPv4, and a port if you like: node-1:29400.",
            )
        return whole

    def check(self, job: Job) -> None:
        """Refuse nothing: every node looks at itself before it begins."""

    def start(self, job: Job) -> Started:
        """Start the part of this node, and say how the others join it."""
        script = str(job.folder / SCRIPT)
        if job.nodes > 1:
            print(f"On each of the other {job.nodes - 1}: sh {shlex.quote(script)}")
        return started_here(["sh", script], job, "node-here.log")
