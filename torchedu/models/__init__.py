"""Networks, one paper a file; each is a pure, single-device module."""

from torchedu.models.dkt import DKT
from torchedu.models.event_gru import EventGRU
from torchedu.models.event_model import EventModel
from torchedu.models.item_dkt import ItemDKT
from torchedu.models.kt_model import KTModel
from torchedu.models.sakt import SAKT

__all__ = ["DKT", "SAKT", "EventGRU", "EventModel", "ItemDKT", "KTModel"]
