"""A trained network as files for other programs, checked equal to its checkpoint.

What writes them is loaded when it is first asked for: opening an export needs no Lightning.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from torchedu.export.folder import (
    export_config,
    is_export,
    language_family,
    open_companions,
    open_export,
)

if TYPE_CHECKING:
    from torchedu.export.network import FORMATS, Exported, export_network

__all__ = [
    "FORMATS",
    "Exported",
    "export_config",
    "export_network",
    "is_export",
    "language_family",
    "open_companions",
    "open_export",
]


def __getattr__(name: str) -> object:
    """Load what writes exports from the module it lives in (PEP 562)."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return vars(import_module(f"{__name__}.network"))[name]
