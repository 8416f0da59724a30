"""Explanations: a module a format, which is known once it is imported."""

from torchedu.datasets.importers.chats import bridge, gsm8k, mathdial, own

__all__ = ["bridge", "gsm8k", "mathdial", "own"]
