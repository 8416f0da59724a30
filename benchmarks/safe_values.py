"""Files whose values are wrong though they are validly written: what do the commands make of them?

A worker process runs commands on changed copies of runs. Under strace every file that it opens for
writing, removes or connects to is noted; without it, an audit hook notes what goes through Python.
"""

import copy
import hashlib
import io
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import traceback
import zipfile
from collections.abc import Callable, Iterator
from contextlib import chdir, redirect_stderr, redirect_stdout, suppress
from functools import partial
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np
import safe_watch
import torch
import yaml
from safe_runs import FAST, TASKS, small_runs

MODULES = ("antigravity", "this", "turtledemo", "turtle", "idlelib", "planted_module")
"""Modules that nothing here needs: whoever imports one does so because a file says it."""
TEXTS = (
    "", ".", "..", "../../../outside/planted",
    "/outside/planted", "~/planted", "a/../../b", "C:\\x",
    "http://127.0.0.1:9/x", "https://example.org/x", "s3://bucket/x", "hf://a/b",
    "file:///etc/passwd",
    "owner/model", "antigravity.fly", "this.s", "planted_module.Net",
    "turtledemo.Net", "os.system", "torchedu.cli.main", "torchedu.models.dkt.DKT", "torchedu",
    "__main__.X", "x" * 20_000, "\x1b[2J\x1b[31m", "\x00", "\ud800", "=1+1", "{{ 7 * 7 }}",
    "<script>", "[red]", "ä" * 50,
)  # fmt: skip
NUMBERS = (
    0, 1, -1, 2, 3, 7, 255, 4097, 10**6, 2**31, 2**53 + 1, 2**62, 2**63, -(2**63), 10**30,
    0.0, -1.0, 0.5, 1e-300, 1e300, float("inf"), float("nan"), True, False, None,
)  # fmt: skip


def deep(depth: int = 60) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


