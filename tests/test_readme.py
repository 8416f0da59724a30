"""What README.md and docs/*.md tell a reader to run does run.

Blocks fenced as ``sh`` hold commands, ``python`` code, ``csv`` a file of answers; other blocks are
output or layouts and hold no commands. The blocks of a page run one after the other in one folder,
as a reader would run them. A comment before a block changes that:

    <!-- run with: answers.csv => other.csv; 6000 => 60 -->    replaces text, for files or sizes
    <!-- not run: reason -->                                   says why it cannot run here
    <!-- saved as: my_file.py -->                              adds to what later blocks import
"""

import contextlib
import csv
import os
import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from tests.encoders import write_encoder
from tests.essays import write_essays
from tests.picture_files import write_sums
from tests.spoken_files import write_answers
from torchedu.cli import main

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
COMMENT = re.compile(r"<!-- (run with|not run|saved as): (.+) -->")
FENCE = re.compile(r"^ *```(.*)$")
LINK = re.compile(r"\]\(([^)#]+)(?:#[^)]*)?\)")
COMMAND = re.compile(r"^\s*(?:\$ )?(?:\.venv/bin/)?(?:torchedu|make|python|pip|git) \w")


class Block(NamedTuple):
    """A fenced block: its language, its text, the line it begins at, and the file it is kept in."""

    language: str
    text: str
    line: int
    file: str


def blocks(page: Path) -> Iterator[Block]:
    """Give the blocks of a page that are to run, their replacements made."""
    lines = page.read_text("utf-8").splitlines()
    before, begin, language = "", None, ""
    for number, line in enumerate(lines, start=1):
        fence = FENCE.match(line)
        if begin is None:
            if fence:
                begin, language = number, fence[1].strip()
            elif line.strip():
                before = line.strip()
        elif fence:
            text = "\n".join(lines[begin : number - 1]) + "\n"
            comment = COMMENT.fullmatch(before)
            kind, value = comment.groups() if comment else ("", "")
            for replacement in value.split("; ") if kind == "run with" else ():
                old, new = replacement.split(" => ")
                assert old in text, f"{page.name}, line {begin}: {old!r} is not in the block"
                text = text.replace(old, new)
            if kind != "not run":
                yield Block(language, text, begin, value if kind == "saved as" else "")
            before, begin = "", None


@pytest.fixture(scope="session")
def desk(tmp_path_factory: pytest.TempPathFactory, lesson_file: Path, encoder_folder: Path) -> Path:
    """Give a folder with the files that a reader would have, and a finished run."""
    folder = tmp_path_factory.mktemp("desk")
    rng = np.random.default_rng(0)
    rows = [
        (f"s{s}", f"q{q}", f"{'über' if q % 2 else 'unter'} {q % 3}", rng.integers(2), "fm"[s % 2])
        for s in range(30)
        for q in rng.permutation(12)
    ]
    usual = ("student", "item", "skill", "correct", "gender")
    # A new student and a new item, which last year's network does not know.
    later = [("new " + s, "new" if q == "q3" else q, *rest) for s, q, *rest in rows[:60]]
    write(folder / "answers.csv", usual, rows)
    write(folder / "next_year.csv", usual, later)
    write(folder / "school.csv", ("pupil", "item", "skill", "mark", "gender"), rows)
    write(folder / "semicolons.csv", usual, rows, ";", "cp1252")
    write(folder / "quiz.csv", ("item",), [("q1",), ("q2",)])
    write_essays(folder / "essays.csv")
    write_answers(folder / "spoken")
    write_sums(folder / "paper")
    write_encoder(folder / "encoder")
    shutil.copy(lesson_file, folder / "lessons.csv")
    run = folder / "runs" / "version_0"
    with working_in(folder):
        words = f"fit --data.path answers.csv --trainer.max_epochs 1 --run {run}"
        assert main(shlex.split(words)) == 0
    return folder


def write(
    file: Path,
    headings: tuple[str, ...],
    rows: list[tuple[object, ...]],
    delimiter: str = ",",
    encoding: str = "utf-8",
) -> None:
    with file.open("w", newline="", encoding=encoding) as stream:
        writer = csv.writer(stream, delimiter=delimiter)
        writer.writerow(headings)
        writer.writerows(rows)


@contextlib.contextmanager
def working_in(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


@pytest.mark.timeout(400)  # a page trains several small networks, slowly on a busy machine
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_block_of_a_page_runs(
    page: Path, desk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left_out = ("runs",) if page.name == "README.md" else ()  # its first command makes the run
    folder = tmp_path / "desk"
    shutil.copytree(desk, folder, ignore=shutil.ignore_patterns(*left_out))
    monkeypatch.syspath_prepend(folder)
    with working_in(folder):
        for block in blocks(page):
            where = f"{page.name}, line {block.line}"
            if block.file:
                with Path(block.file).open("a", encoding="utf-8") as kept:
                    kept.write(block.text)
            elif block.language in ("sh", "shell", "bash"):
                run_commands(block.text, where)
            elif block.language == "python":
                exec(compile(block.text, where, "exec"), {"__name__": "__main__"})
            elif block.language == "csv":
                Path("shown.csv").write_text(block.text, "utf-8")
                assert main(["data", "import", "csv", "shown.csv", "shown.store"]) == 0, where
            else:
                hidden = [line for line in block.text.splitlines() if COMMAND.match(line)]
                assert not hidden, f"{where}: {hidden[0]!r} stands in a block that is not sh"


def run_commands(text: str, where: str) -> None:
    """Run the lines of a shell block in this process."""
    for line in text.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        if not words:
            continue
        command = words[0].removeprefix(".venv/bin/")
        if command == "make":
            targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.M)
            assert set(words[1:]) <= set(targets), f"{where}: {line}"
            continue
        assert command == "torchedu", f"{where}: {line!r} cannot be run; say why in a comment"
        try:
            code = main(words[1:])
        except SystemExit as leaving:  # --help leaves this way
            code = leaving.code or 0
        assert code == 0, f"{where}: {line}"


def test_make_train_is_the_command_that_the_readme_tells_of() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    assert re.search(r"^train: install.*\n\t\$\(BIN\)/torchedu fit$", makefile, re.M)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_of_a_page_leads_to_a_file(page: Path) -> None:
    for link in LINK.findall(page.read_text("utf-8")):
        assert "://" in link or (page.parent / link).exists(), f"{page.name}: {link}"


def test_every_page_is_in_the_list_of_pages() -> None:
    listed = LINK.findall((ROOT / "docs" / "index.md").read_text("utf-8"))
    for page in PAGES[1:]:
        assert page.name == "index.md" or page.name in listed, page.name


def test_pictures_are_small() -> None:
    for picture in (ROOT / "docs").glob("*.png"):
        assert picture.stat().st_size < 300_000, picture.name
