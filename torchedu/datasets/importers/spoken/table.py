"""Answers typed, spoken and photographed from CSV, Parquet or Excel files, a row an answer."""

from collections.abc import Sequence
from dataclasses import dataclass

from torchedu.datasets.importers.reading.tables import FILES, Delimited
from torchedu.datasets.importers.spoken.importer import SpokenImporter
from torchedu.schema import SPOKEN_COLUMNS


@dataclass(kw_only=True)
class SpokenTables(Delimited, SpokenImporter):
    """One or more files of answers, with the paths of their recordings and photographs.

    Args:
        groups: Headings of attributes of the speakers, such as ``gender``.
        traits: Headings of further scores, such as ``fluency``.
    """

    name = "spoken"
    reads = (
        "one or more CSV, Parquet or Excel files with headings, a row an answer, and recordings or "
        "photographs"
    )
    suffixes = endings = FILES
    schema = SPOKEN_COLUMNS
    part = "part"

    groups: Sequence[str] = ()
    traits: Sequence[str] = ()
