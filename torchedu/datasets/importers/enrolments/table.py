"""Enrolments from CSV or Parquet files, a row an enrolment, under any headings."""

from collections.abc import Sequence
from dataclasses import dataclass

from torchedu.datasets.importers.enrolments.importer import EnrolmentImporter
from torchedu.datasets.importers.reading.look import Look
from torchedu.datasets.importers.reading.tables import FILES, Delimited
from torchedu.schema import ANSWER_COLUMNS, ENROLMENT_COLUMNS


@dataclass(kw_only=True)
class EnrolmentTables(Delimited, EnrolmentImporter):
    """One or more files of enrolments.

    Args:
        groups: Headings of student attributes, such as ``gender``.
    """

    name = "enrolments"
    reads = "one or more CSV, Parquet or Excel files with headings, a row an enrolment"
    suffixes = endings = (*FILES, ".txt")
    schema = ENROLMENT_COLUMNS

    groups: Sequence[str] = ()

    @classmethod
    def fits(cls, look: Look) -> int:
        """Say how well headings would do; a mark makes them those of answers."""
        of_answers = {name for column in ANSWER_COLUMNS[3:4] for name in column.aliases}
        return 0 if look.names & {"correct", *of_answers} else super().fits(look)
