"""Students' answers: a module a format, which is known once it is imported."""

from torchedu.datasets.importers.answers import (
    dkt_synthetic,
    ednet,
    ednet_kt1,
    jsonl,
    lines,
    open_edx,
    published,
    pykt,
    slam,
    tables,
    tsv,
    wide,
)

__all__ = [
    "dkt_synthetic",
    "ednet",
    "ednet_kt1",
    "jsonl",
    "lines",
    "open_edx",
    "published",
    "pykt",
    "slam",
    "tables",
    "tsv",
    "wide",
]
