"""From which risk on a student is called: one threshold a policy, each with what it costs."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


def thresholds(
    probability: ArrayLike, outcome: ArrayLike, group: ArrayLike | None = None, price: float = 4.0
) -> list[dict[str, Any]]:
    """Choose a threshold for each policy, and tell what it costs.

    Args:
        probability: Risks, 0..1; shape (students,).
        outcome: What came true, at least one half meaning yes.
        group: Whose threshold is whose own under ``equal_opportunity``; below 0 where not known.
        price: How many needless calls one missed student is worth.

    Returns:
        For each policy ``policy``, ``threshold`` (by group for ``equal_opportunity``), ``called``
        (share of the students), ``found`` (share of those at risk), ``needless`` (share of those
        called) and ``cost``, in needless calls a student. ``least_cost`` has the least of all
        single thresholds; ``even`` calls as many as are at risk; ``equal_opportunity`` finds the
        same share of those at risk in every group as ``least_cost`` does in all.

    Raises:
        ValueError: The shapes differ, or all outcomes are alike.
    """
    p, y = np.asarray(probability, np.float64), np.asarray(outcome, np.float64) >= 0.5
    if p.ndim != 1 or p.shape != y.shape:
        raise ValueError(f"{p.shape} risks, {y.shape} outcomes: not (students,) twice")
    if y.all() or not y.any():
        raise ValueError("all outcomes are alike")
    order = np.argsort(-p, kind="stable")
    risk, caught = p[order], np.cumsum(y[order])
    needless = np.cumsum(~y[order])
    last = np.append(np.diff(risk) != 0, True)  # equal risks are called together
    cost = np.where(last, needless + price * (y.sum() - caught), np.inf)
    cheapest = float(risk[cost.argmin()])
    even = float(risk[int(y.sum()) - 1])
    choices = [
        _told("least_cost", cheapest, p >= cheapest, y, price),
        _told("even", even, p >= even, y, price),
    ]
    if group is not None:
        ids = np.asarray(group)
        share = float((p >= cheapest)[y].mean())
        called, own = p >= cheapest, {}
        for member in np.unique(ids[ids >= 0]).tolist():
            mine = ids == member
            if not (mine & y).any():
                continue
            own[int(member)] = float(np.quantile(p[mine & y], 1 - share, method="inverted_cdf"))
            called = np.where(mine, p >= own[int(member)], called)
        choices.append(_told("equal_opportunity", own, called, y, price))
    return choices


def _told(
    policy: str, threshold: Any, called: NDArray[Any], y: NDArray[np.bool_], price: float
) -> dict[str, Any]:
    return {
        "policy": policy,
        "threshold": threshold,
        "called": float(called.mean()),
        "found": float(called[y].mean()),
        "needless": float((~y)[called].mean()) if called.any() else 0.0,
        "cost": float(((called & ~y).sum() + price * (~called & y).sum()) / len(y)),
    }
