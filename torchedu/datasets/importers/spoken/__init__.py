"""Answers typed and spoken: a module a format, which is known once it is imported."""

from torchedu.datasets.importers.spoken import fsdd, speechocean, table

__all__ = ["fsdd", "speechocean", "table"]
