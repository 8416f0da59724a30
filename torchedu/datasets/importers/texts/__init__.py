"""Graded texts: a module a format, which is known once it is imported."""

from torchedu.datasets.importers.texts import asap, semeval, table

__all__ = ["asap", "semeval", "table"]
