"""Transcripts of lessons: a module a format, which is known once it is imported."""

from torchedu.datasets.importers.transcripts import recordings, table, talk_moves

__all__ = ["recordings", "table", "talk_moves"]
