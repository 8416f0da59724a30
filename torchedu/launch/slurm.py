"""SLURM: a batch script that saves between two steps before it is stopped, and goes on exactly.

Nothing is saved inside a signal's handler, where the state of training is that of no step: the
signal is noted, and the run saves and ends after the step that is being taken, with exit code 75.
The script then begins the job again, and its folder tells where it goes on.
"""

import re
import shlex
import subprocess
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

from torchedu.errors import ConfigError, allowed
from torchedu.launch.job import TASK, Job, program_here
from torchedu.launch.launcher import LOGS, Launcher, Started, State, asked, program
from torchedu.launch.settings import exports, node_check, python_here
from torchedu.run_folder import RunFolder

SCRIPT = "job.sbatch"
CHECK = "check.sh"
_NONE = "Log in to a node of the cluster, or write a job for another: torchedu launch --help."
_SLURM = "SLURM"
_OVER = {"COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "OUT_OF_MEMORY", "NODE_FAIL", "BOOT_FAIL",
         "DEADLINE", "PREEMPTED"}  # fmt: skip


_SHORT = {"N": "nodes", "n": "ntasks", "c": "cpus-per-task", "t": "time", "J": "job-name",
          "a": "array", "o": "output", "p": "partition", "A": "account", "q": "qos",
          "C": "constraint"}  # fmt: skip
"""One-letter options of sbatch that a job gives by itself."""


