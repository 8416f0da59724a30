"""Networks and runs side by side: scores, how sure they are, and what they cost."""

from torchedu.bench.comparison import Contender, compare
from torchedu.bench.runs import compare_runs

__all__ = ["Contender", "compare", "compare_runs"]
