"""A student forgotten: taken out of a store, its features, and what runs say of it."""

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from torchedu.bounded import parse_yaml
from torchedu.datasets.attached import PHOTOGRAPH, RECORDING, Attached
from torchedu.datasets.importers.registry import open_store
from torchedu.datasets.leaving_out import is_told, rewrite
from torchedu.datasets.spoken import SpokenStore
from torchedu.datasets.store import Store
from torchedu.errors import ConfigError, DataError
from torchedu.files import scratch
from torchedu.people import People
from torchedu.privacy.people_in import Person, masked, person_in
from torchedu.privacy.results import clean_results
from torchedu.run_folder import RunFolder


class Forgotten(NamedTuple):
    """What was taken out of where.

    Attributes:
        counts: What the store lost, by noun; nothing where it held nothing.
        files: Files of runs and features that were written again or removed.
        trained: Runs whose networks were trained on the student, or chosen by them: their weights
            are as they were.
        sources: Raw files that the store was made of, and that still hold them.
    """

    counts: dict[str, int]
    files: list[Path]
    trained: list[Path]
    sources: list[str]


def forget(store: str | Path, student: str, runs: Sequence[str | Path] = ("runs",)) -> Forgotten:
    """Take a student out of a store, its features and the results of runs; see ``person_in``.

    All else stays to the last bit. Each file takes its place whole, the store last: what is broken
    off leaves the old store, and the same command again goes on.

    Args:
        store: The store.
        student: The student's name; of other kinds of data a text's, writer's, lesson's or
            speaker's.
        runs: Folders of runs, or that hold such.

    Returns:
        What was done.

    Raises:
        ConfigError: The name says nobody, or nobody else would be left.
        DataError: Neither the store nor any run holds the name.
    """
    if not student.strip():
        raise ConfigError("⟦student⟧ is empty.", "Give a name as the data has it.")
    opened = open_store(store)
    person = person_in(opened, student)
    if person.left_out and person.left_out.rows[opened.mark[0]].all():
        raise ConfigError(
            f"nobody but {student!r} is in {store}.", "Remove the whole store yourself."
        )
    folders = [folder for root in map(Path, runs) for folder in _folders(root)]
    names = person.known_as or [student]
    trained = [folder for folder in folders if _was_trained_on(folder, names)]
    files = [*_forget_features(opened, person, trained)]
    for folder in folders:
        files += clean_results(folder, student, person.texts)
    if not (person.left_out or files or trained):
        raise DataError(
            f"nobody is called {student!r} here, nor in {', '.join(map(str, runs))}.",
            "Names are compared letter by letter; ⟦runs⟧ names other folders.",
            file=store,
        )
    with scratch(opened.path):  # which removes what a run of this command that was killed left
        pass
    if person.left_out:
        about = masked(opened.about, student) if is_told(student) else opened.about
        rewrite(opened, opened.path, person.left_out, person.vocabulary, about)
    sources = [source["file"] for source in opened.about.get("source", ()) if "file" in source]
    return Forgotten(
        person.counts if person.left_out else {}, files, trained, sources if person.left_out else []
    )


def forget_in_runs(student: str, runs: Sequence[str | Path]) -> list[Path]:
    """Take a student out of what runs say, where no store holds the student.

    Args:
        student: The student's name.
        runs: Folders of runs, or that hold such.

    Returns:
        The files that were written again or removed.
    """
    folders = [folder for root in map(Path, runs) for folder in _folders(root)]
    return [file for folder in folders for file in clean_results(folder, student, ())]


def _folders(root: Path) -> Iterator[Path]:
    """Yield a folder and those inside of it that a run or a command on its network wrote."""
    inside = (
        sorted(folder for folder in root.rglob("*") if folder.is_dir()) if root.is_dir() else []
    )
    for folder in (root, *inside):
        if not folder.is_symlink() and folder.is_dir() and RunFolder(folder).holds_results():
            yield folder


def _was_trained_on(folder: Path, names: Sequence[str]) -> bool:
    file = RunFolder(folder).people
    if not file.is_file():
        return False
    return bool(People.read(file).met("test", names, np.zeros(len(names), np.int64)).any())


def _forget_features(store: Store, person: Person, trained: Sequence[Path]) -> Iterator[Path]:
    """Remove what a frozen model or a tokenizer made of the texts that go, and yield the files."""
    for folder in store.path.parent.glob(f"{store.path.stem}.tokens-*"):
        if person.left_out and (folder / "manifest.json").is_file():
            shutil.rmtree(folder)  # made again when it is asked for
            yield folder
    files: list[NDArray[Any]] = []
    if isinstance(store, SpokenStore):
        each: list[tuple[Attached, Iterator[NDArray[Any]]]]
        each = [(RECORDING, store.sounds), (PHOTOGRAPH, store.pictures)]
        for kind, contents in each:
            going = person.left_out.rows.get(kind.table)
            if going is not None:
                files += [content for content, goes in zip(contents, going, strict=True) if goes]
    if not (person.texts or files):
        return
    places = {store.path.with_suffix(".features"), *filter(None, map(_features_of, trained))}
    for place in sorted(place for place in places if place.is_dir()):
        # torch is loaded only where there is something to remove.
        from torchedu.features import embedding, states

        yield from embedding.leave_out(place, person.texts)
        yield from states.leave_out(place, files)


def _features_of(folder: Path) -> Path | None:
    """Return where a run's configuration has its features, if it says so."""
    try:
        config = parse_yaml(RunFolder(folder).config.read_text("utf-8"))
        setting = config["data"]["init_args"]["features"]
    except (OSError, ValueError, LookupError, TypeError):
        return None
    return Path(setting) if isinstance(setting, str) else None
