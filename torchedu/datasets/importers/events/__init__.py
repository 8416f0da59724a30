"""Events in courses, and the formats that they are read from."""

from torchedu.datasets.importers.events.importer import EventImporter
from torchedu.datasets.importers.events.log import EventLog
from torchedu.datasets.importers.events.oulad import OULAD
from torchedu.datasets.importers.events.uci_student import UCIStudent
from torchedu.datasets.importers.events.xapi import XAPI

__all__ = [
    "OULAD",
    "XAPI",
    "EventImporter",
    "EventLog",
    "UCIStudent",
]
