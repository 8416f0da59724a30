"""Are files of schools and of the field read, told right, and kept whole, and how fast?

    python benchmarks/files.py            # five minutes
    python benchmarks/files.py --short    # one minute: fewer files, 2 M answers

``files.cases`` are files on which imports went wrong once. ``files.remedy`` follows the remedy that
each of some 75 errors prints, and runs the same import again. ``files.rows`` writes files of every
importer with good and bad rows drawn, and asks of each row whether it was kept or counted.
``files.speed`` is ``torchedu data import`` of a CSV file of answers (student, item, skill, mark,
time, response time) in a process of one thread, whose whole processor time counts: the start of
Python, the import, and its look for leaks in 262,144 of the answers. That of ``import_data`` alone
is kept beside it.
``files_layouts.py`` adds the layouts of platforms and of this field.
"""

import os
import sys
import warnings
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import files_cases
import files_layouts
import files_remedies
import files_rows
import files_rows_published
import harness
import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
from harness import Goal, Job

from torchedu.datasets.importers import formats
from torchedu.errors import TorcheduError

FILES, FEW = 1000, 100
ANSWERS, SOME = 18_000_000, 2_000_000
LEAST = 1.1e6
REMEDIES = 60
MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
"""Where many small stores are written: syncing each to a disk takes long."""
IMPORT = """
import sys
from torchedu.datasets.importers import import_data
import_data("csv", sys.argv[1], sys.argv[2])
"""


def cases() -> tuple[list[Goal], Any]:
    with TemporaryDirectory(dir=MEMORY) as folder:
        wrong = files_cases.left(Path(folder))
    goal = Goal("files.cases", len(wrong), f"0 left of {len(files_cases.CASES)}", not wrong)
    return [goal], {"left": wrong}


def remedies() -> tuple[list[Goal], Any]:
    still: dict[str, str] = {}
    for name, fault in files_remedies.FAULTS.items():
        with TemporaryDirectory(dir=MEMORY) as folder:
            said = files_remedies.followed(Path(folder), fault)
        if said:
            still[name] = said.replace(folder, "")
    helped = len(files_remedies.FAULTS) - len(still)
    must = f"{REMEDIES} or more, and all that are tried"
    goal = Goal("files.remedy", helped, must, helped >= REMEDIES and not still)
    return [goal], {"tried": len(files_remedies.FAULTS), "still_refused": still}


def rows(number: int) -> tuple[list[Goal], Any]:
    lost: dict[str, str] = {}
    writers = files_rows_published.EVERY
    for seed in range(number):
        form = list(writers)[seed % len(writers)]
        with TemporaryDirectory(dir=MEMORY) as folder:
            raw = Path(folder) / "raw"
            raw.mkdir()
            try:
                missing: object = files_rows.lost(raw, form, writers[form], seed)
            except TorcheduError as error:
                missing = str(error).replace(folder, "")
        if missing:
            lost[f"{form}, seed {seed}"] = str(missing)
    goal = Goal("files.rows", len(lost), f"0 of {number} files lose a row in silence", not lost)
    without = sorted(formats().keys() - writers.keys())
    return [goal], {"files": number, "lost": lost, "formats_without_generated_files": without}


def speed(number: int) -> tuple[list[Goal], Any]:
    with TemporaryDirectory() as folder:
        raw = Path(folder) / "answers.csv"
        write_answers(raw, number)
        out = Path(folder) / "out"
        done = harness.run([harness.script("torchedu"), "data", "import", "csv", raw, out])
        alone = harness.run([sys.executable, "-c", IMPORT, str(raw), str(out)]).cpu_seconds
        size = raw.stat().st_size
    per_second = number / done.cpu_seconds
    goal = Goal("files.speed", round(per_second), f"{LEAST:,.0f} or more", per_second >= LEAST)
    kept = {"answers": number, "command_cpu_seconds": done.cpu_seconds, "bytes": size}
    kept |= {"seconds": done.seconds, "command_peak_mib": done.peak_mib}
    kept |= {"import_cpu_seconds": alone}
    return [goal], kept


def write_answers(file: Path, number: int, block: int = 500_000, each: int = 150) -> None:
    """Write answers of students one after the other, of about 150 answers each."""
    draw, time, first = np.random.default_rng(0), 1_600_000_000, 0
    with file.open("wb") as stream:
        stream.write(b"student,item,skill,correct,time,response_time\n")
        for begin in range(0, number, block):
            size = min(block, number - begin)
            item = draw.integers(0, 12_000, size)
            moment = time + np.cumsum(draw.integers(1, 90, size))
            table = pa.table(
                {
                    "student": np.sort(draw.integers(first, first + size // each + 1, size)),
                    "item": np.char.add("q", item.astype(str)),
                    "skill": np.char.add("kc", (item % 180).astype(str)),
                    "correct": draw.integers(0, 2, size),
                    "time": moment,
                    "response_time": draw.integers(1000, 90_000, size) / 1000,
                }
            )
            options = pa_csv.WriteOptions(include_header=False, quoting_style="none")
            pa_csv.write_csv(table, stream, options)
            time, first = int(moment[-1]), first + size // each


JOBS = [
    Job(("files.cases",), cases, short=True),
    Job(("files.cases",), cases),
    Job(("files.remedy",), remedies, short=True),
    Job(("files.remedy",), remedies),
    Job(("files.rows",), partial(rows, FEW), short=True),
    Job(("files.rows",), partial(rows, FILES)),
    Job(("files.speed",), partial(speed, SOME), short=True),
    Job(("files.speed",), partial(speed, ANSWERS)),
    *files_layouts.JOBS,
]


if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    sys.exit(harness.main("files", JOBS, __doc__.splitlines()[0]))
