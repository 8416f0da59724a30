"""The Open University Learning Analytics data set: a folder of CSV files into a store of events.

Kuzilek, Hlosta and Zdrahal, Scientific Data 4 (2017), https://doi.org/10.1038/sdata.2017.171;
CC BY 4.0. Read are ``courses``, ``assessments``, ``studentInfo``, ``studentRegistration`` and
``studentAssessment``, and ``studentVle`` (the clicks, summed by day) where it is there.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from torchedu.datasets.events import (
    CLICKED,
    EXAM,
    SUBMITTED,
    TRANSFERRED,
    Courses,
    Enrolments,
    Events,
    Work,
)
from torchedu.datasets.importers.events.importer import EventImporter, History
from torchedu.datasets.importers.reading.rows import BadRows, Reading
from torchedu.datasets.importers.reading.text import Source, inside, locate
from torchedu.errors import DataError

AT_RISK = ("Fail", "Withdrawn")
GROUPS = {
    "gender": "gender",
    "age": "age_band",
    "disability": "disability",
    "deprivation": "imd_band",
    "education": "highest_education",
    "region": "region",
}
"""Attributes of students by torchedu's names, with the headings that hold them."""

_KEY = ("code_module", "code_presentation")
_HEADINGS = {
    "courses": (*_KEY, "module_presentation_length"),
    "assessments": (*_KEY, "id_assessment", "assessment_type", "date", "weight"),
    "studentInfo": (*_KEY, "id_student", *GROUPS.values(), "final_result"),
    "studentRegistration": (*_KEY, "id_student", "date_registration", "date_unregistration"),
    "studentAssessment": ("id_assessment", "id_student", "date_submitted", "is_banked", "score"),
    "studentVle": (*_KEY, "id_student", "date", "sum_click"),
}


@dataclass(kw_only=True)
class OULAD(EventImporter):
    """The data set's folder.

    ``?`` and empty fields are missing values. The deprivation band without its percent sign gets
    one. A heading line in the middle of a file is passed over. Rows of students or work that no
    other file knows are left out. All of this is counted in the store's ``about``.

    Args:
        clicks: Whether to take the clicks of ``studentVle.csv``, where it is there.
    """

    name = "oulad"
    reads = "the folder of CSV files of the Open University Learning Analytics data set"
    suffixes = ("studentinfo.csv",)
    told_by = ("code_module code_presentation id_assessment", "code_module code_presentation")
    citation = "Kuzilek, Hlosta and Zdrahal, Scientific Data 4 (2017)"
    licence = "CC BY 4.0"

    clicks: bool = True

    def read(self, raw: str, bad: BadRows) -> Reading:
        """Begin to read the folder; see ``Importer.read``.

        Raises:
            DataError: A file or heading is missing, or a value cannot be read.
        """
        place, folder, dropped = locate(raw), Path(raw), Counter[str]()
        tables = {
            name: _read(place, f"{name}.csv", headings, dropped)
            for name, headings in _HEADINGS.items()
            if name != "studentVle" or (self.clicks and inside(place, "studentVle.csv"))
        }
        sources = (inside(place, f"{name}.csv") for name in tables)
        return Reading(_histories(tables, dropped, folder), tuple(filter(None, sources)), {})


def drop(dropped: Counter[str], reason: str, rows: int) -> None:
    """Count rows that are left out, if there are any."""
    if rows:
        dropped[reason] += int(rows)


def _histories(
    tables: dict[str, pa.Table], dropped: Counter[str], folder: Path
) -> Iterator[History]:
    courses, row_of_course = _courses(tables["courses"], folder)
    work = _work(tables["assessments"], row_of_course, courses, folder)
    enrolments, row_of = _enrolments(tables, row_of_course, dropped, folder)
    row_of_work = {name: i for i, name in enumerate(work.name)}
    parts = [_submissions(tables["studentAssessment"], row_of, row_of_work, work, dropped, folder)]
    if "studentVle" in tables:
        parts.append(_clicks(tables["studentVle"], row_of, row_of_course, dropped, folder))
    events = Events(*(np.concatenate(column) for column in zip(*parts, strict=True)))
    yield History(courses, work, enrolments, events, AT_RISK, dropped)


