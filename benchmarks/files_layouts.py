"""Are files of platforms and of this field read for what they say, however they are wrapped?

python benchmarks/files_layouts.py            # every layout in every wrapping, and two commands
python benchmarks/files_layouts.py --short    # every layout as it is

A layout is read right, or told in two lines whose remedy, followed, works; anything else is lost.
"""

import gzip
import shutil
import sys
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from harness import Goal, Job, main, run, script

sys.path.insert(0, str(Path(__file__).parents[1]))  # the generators stand with the tests

from tests.datasets.importers.layouts import LAYOUTS, Layout, followed, table, told
from torchedu.datasets.importers import guess_format, import_data
from torchedu.errors import TorcheduError

TEXTS = (".csv", ".txt", ".tsv", ".json", ".jsonl", ".vtt", ".srt", ".train")
STUDENTS, QUESTIONS = 150, 20


def _renamed(file: Path, data: bytes) -> Path:
    return _put(file.with_name("export.txt"), data)


def _put(file: Path, data: bytes) -> Path:
    file.write_bytes(data)
    return file


def _zipped(file: Path, data: bytes) -> Path:
    with zipfile.ZipFile(file.with_name(f"{file.name}.zip"), "w") as packed:
        packed.writestr(file.name, data)
    return file.with_name(f"{file.name}.zip")


WRAPPINGS: dict[str, Callable[[Path, bytes], Path]] = {
    "called export.txt": _renamed,
    "gzip": lambda file, data: _put(file.with_name(f"{file.name}.gz"), gzip.compress(data)),
    "in a ZIP archive": _zipped,
    "with a byte order mark": lambda file, data: _put(file, b"\xef\xbb\xbf" + data),
    "with ends of lines of Windows": lambda file, data: _put(file, data.replace(b"\n", b"\r\n")),
    "with blank lines at the end": lambda file, data: _put(file, data + b"\n\n"),
}
"""How the same file reaches others."""


def layouts(wrapped: bool) -> tuple[list[Goal], dict[str, Any]]:
    """Read every layout, as it is and in every wrapping, and count what is lost.

    Args:
        wrapped: Whether files are wrapped too.
    """
    read, asked, lost = 0, 0, {}
    for layout in LAYOUTS:
        for name in ["as it is", *(WRAPPINGS if wrapped else ())]:
            with TemporaryDirectory() as folder:
                raw = layout.write(Path(folder))
                if name != "as it is":
                    if raw.is_dir() or raw.suffix not in TEXTS:
                        continue
                    data = raw.read_bytes()
                    raw.unlink()
                    raw = WRAPPINGS[name](raw, data)
                came = _came(layout, raw, Path(folder))
            read += came == "read"
            asked += came == "remedied"
            if came not in ("read", "remedied"):
                lost[f"{layout.name}, {name}"] = came
    kept = {"layouts": len(LAYOUTS), "files": read + asked + len(lost), "read": read,
            "read after their remedy": asked, "lost": lost}  # fmt: skip
    goal = Goal("files.layouts", len(lost), f"0 lost of {len(LAYOUTS)} layouts, 60 or more",
                not lost and len(LAYOUTS) >= 60)  # fmt: skip
    return [goal], kept


def _came(layout: Layout, raw: Path, folder: Path) -> str:
    """Return what came of a file: read, remedied, or what went wrong."""
    format = guess_format(raw, layout.store)
    options: dict[str, Any] = {}
    for _ in range(2):
        try:
            store = import_data(str(format), raw, folder / "out", options, store=layout.store)
        except TorcheduError as error:
            named = [name for name in layout.remedy if f"⟦{name}⟧" in str(error.remedy)]
            if options or not named:
                return f"refused: {error}"
            options = followed(layout, folder)
        else:
            says = told(store)
            lesson = raw.stem if raw.name == "export.txt" else "lesson"
            right = says == [lesson if part == "lesson" else part for part in layout.truth]
            return ("remedied" if options else "read") if right else f"read as {says[:3]}"
    return "refused twice"


def commands() -> tuple[list[Goal], dict[str, Any]]:
    """Go from a quiz that a learning platform exported to a report, by the README's commands."""
    draw = np.random.default_rng(0)
    ability = draw.normal(size=STUDENTS)
    hard = np.linspace(-1.5, 1.5, QUESTIONS)
    right = draw.random((STUDENTS, QUESTIONS)) < 1 / (1 + np.exp(hard - ability[:, None]))
    head = ["Last name", "First name", "ID number", "State", "Started on", "Grade/20.00"]
    head += [f"Q. {i + 1} /1.00" for i in range(QUESTIONS)]
    rows = [
        ["L", "F", f"s{n}", "Finished", f"{n % 28 + 1} January 2024  9:{n % 60:02} AM", "10.00",
         *(f"{int(mark):.2f}" for mark in right[n])]
        for n in range(STUDENTS)
    ]  # fmt: skip
    words = (["data", "check", "quiz.csv"], ["fit", "--data.path", "quiz.csv"])
    with TemporaryDirectory() as name:
        folder = Path(name)
        table(folder / "quiz.csv", head, rows)
        done = [run([script("torchedu"), *command], folder) for command in words]
        page = folder / "runs" / "version_0" / "report.html"
        said = f"torchedu {' '.join(words[1])}" in done[0].output
        figure = len(words) if page.is_file() and said else None
        shutil.rmtree(folder / "runs", ignore_errors=True)
    kept = {"seconds": [round(one.seconds, 1) for one in done], "report": figure is not None}
    return [Goal("files.commands", figure, "2 commands", figure == len(words))], kept


JOBS = [
    Job(("files.layouts",), partial(layouts, True)),
    Job(("files.layouts",), partial(layouts, False), short=True),
    Job(("files.commands",), commands),
]

if __name__ == "__main__":
    assert __doc__ is not None
    sys.exit(main("files_layouts", JOBS, __doc__.splitlines()[0]))
