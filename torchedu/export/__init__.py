"""A trained network as files for other programs, checked equal to its checkpoint."""

from torchedu.export.folder import export_config, is_export, open_companions, open_export
from torchedu.export.network import FORMATS, Exported, export_network

__all__ = [
    "FORMATS",
    "Exported",
    "export_config",
    "export_network",
    "is_export",
    "open_companions",
    "open_export",
]
