"""Importers: raw files of one format in, record batches in the columns of the schema out."""

from torchedu.datasets.importers.formats import EVENT_FORMATS, FORMATS
from torchedu.datasets.importers.importer import Importer, Reading
from torchedu.datasets.importers.pipeline import guess_format, import_answers

__all__ = ["EVENT_FORMATS", "FORMATS", "Importer", "Reading", "guess_format", "import_answers"]
