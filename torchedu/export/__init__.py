"""A trained network as files for other programs, checked equal to its checkpoint."""

from torchedu.export.folder import open_companions, open_export
from torchedu.export.network import FORMATS, Exported, export_network

__all__ = ["FORMATS", "Exported", "export_network", "open_companions", "open_export"]
