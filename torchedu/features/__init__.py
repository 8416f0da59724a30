"""Columns made of columns by a frozen model: texts as tokens, texts as vectors."""

from torchedu.features.embedding import Embeddings, embed
from torchedu.features.tokens import Tokens, tokenize

__all__ = ["Embeddings", "Tokens", "embed", "tokenize"]