def strange(drawn: random.Random, tensors: bool) -> Any:
    """Draw a value of any kind."""
    kinds: list[Callable[[], Any]] = [
        lambda: drawn.choice(TEXTS),
        lambda: drawn.choice(TEXTS),
        lambda: drawn.choice(NUMBERS),
        lambda: drawn.choice(([], {}, [[]], [1, "a"], {"a": 1}, {"../x": "y"}, deep())),
        lambda: {"class_path": drawn.choice(TEXTS), "init_args": {}},
    ]
    if tensors:
        kinds += [
            lambda: torch.zeros(drawn.choice(((), (0,), (1,), (3, 3), (2, 2, 2)))),
            lambda: torch.zeros(1).expand(10**6),
            lambda: torch.as_strided(torch.zeros(9), (3, 3), (1, 1)),
            lambda: torch.full((2,), float("nan")),
            lambda: torch.arange(4),
            lambda: torch.empty(5, device="meta"),
            lambda: torch.zeros(3, dtype=torch.complex64),
            lambda: torch.eye(3).to_sparse(),
            lambda: {3: 4},
        ]
    return drawn.choice(kinds)()


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the place of each value that holds no others, and of some that do."""
    inner: Any = ()
    if isinstance(value, dict):
        inner = value.items()
    elif isinstance(value, list | tuple):
        inner = list(enumerate(value))[:6]  # of long lists the first ones stand for all
    for key, one in inner:
        yield from leaves(one, (*path, key))
    if path:
        yield path


def changed(value: Any, path: tuple[Any, ...], drawn: random.Random, tensors: bool) -> Any:
    """Return a copy with one value replaced, removed, or put under another name."""
    if not path:
        return strange(drawn, tensors)
    key, *rest = path
    if isinstance(value, tuple):
        return tuple(changed(list(value), path, drawn, tensors))
    copied = copy.copy(value)
    how = drawn.random()
    if rest:
        copied[key] = changed(value[key], tuple(rest), drawn, tensors)
    elif how < 0.1:
        del copied[key]
    elif how < 0.2 and isinstance(copied, dict):
        copied[drawn.choice(TEXTS)] = copied.pop(key)
    elif how < 0.25 and isinstance(copied, dict):
        copied[drawn.choice(TEXTS)] = strange(drawn, tensors)
    else:
        copied[key] = strange(drawn, tensors)
    return copied


def change_checkpoint(run: Path, name: str, drawn: random.Random) -> tuple[Path, str]:
    """Seal a checkpoint of which one value was changed; return the file and which."""
    from torchedu.checkpoints.seal import write_sealed

    file = run / "checkpoints" / name
    content = torch.load(file, weights_only=True)
    places = list(leaves(content))
    keys = sorted({place[0] for place in places})
    chosen = drawn.choice(keys)  # each key as often as any other, however much it holds
    place = drawn.choice([one for one in places if one[0] == chosen])
    sealed = io.BytesIO()
    try:
        write_sealed(sealed, name, changed(content, place, drawn, tensors=True))
    except (ValueError, TypeError, OverflowError, NotImplementedError):  # torch writes no such
        return change_checkpoint(run, name, drawn)
    file.write_bytes(sealed.getvalue())
    return file, " > ".join(map(str, place))[:150]


def change_text(run: Path, name: str, drawn: random.Random) -> tuple[Path, str]:
    """Change a value of a file of YAML or JSON; return the file and which."""
    file = run / name
    is_yaml = name.endswith(".yaml")
    content = yaml.safe_load(file.read_text()) if is_yaml else json.loads(file.read_text())
    places = list(leaves(content))
    if is_yaml:  # of its sections, data is read again
        places = [one for one in places if one[0] == "data"] or places
    place = drawn.choice(places)
    new = changed(content, place, drawn, tensors=False)
    if new == content:
        return change_text(run, name, drawn)
    try:
        text = yaml.safe_dump(new) if is_yaml else json.dumps(new)
        file.write_text(text, "utf-8", "surrogatepass")
    except (yaml.YAMLError, ValueError):
        return change_text(run, name, drawn)
    seal_export(run, name)
    return file, " > ".join(map(str, place))[:150]


def change_weights(run: Path, drawn: random.Random) -> tuple[Path, str]:
    """Change what a file of safetensors says of a tensor, or its values; return the file."""
    file = run / "model.safetensors"
    data = file.read_bytes()
    size = int.from_bytes(data[:8], "little")
    heading = json.loads(data[8 : 8 + size])
    place = drawn.choice(list(leaves(heading)))
    text = json.dumps(changed(heading, place, drawn, tensors=False)).encode()
    file.write_bytes(len(text).to_bytes(8, "little") + text + data[8 + size :])
    seal_export(run, file.name)
    return file, " > ".join(map(str, place))[:150]


def seal_export(folder: Path, name: str) -> None:
    """Tell the digest of a file anew where an export keeps one."""
    config = folder / "config.json"
    if name == config.name or not config.is_file():
        return
    about = json.loads(config.read_text())
    if name in about.get("files", ()):
        digest = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        about["files"][name]["sha256"] = digest
        config.write_text(json.dumps(about))


def change_table(run: Path, drawn: random.Random) -> tuple[Path, str]:
    """Change a cell or the heading of the curve; return the file and which."""
    file = run / "metrics.csv"
    rows = [line.split(",") for line in file.read_text().splitlines()]
    row = drawn.choice(rows)
    column = drawn.randrange(len(row))
    row[column] = str(drawn.choice((*TEXTS[:-3], *NUMBERS)))[:500]
    file.write_text("\n".join(",".join(row) for row in rows), "utf-8", "surrogatepass")
    return file, f"column {column}"


def change_people(run: Path, drawn: random.Random) -> tuple[Path, str]:
    """Change a column of those whom the network was trained on; return the file and which."""
    file = run / "people.npz"
    with np.load(file) as kept:
        columns = dict(kept)
    name = drawn.choice(sorted(columns))
    columns[name] = drawn.choice(
        (np.zeros(0), np.zeros((3, 3)), np.array("x"), np.zeros(5, "i4"), np.full(2, np.nan))
    )
    if drawn.random() < 0.3:
        del columns[name]
    np.savez(file, **columns)
    if drawn.random() < 0.3:  # far more than is there
        heading = (
            b"\x93NUMPY\x01\x00v\x00{'descr': '<u8', 'fortran_order': False, 'shape': (%d,), }"
        )
        with zipfile.ZipFile(file, "a") as archive:
            archive.writestr("more.npy", (heading % 10**13).ljust(127) + b"\n")
    return file, name


READ_BY = {
    "best.ckpt": "predict predict export export test init inspect explain",
    "last.ckpt": "resume resume look",
    "config.yaml": "predict predict test report resume",
    "companions.json": "predict predict export test resume inspect",
    "evaluation.json": "report",
    "metrics.csv": "resume report",
    "people.npz": "test resume",
}
"""The files of a run and the commands that read them, those that cost little more often."""
DRAWN = (30, 25, 15, 12, 6, 6, 6)


def case(
    number: int, runs: dict[str, Path], exports: dict[str, Path], home: Path
) -> tuple[Path, str, str, Callable[[], int]]:
    """Change a copy of a run or an export; return the file, what, the command, what runs it."""
    drawn = random.Random(number)
    task = drawn.choice(TASKS)
    folder = home / "run"
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    known = commands(task, with_data(runs[task], home))
    if drawn.random() < 0.25:
        shutil.copytree(exports[task], folder)
        names = sorted({one.name for one in folder.glob("*.json")} - {"generation_config.json"})
        if drawn.random() < 0.2:
            file, what = change_weights(folder, drawn)
        else:
            file, what = change_text(folder, drawn.choice(names), drawn)
        named = f"{task} export, {file.name}: {what}"
        command = "source" if task == "explanation" else "open_export"
        return file, named, command, known[command]
    shutil.copytree(runs[task], folder)
    target = drawn.choices([*READ_BY], DRAWN)[0]
    if target.endswith(".ckpt"):
        file, what = change_checkpoint(folder, target, drawn)
        if drawn.random() < 0.7:  # else the other one takes its place where it is refused
            next(one for one in file.parent.iterdir() if one != file).unlink()
    elif target == "metrics.csv":
        file, what = change_table(folder, drawn)
    elif target == "people.npz":
        file, what = change_people(folder, drawn)
    else:
        file, what = change_text(folder, target, drawn)
    command = drawn.choice(READ_BY[target].split())
    command = command if command in known else "predict"
    return file, f"{task}, {target}: {what}", command, known[command]


def commands(task: str, fit: list[str]) -> dict[str, Callable[[], int]]:
    """Return what runs each command on the folder ``run`` that lies here.

    Args:
        task: The task of the run or export there.
        fit: The words that such a run was begun with.
    """
    from torchedu.cli import main

    words = {
        "test": ["test", "run"],
        "predict": ["predict", "run"],
        "export": ["export", "run", "out"],
        "inspect": ["inspect", "run"],
        "look": ["inspect", "run/checkpoints/last.ckpt"],
        "report": ["report", "run"],
        "resume": [*fit, "--trainer.max_epochs", "3", "--run", "run",
                   "--resume", "auto", "--resume_with", "max_epochs"],
        "init": [*fit, "--trainer.max_epochs", "1", "--run", "new", "--init_from", "run"],
    }  # fmt: skip
    if task == "explanation":  # whose export is a base model for others
        net = {"class_path": "torchedu.CausalLM", "init_args": {"source": "run"}}
        words["source"] = [
            *fit[: fit.index("--model.net") if fit else 0], "--model.net", json.dumps(net), *FAST,
            "--data.tokenizer", "run", "--data.max_tokens", "128", "--data.batch_tokens", "500",
            "--model.max_new_tokens", "8", "--trainer.max_epochs", "1", "--run", "new",
        ]  # fmt: skip
        words["explain"] = [
            "explain",
            "run",
            "--problem",
            "What is 1 + 1?",
            "--max_new_tokens",
            "4",
        ]
        return {command: partial(main, its) for command, its in words.items()}
    return {
        "open_export": partial(_open, Path("run")),
        **{command: partial(main, its) for command, its in words.items()},
    }


def _open(folder: Path) -> int:
    from torchedu.cli import main
    from torchedu.engine import open_engine
    from torchedu.errors import TorcheduError
    from torchedu.export import open_export

    try:
        task = open_export(folder)
        if type(task).__name__ in ("KnowledgeTracing", "CourseRecommendation", "AtRisk"):
            open_engine(folder)
    except TorcheduError as error:
        print(error, file=sys.stderr)
        return 2
    return main(["inspect", str(folder)])


def with_data(run: Path, home: Path) -> list[str]:
    """Copy the data of a run, beside which commands that name it may write; return its words."""
    words = fit_words(run)
    at = words.index("--data.path") + 1
    raw = Path(words[at])
    for one in raw.parent.glob(f"{raw.stem}.*"):
        if one.is_dir():
            shutil.copytree(one, home / one.name)
        else:
            shutil.copy2(one, home / one.name)
    words[at] = raw.name
    return words


def fit_words(run: Path) -> list[str]:
    """Return the words that a run was begun with."""
    words: list[str] = json.loads((run.parent.parent / "words.json").read_text())[run.name]
    return ["fit", *words]


def work(first: int, last: int, root: Path, out: Path) -> None:
    """Run some cases, and write what became of each, a line each."""
    runs = {task: root / "runs" / task for task in TASKS}
    exports = {task: root / "exports" / task for task in TASKS}
    known = {*json.loads((root / "modules.json").read_text())}
    sys.path.append(str(root / "planted"))
    home, own = root / "cases" / str(first), f"{root / 'tmp'}{os.sep}"
    events: set[str] = set()
    opened: set[str] = set()
    watching = False

    def watch(event: str, given: tuple[Any, ...]) -> None:
        if not watching:
            return
        if event == "open":
            opened.add(
                os.path.realpath(given[0]) if isinstance(given[0], str | os.PathLike) else ""
            )
        elif event == "import" and given[0].partition(".")[0] not in known:
            events.add(f"import {given[0]}")
        elif event in ("socket.connect", "subprocess.Popen", "os.system"):
            fonts = given[0] == "fc-list"  # which finds them for matplotlib
            # A file in the command's own folder for temporary ones, where its workers hear it.
            workers = event == "socket.connect" and str(given[1]).startswith(own)
            if not (fonts or workers):
                events.add(f"{event} {given[1:]}")

    def late(*_: object) -> None:
        raise TimeoutError("it took longer than a minute of the processor's time")

    sys.addaudithook(watch)
    signal.signal(signal.SIGVTALRM, late)
    with out.open("a") as log:
        for number in range(first, last):
            file, what, command, run = case(number, runs, exports, home)
            changed_file = os.path.realpath(file)
            said, code, failure = io.StringIO(), -1, ""
            events.clear()
            opened.clear()
            signal.setitimer(signal.ITIMER_VIRTUAL, 60)
            watching = True
            try:
                with chdir(home), redirect_stdout(said), redirect_stderr(said):
                    code = run()
            except SystemExit as error:
                code = int(error.code or 0)
            except BaseException as error:  # what the campaign looks for
                if isinstance(error, KeyboardInterrupt):
                    raise
                failure = "".join(traceback.format_exception(error)[-3:])[-1500:]
            watching = False
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
            if "Traceback" in said.getvalue():
                failure = failure or said.getvalue()[-1500:]
            line = {"number": number, "what": what, "command": command, "code": code,
                    "failure": failure, "events": sorted(events), "said": said.getvalue()[:300],
                    "read": changed_file in opened}  # fmt: skip
            log.write(json.dumps(line) + "\n")
            log.flush()


def values(
    cases: int, first: int = 0, chunk: int = 100, desk: Path | None = None
) -> Iterator[tuple[list[str], Any]]:
    """Run the campaign; yield what went wrong and what was met, as more and more of it is run.

    Args:
        cases: How many.
        first: The number of the first, which decides what is drawn.
        chunk: How many one process runs.
        desk: Where the runs stand already that ``prepare`` makes; else in a folder that goes.
    """
    root = desk or Path(mkdtemp(prefix=".torchedu-safe-", dir=Path.home()))
    traced = bool(shutil.which("strace"))
    if desk is None:
        prepare(root)
    problems: list[str] = []
    met = {"cases": 0, "of": cases, "refused": 0, "run": 0, "read": 0, "strace": traced}
    by_command: dict[str, list[int]] = {}
    begin = first
    while begin < first + cases:
        end = min(begin + chunk, first + cases)
        lines, told, found = _chunk(begin, end, root, traced)
        for line in lines:
            met["cases"] += 1
            refused = line["code"] == 2 or "cannot be used" in line["said"]
            met["refused" if refused else "run"] += 1
            met["read"] += line["read"]
            count = by_command.setdefault(line["command"], [0, 0])
            count[0] += 1
            count[1] += refused
            named = f"case {line['number']} ({line['what']}; {line['command']})"
            if line["failure"]:
                problems.append(f"{named}: {line['failure']}")
            problems += [f"{named}: {event}" for event in line["events"]]
        problems += [f"cases {begin} to {end}: {line}" for line in found]
        if len(lines) < end - begin:  # the next process goes on behind it
            problems.append(f"case {begin + len(lines)}: {told}")
            met["cases"] += 1
        begin += len(lines) + (len(lines) < end - begin)
        yield problems, {**met, "cases and refused by command": by_command}
    if desk is None:
        shutil.rmtree(root)


def _chunk(
    begin: int, end: int, root: Path, traced: bool
) -> tuple[list[dict[str, Any]], str, list[str]]:
    """Run some cases in a process; return their lines, how it ended, what it did elsewhere."""
    out, log, spare = root / f"{begin}.jsonl", root / f"{begin}.strace", root / "tmp"
    words = [sys.executable, __file__, str(begin), str(end), str(root), str(out)]
    if traced:
        words = safe_watch.watching(log, words)
    spare.mkdir(exist_ok=True)
    variables = {"PYTHONDONTWRITEBYTECODE": "1", "HF_HUB_OFFLINE": "1", "TMPDIR": str(spare),
                 "MPLCONFIGDIR": str(spare)}  # fmt: skip
    process = subprocess.Popen(
        words,
        env={**os.environ, **variables},
        stdout=subprocess.DEVNULL,
        stderr=(root / "stderr").open("w"),
        start_new_session=True,
    )
    before, told = -1.0, ""
    while process.poll() is None:
        with suppress(subprocess.TimeoutExpired):
            process.wait(900)
            break
        size = out.stat().st_size if out.exists() else 0.0
        if size == before:  # no case was finished in a quarter of an hour
            os.killpg(process.pid, signal.SIGKILL)
            told = "it hung, and "
        before = size
    told += f"the process ended ({process.wait()}): {(root / 'stderr').read_text()[-300:]}"
    lines = [json.loads(line) for line in out.read_text().splitlines()] if out.exists() else []
    found = []
    if log.exists():
        home = root / "cases" / str(begin)
        allowed = (f"{home}", f"{spare}", "/dev/", "/proc/", f"{out}", "pipe:", "socket:")
        found = safe_watch.written(log, allowed, home)
        log.unlink()
    shutil.rmtree(root / "cases" / str(begin), ignore_errors=True)
    return lines, told, found


HONEST = """
import json, sys
from pathlib import Path
seen = {*sys.stdlib_module_names, "torch_xla"}  # of which transformers asks whether it is there
def watch(event, given):
    if event == "import":
        seen.add(given[0].partition(".")[0])
