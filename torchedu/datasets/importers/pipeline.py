"""Import answers: one call from a raw file to a store."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pyarrow as pa

from torchedu.datasets.answers import AnswerStore
from torchedu.datasets.importers.formats import FORMATS
from torchedu.datasets.importers.importer import open_raw
from torchedu.datasets.importers.intake import Intake
from torchedu.datasets.importers.rows import BadRows, OnBadRow, Places
from torchedu.datasets.importers.skills import Skills
from torchedu.datasets.importers.table import read_skill_table
from torchedu.datasets.importers.text import locate
from torchedu.errors import ConfigError, DataError
from torchedu.files import scratch

SECONDS = {"s": 1.0, "ms": 1e-3}
"""Seconds in one unit of a response time."""


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
    options = {
        "columns": columns,
        "groups": groups,
        "answer_id": answer_id,
        "skills": skills,
        "delimiter": delimiter,
        "encoding": encoding,
    }
    if response_time_unit not in SECONDS:
        raise ConfigError(f"response_time_unit is {response_time_unit!r}.", "Allowed: s, ms.")
    bad = BadRows(Places(), on_bad_row)
    reading, about = open_raw(FORMATS, format, raw, bad, options)
    table = None
    if item_skills is not None:
        about["options"]["item_skills"] = locate(item_skills).base
        table = read_skill_table(item_skills, skill_separator, delimiter, encoding or "utf-8")
    with scratch(Path(out)) as folder:
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
