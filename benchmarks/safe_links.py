"""Links planted in the folder of a run: is one of them followed for writing?"""

import hashlib
import io
import random
import shutil
from collections.abc import Iterator
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from safe_runs import small_runs
from safe_values import fit_words

FILES = (
    "config.yaml", "metrics.csv", "hparams.yaml", "companions.json", "people.npz",
    "evaluation.json", "report.html", "model_card.md", "predictions.parquet", "mastery.parquet",
    ".lock",
    "checkpoints/best.ckpt", "checkpoints/last.ckpt", "checkpoints/older.ckpt",
    "pictures/learning-curves.png", "pictures/scores.png", "test-answers/evaluation.json",
    "test-answers/report.html", "predict-answers/predictions.parquet",
)  # fmt: skip
FOLDERS = (
    "checkpoints", "pictures", "test-answers", "predict-answers", "checkpoints/last.ckpt.parts",
    "test-answers/pictures",
)  # fmt: skip
COMMANDS = ("resume", "test", "predict", "report")


def links(cases: int) -> Iterator[tuple[list[str], Any]]:
    """Plant a link a case, run a command, and look at what it points to."""
    from torchedu.cli import main

    desk = Path(mkdtemp(prefix="torchedu-links-"))
    run = small_runs(desk, ["tracing"])["tracing"]
    problems: list[str] = []
    codes: dict[str, int] = {}
    for number in range(cases):
        drawn = random.Random(number)
        home = desk / "case"
        shutil.rmtree(home, ignore_errors=True)
        shutil.copytree(run, home / "run")
        outside = home / "outside"
        outside.mkdir()
        is_folder = drawn.random() < 0.4
        name = drawn.choice(FOLDERS if is_folder else FILES)
        command = COMMANDS[number % len(COMMANDS)]
        place = home / "run" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        target = outside / "target"
        if is_folder:
            if place.is_dir() and not place.is_symlink():
                shutil.copytree(place, target)
                shutil.rmtree(place)
            else:
                target.mkdir()
            (target / "own.ckpt").write_text("the user's own")
        elif place.is_file() and drawn.random() < 0.7:
            shutil.copy(place, target)
        place.unlink(missing_ok=True)
        place.symlink_to(target)
        before = _snapshot(outside)
        words = {
            "resume": [*fit_words(run), "--trainer.max_epochs", "3", "--run", "run",
                       "--resume", "auto", "--resume_with", "max_epochs"],
            "test": ["test", "run"], "predict": ["predict", "run"], "report": ["report", "run"],
        }[command]  # fmt: skip
        said = io.StringIO()
        try:
            with chdir(home), redirect_stdout(said), redirect_stderr(said):
                code: object = main(words)
        except Exception as error:  # noqa: BLE001  # what the campaign looks for
            code = f"{type(error).__name__}: {error}"
            problems.append(f"case {number} ({name}; {command}): {code}")
        codes[str(code)[:40]] = codes.get(str(code)[:40], 0) + 1
        if _snapshot(outside) != before:
            problems.append(f"case {number} ({name}; {command}): what it points to was changed")
        yield problems, {"cases": number + 1, "of": cases, "codes": codes}
    shutil.rmtree(desk)


def _snapshot(folder: Path) -> dict[str, str]:
    return {
        str(one.relative_to(folder)): hashlib.sha256(one.read_bytes()).hexdigest()
        if one.is_file()
        else ""
        for one in sorted(folder.rglob("*"))
    }
