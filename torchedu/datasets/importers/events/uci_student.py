"""The UCI student performance data set: ``student-mat.csv`` or ``student-por.csv`` into a store.

Cortez and Silva, "Using Data Mining to Predict Secondary School Student Performance", FUBUTEC 2008,
https://doi.org/10.24432/C5TG7T; CC BY 4.0. A school year has three marks, 0 to 20. The first two
are work; the last is the outcome, failed below 10 as in the paper. The data has no dates: the year
is taken as 180 days, its marks as due at the end of each third.
"""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv

from torchedu.datasets.importers.events.importer import EventImporter
from torchedu.datasets.importers.events.log import histories
from torchedu.datasets.importers.reading.rows import BadRows, Reading
from torchedu.datasets.importers.reading.text import locate
from torchedu.errors import DataError

GROUPS = {"gender": "sex", "age": "age", "address": "address", "family": "famsize"}
"""Attributes of students by torchedu's names, with the headings that hold them."""
DAYS, PASS, HIGHEST = 180, 10, 20


class UCIStudent(EventImporter):
    """One of the two files of the data set; each school is a course."""

    name = "uci_student"
    reads = "student-mat.csv or student-por.csv of UCI's student performance data"
    suffixes = ("student-mat.csv", "student-por.csv")
    in_folders = False
    citation = "Cortez and Silva, FUBUTEC 2008"
    licence = "CC BY 4.0"

    def read(self, raw: str, bad: BadRows) -> Reading:
        """Begin to read the file; see ``Importer.read``.

        Raises:
            DataError: A heading is missing, or a mark cannot be read.
        """
        source, file = locate(raw), Path(raw)
        headings = ["school", *GROUPS.values(), "G1", "G2", "G3"]
        try:
            table = pa_csv.read_csv(
                file,
                parse_options=pa_csv.ParseOptions(delimiter=";"),
                convert_options=pa_csv.ConvertOptions(
                    column_types=dict.fromkeys(headings, pa.string()), include_columns=headings
                ),
            )
            marks = {name: table[name].cast(pa.float64()).to_numpy() for name in ("G1", "G2", "G3")}
        except (OSError, pa.ArrowInvalid, pa.ArrowKeyError, KeyError) as error:
            raise DataError(
                f"this file cannot be read: {str(error).splitlines()[0]}",
                f"It is separated by semicolons, with the columns {', '.join(headings)}.",
                file=file,
            ) from None
        size = table.num_rows
        school = table["school"].to_pylist()
        student = [f"student {i + 1}" for i in range(size)]
        people = {name: table[heading].to_pylist() for name, heading in GROUPS.items()}
        people["student"] = student

        def rows(event: str, day: float, course: list[str], **more: list[str]) -> pa.Table:
            same = {"event": [event] * len(course), "day": [float(day)] * len(course)}
            return pa.table({**same, "course": course, **more})

        schools, log = sorted(set(school)), []
        for number, work in enumerate(("G1", "G2"), 1):
            day, value = DAYS * number / 3, (marks[work] / HIGHEST).astype(str).tolist()
            log.append(rows("due", day, schools, work=[work] * len(schools)))
            log.append(rows("submitted", day, school, work=[work] * size, value=value, **people))
        outcome = np.where(marks["G3"] < PASS, "Fail", "Pass").tolist()
        log += [
            rows("ends", DAYS, schools), rows("registered", 0, school, **people),
            rows("outcome", DAYS, school, value=outcome, **people),
        ]  # fmt: skip
        events = pa.concat_tables(log, promote_options="default")
        note = f"The data has no dates: a year is taken as {DAYS} days."
        return Reading(histories(events, file, bad), (source,), {}, notes=(note,))
