"""Import answers: one call from a raw file to a store."""

import hashlib
import inspect
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa

from torchedu.datasets.answers import AnswerStore
from torchedu.datasets.importers.formats import FORMATS
from torchedu.datasets.importers.importer import Importer, Reading
from torchedu.datasets.importers.intake import Intake
from torchedu.datasets.importers.rows import BadRows, OnBadRow, Places
from torchedu.datasets.importers.skills import Skills
from torchedu.datasets.importers.table import read_skill_table
from torchedu.datasets.importers.text import Source, locate
from torchedu.errors import ConfigError, DataError, allowed

SECONDS = {"s": 1.0, "ms": 1e-3}
"""Seconds in one unit of a response time."""
HASHED_BYTES = 256 << 20
"""Larger raw files are known by their name and size alone: reading them twice takes too long."""


def import_answers(
    format: str,
    raw: str | Path,
    out: str | Path,
    *,
    columns: Mapping[str, str] | None = None,
    groups: Sequence[str] | None = None,
    answer_id: str | None = None,
    merge_skill_rows: bool = False,
    skills: str | None = None,
    skill_separator: str = ";",
    item_skills: str | None = None,
    delimiter: str | None = None,
    encoding: str | None = None,
    time_unit: str = "auto",
    response_time_unit: str = "s",
    on_bad_row: OnBadRow = "error",
    progress: Callable[[int], None] | None = None,
) -> AnswerStore:
    """Read students' answers from a raw file into a store.

    The store depends on what the file says, not on the order in which it tells of different
    students: items, skills and students are kept in natural order of their names, and each
    student's answers in order of time (in the file's order where times are equal or absent).

    Args:
        format: The name of an importer; see ``FORMATS``.
        raw: The file or folder; a path or a URI such as ``s3://bucket/answers.csv``.
        out: The store to make; one that stands there is replaced.
        columns: Headings by the schema's names (``student``, ``item``, ``skill``, ``correct``,
            ``time``, ``response_time``, ``attempt``), where they are not the common ones.
        groups: Headings of student attributes, such as ``gender``.
        answer_id: Heading of the answer's id, where an answer fills a row for each of its skills.
        merge_skill_rows: Take rows that differ in nothing but the skill as one answer.
        skills: Which skills to take, where the format has several kinds.
        skill_separator: What stands between several skills of an item.
        item_skills: A CSV file of items and their skills, instead of skills beside the answers.
        delimiter: What stands between the fields of a CSV file.
        encoding: The text's encoding; UTF-8.
        time_unit: ``auto``, ``s``, ``ms``, ``us``, ``ns`` or ``date``.
        response_time_unit: ``s`` or ``ms``.
        on_bad_row: ``error`` ends the import at the first bad row; ``drop`` leaves bad rows out,
            and the store's ``about`` counts and names them.
        progress: Called with the number of rows read so far.

    Returns:
        The store.

    Raises:
        DataError: The file cannot be read as it stands; nothing is written.
        ConfigError: An option has an unknown value, or the format does not have it.
    """
    if format not in FORMATS:
        raise ConfigError(f"the format {format!r} is not known.", allowed(format, FORMATS))
    importer = FORMATS[format]
    options = {
        "columns": columns,
        "groups": tuple(groups or ()),
        "answer_id": answer_id,
        "skills": skills,
        "delimiter": delimiter,
        "encoding": encoding,
    }
    given = {name: value for name, value in options.items() if value}
    check_options(importer, given, FORMATS)
    if response_time_unit not in SECONDS:
        raise ConfigError(f"response_time_unit is {response_time_unit!r}.", "Allowed: s, ms.")
    bad = BadRows(Places(), on_bad_row)
    reading = importer.read(str(raw), bad, **given)
    about = about_source(importer, reading, given)
    table = None
    if item_skills is not None:
        about["options"]["item_skills"] = locate(item_skills).base
        table = read_skill_table(item_skills, skill_separator, delimiter, encoding or "utf-8")
    with _spill_folder(Path(out)) as folder:
        intake = Intake(
            reading,
            bad,
            folder,
            time_unit=reading.unit or time_unit,
            response_time_factor=SECONDS[reading.response_time_unit or response_time_unit],
            skills=Skills(
                skill_separator if reading.separator is None else reading.separator, table
            ),
            merge_skill_rows=merge_skill_rows,
        )
        try:
            rows = 0
            for piece in reading.pieces:
                rows += intake.take(piece)
                if progress is not None:
                    progress(rows)
            intake.write(Path(out), about)
        except OSError as error:
            raise DataError(
                f"the store cannot be written ({error.strerror or error}).",
                "Free space on the disk, or choose another place.",
                file=out,
            ) from None
        except pa.ArrowException as error:
            raise DataError(
                f"the file cannot be read ({error}).", "Export it again.", file=str(raw)
            ) from None
        finally:
            intake.close()
    return AnswerStore(out)


def guess_format(raw: str | Path) -> str:
    """Return the format that a path's ending tells.

    Raises:
        ConfigError: The ending tells none.
    """
    name = str(raw).lower()
    for format, importer in FORMATS.items():
        if name.endswith(importer.suffixes) and importer.suffixes:
            return format
    endings = ", ".join(ending for one in FORMATS.values() for ending in one.suffixes)
    raise ConfigError(
        f"the format of {raw} cannot be told from its name.",
        f"Known endings: {endings}. Else import it first: torchedu data import FORMAT RAW OUT.",
    )


def check_options(
    importer: Importer, given: Mapping[str, Any], formats: Mapping[str, Importer]
) -> None:
    """Refuse options that a format does not have.

    Raises:
        ConfigError: There is one.
    """
    has = options_of(importer)
    for name in given:
        if name not in has:
            others = [one.name for one in formats.values() if name in options_of(one)]
            raise ConfigError(
                f"the format {importer.name} has no option {name}.",
                f"Its own: {', '.join(has) or 'none'}. Formats with it: {', '.join(others)}.",
            )


def options_of(importer: Importer) -> tuple[str, ...]:
    """Return the names of the options that a format has beside those of every import."""
    return tuple(inspect.signature(importer.read).parameters)[2:]


@contextmanager
def _spill_folder(out: Path) -> Iterator[Path]:
    """Make a hidden folder beside the store; leave nothing, not even folders made on the way."""
    missing = [parent for parent in out.absolute().parents if not parent.exists()]
    try:
        out.absolute().parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=f".{out.name}.rows.", dir=out.absolute().parent))
    except OSError as error:
        raise ConfigError(
            f"{out.parent} cannot be written ({error.strerror}).",
            "Name a folder that you may write to.",
        ) from None
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if not out.exists():
            for parent in missing:
                if not any(parent.iterdir()):
                    parent.rmdir()


def about_source(
    importer: Importer, reading: Reading, options: Mapping[str, Any]
) -> dict[str, Any]:
    """Say where the data comes from, without a path of this machine."""
    return {
        "importer": importer.name,
        "citation": importer.citation,
        "licence": importer.licence,
        "options": {name: _plain(value) for name, value in options.items()},
        "source": [_fingerprint(source) for source in reading.sources[:100]],
        "source_files": len(reading.sources),
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
