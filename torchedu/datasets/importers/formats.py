"""The formats that can be imported, by name."""

from collections.abc import Callable

from torchedu.datasets.events import EventStore
from torchedu.datasets.importers import (
    answer_table,
    dkt_synthetic,
    ednet,
    ednet_kt1,
    event_log,
    jsonl,
    oulad,
    tsv,
    uci_student,
    xapi,
)
from torchedu.datasets.importers.importer import Importer
from torchedu.errors import ConfigError, allowed

FORMATS: dict[str, Importer] = {
    importer.name: importer
    for importer in (
        answer_table.CSV_IMPORTER,
        answer_table.PARQUET_IMPORTER,
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


def import_events(format: str, raw: str, out: str) -> EventStore:
    """Read courses with their students' events into a store.

    Args:
        format: One of ``EVENT_FORMATS``.
        raw: The file or folder.
        out: The store to make; one that stands there is replaced.

    Returns:
        The store.

    Raises:
        ConfigError: The format is not known.
        DataError: The files cannot be read as they stand; nothing is written.
    """
    if format not in EVENT_FORMATS:
        raise ConfigError(f"the format {format!r} is not known.", allowed(format, EVENT_FORMATS))
    return EVENT_FORMATS[format](raw, out)