sys.addaudithook(watch)
import safe_values
root = Path(sys.argv[1])
safe_values.honest(root)
known = sorted(seen - {*safe_values.MODULES})
(root / "modules.json").write_text(json.dumps(known))
"""
"""Notes what is imported, or looked for, where nothing was changed: any file may lead there."""


def honest(root: Path) -> None:
    """Run every command on copies of what was prepared."""
    home = root / "cases" / "honest"
    for task in TASKS:
        for command in commands(task, []):
            shutil.rmtree(home, ignore_errors=True)
            is_export = command in ("source", "open_export")
            shutil.copytree(root / ("exports" if is_export else "runs") / task, home / "run")
            run = commands(task, with_data(root / "runs" / task, home))[command]
            with chdir(home):
                assert run() == 0, (task, command)
    shutil.rmtree(home)


def prepare(root: Path) -> None:
    """Make a run and an export of each task, and a module that nobody names."""
    from torchedu.cli import main

    small_runs(root)
    for one in ("cases", "tmp", "planted", "exports"):
        (root / one).mkdir()
    for task in TASKS:
        assert main(["export", str(root / "runs" / task), str(root / "exports" / task)]) == 0
    words = [sys.executable, "-c", HONEST, str(root)]
    home = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])}
    subprocess.run(words, env=home, check=True, stdout=subprocess.DEVNULL)
    (root / "planted" / "planted_module.py").write_text("class Net: pass\n")


if __name__ == "__main__":
    begin, end, root, out = sys.argv[1:]
    work(int(begin), int(end), Path(root), Path(out))
