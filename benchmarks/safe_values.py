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
import subprocess
import sys
import traceback
import zipfile
from collections.abc import Callable, Iterator
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np
import safe_watch
import torch
import yaml
from safe_runs import TASKS, small_runs

MODULES = ("antigravity", "this", "turtledemo", "planted_module")
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


def change_checkpoint(run: Path, name: str, drawn: random.Random) -> str:
    """Seal a checkpoint of which one value was changed; return which."""
    from torchedu.checkpoints.seal import write_sealed

    file = run / "checkpoints" / name
    content = torch.load(file, weights_only=True)
    places = list(leaves(content))
    keys = sorted({place[0] for place in places})
    chosen = drawn.choice(keys)  # each key as often as any other, however much it holds
    place = drawn.choice([one for one in places if one[0] == chosen])
    new = changed(content, place, drawn, tensors=True)
    sealed = io.BytesIO()
    counts = {key: value for key, value in new.items() if key in ("epoch", "global_step")}
    try:
        write_sealed(sealed, name, new)  # type: ignore[arg-type]
    except (ValueError, TypeError, OverflowError, NotImplementedError):
        torch.save({**new, **counts}, file)
    else:
        file.write_bytes(sealed.getvalue())
    return f"{name}: {' > '.join(map(str, place))[:150]}"


def change_text(run: Path, name: str, drawn: random.Random) -> str:
    """Change a value of a file of YAML or JSON, and what tells of it in an export."""
    file = run / name
    is_yaml = name.endswith(".yaml")
    content = yaml.safe_load(file.read_text()) if is_yaml else json.loads(file.read_text())
    places = list(leaves(content))
    if is_yaml:  # of its sections, data is read again
        places = [one for one in places if one[0] == "data"] or places
    place = drawn.choice(places)
    new = changed(content, place, drawn, tensors=False)
    try:
        text = yaml.safe_dump(new) if is_yaml else json.dumps(new)
        file.write_text(text, "utf-8", "surrogatepass")
    except (yaml.YAMLError, ValueError):
        return change_text(run, name, drawn)
    config = run / "config.json"
    if config.is_file() and file != config:
        about = json.loads(config.read_text())
        about["files"][name]["sha256"] = hashlib.sha256(file.read_bytes()).hexdigest()
        config.write_text(json.dumps(about))
    return f"{name}: {' > '.join(map(str, place))[:150]}"


def change_table(run: Path, drawn: random.Random) -> str:
    """Change a cell or the heading of the curve."""
    file = run / "metrics.csv"
    rows = [line.split(",") for line in file.read_text().splitlines()]
    row = drawn.choice(rows)
    row[drawn.randrange(len(row))] = str(drawn.choice((*TEXTS[:-3], *NUMBERS)))[:500]
    file.write_text("\n".join(",".join(row) for row in rows), "utf-8", "surrogatepass")
    return "metrics.csv"


def change_people(run: Path, drawn: random.Random) -> str:
    """Change a column of those whom the network was trained on."""
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
    return f"people.npz: {name}"


def case(
    number: int, runs: dict[str, Path], exports: dict[str, Path], home: Path
) -> tuple[str, str, Callable[[], int]]:
    """Change a copy of a run or an export; return what, the command, and what runs it."""
    from torchedu.cli import main

    drawn = random.Random(number)
    task = drawn.choice(TASKS)
    folder = home / "run"
    shutil.rmtree(home, ignore_errors=True)
    if task in exports and drawn.random() < 0.15:
        shutil.copytree(exports[task], folder)
        names = [one.name for one in folder.glob("*.json")]
        what = change_text(folder, drawn.choice(names), drawn)
        return f"{task} export, {what}", "open_export", partial_open(folder)
    shutil.copytree(runs[task], folder)
    texts = [one.name for one in folder.glob("*.json")]
    target = drawn.choices(
        ("best.ckpt", "last.ckpt", "config.yaml", "texts", "metrics", "people"),
        (40, 25, 15, 10, 5, 5),
    )[0]
    if target.endswith(".ckpt"):
        what = change_checkpoint(folder, target, drawn)
    elif target == "config.yaml":
        what = change_text(folder, target, drawn)
    elif target == "texts":
        what = change_text(folder, drawn.choice(texts), drawn)
    elif target == "metrics":
        what = change_table(folder, drawn)
    else:
        what = change_people(folder, drawn)
    commands = {
        "best.ckpt": ["test", "predict", "export", "inspect", "init"],
        "last.ckpt": ["resume", "resume", "inspect"],
        "config.yaml": ["test", "predict", "report", "inspect"],
        "texts": ["test", "report", "resume", "inspect"],
        "metrics": ["resume", "report"],
        "people": ["test", "resume"],
    }[target]
    if task == "explanation" and target == "best.ckpt":
        commands.append("explain")
    command = drawn.choice(commands)
    words = {
        "test": ["test", "run"],
        "predict": ["predict", "run"],
        "export": ["export", "run", "out"],
        "inspect": ["inspect", "run"],
        "report": ["report", "run"],
        "explain": ["explain", "run", "--problem", "What is 1 + 1?", "--max_new_tokens", "4"],
        "resume": [*fit_words(runs[task]), "--trainer.max_epochs", "3", "--run", "run",
                   "--resume", "auto", "--resume_with", "max_epochs"],
        "init": [*fit_words(runs[task]), "--trainer.max_epochs", "1", "--run", "new",
                 "--init_from", "run"],
    }[command]  # fmt: skip
    return f"{task}, {what}", command, lambda: main(words)


