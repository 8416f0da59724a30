"""What an importer is: a kind of data says what its rows become, a format how files are read."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Literal, get_args, get_origin, get_type_hints

from torchedu.datasets.importers.reading.look import Look
from torchedu.datasets.importers.reading.rows import BadRows, OnBadRow, Reading
from torchedu.datasets.importers.reading.text import Source
from torchedu.datasets.store import Store
from torchedu.errors import ConfigError, allowed

KNOWN = 100
"""How sure a format is of its own headings; of those that many files have it is less so."""
HASHED_BYTES = 256 << 20
"""Larger raw files are known by their name and size alone: reading them twice takes too long."""


@dataclass(kw_only=True)
class Importer(ABC):
    """Reads raw files of one format into a store of one kind of data.

    A kind of data is a subclass with a ``store`` and ``write``; a format of it is a subclass of
    that with a ``name`` and ``read``, which is known by its name once its module is imported. The
    fields of both are the options that a user can give.

    Attributes:
        store: What keeps data of this kind.
        name: What the user calls the format: ``torchedu data import NAME RAW OUT``.
        reads: Which files it reads, in words.
        suffixes: Endings of files that are of this format; the longest one that fits decides.
        in_folders: Whether files with these endings tell the format of the folder they lie in too.
        told_by: Headings, or keys of JSON, that tell the format where all of a text's words are
            there, in lower case with ``_`` for blanks.
        citation: The paper to cite when the data is used.
        licence: The terms of the data.

    Args:
        on_bad_row: What becomes of bad rows, ``error`` (the first one ends the import) or ``drop``
            (they are left out, counted and named).

    Raises:
        ConfigError: An option has a value that it cannot have.
    """

    store: ClassVar[type[Store]]
    name: ClassVar[str] = ""
    reads: ClassVar[str] = ""
    suffixes: ClassVar[tuple[str, ...]] = ()
    in_folders: ClassVar[bool] = True
    told_by: ClassVar[tuple[str, ...]] = ()
    citation: ClassVar[str] = ""
    licence: ClassVar[str] = ""

    on_bad_row: OnBadRow = "error"

    def __post_init__(self) -> None:
        """Refuse a value that an option cannot have."""
        for name, kind in self.options().items():
            value = vars(self)[name]
            if get_origin(kind) is Literal and value not in get_args(kind):
                choices = get_args(kind)
                raise ConfigError(
                    f"⟦{name}⟧ is {value!r}.", allowed(str(value), map(str, choices)),
                    option=name, value=value, allowed=choices,
                )  # fmt: skip

    @abstractmethod
    def read(self, raw: str, bad: BadRows) -> Reading:
        """Begin to read raw files.

        Args:
            raw: The file or folder; a path or a URI such as ``s3://bucket/answers.csv``.
            bad: What becomes of bad rows.

        Returns:
            What is read, piece by piece.

        Raises:
            DataError: The files cannot be read as they stand.
        """

    @abstractmethod
    def write(self, reading: Reading, bad: BadRows, out: Path, about: dict[str, Any]) -> None:
        """Check all that is read and write it as a store.

        Args:
            reading: What is read.
            bad: What becomes of bad rows.
            out: The store to make; one that stands there is replaced.
            about: Where it comes from; the store keeps this, and what else there is to say.

        Raises:
            DataError: What is read cannot be used as it stands; nothing is written.
        """

    @staticmethod
    def describe(store: Any) -> dict[str, Any]:
        """Count what a store of this kind holds.

        Args:
            store: The store.

        Returns:
            Plain JSON; see ``contents``.
        """
        return {**store.counts, "groups": {}, "facts": {}}

    @classmethod
    @cache  # `data import` asks some hundred times, and hints are slow to read
    def options(cls) -> dict[str, Any]:
        """Return the type of each option by its name."""
        hints = get_type_hints(cls)
        return {field.name: hints[field.name] for field in fields(cls)}

    @classmethod
    def default(cls, option: str) -> Any:
        """Return what an option is where the user does not give it."""
        (field,) = (field for field in fields(cls) if field.name == option)
        return field.default if field.default_factory is MISSING else field.default_factory()

    @classmethod
    def likeness(cls, names: Sequence[str]) -> int:
        """Say how surely names tell the format: 0 for not at all.

        Args:
            names: The name of a file; or that of a folder and the paths of the files in it.
        """
        seen = names if cls.in_folders else names[:1]
        return max(
            (len(end) for end in cls.suffixes if any(name.lower().endswith(end) for name in seen)),
            default=0,
        )

    @classmethod
    def knows(cls, look: Look) -> int:
        """Say how surely what raw files begin with tells the format: 0 for not at all.

        Args:
            look: What they begin with.
        """
        words = (text.split() for text in cls.told_by)
        known = (KNOWN + len(own) for own in words if look.names.issuperset(own))
        # Headings of a platform's own tell its files or nothing does: many tables have a student
        # and a time.
        return max(known, default=0 if cls.told_by else cls.fits(look))

    @classmethod
    def fits(cls, look: Look) -> int:
        """Say how well headings that many files have would do; see ``knows``."""
        return 0

    def given(self) -> dict[str, Any]:
        """Return the options that are not as usual, as plain JSON."""
        return {
            name: _plain(vars(self)[name])
            for name in self.options()
            if _plain(vars(self)[name]) != _plain(self.default(name))
        }

    def about(self, reading: Reading) -> dict[str, Any]:
        """Return where data comes from, without any path of this machine.

        Args:
            reading: What is read.

        Returns:
            The beginning of a store's ``about``; the options are those that are not as usual.
        """
        files = {source.outer.path: source.outer for source in reading.sources[:100]}
        return {
            "importer": self.name,
            "citation": self.citation,
            "licence": self.licence,
            "options": self.given(),
            "source": [_fingerprint(source) for source in files.values()],
            "source_files": len(reading.sources),
            "columns": reading.columns,
            "ignored_columns": list(reading.ignored),
        }


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    return list(value) if isinstance(value, Iterable) and not isinstance(value, str) else value


def _fingerprint(source: Source) -> dict[str, Any]:
    size = source.size()
    known: dict[str, Any] = {"file": source.base, "bytes": size}
    if size <= HASHED_BYTES:
        digest = hashlib.sha256()
        with source.system.open_input_stream(source.path, compression=None) as stream:
            while data := stream.read(1 << 20):
                digest.update(data)
        known["sha256"] = digest.hexdigest()
    return known
