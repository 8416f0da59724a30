"""The formats that there are, and the one door from raw files to a store."""

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from importlib.metadata import entry_points
from inspect import isabstract
from pathlib import Path
from typing import Any, get_args

import pyarrow as pa

from torchedu.datasets.importers.importer import Importer
from torchedu.datasets.importers.reading import magic
from torchedu.datasets.importers.reading.look import Look, look_at
from torchedu.datasets.importers.reading.rows import BadRows, Piece, Places
from torchedu.datasets.importers.reading.text import is_folder, locate
from torchedu.datasets.store import Store
from torchedu.datasets.writer import check_place
from torchedu.errors import ConfigError, DataError, TorcheduError, allowed

ENTRY_POINTS = "torchedu.importers"
"""An installed package names modules of importers under this, and they are imported when asked."""


def formats(store: type[Store] = Store) -> dict[str, type[Importer]]:
    """Return the importers that there are, by the name a user gives.

    Args:
        store: What the data shall be kept in; any where it is ``Store``.
    """
    _load_installed()
    return {
        kind.name: kind
        for kind in _below(Importer)
        if "name" in vars(kind) and not isabstract(kind) and issubclass(kind.store, store)
    }


def _below(kind: type[Any]) -> Iterator[type[Any]]:
    for own in kind.__subclasses__():
        yield own
        yield from _below(own)


@cache
def _load_installed() -> None:
    for entry in entry_points(group=ENTRY_POINTS):
        entry.load()


def import_data(
    format: str,
    raw: str | Path,
    out: str | Path,
    options: Mapping[str, Any] | None = None,
    *,
    store: type[Store] = Store,
    progress: Callable[[int], None] | None = None,
) -> Any:
    """Read raw files of any format into a store.

    The store depends on what the files say, not on the order in which they tell of different
    students: names are kept in natural order, and what a student did in order of time.

    Args:
        format: The name of a format; see ``formats``.
        raw: The file or folder; a path or a URI such as ``s3://bucket/answers.csv``.
        out: The store to make; one that stands there is replaced.
        options: Options of the format; see ``importer_of``.
        store: What the data shall be kept in: formats of other kinds of data are not known then.
        progress: Called with the number of rows read so far.

    Returns:
        The store, of the format's kind.

    Raises:
        ConfigError: There is no such format, it has no such option, or the option no such value.
        DataError: The files cannot be read as they stand; nothing is written.
    """
    return imported(importer_of(format, options or {}, store), raw, out, progress)


def imported(
    importer: Importer,
    raw: str | Path,
    out: str | Path,
    progress: Callable[[int], None] | None = None,
) -> Any:
    """Read raw files into a store by an importer; see ``import_data``."""
    bad = BadRows(Places(), importer.on_bad_row)
    try:
        check_place(Path(out))  # told before anything is read
        reading = importer.read(str(raw), bad)
        about = importer.about(reading)
        pieces = _followed(reading.pieces, bad, progress)
        importer.write(reading._replace(pieces=pieces, raw=str(raw)), bad, Path(out), about)
    except TorcheduError as error:
        _with_own_options(error, importer)
        raise
    except OSError as error:
        raise DataError(
            f"the store cannot be written ({error.strerror or error}).",
            "Free space on the disk, or choose another place.",
            file=out,
        ) from None
    except UnicodeDecodeError as error:
        raise DataError(
            f"the text is not {error.encoding} (byte {error.object[error.start]:#04x} cannot be "
            "read).",
            "Save it as UTF-8.",
            file=raw,
        ) from None
    except pa.ArrowException as error:
        raise DataError(
            f"the file cannot be read ({error}).", "Export it again.", file=raw
        ) from None
    return importer.store(out)


@contextmanager
def as_options_of(arguments: Container[str]) -> Iterator[None]:
    """Tell an importer's options as a data module's arguments, or as its ``options``.

    Args:
        arguments: The data module's arguments.
    """
    own = formats().values()
    try:
        yield
    except TorcheduError as error:
        names = {option: option.partition(".")[0] for option in error.options()}
        mine = {option for option, name in names.items() if name in arguments}
        rest = {
            option
            for option, name in names.items()
            if option not in mine and any(name in kind.options() for kind in own)
        }
        if rest and "options" not in arguments:
            error.remedy += " It is an option of torchedu data import."
            rest = set()
        error.rename(
            lambda option: f"data.{option}" if option in mine else
            f"data.options.{option}" if option in rest else option
        )  # fmt: skip
        raise


def _with_own_options(error: TorcheduError, importer: Importer) -> None:
    """Tell a remedy that names options which a format lacks by what can be done with it."""
    own, known = importer.options(), formats(importer.store)
    named = {option.partition(".")[0] for option in error.options()}
    lacking = {
        option
        for option in named - own.keys()
        if any(option in kind.options() for kind in known.values())
    }
    if lacking:
        others = [kind.name for kind in known.values() if lacking <= kind.options().keys()]
        error.remedy = (
            f"Correct the file; {importer.name} is read as published, and formats with options for "
            f"such files are {', '.join(others)}."
        )
        error.option = None


