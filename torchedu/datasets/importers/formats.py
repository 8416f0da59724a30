"""The formats that can be imported, by name."""

from collections.abc import Callable

from torchedu.datasets.events import EventStore
from torchedu.datasets.importers import (
    csv,
    dkt_synthetic,
    ednet,
    ednet_kt1,
    event_log,
    jsonl,
    oulad,
    parquet,
    tsv,
    uci_student,
    xapi,
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

EVENT_FORMATS: dict[str, Callable[[str, str], EventStore]] = {
    oulad.NAME: oulad.import_oulad,
    event_log.NAME: event_log.import_event_log,
    uci_student.NAME: uci_student.import_uci_student,
    xapi.NAME: xapi.import_xapi,
}
"""Formats of courses with their students' events."""
