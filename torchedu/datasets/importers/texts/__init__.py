"""Graded texts, and the formats that they are read from."""

from torchedu.datasets.importers.texts.asap import ASAP
from torchedu.datasets.importers.texts.importer import TextImporter
from torchedu.datasets.importers.texts.semeval import SemEval2013
from torchedu.datasets.importers.texts.table import ELLIPSE, PERSUADE, TextTables

__all__ = [
    "ASAP",
    "ELLIPSE",
    "PERSUADE",
    "SemEval2013",
    "TextImporter",
    "TextTables",
]