class Slurm(Launcher):
    """A cluster of SLURM.

    Args:
        partition: Where it runs; the cluster's default where it is empty.
        account: Who is charged.
        qos: Quality of service.
        constraint: Features that nodes have, such as a100.
        array: Numbers of an array of jobs, such as 0-9 or 1,3,5%2; each fills in {task} among the
            words.
        warn: Seconds before its time limit at which a job is told to save.
        probe: Seconds for which it is tried, before the job is submitted, to look at the nodes;
            where none are free the job itself looks at them, as it does always.
        sbatch: Further options of sbatch, one after the other: --sbatch="--exclusive --mem=0".
    """

    arrays = True

    def __init__(
        self,
        partition: str = "",
        account: str = "",
        qos: str = "",
        constraint: str = "",
        array: str = "",
        warn: int = 120,
        probe: int = 10,
        sbatch: str = "",
    ) -> None:
        if warn < 1 or probe < 0:
            raise ConfigError(
                f"⟦warn⟧ is {warn} and ⟦probe⟧ {probe}.", "The one is at least 1, the other 0."
            )
        self.partition = partition
        self.array = array
        self.warn = warn
        self.probe = probe
        self._where = {
            "partition": partition,
            "account": account,
            "qos": qos,
            "constraint": constraint,
        }
        try:
            self._more = shlex.split(sbatch)
        except ValueError as error:
            raise ConfigError(
                f"⟦sbatch⟧ is {sbatch!r} ({error}).", "Such as --sbatch='--exclusive --mem=0'."
            ) from None

    def files(self, job: Job) -> dict[str, str]:
        """Return the batch script, and what it looks at every node with."""
        self._check_array(job)
        if job.seconds is not None and self.warn >= max(60, job.seconds):
            raise ConfigError(
                f"⟦warn⟧ is {self.warn} seconds, and ⟦time⟧ {job.time}: the job would be told to "
                "stop as it begins.",
                "Ask for more ⟦time⟧, or be told later.",
            )
        logs, python = Path(str(job.folder / LOGS).replace("%", "%%")), python_here()
        rank = "%a-rank-%t.log" if self.array else "rank-%t.log"
        options = {
            "job-name": job.called,
            "nodes": str(job.nodes),
            **self._each(job),
            **{name: value for name, value in self._where.items() if value},
            **({"time": str(max(1, job.seconds // 60))} if job.seconds else {}),
            **({"array": self.array} if self.array else {}),
            "signal": f"B:USR1@{self.warn}",
            "output": str(logs / ("job-%A_%a.log" if self.array else "job-%j.log")),
            "open-mode": "append",
        }
        self._check_more({*options, *self._where, "time", "array", "ntasks", "requeue"})
        each = " ".join(f"--{name}={value}" for name, value in self._each(job).items())
        last = RunFolder(job.run).last
        lines = [
            "#!/bin/bash",
            *(f"#SBATCH {shlex.quote(f'--{name}={value}')}" for name, value in options.items()),
            "#SBATCH --requeue",
            *(f"#SBATCH {shlex.quote(word)}" for word in self._more),
            "",
            "set -u",
            f"cd {shlex.quote(str(job.here))} || exit 2",
            *exports(job),
            "",
            "# The nodes meet at the first, by the address at which SLURM itself reaches it.",
            'first=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)',
            'node=$(scontrol show node --oneliner "$first")',
            "MASTER_ADDR=$(echo \"$node\" | sed 's/.* NodeAddr=\\([^ ]*\\).*/\\1/')",
            "export MASTER_ADDR MASTER_PORT=$((20000 + SLURM_JOB_ID % 10000))",
            "",
            f"srun --ntasks={job.nodes} --ntasks-per-node=1 \\",
            f'  sh {shlex.quote(str(job.folder / CHECK))} "$(date +%s)" || exit 2',
            "",
            f"saved() {{ stat --format=%y {_filled(str(last))} 2>/dev/null; }}",
            "before=$(saved)",
            f"srun {each} --kill-on-bad-exit=1 --open-mode=append \\",
            f"  --output={shlex.quote(str(logs / rank))} \\",
            f'  {shlex.quote(python)} -m torchedu.launch.node run "$MASTER_ADDR" \\',
            f"  {_filled(*job.training(program_here()))} &",
            "step=$!",
            "",
            "# Told before its time limit, the run saves after the step that is being taken.",
            "stopping=",
            "trap 'stopping=1; kill -USR1 \"$step\" 2>/dev/null' USR1",
            "trap : TERM  # of SLURM, which tells the run itself as well",
            'while kill -0 "$step" 2>/dev/null; do wait "$step"; done',
            'wait "$step"',
            "code=$?",
            "",
            "# It begins again where it was stopped (75), or has saved since it began here.",
            'case "$code" in 0|2|130) exit "$code";; esac',
            '[ "$code" -eq 75 ] || [ -n "$stopping" ] || [ "$(saved)" != "$before" ] ||',
            '  exit "$code"',
            f'if [ "${{SLURM_RESTART_COUNT:-0}}" -ge {job.restarts} ]; then',
            f'  echo "It has begun again {job.restarts} times, which is all that it may." >&2',
            '  exit "$code"',
            "fi",
            "# Where it was cancelled, or SLURM begins it again by itself, it no longer runs.",
            'state=$(squeue --noheader --jobs="$SLURM_JOB_ID" --format=%T)',
            '[ "$state" = RUNNING ] || exit "$code"',
            'scontrol requeue "$SLURM_JOB_ID" && sleep 60  # SLURM ends this script meanwhile',
            'exit "$code"',
            "",
        ]
        checks = ["set -u", f"cd {shlex.quote(str(job.here))} || exit 2"]
        checks += node_check(job, python, shared=True, now='"$1"')
        return {SCRIPT: "\n".join(lines), CHECK: "\n".join([*checks, ""])}

    def _each(self, job: Job) -> dict[str, str]:
        """Return what each node gives: one task a device."""
        each = {"ntasks-per-node": str(job.devices), "cpus-per-task": str(job.cpus)}
        return each if job.on_cpu else {**each, "gpus-per-node": str(job.devices)}

    def _check_more(self, own: Collection[str]) -> None:
        """Refuse an option of sbatch that the job gives by itself, and rests on."""
        for word in self._more:
            name = word.lstrip("-").partition("=")[0].removeprefix("no-")
            name = _SHORT.get(name[:1], name) if not word.startswith("--") else name
            if name in own:
                raise ConfigError(
                    f"⟦sbatch⟧ has {word!r}, which the job gives by itself.",
                    "Leave it out: nodes, devices, time and the rest are options of the job.",
                )

    def _check_array(self, job: Job) -> None:
        """Refuse an array whose jobs would write into one folder, or words of one without it."""
        if not self.array:
            if any(TASK in word for word in job.words):
                raise ConfigError(
                    f"{TASK} stands among the words, and the job is no array.",
                    "Say which numbers it stands for: ⟦array⟧ 0-9.",
                )
        elif not re.fullmatch(r"\d+(-\d+(:\d+)?)?(,\d+(-\d+(:\d+)?)?)*(%\d+)?", self.array):
            raise ConfigError(f"⟦array⟧ is {self.array!r}.", "Such as 0-9, or 1,3,5%2.")
        elif TASK not in job.given["run"]:
            raise ConfigError(
                f"⟦run⟧ {job.given['run']} would be the folder of all jobs of the array.",
                f"Let it name each: ⟦run⟧ {job.given['run']}-{TASK}.",
            )

    def check(self, job: Job) -> None:
        """Refuse what SLURM does not have: no cluster, partition, nodes, GPUs or time."""
        program("sbatch", _SLURM, _NONE)
        parts = partitions(asked(
            [program("sinfo", _SLURM, _NONE), "--noheader", "--all", "--format=%P|%D|%l|%G"],
            _SLURM,
        ))  # fmt: skip
        named = self.partition or next((name for name, part in parts.items() if part.default), "")
        if named not in parts:
            raise ConfigError(
                f"⟦partition⟧ {named!r} is none of this cluster's.", allowed(named, parts)
            )
        part = parts[named]
        if part.nodes < job.nodes:
            raise ConfigError(
                f"⟦nodes⟧ is {job.nodes}, and the partition {named} has {part.nodes}.",
                "Ask for fewer, with more ⟦devices⟧ each, or name another ⟦partition⟧.",
            )
        if part.seconds is not None and (job.seconds or 0) > part.seconds:
            raise ConfigError(
                f"⟦time⟧ is {job.time}, and the partition {named} allows {part.seconds // 60} "
                "minutes.",
                "Ask for less: at the limit the run saves, and the job begins again.",
            )
        if not (job.on_cpu or part.gpus):
            raise ConfigError(
                f"the partition {named} has no GPUs.",
                "Name another ⟦partition⟧, or train on CPUs: -- fit ... ⟦trainer.accelerator⟧ cpu.",
            )

    def start(self, job: Job) -> Started:
        """Look at the nodes where some are free, and submit the job."""
        (job.folder / LOGS).mkdir(exist_ok=True)
        script = str(job.folder / SCRIPT)
        asked(["sbatch", "--test-only", script], _SLURM)
        self._look(job)
        number = asked(["sbatch", "--parsable", script], _SLURM).strip().partition(";")[0]
        return SlurmJob(number)

    def _look(self, job: Job) -> None:
        """Refuse nodes that are not as they have to be, if as many are free now."""
        if not self.probe:
            return
        each = {**self._each(job), "ntasks-per-node": "1", "nodes": str(job.nodes), "time": "1"}
        where = {name: value for name, value in self._where.items() if value}
        words = [f"--{name}={value}" for name, value in {**each, **where}.items()]
        command = [
            *("srun", "--quiet", f"--immediate={self.probe}", "--job-name=look", *words),
            *("sh", "-c", f'exec sh {shlex.quote(str(job.folder / CHECK))} "$(date +%s)"'),
        ]
        seen = _tried(command, self.probe + 60.0)
        refused = re.search(r"^(node \S+: .+)\n(.+)$", seen, re.M)
        if refused:
            raise ConfigError(refused[1], refused[2])


class Partition(NamedTuple):
    """A part of a cluster.

    Attributes:
        nodes: How many nodes it has.
        seconds: How long a job may take; None where there is no limit.
        gpus: Whether nodes have some.
        default: Whether jobs go there that name none.
    """

    nodes: int
    seconds: int | None
    gpus: bool
    default: bool


def partitions(answer: str) -> dict[str, Partition]:
    """Return the partitions that sinfo tells of, as ``%P|%D|%l|%G``."""
    parts: dict[str, Partition] = {}
    for line in answer.splitlines():
        name, nodes, limit, kinds = line.strip().split("|")
        default, name = name.endswith("*"), name.removesuffix("*")
        before = parts.get(name, Partition(0, None, False, default))
        gpus = before.gpus or "gpu" in kinds
        parts[name] = Partition(before.nodes + int(nodes), _seconds(limit), gpus, default)
    return parts


def _seconds(limit: str) -> int | None:
    """Return the seconds of a time as SLURM writes it: 1-02:03:04, 02:03:04, 03:04 or infinite."""
    if not re.fullmatch(r"(\d+-)?\d+(:\d+)*", limit):
        return None
    days, _, clock = limit.rpartition("-")
    hours, minutes, seconds = ([0, 0, 0] + [int(part) for part in clock.split(":")])[-3:]
    return 86400 * int(days or 0) + 3600 * hours + 60 * minutes + seconds


def _tried(command: list[str], seconds: float) -> str:
    """Return what a command says that may fail; nothing where it does not end."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        return ""
    return done.stderr if done.returncode else ""


def _filled(*words: str) -> str:
    """Return words as a line of shell, with the number of an array's job where it is asked for."""
    return shlex.join(words).replace(TASK, "'\"$SLURM_ARRAY_TASK_ID\"'")


class SlurmJob(Started):
    """A job of SLURM, or an array of some.

    Args:
        number: Its number.
    """

    def __init__(self, number: str) -> None:
        self.name = f"SLURM job {number}"
        self.cancel = f"scancel {number}"
        self._number = number
        self._last = State("submitted")

    def state(self) -> State:
        """Return how it stands; its last state where SLURM has forgotten it."""
        try:
            answer = asked(["scontrol", "show", "job", "--oneliner", self._number], _SLURM)
        except ConfigError as error:
            if "Invalid job id" not in error.problem:
                return self._last
            return self._last if self._last.code is not None else State("gone", 1)
        self._last = state_of(answer)
        return self._last


def state_of(answer: str) -> State:
    """Return how jobs stand that scontrol shows, a line each."""
    states, codes, said = [], [], []
    for line in filter(None, answer.splitlines()):
        fields = dict(re.findall(r"(\w+)=(\S*)", line))
        state = fields["JobState"]
        code = int(fields.get("ExitCode", "0:0").partition(":")[0])
        states.append(state)
        codes.append(code or int(state != "COMPLETED"))
        nodes = fields.get("NodeList", "").replace("(null)", "")
        again = int(fields.get("Restarts", "0"))
        reason = fields.get("Reason", "None")
        said.append(
            state
            + f" on {nodes}" * (state == "RUNNING")
            + f" ({reason})" * (state == "PENDING")
            + f", begun again {again} x" * bool(again)
        )
    counts = [
        f"{said.count(each)} {each}" if len(said) > 1 else each for each in dict.fromkeys(said)
    ]
    over = bool(states) and all(state in _OVER for state in states)
    return State("; ".join(counts), max(codes) if over else None)
