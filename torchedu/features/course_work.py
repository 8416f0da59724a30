"""How each student of a course stands with its work on a given day, tutor-marked and tests apart.

Work counts as open once its day has come or three in ten have handed it in. What has not been
handed in counts as no mark; what waits for its mark counts as the others' mean.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from torchedu.schema import WORK_NUMBERS

Floats = NDArray[np.float64]

OPEN_SHARE = 0.3
"""Share of the students whose handing in opens work before its day."""
BACK = 4
"""Pieces of work, back from the last open one, that are looked at one by one."""
_WEEK = 7
_PRIOR_MARK = 0.75  # of work that nobody has a mark for yet


class WorkTable(NamedTuple):
    """What the students of a course do with its work of one kind, in the order of its days.

    Attributes:
        due: The day of each piece; shape (pieces,).
        weight: Its part in the course's mark; shape (pieces,).
        handed: The day each student handed it in, infinite for never; shape (students, pieces).
        known: The day its mark is known, infinite for never.
        mark: The mark, 0..1; of no meaning before ``known``.
        ahead: Share of the others who had handed it in by then.
        own: Whether it was done in this course, not taken over from an earlier one.
    """

    due: Floats
    weight: Floats
    handed: Floats
    known: Floats
    mark: Floats
    ahead: Floats
    own: NDArray[np.bool_]


def work_numbers(work: WorkTable, here: NDArray[np.bool_], day: float) -> NDArray[np.float32]:
    """Return each student's numbers on a day, from what was handed in and known by then.

    Args:
        work: The work of one kind.
        here: Who is in the course on that day; the others are compared with these.
        day: The day.

    Returns:
        Shape (students, ``WORK_NUMBERS``); zeros where a course has no such work.
    """
    size, pieces = work.handed.shape
    table = np.zeros((size, len(WORK_NUMBERS)), np.float32)
    if not pieces:
        return table

    def put(name: str, values: NDArray[Any] | float) -> None:
        table[:, WORK_NUMBERS.index(name)] = values

    done, marked = work.handed <= day, work.known <= day
    count = max(int(here.sum()), 1)
    share = (done & here[:, None]).sum(0) / count
    mean, spread = _moments(np.where(marked, work.mark, 0), marked & here[:, None])
    mean = np.where((marked & here[:, None]).any(0), mean, _PRIOR_MARK)
    mark = np.where(marked, work.mark, np.where(done, mean, 0))
    beside = np.where(marked, np.clip((mark - mean) / spread, -4, 2), 0)
    whole_mean, whole_spread = _moments(mark, np.broadcast_to(here[:, None], mark.shape))
    standing = np.clip((mark - whole_mean) / whole_spread, -4, 4)
    late = np.where(done & work.own, np.clip(work.handed - work.due, -14, 21), 0) / _WEEK
    ahead = np.where(done, work.ahead - 0.5, 0)
    past = work.due <= day
    opened = past | (share > OPEN_SHARE)
    number = np.maximum(done.sum(1), 1)

    put("mark_beside_others", beside.sum(1) / np.maximum(marked.sum(1), 1))
    put("mean_mark", (mark * marked).sum(1) / np.maximum(marked.sum(1), 1))
    put("lowest_mark", np.where(marked, mark, 2).min(1) * marked.any(1))
    put("days_late", late.sum(1) / number)
    put("most_days_late", np.where(done & work.own, late, -2).max(1))
    put("share_handed_in", ahead.sum(1) / number)
    put("early", (done & ~opened).sum(1))
    put("share_due", past.mean())
    put("last_due", np.log1p(day - work.due[past].max()) if past.any() else 4)
    if opened.any():
        put("handed_in", done[:, opened].mean(1))
        put("handed_in_beside_others", (done - share)[:, opened].mean(1))
        put("score", mark[:, opened].mean(1))
        put("share_late", (late > 0).sum(1) / opened.sum())
        weight = work.weight[opened]
        weight = weight if weight.sum() > 0 else np.ones(len(weight))
        score = mark[:, opened] @ (weight / weight.sum())
        put("weighted_score", score)
        put("weighted_score_beside_others", score - (score * here).sum() / count)
        put("rank", _rank(score, score[here]))
        places = np.flatnonzero(opened)[::-1]
        put("missed_in_a_row", np.logical_and.accumulate(~done[:, places], 1).sum(1))
        if len(places) > 1:
            put("trend", standing[:, places[0]] - standing[:, places[1:]].mean(1))
        for back, place in enumerate(places[:BACK], 1):
            put(f"handed_in_{back}", done[:, place] - share[place])
            put(f"mark_{back}", beside[:, place])
            put(f"days_late_{back}", late[:, place])
            put(f"standing_{back}", standing[:, place])
            put(f"share_handed_in_{back}", ahead[:, place])
    if not past.all():
        following = np.flatnonzero(~past)[0]
        put("next_handed_in", done[:, following])
        put("next_beside_others", done[:, following] - share[following])
        put("next_share", share[following])
        put("next_due", np.log1p(work.due[following] - day))
        put("next_mark", beside[:, following])
    return table


def running_sums(
    item: NDArray[np.int64], day: Floats, value: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the sum and number of an item's values up to each one's day, that day included.

    Args:
        item: What each value is about, 0 or more; shape (values,).
        day: When it was known.
        value: The values, whole numbers.

    Returns:
        Sums and numbers; shape (values,) each.
    """
    order = np.lexsort((day, item))
    key = item[order] * 8192.0 + day[order]
    begin = np.searchsorted(item[order], item[order])
    end = np.searchsorted(key, key, "right")
    sums = np.append(0, np.cumsum(value[order]))
    total, number = np.empty((2, len(item)), np.int64)
    total[order], number[order] = sums[end] - sums[begin], end - begin
    return total, number


def _moments(values: Floats, counted: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Return the mean and a spread that is never nothing, of what counts in each column."""
    number = np.maximum(counted.sum(0), 1)
    mean = (values * counted).sum(0) / number
    spread = np.sqrt((((values - mean) ** 2) * counted).sum(0) / number) + 0.05
    return mean, spread


def _rank(values: Floats, others: Floats) -> Floats:
    """Return the share of others below each value, ties half, less a half."""
    ordered = np.sort(others)
    below = np.searchsorted(ordered, values, "left") + np.searchsorted(ordered, values, "right")
    rank: Floats = below / (2 * max(len(ordered), 1)) - 0.5
    return rank