def _read(place: Source, base: str, headings: tuple[str, ...], dropped: Counter[str]) -> pa.Table:
    file, source = Path(place.name, base), inside(place, base)
    if source is None:
        raise DataError(
            "this file of the data set is missing.",
            "Give the folder that holds its CSV files: "
            + ", ".join(f"{name}.csv" for name in _HEADINGS if name != "studentVle") + ".",
            file=file,
        )  # fmt: skip
    try:
        convert = pa_csv.ConvertOptions(
            column_types=dict.fromkeys(headings, pa.string()),
            include_columns=list(headings),
            null_values=["?", ""],
            strings_can_be_null=True,
        )
        table = pa_csv.read_csv(source.open(), convert_options=convert)
    except (pa.ArrowInvalid, pa.ArrowKeyError, KeyError) as error:
        raise DataError(
            f"this file cannot be read: {str(error).splitlines()[0]}",
            f"It needs the columns {', '.join(headings)}.",
            file=file,
        ) from None
    again = pc.fill_null(pc.equal(table[headings[0]], headings[0]), False)
    drop(dropped, f"heading lines in the middle of {file.name}", pc.sum(again).as_py() or 0)
    return table.filter(pc.invert(again))


def _numbers(table: pa.Table, name: str, file: Path) -> np.ndarray:
    try:
        return table[name].cast(pa.float64()).to_numpy()
    except pa.ArrowInvalid as error:
        raise DataError(
            f"the column {name} holds a value that is no number: {error}",
            "Numbers, or ? where one is missing.",
            file=file,
        ) from None


def _courses(table: pa.Table, folder: Path) -> tuple[Courses, dict[tuple[str, str], int]]:
    module, presentation = (table[name].to_pylist() for name in _KEY)
    length = _numbers(table, "module_presentation_length", folder / "courses.csv")
    names = [f"{m} {p}" for m, p in zip(module, presentation, strict=True)]
    keys = {key: i for i, key in enumerate(zip(module, presentation, strict=True))}
    return Courses(names, module, presentation, length, _begins(presentation)), keys


def _begins(presentation: list[str]) -> np.ndarray:
    """Return when presentations begin: 2013B in February, 2013J in October."""
    month = {"B": "02", "J": "10"}
    terms = [re.fullmatch(r"(\d{4})([BJ])", name) for name in presentation]
    day = np.array([f"{term[1]}-{month[term[2]]}" if term else "NaT" for term in terms], "M8[D]")
    return np.where(np.isnat(day), np.nan, day.astype(np.float64))


def _work(
    table: pa.Table, row_of_course: dict[tuple[str, str], int], courses: Courses, folder: Path
) -> Work:
    file = folder / "assessments.csv"
    keys = zip(*(table[name].to_pylist() for name in _KEY), strict=True)
    course = np.array([row_of_course.get(key, -1) for key in keys], np.int64)
    if (course < 0).any():
        raise DataError(
            "an assessment belongs to a course that courses.csv lacks.",
            "Use files of one release of the data set.",
            file=file,
            row=int(np.flatnonzero(course < 0)[0]) + 2,
        )
    due = _numbers(table, "date", file)
    types = [EXAM if kind == "Exam" else str(kind) for kind in table["assessment_type"].to_pylist()]
    return Work(
        table["id_assessment"].to_pylist(), course, types,
        np.where(np.isnan(due), courses.length[course], due), _numbers(table, "weight", file),
    )  # fmt: skip


