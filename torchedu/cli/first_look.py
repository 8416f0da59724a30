"""What data holds and what can be done with it, told before or after it is imported."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from torchedu.cli.terminal import Terminal
from torchedu.datasets import Store
from torchedu.datasets.importers import (
    formats,
    guess_format,
    import_data,
    likely_formats,
    look_at,
    open_store,
    untold,
)
from torchedu.datasets.importers.reading.look import Look
from torchedu.datasets.importers.reading.tables import Headed
from torchedu.datasets.store import is_store
from torchedu.errors import ConfigError, TorcheduError, allowed, worded
from torchedu.leaks import check
from torchedu.schema import GROUP, RESERVED, ROLES, TAG

MOST_SHOWN = 12
"""Headings of a table, and formats that fit, that are shown."""


class Task(NamedTuple):
    """What a kind of data is for.

    Attributes:
        tells: What a network says that was trained on it.
        recipe: The configuration that trains one; empty where that is the usual one.
    """

    tells: str
    recipe: str


TASKS = {
    "answers": Task("whether the next answer is right, and what is mastered", ""),
    "enrolments": Task("courses to recommend", "two_tower"),
    "events in courses": Task("students at risk", "at_risk"),
    "graded texts": Task("grades of essays and short answers", "essay"),
    "spoken answers": Task("grades of answers typed, spoken and photographed", "spoken"),
    "transcripts": Task("talk moves in lessons", "talk_moves"),
    "conversations": Task("explanations of mathematics", "math_small"),
}
"""What each kind of data is for, by what its store holds."""


def tell_data(raw: str, format: str | None = None) -> None:
    """Say what a store or raw files hold, which task fits, and which command comes next.

    Raw files are imported into a place that is gone at the end: nothing is left of it.

    Args:
        raw: The store, file or folder.
        format: The format, where it is known.

    Raises:
        ConfigError: The format is not known, or nothing tells it.
        DataError: The files cannot be read as they stand.
    """
    terminal = Terminal()
    if is_store(raw):
        store = open_store(raw)
        store.verify()
        _tell(terminal, store, raw, ())
        return
    known = formats()
    look = look_at(raw)
    for name, text in _seen(look):
        terminal.print(f"{name:9} {text}")
    if format is not None and format not in known:
        raise ConfigError(
            f"the format {format!r} is not known.", allowed(format, known, most=40),
            option="format", value=format, allowed=known,
        )  # fmt: skip
    likely = likely_formats(look)
    sure = [name for name in likely if known[name].knows(look)]
    # The ending of a file of JSON tells nothing of what its objects are.
    unlike = look.objects and len(look.files) == 1
    fitting = [format] if format else sure or ([] if unlike else likely)
    if not fitting:
        raise untold(raw, known)
    best = fitting[0]
    terminal.print(f"format    {best}: {known[best].reads}")
    with TemporaryDirectory() as folder:
        try:
            store = import_data(best, raw, Path(folder) / "store")
        except TorcheduError as error:
            _tell_others(terminal, sure[1:] if not format else (), known[best].store.holds)
            options = {option.partition(".")[0] for option in error.options()}
            if options & known[best].options().keys():
                error.remedy += (
                    f" It is an option of: torchedu data import {best} {raw} "
                    f"{Path(raw).with_suffix('.store')}."
                )
            raise
        others = sure[1:] if not format else ()
        _tell(terminal, store, raw, others, best, Path(raw).with_suffix(".store"))


def _seen(look: Look) -> list[tuple[str, str]]:
    """Return what is seen of a file at the first look."""
    lines = []
    if len(look.files) > 1:
        lines.append(("files", f"{len(look.files) - 1:,}"))
    if look.headings:
        what = "keys" if look.objects else "headings"
        shown = ", ".join(look.headings[:MOST_SHOWN])
        more = len(look.headings) - MOST_SHOWN
        lines.append((what, shown + (f" and {more:,} more" if more > 0 else "")))
    return lines


def _tell(
    terminal: Terminal,
    store: Store,
    raw: str,
    others: Sequence[str],
    format: str = "",
    place: Path | None = None,
) -> None:
    """Say what a store holds, what may make scores on it too good, and what comes next."""
    print_import(terminal, store, "" if place is None else f"{place.name} would hold ")
    _tell_missing(terminal, store)
    findings = check(store)
    for finding in findings:
        terminal.print(f"{'leak':9} {worded(str(finding))}")
    if not findings:
        terminal.print("leaks     none found")
    task = TASKS.get(store.holds)
    if task is None:  # a kind of another package
        return
    terminal.print(f"task      {task.tells}")
    _tell_others(terminal, others, store.holds)
    recipe = f" --config {task.recipe}" if task.recipe else ""
    direct = not format or guess_format(raw, type(store)) == format
    if not direct:
        terminal.print(f"next      torchedu data import {format} {raw} {place}")
    path = raw if direct else place
    terminal.print(f"{'' if not direct else 'next':9} torchedu fit{recipe} --data.path {path}")


def _tell_others(terminal: Terminal, others: Sequence[str], holds: str) -> None:
    """Say which formats of other kinds of data fit too."""
    known = formats()
    for other in _one_a_kind(others, holds):
        what = TASKS[known[other].store.holds].tells
        terminal.print(f"also      {other}: {known[other].reads}; for {what}")


def _tell_missing(terminal: Terminal, store: Store) -> None:
    """Say which columns the format would take that were not there."""
    kind = formats().get(str(store.about.get("importer")))
    if kind is None or not issubclass(kind, Headed):
        return
    taken = store.about.get("columns") or {}
    missing = [column.name for column in kind.schema if column.name not in taken]
    if missing:
        terminal.print(f"without   {', '.join(missing)}")


def _one_a_kind(names: Sequence[str], but: str) -> list[str]:
    """Return the first of some formats for each kind of data but one."""
    known, kinds = formats(), {but}
    first = []
    for name in names:
        holds = known[name].store.holds
        if holds not in kinds and holds in TASKS:
            kinds.add(holds)
            first.append(name)
    return first


def print_import(
    terminal: Terminal, store: Store, where: str, seconds: float | None = None
) -> None:
    """Print what a store holds: counts, what was taken for what, what was dropped and why.

    Args:
        terminal: Where it is printed.
        store: The store.
        where: What stands before its counts, such as its path.
        seconds: How long it took to make it.
    """
    about, vocabulary = store.about, store.vocabulary
    took = "" if seconds is None else f", in {seconds:.1f} s"
    lines = [("store", f"{where}{store.summary}{took}")]
    if store.parts:
        parts = (f"{name} {number:,}" for name, number in store.parts.items())
        lines.append(("parts", ", ".join(parts)))
    tags = {role: ", ".join(vocabulary[TAG + role]) for role in ROLES}
    lines += [("tags", f"{role}s': {names}") for role, names in tags.items() if names]
    if vocabulary.groups:
        groups = (
            f"{name} ({len(vocabulary[GROUP + name]) - RESERVED})" for name in vocabulary.groups
        )
        lines.append(("groups", ", ".join(groups)))
    if about.get("columns"):
        taken = (f"{name} = {heading}" for name, heading in about["columns"].items())
        lines.append(("taken", ", ".join(taken)))
    if ignored := [heading for heading in about.get("ignored_columns", ()) if heading]:
        lines.append(("ignored", ", ".join(ignored)))
    if about.get("time_unit"):
        lines.append(("time", about["time_unit"]))
    for reason, dropped in about.get("dropped", {}).items():
        counted = isinstance(dropped, int)
        rows, first = (dropped, ()) if counted else (dropped["rows"], dropped["first"])
        where = f" (first: {'; '.join(first)})" if first else ""
        lines.append(("dropped", f"{rows:,} rows: {reason}{where}"))
    lines += [("note", worded(note)) for note in about.get("notes", ())]
    if about.get("licence"):
        lines.append(("licence", about["licence"]))
    for name, text in lines:
        terminal.print(f"{name:9} {text}")
