"""Ranking over a whole catalogue: exact ranks, the best k, and scores that add up over ranks."""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

HITS = (1, 5, 10, 20)
"""Lengths of lists for which the share of hits is told."""
TOP = 10
"""Length of the list that NDCG, coverage and novelty are of."""


def hide(score_MN: Tensor, id_MK: Tensor) -> Tensor:
    """Take courses out of the running, in place.

    Args:
        score_MN: A score of each course.
        id_MK: Courses that must not be recommended, such as those already taken; 0 fills up.

    Returns:
        ``score_MN`` with minus infinity at those courses and at the reserved ids 0 and 1.
    """
    score_MN.scatter_(1, id_MK, -torch.inf)
    score_MN[:, :2] = -torch.inf
    return score_MN


def rank_of(score_MN: Tensor, target_M: Tensor) -> Tensor:
    """Return each target's place in its row, from 0; among equal scores the lower id comes first.

    Args:
        score_MN: A score of each course.
        target_M: The course that is looked for.

    Returns:
        rank_M: How many courses come before it, int64.
    """
    own_M1 = score_MN.gather(1, target_M.unsqueeze(1))
    rank_M = (score_MN > own_M1).sum(1)
    tied_MN = score_MN == own_M1
    if int(tied_MN.sum()) > len(target_M):  # seldom but for counts, and then exact too
        ids_N = torch.arange(score_MN.shape[1], device=score_MN.device)
        rank_M += (tied_MN & (ids_N < target_M.unsqueeze(1))).sum(1)
    return rank_M


def rank_among(score_MN: Tensor, target_M: Tensor, drawn_MK: Tensor) -> Tensor:
    """Return each target's place among some courses of its row, from 0, as ``rank_of`` has it.

    Args:
        score_MN: A score of each course.
        target_M: The course that is looked for.
        drawn_MK: The courses that it is ranked among; 0, which is out of the running, fills up.

    Returns:
        rank_M: How many of them come before it, int64.
    """
    own_M1, other_MK = score_MN.gather(1, target_M.unsqueeze(1)), score_MN.gather(1, drawn_MK)
    tied_MK = (other_MK == own_M1) & (drawn_MK < target_M.unsqueeze(1))
    return ((other_MK > own_M1) | tied_MK).sum(1)


class Ranks(NamedTuple):
    """Cases that are ranked, some at a time, in memory that is taken once.

    Attributes:
        rank: The place of the course looked for, from 0; shape (cases,).
        recommended: How often each course stands among the best ten; shape (N,).
        sampled: The place among courses drawn; shape (cases,), or (0,) where none are.
    """

    rank: Tensor
    recommended: Tensor
    sampled: Tensor

    @classmethod
    def of(cls, rank: NDArray[np.int64], top: NDArray[np.int64], num_items: int) -> "Ranks":
        """Count what was recommended.

        Args:
            rank: The place of the course looked for; shape (cases,).
            top: The best courses; shape (cases, k).
            num_items: Number of course ids, the reserved ones included.
        """
        rank_M, top_MK = torch.from_numpy(rank), torch.from_numpy(top)
        return cls(rank_M, torch.bincount(top_MK.flatten(), minlength=num_items), rank_M[:0])

    @classmethod
    def room(cls, cases: int, num_items: int, sampled: bool = False) -> "Ranks":
        """Return room for some cases."""
        ints = (torch.zeros(size).long() for size in (cases, num_items, cases * sampled))
        return cls(*ints)

    def put(
        self,
        case_M: NDArray[np.int64],
        score_MN: NDArray[np.float32],
        target_M: NDArray[np.int64],
        drawn_MK: NDArray[np.int64] | None = None,
    ) -> None:
        """Rank some cases.

        Args:
            case_M: Which these are.
            score_MN: A score of each course, minus infinity where it is out of the running.
            target_M: The course that is looked for.
            drawn_MK: Courses that it is ranked among besides.
        """
        case, score, target = (torch.from_numpy(array) for array in (case_M, score_MN, target_M))
        self.rank[case] = rank_of(score, target)
        top = score.topk(min(TOP, score.shape[1])).indices
        self.recommended.add_(torch.bincount(top.flatten(), minlength=len(self.recommended)))
        if drawn_MK is not None:
            self.sampled[case] = rank_among(score, target, torch.from_numpy(drawn_MK))


def ranking_scores(rank: Tensor, weight: Tensor | None = None) -> dict[str, float | None]:
    """Score ranks.

    Args:
        rank: Places of the courses looked for, from 0; shape (cases,).
        weight: How many cases have each rank; shape (cases,). One, where it is None.

    Returns:
        ``hr1`` to ``hr20`` (the share of cases within the first k, which is recall with one course
        a case), ``ndcg10`` and ``mrr``; None where there are no cases.
    """
    rank = rank.cpu().double()
    weight = torch.ones_like(rank) if weight is None else weight.cpu().double()
    total = float(weight.sum())
    if not total:
        return dict.fromkeys([*(f"hr{k}" for k in HITS), f"ndcg{TOP}", "mrr"])

    def mean(value: Tensor) -> float:
        return float((value * weight).sum()) / total

    scores: dict[str, float | None] = {f"hr{k}": mean((rank < k).double()) for k in HITS}
    scores[f"ndcg{TOP}"] = mean((rank < TOP) / torch.log2(rank + 2))
    scores["mrr"] = mean(1 / (rank + 1))
    return scores


def list_scores(recommended: Tensor, popularity: Tensor) -> dict[str, float | None]:
    """Score what is recommended, whether or not it is looked for.

    Args:
        recommended: How often each course stands in a list; shape (N,).
        popularity: How many students of the training part took each course; shape (N,).

    Returns:
        ``coverage10``, the share of the courses that are recommended to someone, and ``novelty10``,
        the mean self-information in bits of the courses recommended (Zhou et al., PNAS 2010).
    """
    recommended, popularity = recommended[2:].cpu().double(), popularity[2:].cpu().double()
    total = recommended.sum()
    if not total:
        return {f"coverage{TOP}": None, f"novelty{TOP}": None}
    share = (popularity + 1) / (popularity.sum() + len(popularity))
    return {
        f"coverage{TOP}": float((recommended > 0).double().mean()),
        f"novelty{TOP}": float(-(recommended * share.log2()).sum() / total),
    }
