"""Files made to run code, to write elsewhere or to fill the memory: none may succeed."""

import io
import json
import os
import pickle
import resource
import shutil
import socket
import stat
import sys
import threading
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import survive_runs as runs
import torch
import yaml
from survive_damage import CONSTANT, Whole, sealed, trained_run

from torchedu.cli import main

MEMORY = 4 * 2**30
"""Bytes that reading a hostile file may take beside what is taken already."""


class Case(NamedTuple):
    """A hostile file, laid where a command may meet it.

    Attributes:
        whole: A good run, to be copied.
        folder: The case's own folder, empty.
        outside: A folder that must stay as it is.
        address: Of a server of this machine that must not be asked.
    """

    whole: Whole
    folder: Path
    outside: Path
    address: str

    @property
    def marker(self) -> Path:
        """What stands in ``outside`` once hostile code has run."""
        return self.outside / "executed"

    def run(self) -> Path:
        """Return a copy of the good run."""
        return shutil.copytree(self.whole.run, self.folder / "run")


Attack = Callable[[Case, int], list[str]]


class Call:
    """Calls something when it is unpickled."""

    def __init__(self, function: Callable[..., object], *arguments: object) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return self.call


def commands(file: Path, case: Case, turn: int) -> list[str]:
    """Return one of the commands that open a checkpoint."""
    data = ["--data.path", str(case.whole.run.parent / "class.store")]
    new = ["--run", str(case.folder / "new"), *data, *runs.SMALL]
    return [
        ["test", str(file), *data],
        ["fit", "--resume", str(file), *new],
        ["fit", "--init_from", str(file), *new],
        ["predict", str(file), *data],
        ["validate", "--ckpt_path", str(file), *data],
    ][turn % 5]


def pickles(case: Case, turn: int) -> list[str]:
    """Pickles that make a folder, as archives with and without a seal, old files and bare ones."""
    call: object = [
        Call(os.mkdir, str(case.marker)),
        Call(os.system, f"mkdir {case.marker}"),
        Call(exec, f"import os; os.mkdir({str(case.marker)!r})"),
    ][turn % 3]
    key = ("callbacks", "hyper_parameters", "state_dict")[turn % 3]
    hostile = case.whole.content | {key: {"net.weight": call}}
    file = case.folder / "net.ckpt"
    if turn % 4 == 0:
        torch.save(hostile, file)
    elif turn % 4 == 1:
        file.write_bytes(sealed(hostile, case.whole))
    elif turn % 4 == 2:
        file.write_bytes(pickle.dumps(hostile))
    else:
        torch.save(hostile, file, _use_new_zipfile_serialization=False)
    return commands(file, case, turn)


