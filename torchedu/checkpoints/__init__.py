"""Checkpoints that are written whole, sealed, and verified before anything of them is used."""

from torchedu.checkpoints.content import Checkpoint, read_checkpoint
from torchedu.checkpoints.folder import find_checkpoint, read_usable, verified
from torchedu.checkpoints.last import STOPPED, LastCheckpoint
from torchedu.checkpoints.resume import Resume, newest, resume_from
from torchedu.checkpoints.seal import Manifest
from torchedu.checkpoints.verified_io import VerifiedCheckpointIO

__all__ = [
    "STOPPED",
    "Checkpoint",
    "LastCheckpoint",
    "Manifest",
    "Resume",
    "VerifiedCheckpointIO",
    "find_checkpoint",
    "newest",
    "read_checkpoint",
    "read_usable",
    "resume_from",
    "verified",
]