def partial_open(folder: Path) -> Callable[[], int]:
    def run() -> int:
        from torchedu.errors import TorcheduError
        from torchedu.export import open_export

        try:
            open_export(folder)
        except TorcheduError as error:
            print(error, file=sys.stderr)
            return 2
        return 0

    return run


def fit_words(run: Path) -> list[str]:
    """Return the words that a run was begun with."""
    words: list[str] = json.loads((run.parent.parent / "words.json").read_text())[run.name]
    return ["fit", *words]


def work(first: int, last: int, root: Path, out: Path) -> None:
    """Run some cases, and write what became of each, a line each."""
    runs = {task: root / "runs" / task for task in TASKS}
    exports = {one.name: one for one in (root / "exports").iterdir()}
    sys.path.append(str(root / "planted"))
    home = root / "cases" / str(first)
    events: list[str] = []
    watching = False

    def watch(event: str, given: tuple[Any, ...]) -> None:
        if watching and event == "import" and given[0].partition(".")[0] in MODULES:
            events.append(f"import {given[0]}")
        elif watching and event in ("socket.connect", "subprocess.Popen", "os.system"):
            if given[0] == "fc-list":  # by which matplotlib finds fonts
                return
            events.append(f"{event} {given[1:]}")

    sys.addaudithook(watch)
    with out.open("w") as log:
        for number in range(first, last):
            events.clear()
            what, command, run = case(number, runs, exports, home)
            said, code, failure = io.StringIO(), -1, ""
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
            line = {"number": number, "what": what, "command": command, "code": code,
                    "failure": failure, "events": list(events), "said": said.getvalue()[-300:],
                    "home": str(home)}  # fmt: skip
            log.write(json.dumps(line) + "\n")
            log.flush()


def values(
    cases: int, first: int = 0, chunk: int = 50, desk: Path | None = None
) -> tuple[list[str], Any]:
    """Run the campaign; return what went wrong and what was met.

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
    problems, met = [], {"cases": 0, "refused": 0, "run": 0, "strace": traced}
    for begin in range(first, first + cases, chunk):
        end = min(begin + chunk, first + cases)
        out, log, spare = root / f"{begin}.jsonl", root / f"{begin}.strace", root / "tmp"
        words = [sys.executable, __file__, str(begin), str(end), str(root), str(out)]
        if traced:
            words = safe_watch.watching(log, words)
        spare.mkdir(exist_ok=True)
        done = subprocess.run(
            words,
            env={
                **os.environ,
                "PYTHONDONTWRITEBYTECODE": "1",
                "HF_HUB_OFFLINE": "1",
                "TMPDIR": str(spare),
                "MPLCONFIGDIR": str(spare),
            },
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        lines = [json.loads(line) for line in out.read_text().splitlines()] if out.exists() else []
        if len(lines) < end - begin:
            told = f"the process ended ({done.returncode}): {done.stderr[-300:]}"
            problems.append(f"case {begin + len(lines)}: {told}")
        for line in lines:
            met["cases"] += 1
            met["refused" if line["code"] == 2 else "run"] += 1
            named = f"case {line['number']} ({line['what']}; {line['command']})"
            if line["failure"]:
                problems.append(f"{named}: {line['failure']}")
            problems += [f"{named}: {event}" for event in line["events"]]
        if log.exists():
            home = root / "cases" / str(begin)
            allowed = (f"{home}", f"{spare}", "/dev/", "/proc/", f"{out}", "pipe:", "socket:")
            found = safe_watch.written(log, allowed, home)
            problems += [f"cases {begin} to {end}: {line}" for line in found]
            log.unlink()
    if desk is None:
        shutil.rmtree(root)
    return problems, met


def prepare(root: Path) -> None:
    """Make the runs, two exports, and a module that nobody names."""
    from torchedu.cli import main

    small_runs(root)
    for one in ("cases", "tmp", "planted", "exports"):
        (root / one).mkdir()
    for task in ("tracing",):
        assert main(["export", str(root / "runs" / task), str(root / "exports" / task)]) == 0
    (root / "planted" / "planted_module.py").write_text("class Net: pass\n")


if __name__ == "__main__":
    begin, end, root, out = sys.argv[1:]
    work(int(begin), int(end), Path(root), Path(out))
