"""Optimizers for networks most of whose parameters rest in any one step."""

from torchedu.optimizers.row_adagrad import RowAdagrad

__all__ = ["RowAdagrad"]
