"""Stores that data modules open, or make of raw files once."""

import logging
import os
from collections.abc import Container, Mapping
from pathlib import Path
from typing import Any, TypeVar

from torchedu.datasets import Store
from torchedu.datasets.importers import (
    Importer,
    formats,
    guess_format,
    imported,
    importer_of,
    untold,
)
from torchedu.datasets.importers.registry import as_options_of
from torchedu.datasets.store import MANIFEST, is_store
from torchedu.errors import ConfigError, worded
from torchedu.files import alone
from torchedu.stages import stage

S = TypeVar("S", bound=Store)
_log = logging.getLogger("lightning.pytorch")  # said by who imports, of whatever rank


def stored(
    kind: type[S],
    path: str,
    format: str | None,
    options: Mapping[str, Any],
    arguments: Container[str],
    out: str | None = None,
) -> S:
    """Open a store, or make one of raw files unless that was done before.

    It is made where the user said, or beside the raw files, or here where that is not possible, by
    one process: others that ask for it wait and open it then. So it is right under any launcher,
    before any rank has met another, and a process that dies while it imports leaves its place to
    the next one.

    Args:
        kind: What the store has to hold.
        path: The store, or raw files: a file, a folder, or a URI.
        format: The format in which they are read, where the user said it.
        options: The importer's options; a store that was made with others is made again.
        arguments: The data module's arguments: errors tell other options of the importer as its
            ``options``, where it has that argument, or as those of an import.
        out: Where the store is made, where the user said it.

    Returns:
        The store.

    Raises:
        ConfigError: A store of other data stands where this one would be made, or nothing tells the
            format.
        DataError: The raw files cannot be read, or the store holds something else.
    """
    raw = Path(path)
    if is_store(raw):
        return _sound(kind(raw))
    read_as = format or guess_format(path, kind)
    if read_as is None:
        raise untold(path, formats(kind), "data.format")
    with as_options_of(arguments):
        importer = importer_of(read_as, options, kind)
    place = Path(out) if out else _place(path)
    with alone(place.parent):
        if (place / MANIFEST).is_file():
            store = kind(place)
            _refuse_other(store, raw)
            if _as_said(store, format, importer, options) and _is_of(store, raw):
                return _sound(store)
        with as_options_of(arguments):
            made: S = imported(
                importer, path, place, lambda rows: stage(f"importing {raw.name}: {rows:,} rows")
            )
    stage()
    _log.info(worded(f"Imported {raw.name}: {made.summary}."))
    for note in made.about.get("notes") or ():
        _log.info(worded(note))
    return made


def _sound(store: S) -> S:
    """Refuse a store that is not as it was written: a network would learn what a disk made of it.

    So before anything of it is believed: a wrong offset reads beyond all answers.
    """
    stage("comparing the store with its checksums")
    store.verify()
    stage()
    return store


def _place(path: str) -> Path:
    """Return where the store of ``a.csv`` is: ``a.store``; ``a.csv.store`` if that is of others."""
    raw = Path(path) if Path(path).name not in ("", "..") else Path(path).resolve()
    here = "://" in path or (raw.exists() and not os.access(raw.parent, os.W_OK))
    beside = Path(raw.name) if here else raw
    short = beside.with_suffix(".store")
    taken = (short / MANIFEST).is_file() and not _is_from(Store(short), raw)
    return beside.with_name(f"{beside.name}.store") if taken else short


def _is_from(store: Store, raw: Path) -> bool:
    there = {raw.name, *(file.name for file in raw.rglob("*"))}
    return not there.isdisjoint(source["file"] for source in _sources(store))


def _refuse_other(store: Store, raw: Path) -> None:
    if not _is_from(store, raw):
        raise ConfigError(
            f"{store.path} holds other data than {raw.name}.",
            "Say where the store of this data shall be, with ⟦data.out⟧.",
            option="data.out",
            value=str(store.path),
        )


def _as_said(
    store: Store, format: str | None, importer: Importer, options: Mapping[str, Any]
) -> bool:
    """Say whether a store was made so; options that nobody gave here are as an import had them."""
    made, given = store.about.get("options") or {}, importer.given()
    return format in (None, store.about.get("importer")) and all(
        made.get(name) == given.get(name) for name in options
    )


def _sources(store: Store) -> list[dict[str, Any]]:
    sources = store.about.get("source", [])
    return sources if isinstance(sources, list) else []  # a simulated class was read from none


def _is_of(store: Store, raw: Path) -> bool:
    """Say whether raw files are those that a store was made of: not newer, and of their sizes."""
    files = [raw, *raw.rglob("*")]
    if not raw.is_dir():  # others beside it may have been read too
        files = [raw.parent / source["file"] for source in _sources(store)]
    stats = {file: file.stat() for file in files if file.exists()}
    sizes = {(file.name, stat.st_size) for file, stat in stats.items()}
    made = (store.path / MANIFEST).stat().st_mtime
    return all((source["file"], source["bytes"]) in sizes for source in _sources(store)) and all(
        stat.st_mtime < made for stat in stats.values()
    )
