"""Damages stores of answers, fills disks, and ends what writes them: what is then said, and left.

python benchmarks/ten_million.py --only ten.damage
"""

import filecmp
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import harness

FIT = ("fit", "--config", "dkt", "--trainer.accelerator", "cpu", "--data.path")
ROOM = 100_000
"""Bytes that a file may have on the disk that is full."""
Case = dict[str, Any]


def _cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-1])


def _empty(file: Path) -> None:
    file.write_bytes(b"")


def _flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


WAYS: dict[str, Callable[[Path], None]] = {
    "removed": Path.unlink, "cut": _cut, "emptied": _empty, "a bit flipped": _flip
}  # fmt: skip


def campaign(folder: Path, students: int, most: int | None = None) -> list[Case]:
    """Return every case, and whether it came out well.

    Args:
        folder: An empty place.
        students: Of the class.
        most: So many files are damaged; all where it is None.
    """
    good = folder / "good.store"
    _run("data", "simulate", good, "--students", students, "--answers", 40)
    names = [file.relative_to(good) for file in sorted(good.rglob("*")) if file.is_file()]
    cases = [
        _damaged(folder, good, name, way, command)
        for name in names[:most]
        for way in WAYS
        for command in ("check", "fit")
    ]
    cases += [_in_mid_epoch(folder, good, way) for way in ("cut", "removed")]
    cases += [_on_a_full_disk(folder, students, processes) for processes in (1, 2)]
    cases += [_killed(folder, good, students, part) for part in (0.2, 0.5, 0.8)]
    for case in cases:
        if not case["well"]:
            print(f"  not well: {case}", flush=True)
    return cases


def _run(*words: object, room: int | None = None) -> tuple[int, str]:
    """Run a command to its end; return its exit code and what it said."""

    def little() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM, ROOM))

    command = [harness.script("torchedu"), *map(str, words)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, preexec_fn=little if room else None
    )
    return done.returncode, (done.stdout + done.stderr).strip()


def _told(code: int, said: str, *names: str) -> bool:
    """Say whether a command ended in an error that names what it is about, without a traceback."""
    return code == 2 and "Traceback" not in said and all(name in said for name in names)


def _damaged(folder: Path, good: Path, name: Path, way: str, command: str) -> Case:
    bad, run = folder / "bad.store", folder / "run"
    shutil.copytree(good, bad)
    WAYS[way](bad / name)
    words = ("data", "check", bad) if command == "check" else (*FIT, bad, "--run", run)
    code, said = _run(*words)
    # Of a manifest that is changed within, what it then names is missing or does not match.
    known = "" if name.name == "manifest.json" else name.name
    well = _told(code, said, known, "damaged") and not run.exists()
    shutil.rmtree(bad)
    shutil.rmtree(run, ignore_errors=True)
    return {"case": f"{command}: {name} {way}", "well": well, "said": said[-300:]}


def _in_mid_epoch(folder: Path, good: Path, way: str) -> Case:
    """Damage a file while training reads it; put it back and go on."""
    bad, run = folder / "bad.store", folder / "run"
    shutil.copytree(good, bad)
    file = bad / "students" / "answer.item.bin"
    content = file.read_bytes()
    words = (*FIT, bad, "--run", run, "--trainer.max_epochs", 3)
    command = [harness.script("torchedu"), *map(str, words)]
    training = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert training.stdout is not None
    before = ""
    for line in training.stdout:
        before += line
        if line.startswith("epoch 1"):
            break
    WAYS[way](file)
    after = training.communicate()[0]
    said = before + after
    if way == "removed":  # what is mapped stays readable until the command ends
        well = training.returncode == 0
    else:
        well = _told(training.returncode, said, file.name)
        file.write_bytes(content)
        code, again = _run(*words, "--resume", "auto")
        well = well and code == 0
        said += again
    shutil.rmtree(bad)
    shutil.rmtree(run, ignore_errors=True)
    return {"case": f"in mid-epoch: {way}", "well": well, "said": said[-300:]}


def _on_a_full_disk(folder: Path, students: int, processes: int) -> Case:
    out = folder / "full.store"
    words = ("data", "simulate", out, "--students", students, "--processes", processes)
    code, said = _run(*words, room=ROOM)
    well = _told(code, said) and not out.exists()
    code, again = _run(*words)
    well = well and code == 0
    shutil.rmtree(out, ignore_errors=True)
    case = f"simulating on a full disk, {processes} processes"
    return {"case": case, "well": well, "said": f"{said[-300:]} {again[-100:]}"}


def _killed(folder: Path, good: Path, students: int, part: float) -> Case:
    """Kill a simulation after a part of the time that it takes; simulate again."""
    out = folder / "killed.store"
    words = ("data", "simulate", out, "--students", students, "--answers", 40, "--processes", 2)
    begin = time.perf_counter()
    _run(*words)
    took = time.perf_counter() - begin
    shutil.rmtree(out)
    command = [harness.script("torchedu"), *map(str, words)]
    running = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    time.sleep(took * part)
    running.send_signal(signal.SIGKILL)
    running.wait()
    code, said = _run(*words)
    files = [file.relative_to(good) for file in good.rglob("*") if file.is_file()]
    same = out.exists() and not any(filecmp.cmpfiles(good, out, map(str, files), shallow=False)[1:])
    left = [file.name for file in folder.iterdir() if file.name.startswith(".killed")]
    shutil.rmtree(out, ignore_errors=True)
    well = code == 0 and same and not left
    return {"case": f"killed at {part:.0%}", "well": well, "said": f"{said[-300:]} {left}"}


if __name__ == "__main__":
    sys.exit("It is a part of ten_million.py: python benchmarks/ten_million.py --only ten.damage")
