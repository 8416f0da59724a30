"""Small files that grow when they are read: is each refused soon, and in little memory?"""

import gzip
import io
import json
import multiprocessing
import os
import resource
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import torch
from safe_runs import small_runs

SECONDS, MEMORY = 2.0, 300 << 20
HEADING = "student,item,skill,correct\n"


def aliases(levels: int) -> str:
    lines = ["a0: &a0 [x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, levels)]
    return "\n".join(lines)


def references(levels: int) -> Any:
    value: Any = [0] * 10
    for _ in range(levels):
        value = [value] * 100
    return value


def _bombs(size: int, run: Path) -> dict[str, Callable[[Path], list[str]]]:
    """Return what writes each bomb beside a copy of a run, and the words that meet it."""
    deep = 2000 * size
    texts = {"lists": "[" * deep + "]" * deep, "objects": '{"a":' * deep + "1" + "}" * deep}

    def text(name: str, content: str, words: list[str]) -> Callable[[Path], list[str]]:
        def write(home: Path) -> list[str]:
            (home / name).write_text(content)
            return words

        return write

    def checkpoint(**change: Any) -> Callable[[Path], list[str]]:
        def write(home: Path) -> list[str]:
            file = home / "run" / "checkpoints" / "best.ckpt"
            torch.save({**torch.load(file, weights_only=True), **change}, home / "bomb.ckpt")
            return ["inspect", "bomb.ckpt"]

        return write

    def packed(home: Path) -> list[str]:
        with gzip.open(home / "bomb.csv.gz", "wt") as stream:
            stream.write(HEADING + '"')
            for _ in range(100 * size):
                stream.write("0" * (1 << 20))
        return ["data", "import", "csv", "bomb.csv.gz", "out.store"]

    bombs: dict[str, Callable[[Path], list[str]]] = {
        "yaml aliases": text("bomb.yaml", aliases(8 + size), ["fit", "--config", "bomb.yaml"]),
        "yaml depth": text("bomb.yaml", "[" * deep, ["fit", "--config", "bomb.yaml"]),
        "run's aliases": text("run/config.yaml", aliases(8 + size), ["test", "run"]),
        "run's depth": text("run/config.yaml", "data: " + "{a: " * deep, ["test", "run"]),
        "checkpoint references": checkpoint(mine=references(4 + size)),
        "checkpoint references among callbacks": checkpoint(callbacks={"X": references(4 + size)}),
        "checkpoint tensor": checkpoint(state_dict={"w": torch.zeros(1).expand(10 ** (9 + size))}),
        "checkpoint depth": checkpoint(mine=_deep(min(900, 60 * size))),
        "csv field": text(
            "bomb.csv", HEADING + '"' + "x" * (70 << 20), ["data", "import", "csv", "bomb.csv", "o"]
        ),
        "gz": packed,
    }
    for name, content in texts.items():
        bombs |= {
            f"jsonl {name}": text(
                "bomb.jsonl", content, ["data", "import", "jsonl", "bomb.jsonl", "out.store"]
            ),
            f"chats {name}": text(
                "bomb.jsonl", content, ["data", "import", "chats", "bomb.jsonl", "out.store"]
            ),
            f"evaluation {name}": text("run/evaluation.json", content, ["report", "run"]),
            f"companions {name}": text("run/companions.json", content, ["test", "run"]),
        }
    return bombs


def _deep(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


def _meet(words: list[str], home: Path, told: Any) -> None:
    from torchedu.cli import main

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begun, said = time.process_time(), io.StringIO()  # of this process, whoever else works here
    try:
        with chdir(home), redirect_stdout(said), redirect_stderr(said):
            code: object = main(words)
    except BaseException as error:  # noqa: BLE001  # what the campaign looks for
        code = f"{type(error).__name__}: {error}"[:200]
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) << 10
    told.send((code, time.process_time() - begun, grown, said.getvalue()[-300:]))


def bombs(cases: int) -> Iterator[tuple[list[str], Any]]:
    """Let commands meet bombs, each in a fork of this process, which has imported all."""
    import torchedu.cli.data
    import torchedu.cli.inspect
    import torchedu.cli.report
    import torchedu.report
    import torchedu.run  # noqa: F401

    desk = Path(mkdtemp(prefix="torchedu-bombs-"))
    run = small_runs(desk, ["tracing"])["tracing"]
    problems, met = [], []
    fork = multiprocessing.get_context("fork")
    chosen = [
        (f"{name} x{size}", write)
        for size in range(1, 10)
        for name, write in _bombs(size, run).items()
    ]
    for name, write in chosen[:cases]:
        home = desk / "case"
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir()
        shutil.copytree(run, home / "run")
        words = write(home)
        mine, theirs = fork.Pipe(duplex=False)
        process = fork.Process(target=_meet, args=(words, home, theirs))
        process.start()
        theirs.close()
        try:
            code, seconds, grown, said = mine.recv() if mine.poll(60) else ("no end", 60, 0, "")
        except EOFError:
            code, seconds, grown, said = f"ended by {process.exitcode}", 0, 0, ""
        if process.is_alive():
            process.join(1)
            if process.is_alive() and process.pid:
                os.kill(process.pid, 9)
        met.append({"name": name, "code": code, "seconds": round(seconds, 2), "bytes": grown})
        if code != 2 or seconds > SECONDS or grown > MEMORY:
            problems.append(f"{name}: {json.dumps(met[-1])} {said}")
        yield problems, {"cases": len(met), "of": cases, "met": met}
    shutil.rmtree(desk)
