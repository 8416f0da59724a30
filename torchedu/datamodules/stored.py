"""Stores that data modules open, or make of raw files once."""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from lightning.pytorch.utilities.rank_zero import rank_zero_info

from torchedu.datasets import Store
from torchedu.datasets.store import MANIFEST
from torchedu.errors import ConfigError, TorcheduError

S = TypeVar("S", bound=Store)


def stored(
    kind: type[S],
    path: str,
    read: Callable[[str, Path], S],
    *,
    format: str | None = None,
    options: Mapping[str, Any] | None = None,
    out: Path | None = None,
) -> S:
    """Open a store, or make one of raw files unless that was done before.

    Args:
        kind: What the store has to hold.
        path: The store, or raw files: a file, a folder, or a URI.
        read: Reads the raw files into a store at a path.
        format: The format in which they are read, where the user said it.
        options: The importer's options; a store that was made with others is made again.
        out: Where the store is made; beside the raw files where it is None, of a URI here.

    Returns:
        The store.

    Raises:
        ConfigError: A store of other data stands where this one would be made.
        DataError: The raw files cannot be read, or the store holds something else.
    """
    raw = Path(path)
    if (raw / MANIFEST).is_file():
        return kind(raw)
    if out is None:
        out = (Path(raw.name) if "://" in path else raw).with_suffix(".store")
    if (out / MANIFEST).is_file():
        store = kind(out)
        there = {raw.name, *(file.name for file in raw.rglob("*"))}
        if not there.intersection(one["file"] for one in _sources(store)):
            raise ConfigError(
                f"{out} holds other data than {raw.name}.",
                f"Import it elsewhere: torchedu data import {kind.made_by} {raw} OUT, "
                "then --data.path OUT.",
            )
        as_said = format in (None, store.about.get("importer"))
        as_said &= _given(options) == _given(store.about.get("options"))
        if as_said and _is_of(store, raw):
            return store
    store = read(path, out)
    rank_zero_info(f"Imported {raw.name}: {store.summary}.")
    return store


@contextmanager
def own_remedy(format: str, raw: str, out: Path) -> Iterator[None]:
    """Word the remedies of an import as a user of ``--data.path`` can follow them.

    Args:
        format: The format that is read.
        raw: The raw files.
        out: The store that is made.
    """
    try:
        yield
    except TorcheduError as error:
        error.remedy = re.sub("--(columns|groups|traits)", r"--data.\1", error.remedy)
        if re.search(r"--(?!data\.)\w", error.remedy):
            command = f"torchedu data import {format} {raw} {out}"
            error.remedy += f" It is an option of: {command}. Then --data.path {out}."
        raise


def _given(options: Mapping[str, Any] | None) -> dict[str, Any]:
    return {name: value for name, value in (options or {}).items() if value}


def _sources(store: Store) -> list[dict[str, Any]]:
    sources: list[dict[str, Any]] = store.about.get("source", [])
    return sources


def _is_of(store: Store, raw: Path) -> bool:
    """Say whether raw files are those that a store was made of: not newer, and of their sizes."""
    files = [raw, *raw.rglob("*")]
    if not raw.is_dir():  # others beside it may have been read too
        files = [raw.parent / one["file"] for one in _sources(store)]
    stats = {file: file.stat() for file in files if file.exists()}
    sizes = {(file.name, found.st_size) for file, found in stats.items()}
    made = (store.path / MANIFEST).stat().st_mtime
    return all((one["file"], one["bytes"]) in sizes for one in _sources(store)) and all(
        found.st_mtime < made for found in stats.values()
    )