def guess_format(raw: str | Path, store: type[Store]) -> str | None:
    """Return the format that raw files are of, by what they begin with, or else by their names.

    Args:
        raw: The file or folder; a path or a URI.
        store: What the data shall be kept in.

    Returns:
        The name of the format; None where nothing tells it.
    """
    return next(iter(likely_formats(look_at(raw), store)), None)


def untold(raw: str | Path, known: Iterable[str], option: str = "format") -> TorcheduError:
    """Return the error that says that nothing tells what raw files are.

    Args:
        raw: The file or folder; a path or a URI.
        known: The formats that there are.
        option: What takes a format.

    Raises:
        DataError: Nothing is there.
    """
    source, known = locate(str(raw)), list(known)
    if not is_folder(source):
        with source.open() as stream:
            if other := magic.no_text(bytes(stream.read(4096))):
                return source.fault(*other)
    return ConfigError(
        f"nothing tells the format of {raw}.", f"Name it with ⟦{option}⟧: {', '.join(known)}.",
        option=option, allowed=known,
    )  # fmt: skip


def likely_formats(look: Look, store: type[Store] = Store) -> list[str]:
    """Return the formats that raw files may be of, the likeliest first.

    Args:
        look: What they begin with.
        store: What the data shall be kept in.
    """
    sure = {
        name: (kind.knows(look), kind.likeness(look.files)) for name, kind in formats(store).items()
    }
    return sorted((name for name in sure if any(sure[name])), key=sure.__getitem__, reverse=True)


def describe_data(path: str | Path) -> dict[str, Any]:
    """Count what a store of any kind holds.

    Args:
        path: The store.

    Returns:
        Plain JSON; see ``describe.describe`` for answers and ``contents`` for all others.

    Raises:
        DataError: It is no store, or one that a data module made for itself.
    """
    store = open_store(path)
    return next(k for k in formats().values() if k.store is type(store)).describe(store)


def open_store(path: str | Path) -> Store:
    """Open a store as what it holds.

    Args:
        path: The store.

    Returns:
        The store, of the kind of data that was imported.

    Raises:
        DataError: It is no store, or one that a data module made for itself.
    """
    store = Store(path)
    for kind in formats().values():
        if store.is_kind(kind.store):
            return kind.store(path)
    raise DataError(
        "the store holds what a network reads, in no form for people.",
        "Name the store that it was made of.",
        file=path,
    )


def importer_of(format: str, options: Mapping[str, Any], store: type[Store] = Store) -> Importer:
    """Return what reads files of a format as some options have it.

    Args:
        format: The name of a format; see ``formats``.
        options: Options of the format, the fields of its class, also as words of a command; None
            stands for the usual value.
        store: What the data shall be kept in.

    Raises:
        ConfigError: There is no such format, it has no such option, or the option no such value.
    """
    known = formats(store)
    if format not in known:
        raise ConfigError(
            f"the format {format!r} is not known.", allowed(format, known, most=40),
            option="format", value=format, allowed=known,
        )  # fmt: skip
    given = {name: value for name, value in options.items() if value is not None}
    own = known[format].options()
    for name in given:
        if name not in own:
            others = [kind.name for kind in known.values() if name in kind.options()]
            raise ConfigError(
                f"the format {format} has no option {name}.",
                f"Its own: {', '.join(own)}. Formats with it: {', '.join(others) or 'none'}.",
                option=name, value=given[name],
            )  # fmt: skip
    return known[format](
        **{name: _of_word(name, own[name], value) for name, value in given.items()}
    )


def _of_word(name: str, kind: Any, value: Any) -> Any:
    """Return what a word of a command means as a value of an option's type."""
    if not isinstance(value, str):
        return value
    if kind == Sequence[str]:
        return [part.strip() for part in value.split(",") if part.strip()]
    kinds = get_args(kind) or (kind,)
    for wanted, read in ((bool, {"true": True, "false": False}.__getitem__), (float, float)):
        if wanted in kinds:
            try:
                return read(value.lower())
            except (KeyError, ValueError):
                noun = "a number" if wanted is float else "true or false"
                raise ConfigError(
                    f"⟦{name}⟧ is {value!r}.", f"Give {noun}.", option=name, value=value
                ) from None
    return value


def _followed(
    pieces: Iterator[Any], bad: BadRows, progress: Callable[[int], None] | None
) -> Iterator[Any]:
    """Count the rows that are read; check the drops once all are."""
    for piece in pieces:
        bad.rows += len(piece.place) if isinstance(piece, Piece) else 1
        yield piece
        if progress is not None:
            progress(bad.rows)
    bad.refuse_most()
