"""Importers: raw files of one format in, record batches in the columns of the schema out."""

from torchedu.datasets.importers.formats import FORMATS
from torchedu.datasets.importers.importer import Importer, Reading
from torchedu.datasets.importers.pipeline import guess_format, import_answers

__all__ = ["FORMATS", "Importer", "Reading", "guess_format", "import_answers"]
