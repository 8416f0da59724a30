"""An honest ranking: a network beside everything it has to beat, over the whole catalogue."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from lightning import Trainer
from numpy.typing import NDArray

from torchedu.baselines import (
    EASE,
    IALS,
    Blend,
    ItemKNN,
    Markov,
    NextCourseRidge,
    Popularity,
    RecentEASE,
    RecommenderBaseline,
)
from torchedu.datamodules import Enrolments
from torchedu.datasets.order import cut_windows
from torchedu.evaluation.any_task import evaluate, keep
from torchedu.metrics.ranking import Ranks, list_scores, ranking_scores
from torchedu.prediction.recommendation import course_scores, ranked
from torchedu.schema import GROUP, ITEM
from torchedu.tasks import CourseRecommendation

ROWS = 512
"""Cases whose scores are in memory at once."""
CHOSEN_ON = 4000
"""Validation cases that a blend's weights are found on."""
COLUMNS = {
    "hr10": "HR@10",
    "ndcg10": "NDCG@10",
    "mrr": "MRR",
    "hr1": "HR@1",
    "hr20": "HR@20",
    "coverage10": "coverage",
    "novelty10": "novelty",
}
BASELINES = (Popularity, ItemKNN, IALS, EASE, RecentEASE, Markov, NextCourseRidge)
BLENDED = (RecentEASE, Markov, NextCourseRidge)


