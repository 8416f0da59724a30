"""Networks of knowledge tracing, one paper a file; each is a pure, single-device module."""

from torchedu.models.dkt import DKT
from torchedu.models.item_dkt import ItemDKT
from torchedu.models.kt_model import KTModel
from torchedu.models.sakt import SAKT

__all__ = ["DKT", "SAKT", "ItemDKT", "KTModel"]
