"""Columns made of columns by a frozen model: texts as tokens, texts as vectors."""

from torchedu.features.embedding import Embedder, Embeddings, embed
from torchedu.features.tokens import Tokens, tokenize

__all__ = ["Embedder", "Embeddings", "Tokens", "embed", "tokenize"]
