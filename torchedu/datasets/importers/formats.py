"""The formats that can be imported, by name."""

from collections.abc import Callable

from torchedu.datasets.events import EventStore
from torchedu.datasets.importers import (
    csv,
    dkt_synthetic,
    ednet,
    ednet_kt1,
    jsonl,
    oulad,
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

EVENT_FORMATS: dict[str, Callable[[str, str], EventStore]] = {oulad.NAME: oulad.import_oulad}
"""Formats of courses with their students' events."""
