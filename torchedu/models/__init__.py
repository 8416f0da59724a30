"""Networks, one paper a file; each is a pure, single-device module."""

from torchedu.models.akt import AKT
from torchedu.models.bkt import BKT
from torchedu.models.causal_lm import CausalLM
from torchedu.models.dkt import DKT
from torchedu.models.dkvmn import DKVMN
from torchedu.models.event_gru import EventGRU
from torchedu.models.event_model import EventModel
from torchedu.models.factorization import GMF, MF
from torchedu.models.frozen_grader import FrozenGrader
from torchedu.models.grader import Grader
from torchedu.models.gru4rec import GRU4Rec
from torchedu.models.irt import IRT
from torchedu.models.item_dkt import ItemDKT
from torchedu.models.kt_model import KTModel
from torchedu.models.lesson_model import LessonModel
from torchedu.models.lesson_transformer import LessonTransformer
from torchedu.models.logistic_dkt import LogisticDKT
from torchedu.models.network import Network
from torchedu.models.neumf import MLP, NeuMF
from torchedu.models.pfa import PFA
from torchedu.models.re_kt import ReKT
from torchedu.models.recommender import DotProduct, Recommender
from torchedu.models.sakt import SAKT
from torchedu.models.sasrec import SASRec
from torchedu.models.simple_kt import SimpleKT
from torchedu.models.spoken_grader import SpokenGrader
from torchedu.models.text_encoder import TextEncoder
from torchedu.models.text_grader import TextGrader
from torchedu.models.turn_context import TurnContext
from torchedu.models.two_tower import TwoTower

__all__ = [
    "AKT",
    "BKT",
    "DKT",
    "DKVMN",
    "GMF",
    "IRT",
    "MF",
    "MLP",
    "PFA",
    "SAKT",
    "CausalLM",
    "DotProduct",
    "EventGRU",
    "EventModel",
    "FrozenGrader",
    "GRU4Rec",
    "Grader",
    "ItemDKT",
    "KTModel",
    "LessonModel",
    "LessonTransformer",
    "LogisticDKT",
    "Network",
    "NeuMF",
    "ReKT",
    "Recommender",
    "SASRec",
    "SimpleKT",
    "SpokenGrader",
    "TextEncoder",
    "TextGrader",
    "TurnContext",
    "TwoTower",
]
