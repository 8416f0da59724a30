"""Checkpoints that are written whole, sealed, and verified before anything of them is used.

What writes them from a trainer is loaded when it is first asked for: reading needs no Lightning.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from torchedu.checkpoints.content import Checkpoint, read_checkpoint
from torchedu.checkpoints.folder import newest_first, open_checkpoint, read_usable
from torchedu.checkpoints.resume import Resume, newest, resume_from
from torchedu.checkpoints.seal import Manifest

if TYPE_CHECKING:
    from torchedu.checkpoints.last import STOPPED, LastCheckpoint
    from torchedu.checkpoints.verified_io import VerifiedCheckpointIO

__all__ = [
    "STOPPED",
    "Checkpoint",
    "LastCheckpoint",
    "Manifest",
    "Resume",
    "VerifiedCheckpointIO",
    "newest",
    "newest_first",
    "open_checkpoint",
    "read_checkpoint",
    "read_usable",
    "resume_from",
]

_HOME = {"STOPPED": "last", "LastCheckpoint": "last", "VerifiedCheckpointIO": "verified_io"}


def __getattr__(name: str) -> object:
    """Load what needs Lightning from the module it lives in (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = vars(import_module(f"{__name__}.{_HOME[name]}"))[name]
    globals()[name] = value
    return value
