"""Explanations, and the formats that they are read from."""

from torchedu.datasets.importers.chats.bridge import Bridge
from torchedu.datasets.importers.chats.gsm8k import GSM8K
from torchedu.datasets.importers.chats.importer import ChatImporter
from torchedu.datasets.importers.chats.mathdial import MathDial
from torchedu.datasets.importers.chats.own import OwnChats

__all__ = [
    "GSM8K",
    "Bridge",
    "ChatImporter",
    "MathDial",
    "OwnChats",
]