class Cases:
    """The held-out courses of a part, in the ids of the store.

    Args:
        data: The enrolments.
        part: ``val`` or ``test``.
    """

    def __init__(self, data: Enrolments, part: str) -> None:
        windows = cut_windows(data.parts[part], data.window, data.window - 1)
        # A window may hold several held-out courses: a case each.
        num = windows.stop - windows.first
        begin = np.repeat(windows.first - (np.cumsum(num) - num), num)
        self.student = np.repeat(windows.student, num)
        self.position = begin + np.arange(int(num.sum()))
        self.store = data.store
        self.target = np.asarray(
            self.store.item[self.store.history_offsets[self.student] + self.position], np.int64
        )

    def __len__(self) -> int:
        """Return the number of cases."""
        return len(self.target)

    def scores(self, baseline: RecommenderBaseline, index: NDArray[Any]) -> NDArray[np.float32]:
        """Return a baseline's scores of some cases, minus infinity at courses already taken."""
        histories = self.store.enrolled(self.student[index], self.position[index])
        found = np.array(baseline.scores(histories), np.float32)
        row = np.repeat(np.arange(len(index)), np.diff(histories.offsets))
        found[row, histories.item] = -np.inf
        found[:, :2] = -np.inf
        return found

    def blocks(self) -> Sequence[NDArray[np.int64]]:
        """Return the indices of all cases, block by block."""
        return np.array_split(np.arange(len(self)), max(1, -(-len(self) // ROWS)))


@evaluate.register
def _(
    task: CourseRecommendation,
    data: Enrolments,
    trainer: Trainer,
    part: str = "test",
    folder: str | Path | None = None,
    baselines: bool = True,
) -> dict[str, Any]:
    """Rank every course for each held-out one; ``evaluate`` tells the rest.

    Baselines learn from the training part; the weights of the blends are found on the validation
    part. Adds ``by_group``, ``cold`` (courses that nobody took in the training part, apart) and
    ``by_history``.
    """
    found = ranked(task, data, trainer, part)
    if not trainer.is_global_zero:
        return {}
    cases = Cases(data, part)
    known = data.vocabulary == data.store.vocabulary
    train = data.parts["train"]
    enrolled = data.store.enrolled(train.student, train.stop)
    popularity = np.bincount(enrolled.item, minlength=enrolled.num_items)
    network = type(task.net).__name__
    ranks = {network: ("network", Ranks.of(found.rank, found.top, task.net.num_items))}
    if baselines:
        fitted = [kind().fit(enrolled) for kind in BASELINES]
        # Weights that were chosen on the validation part say nothing about it.
        blends: dict[str, CourseRecommendation | None] = (
            {} if part == "val" else {"linear blend": None}
        )
        if blends and known:
            blends[f"{network} + linear"] = task
        ranks |= _beside(data, cases, fitted, blends)
    rows = [
        {
            "name": name,
            "kind": kind,
            **ranking_scores(one.rank),
            **list_scores(one.recommended, data.popularity if known else task.popularity),
        }
        for name, (kind, one) in ranks.items()
    ]
    evaluation = {
        "task": type(task).__name__,
        "data": data.name,
        "split": part,
        "counts": {
            "students": len(np.unique(cases.student)),
            "held-out courses": len(cases),
            "courses": len(data.store.vocabulary[ITEM]) - 2,
        },
        "columns": COLUMNS,
        "scores": rows,
        "recommendation_by_group": _by_group(data, cases, ranks),
        "cold": _some(ranks, popularity[cases.target] == 0),
        "recommendation_by_history": [
            {"from": first, "to": last, **_some(ranks, np.isin(cases.position, range(first, last)))}
            for first, last in ((0, 5), (5, 10), (10, 20), (20, 50), (50, 10**6))
        ],
    }
    return keep(evaluation, trainer, folder)


def _beside(
    data: Enrolments,
    cases: Cases,
    fitted: Sequence[RecommenderBaseline],
    blends: Mapping[str, CourseRecommendation | None],
) -> dict[str, tuple[str, Ranks]]:
    """Rank the cases by each baseline and by each blend, in one pass over the scores."""
    linear = [baseline for baseline in fitted if type(baseline) in BLENDED]
    weighed = {}
    if blends:
        chosen_on = Cases(data, "val")
        drawn = np.random.default_rng(0).permutation(len(chosen_on))
        index = np.sort(drawn[:CHOSEN_ON])
        scores = [chosen_on.scores(baseline, index) for baseline in linear]
        for name, task in blends.items():
            known = [False] * len(linear) + [True] * (task is not None)
            all_scores = scores + _network(chosen_on, data, task, index)
            weighed[name] = Blend(known).fit(all_scores, chosen_on.target[index])
    found: dict[str, list[Ranks]] = {}
    for index in cases.blocks():
        each = {baseline: cases.scores(baseline, index) for baseline in fitted}
        by_name = {baseline.name: scores for baseline, scores in each.items()}
        for name, task in blends.items():
            parts = [each[one] for one in linear] + _network(cases, data, task, index)
            by_name[name] = weighed[name](parts)
        for name, scores_MN in by_name.items():
            found.setdefault(name, []).append(Ranks.from_scores(scores_MN, cases.target[index]))
    return {
        name: ("blend" if blends.get(name) is not None else "baseline", Ranks.join(parts))
        for name, parts in found.items()
    }


def _network(
    cases: Cases, data: Enrolments, task: CourseRecommendation | None, index: NDArray[np.int64]
) -> list[NDArray[np.float32]]:
    """Return a network's log chances of some cases, or nothing where there is no network."""
    if task is None:
        return []
    return [course_scores(task, data, cases.student[index], cases.position[index])]


def _some(ranks: dict[str, tuple[str, Ranks]], which: NDArray[np.bool_]) -> dict[str, Any]:
    """Score some of the cases."""
    return {
        "cases": int(which.sum()),
        "hr10": {name: ranking_scores(one.rank[which])["hr10"] for name, (_, one) in ranks.items()},
    }


def _by_group(
    data: Enrolments, cases: Cases, ranks: dict[str, tuple[str, Ranks]]
) -> dict[str, list[dict[str, Any]]]:
    store = data.store
    return {
        attribute: [
            {"group": name, **_some(ranks, store.group(attribute)[cases.student] == id)}
            for id, name in enumerate(["", "not said", *store.vocabulary[GROUP + attribute]])
            if (store.group(attribute)[cases.student] == id).any()
        ]
        for attribute in store.vocabulary.groups
    }
