"""Students' answers, and the formats that they are read from."""

from torchedu.datasets.importers.answers.dkt_synthetic import DKTSynthetic
from torchedu.datasets.importers.answers.ednet import EdNet
from torchedu.datasets.importers.answers.ednet_kt1 import EdNetKT1
from torchedu.datasets.importers.answers.importer import AnswerImporter
from torchedu.datasets.importers.answers.jsonl import JSONLines
from torchedu.datasets.importers.answers.tables import CSVAnswers, ParquetAnswers
from torchedu.datasets.importers.answers.tsv import GervetTSV

__all__ = [
    "AnswerImporter",
    "CSVAnswers",
    "DKTSynthetic",
    "EdNet",
    "EdNetKT1",
    "GervetTSV",
    "JSONLines",
    "ParquetAnswers",
]
