"""What an importer is: how a format is called, where its data comes from, and its reader."""

import hashlib
import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from torchedu.datasets.importers.rows import BadRows, Piece
from torchedu.datasets.importers.text import Source
from torchedu.errors import ConfigError, allowed

HASHED_BYTES = 256 << 20
"""Larger raw files are known by their name and size alone: reading them twice takes too long."""


class Reading(NamedTuple):
    """What an importer's ``read`` returns.

    Attributes:
        pieces: The rows, piece by piece, read when they are asked for.
        sources: The files they come from.
        columns: The heading or field taken for each column of the schema.
        ignored: Headings that are not used.
        notes: What a user should know about how the files were taken, in whole sentences.
        unit: The unit of numeric times, where the format fixes it.
        response_time_unit: The unit of response times, where the format fixes it.
        separator: What stands between the skills of a text, where the format fixes it; "" where a
            text is always one skill.
    """

    pieces: Iterator[Piece]
    sources: tuple[Source, ...]
    columns: dict[str, str]
    ignored: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    unit: str | None = None
    response_time_unit: str | None = None
    separator: str | None = None


@dataclass(frozen=True)
class Importer:
    """A format of raw files.

    Attributes:
        name: What the user calls it: ``torchedu data import NAME RAW OUT``.
        reads: Which files it reads, in words.
        read: ``read(raw, bad, ...)``; its further arguments are the options of the format.
        suffixes: Endings of files that are of this format without a doubt.
        citation: The paper to cite when the data is used.
        licence: The terms of the data.
    """

    name: str
    reads: str
    read: Callable[..., Reading]
    suffixes: tuple[str, ...] = ()
    citation: str = ""
    licence: str = ""

    @property
    def options(self) -> tuple[str, ...]:
        """The names of the options that the format has beside those of every import."""
        return tuple(inspect.signature(self.read).parameters)[2:]


def open_raw(
    formats: Mapping[str, Importer],
    format: str,
    raw: str | Path,
    bad: BadRows,
    options: Mapping[str, Any],
) -> tuple[Reading, dict[str, Any]]:
    """Begin to read raw files of a format.

    Args:
        formats: The importers that there are, by name.
        format: The name of one.
        raw: The file or folder; a path or a URI.
        bad: What becomes of bad rows.
        options: The format's options; those that say nothing are left out.

    Returns:
        What is read, and where it comes from: the beginning of a store's ``about``, in which no
        path of this machine stands.

    Raises:
        ConfigError: There is no such format, or it does not have one of the options.
        DataError: The files cannot be read as they stand.
    """
    if format not in formats:
        raise ConfigError(f"the format {format!r} is not known.", allowed(format, formats))
    importer = formats[format]
    given = {name: value for name, value in options.items() if value}
    for name in given:
        if name not in importer.options:
            others = [one.name for one in formats.values() if name in one.options]
            raise ConfigError(
                f"the format {importer.name} has no option {name}.",
                f"Its own: {', '.join(importer.options) or 'none'}. "
                f"Formats with it: {', '.join(others)}.",
            )
    reading = importer.read(str(raw), bad, **given)
    return reading, {
        "importer": importer.name,
        "citation": importer.citation,
        "licence": importer.licence,
        "options": {name: _plain(value) for name, value in given.items()},
        "source": [_fingerprint(source) for source in reading.sources[:100]],
        "source_files": len(reading.sources),
        "columns": reading.columns,
        "ignored_columns": list(reading.ignored),
    }


def _plain(value: Any) -> Any:
    return (
        dict(value)
        if isinstance(value, Mapping)
        else list(value)
        if isinstance(value, tuple)
        else value
    )


def _fingerprint(source: Source) -> dict[str, Any]:
    size = source.size()
    known: dict[str, Any] = {"file": source.base, "bytes": size}
    if size <= HASHED_BYTES:
        digest = hashlib.sha256()
        with source.system.open_input_stream(source.path) as stream:
            while data := stream.read(1 << 20):
                digest.update(data)
        known["sha256"] = digest.hexdigest()
    return known