def configurations(case: Case, turn: int) -> list[str]:
    """YAML with Python's tags, or with classes that are none of torchedu's kinds."""
    apply = f"!!python/object/apply:os.mkdir [{json.dumps(str(case.marker))}]"
    code = f"!!python/object/apply:exec ['import os; os.mkdir({json.dumps(str(case.marker))})']"
    arguments = {"args": ["mkdir", str(case.marker)]}
    process = {"class_path": "subprocess.Popen", "init_args": arguments}
    text = [
        f"data: {apply}\n",
        f"data:\n  class_path: torchedu.datamodules.Interactions\n  init_args:\n    path: {code}\n",
        yaml.safe_dump({"data": process}),
        yaml.safe_dump({"model": process}),
        f"? {apply}\n: 1\n",
        yaml.safe_dump({"trainer": {"callbacks": [process], "logger": process}}),
        f"seed_everything: !!python/object/new:os.system ['mkdir {case.marker}']\n",
    ][turn % 7]
    good = ["--data.path", str(case.whole.run.parent / "class.store")]
    if turn % 2 and "data" in text:  # of a run's configuration, that is what is read again
        run = case.run()
        (run / "config.yaml").write_text(text)
        return [["test", str(run)], ["predict", str(run)]][turn // 2 % 2]
    file = case.folder / "evil.yaml"
    file.write_text(text)
    words = ["fit", "--config", str(file), "--run", str(case.folder / "new"), *runs.SMALL]
    return words + ([] if "data" in text else good)


def archive_paths(case: Case, turn: int) -> list[str]:
    """Archives whose records would be unpacked elsewhere."""
    name = [
        "../" * 8 + str(case.marker).lstrip("/"),
        str(case.marker),
        "..\\..\\executed",
        "archive/../../executed",
        "archive/data.pkl",  # a link
    ][turn % 5]
    good = io.BytesIO()
    torch.save(case.whole.content, good)
    file = case.folder / "net.ckpt"
    with zipfile.ZipFile(good) as records, zipfile.ZipFile(file, "w") as archive:
        record = zipfile.ZipInfo(name)
        if turn % 5 == 4:
            record.external_attr = (stat.S_IFLNK | 0o777) << 16
            archive.writestr(record, str(case.marker))
        else:
            for each in records.infolist():
                archive.writestr(each.filename, records.read(each))
            archive.writestr(record, b"executed")
    return commands(file, case, turn)


def addresses(case: Case, turn: int) -> list[str]:
    """Addresses in the place of files."""
    address = [
        f"http://{case.address}/net.ckpt",
        f"https://{case.address}/net.ckpt",
        "s3://bucket/net.ckpt",
        f"file://{case.marker}",
        f"ftp://{case.address}/net.ckpt",
        f"http://{case.address}/recipe.yaml",
    ][turn % 6]
    if turn % 6 == 5:
        return ["fit", "--config", address, "--run", str(case.folder / "new")]
    words = commands(case.folder, case, turn)
    return [address if word == str(case.folder) else word for word in words]


def oversized(case: Case, turn: int) -> list[str]:
    """Headers that claim far more than the file holds, and what unpacks to far more."""
    file = case.folder / "net.ckpt"
    huge = 2 ** (40 + turn % 20)
    way = turn % 4
    if way == 0:  # a record that unpacks to a gigabyte
        with (
            zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive,
            archive.open("archive/data.pkl", "w", force_zip64=True) as record,
        ):
            for _ in range(1024):
                record.write(bytes(2**20))
    elif way == 1:  # the directory of the archive claims a size
        claims = bytearray(sealed(case.whole.content, case.whole))
        place = claims.rindex(b"PK\x01\x02")
        claims[place + 20 : place + 28] = b"\xfe\xff\xff\xff" * 2
        file.write_bytes(claims)
    elif way == 2:  # a tensor whose storage is said to have so many numbers
        good = io.BytesIO()
        torch.save(case.whole.content | {"state_dict": {"net.weight": torch.zeros(77777)}}, good)
        with zipfile.ZipFile(good) as records, zipfile.ZipFile(file, "w") as archive:
            for each in records.infolist():
                content = records.read(each)
                if each.filename.endswith("data.pkl"):  # as BININT, then as LONG1
                    long = huge.to_bytes(9, "little")
                    content = content.replace(
                        b"J" + (77777).to_bytes(4, "little"), b"\x8a\x09" + long
                    )
                archive.writestr(each, content)
    else:  # a header of safetensors
        file.write_bytes(huge.to_bytes(8, "little") + b'{"weights":')
    return commands(file, case, turn)


def links(case: Case, turn: int) -> list[str]:
    """Links among a run's files that lead elsewhere, to a file that is there or one that is not."""
    run = case.run()
    name = (
        "metrics.csv",
        "config.yaml",
        "companions.json",
        "evaluation.json",
        "report.html",
        "predictions.parquet",
        "hparams.yaml",
        "checkpoints/last.ckpt",
    )[turn % 9]
    link = run / name
    victim = case.outside / ("executed" if turn % 2 else "victim.txt")
    link.unlink()
    link.symlink_to(victim)
    data = ["--data.path", str(case.whole.run.parent / "class.store")]
    more = [*data, *runs.SMALL, *CONSTANT, "--trainer.max_epochs", "3"]
    return ["fit", "--run", str(run), "--resume", "auto", *more]


KINDS: dict[str, tuple[Attack, bool]] = {
    "pickle": (pickles, True),
    "YAML": (configurations, True),
    "archive paths": (archive_paths, True),
    "URL": (addresses, True),
    "oversized header": (oversized, True),
    "symlink": (links, False),
}
"""The attacks, and whether the command has to refuse the file."""


def hostile(number: int) -> tuple[list[str], Any]:
    """Meet hostile files with the command line.

    Args:
        number: Files, of all kinds in turn.

    Returns:
        What went wrong, and what else to keep.
    """
    problems: list[str] = []
    told: Counter[str] = Counter()
    armed = 0
    with (
        TemporaryDirectory(prefix="torchedu-survive-") as home,
        _listening() as (address, asked),
        runs.server() as launches,
    ):
        whole = trained_run(Path(home), launches)
        for i in range(number):
            kind = list(KINDS)[i % len(KINDS)]
            attack, refused = KINDS[kind]
            folder, outside = Path(home) / f"case-{i}", Path(home) / f"outside-{i}"
            for each in (folder, outside):
                each.mkdir()
            (outside / "victim.txt").write_text("as it was")
            words = attack(Case(whole, folder, outside, address), i // len(KINDS))
            launch = launches.start(meet, words, folder=folder / "output")
            (code,) = launch.wait(300)
            name = f"{kind} {i // len(KINDS)} ({' '.join(words[:3])})"
            told[f"{kind}: exit code {code}"] += 1
            said = launch.output()
            if code not in ((2,) if refused else (0, 2)):
                problems.append(f"{name}: ended with {code}: {said[-1000:]}")
            if code == 2 and "Traceback" in said:
                problems.append(f"{name}: a traceback")
            here = {file.name: file.read_text() for file in outside.iterdir() if file.is_file()}
            if (outside / "executed").is_dir():
                problems.append(f"{name}: executed")
            elif here != {"victim.txt": "as it was"}:
                problems.append(f"{name}: written outside: {sorted(here)}")
            if kind in UNSAFE and not here.keys() - {"victim.txt"}:
                armed += UNSAFE[kind](folder, outside / "executed")
            if asked:
                problems.append(f"{name}: {len(asked)} connections were made")
                asked.clear()
    if armed < number // 5:
        problems.append(f"only {armed} files would run code where nothing is careful")
    return problems, {"files": number, "armed": armed, "told": dict(told)}


def unpickled(folder: Path, marker: Path) -> bool:
    """Say whether a checkpoint runs its code if it is read without care."""
    file = folder / "net.ckpt"
    with suppress(Exception):
        torch.load(file, weights_only=False)
    with suppress(Exception):
        pickle.loads(file.read_bytes())
    return marker.exists()


def constructed(folder: Path, marker: Path) -> bool:
    """Say whether a configuration runs its code if it is read without care."""
    for file in (folder / "evil.yaml", folder / "run" / "config.yaml"):
        with suppress(Exception):
            yaml.unsafe_load(file.read_text())
    return marker.exists()


UNSAFE = {"pickle": unpickled, "YAML": constructed}
"""What proves a file hostile, once the command has refused it."""


def meet(words: list[str]) -> None:
    """Be the command line, with little memory left."""
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (taken + MEMORY, taken + MEMORY))
    sys.exit(main(words))


@contextmanager
def _listening() -> Iterator[tuple[str, list[object]]]:
    """Give the address of a server that only notes who comes, and its notes."""
    came: list[object] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def note() -> None:
            while True:
                try:
                    connection, who = server.accept()
                except OSError:
                    return  # closed
                came.append(who)
                connection.close()

        threading.Thread(target=note, daemon=True).start()
        yield f"127.0.0.1:{server.getsockname()[1]}", came
        server.shutdown(socket.SHUT_RDWR)
