"""The formats that can be imported, by name."""

from torchedu.datasets.importers import (
    csv,
    dkt_synthetic,
    ednet,
    ednet_kt1,
    jsonl,
    parquet,
    tsv,
)
from torchedu.datasets.importers.importer import Importer

FORMATS: dict[str, Importer] = {
    importer.name: importer
    for importer in (
        csv.IMPORTER,
        parquet.IMPORTER,
        jsonl.IMPORTER,
        ednet.IMPORTER,
        ednet_kt1.IMPORTER,
        tsv.IMPORTER,
        dkt_synthetic.IMPORTER,
    )
}
"""Importers by the name a user gives; a new file is added here."""
