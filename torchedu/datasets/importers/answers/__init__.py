"""Students' answers: a module a format, which is known once it is imported."""

from torchedu.datasets.importers.answers import dkt_synthetic, ednet, ednet_kt1, jsonl, tables, tsv

__all__ = ["dkt_synthetic", "ednet", "ednet_kt1", "jsonl", "tables", "tsv"]
