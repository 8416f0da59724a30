"""Enrolments from CSV or Parquet files, a row an enrolment, under any headings."""

from collections.abc import Sequence
from dataclasses import dataclass

from torchedu.datasets.importers.enrolments.importer import EnrolmentImporter
from torchedu.datasets.importers.reading.rows import BadRows, Reading
from torchedu.datasets.importers.reading.tables import CSV, PARQUET, Delimited, read_tables
from torchedu.schema import ENROLMENT_COLUMNS


@dataclass(kw_only=True)
class EnrolmentTables(Delimited, EnrolmentImporter):
    """One or more files of enrolments.

    Args:
        groups: Headings of student attributes, such as ``gender``.
    """

    name = "enrolments"
    reads = "one or more CSV or Parquet files with headings, a row an enrolment"
    suffixes = (*CSV, ".txt", *PARQUET)

    groups: Sequence[str] = ()

    def read(self, raw: str, bad: BadRows) -> Reading:
        """Begin to read the files; see ``Importer.read``."""
        tables = self.tables(raw, self.suffixes)
        return read_tables(tables, bad, ENROLMENT_COLUMNS, columns=self.columns, groups=self.groups)
