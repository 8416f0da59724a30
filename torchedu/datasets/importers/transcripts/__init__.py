"""Transcripts of lessons: a module a format, which is known once it is imported."""

from torchedu.datasets.importers.transcripts import table, talk_moves

__all__ = ["table", "talk_moves"]