def _enrolments(
    tables: dict[str, pa.Table],
    row_of_course: dict[tuple[str, str], int],
    dropped: Counter[str],
    folder: Path,
) -> tuple[Enrolments, dict[tuple[int, str], int]]:
    info, registration = tables["studentInfo"], tables["studentRegistration"]
    file = folder / "studentRegistration.csv"
    dates = (
        _numbers(registration, f"date_{name}", file).tolist()
        for name in ("registration", "unregistration")
    )
    days = dict(zip(_keys(registration, row_of_course), zip(*dates, strict=True), strict=True))
    keys = _keys(info, row_of_course)
    rows: dict[tuple[int, str], int] = {}
    for i, key in enumerate(keys):
        if key[0] >= 0:
            rows.setdefault(key, i)
    kept = list(rows.values())
    lost = len(keys) - len(kept)
    drop(dropped, "enrolments that stand twice or belong to no course", lost)
    begin, end = np.array([days.get(key, (np.nan, np.nan)) for key in rows]).reshape(-1, 2).T
    groups = {name: info[heading].take(kept).to_pylist() for name, heading in GROUPS.items()}
    groups["deprivation"] = [
        band if band is None or band.endswith("%") else f"{band}%" for band in groups["deprivation"]
    ]
    enrolments = Enrolments(
        [student for _, student in rows], np.array([course for course, _ in rows], np.int64),
        info["final_result"].take(kept).to_pylist(), begin, np.where(np.isnan(end), np.inf, end),
        groups,
    )  # fmt: skip
    return enrolments, {key: i for i, key in enumerate(rows)}


def _keys(table: pa.Table, row_of_course: dict[tuple[str, str], int]) -> list[tuple[int, str]]:
    courses = zip(*(table[name].to_pylist() for name in _KEY), strict=True)
    course = (row_of_course.get(key, -1) for key in courses)
    return list(zip(course, table["id_student"].to_pylist(), strict=True))


def _submissions(
    table: pa.Table,
    row_of: dict[tuple[int, str], int],
    row_of_work: dict[str, int],
    work: Work,
    dropped: Counter[str],
    folder: Path,
) -> tuple[Any, ...]:
    file = folder / "studentAssessment.csv"
    handed = np.array([row_of_work.get(name, -1) for name in table["id_assessment"].to_pylist()])
    enrolment = np.array(
        [
            row_of.get((int(work.course[w]), student), -1) if w >= 0 else -1
            for w, student in zip(handed.tolist(), table["id_student"].to_pylist(), strict=True)
        ],
        np.int64,
    )
    day, score = _numbers(table, "date_submitted", file), _numbers(table, "score", file)
    banked = _numbers(table, "is_banked", file) == 1
    known = enrolment >= 0
    keep = known & ~np.isnan(day)
    drop(dropped, "submissions of unknown work or students", (~known).sum())
    drop(dropped, "submissions without a day", (known & ~keep).sum())
    kind = np.where(banked, TRANSFERRED, SUBMITTED)
    return enrolment[keep], kind[keep], day[keep], handed[keep], score[keep] / 100


def _clicks(
    table: pa.Table,
    row_of: dict[tuple[int, str], int],
    row_of_course: dict[tuple[str, str], int],
    dropped: Counter[str],
    folder: Path,
) -> tuple[Any, ...]:
    file = folder / "studentVle.csv"
    table = pa.table(
        {
            **{name: table[name] for name in (*_KEY, "id_student")},
            "date": _numbers(table, "date", file),
            "sum_click": _numbers(table, "sum_click", file),
        }
    )
    table = table.group_by([*_KEY, "id_student", "date"]).aggregate([("sum_click", "sum")])
    enrolment = np.array([row_of.get(key, -1) for key in _keys(table, row_of_course)], np.int64)
    keep = enrolment >= 0
    drop(dropped, "clicks of unknown students", (~keep).sum())
    size = int(keep.sum())
    day, clicks = table["date"].to_numpy()[keep], table["sum_click_sum"].to_numpy()[keep]
    return enrolment[keep], np.full(size, CLICKED), day, np.full(size, -1), clicks
