"""An honest ranking: a network beside everything it has to beat, over the whole catalogue."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from lightning import Trainer
from lightning.pytorch.utilities.rank_zero import rank_zero_warn
from numpy.typing import NDArray

from torchedu.baselines import (
    EASE,
    IALS,
    Baseline,
    Blend,
    ItemKNN,
    Markov,
    NextCourseRidge,
    Popularity,
    RecentEASE,
)
from torchedu.baselines.recommendation import Scores
from torchedu.datamodules import Enrolments
from torchedu.datasets.enrolments import Enrolled
from torchedu.datasets.order import cut_windows
from torchedu.datasets.splits import attributes
from torchedu.evaluation.any_task import Baselines, evaluate, evaluation, fitted, keep
from torchedu.metrics.ranking import Ranks, list_scores, ranking_scores
from torchedu.prediction.recommendation import log_chances
from torchedu.prediction.stream import Columns, predicted
from torchedu.schema import GROUP, ITEM
from torchedu.sections import Dot, Dots, Section
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
Recommender = Baseline[Enrolled, Scores]
BLENDED = (Popularity, EASE, RecentEASE, Markov, NextCourseRidge)


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

    def scores(self, baseline: Recommender, index: NDArray[Any]) -> NDArray[np.float32]:
        """Return a baseline's scores of some cases, minus infinity at courses already taken."""
        histories = self.store.enrolled(self.student[index], self.position[index])
        return histories.hide(np.array(baseline.predict(histories), np.float32))

    def logs(
        self, task: CourseRecommendation, found: Columns, index: NDArray[Any]
    ) -> NDArray[np.float32]:
        """Return a network's log chances of every course for some cases, likewise.

        Args:
            task: The network, which knows the courses by the ids of the store.
            found: What it predicted of all cases.
            index: Which to score.
        """
        histories = self.store.enrolled(self.student[index], self.position[index])
        return log_chances(task, found["state"][index], histories)

    def blocks(self) -> Sequence[NDArray[np.int64]]:
        """Return the indices of all cases, in blocks of histories that are about as long."""
        order = np.argsort(self.position, kind="stable")
        return np.array_split(order, max(1, -(-len(self) // ROWS)))


@evaluate.register
def _(
    task: CourseRecommendation,
    data: Enrolments,
    trainer: Trainer,
    part: str = "test",
    folder: str | Path | None = None,
    baselines: Baselines = True,
) -> dict[str, Any]:
    """Rank every course for each held-out one; ``evaluate`` tells the rest.

    Baselines learn from the training part; the weights of the blends are found on the validation
    part. Adds ``by_group``, ``cold`` (courses that nobody took in the training part, apart) and
    ``by_history``; where ``data.sampled`` asks for it, scores among so many courses drawn too.
    """
    found = predicted(task, data, part, trainer)
    known = data.vocabulary == data.store.vocabulary
    # Weights that were chosen on the part that is scored would say nothing about it.
    blended = bool(baselines) and part != "val"
    chosen_on = predicted(task, data, "val", trainer) if blended and known else {}
    if not trainer.is_global_zero:
        return {}
    cases = Cases(data, part)
    train = data.parts["train"]
    enrolled = data.store.enrolled(train.student, train.stop)
    popularity = np.bincount(enrolled.item, minlength=enrolled.num_items)
    network = type(task.net).__name__
    ranks = {network: ("network", Ranks.of(found["rank"], found["top"], task.net.num_items))}
    sampled = ("hr10", "ndcg10") if data.sampled else ()
    if sampled:
        rank_zero_warn(
            f"ranks among {data.sampled} courses drawn are told too: they may prefer another model "
            "than ranks among all courses do, by which models are to be compared."
            + _fewer(data, cases)
        )
    if baselines or sampled:
        learnt = fitted((kind() for kind in BASELINES), baselines, enrolled)
        linear = [baseline for baseline in learnt if type(baseline) in BLENDED]
        blends = _blends(data, linear, task, chosen_on) if blended else {}
        beside = _beside(data, cases, learnt, blends, task, found if known else {})
        _, again = beside.pop(network, ranks[network])
        ranks[network] = ("network", ranks[network][1]._replace(sampled=again.sampled))
        ranks |= beside
    rows = [
        {
            "name": name,
            "kind": kind,
            **ranking_scores(one.rank),
            **list_scores(one.recommended, data.popularity if known else task.popularity),
            **{f"{score}_sampled": ranking_scores(one.sampled)[score] for score in sampled},
        }
        for name, (kind, one) in ranks.items()
    ]
    by_group, cold = _by_group(data, cases, ranks), _some(ranks, popularity[cases.target] == 0)
    by_history = [
        {"from": first, "to": last, **_some(ranks, np.isin(cases.position, range(first, last)))}
        for first, last in ((0, 5), (5, 10), (10, 20), (20, 50), (50, 10**6))
    ]
    told = evaluation(
        task, data, part,
        counts={
            "students": len(np.unique(cases.student)),
            "held-out courses": len(cases),
            "courses": len(data.store.vocabulary[ITEM]) - 2,
        },
        columns=COLUMNS
        | {f"{name}_sampled": f"{COLUMNS[name]} of {data.sampled} drawn" for name in sampled},
        scores=rows,
        verb="recommends with",
        sections=[_who_gets(by_history, by_group, cold, network)],
        recommendation_by_group=by_group,
        cold=cold,
        recommendation_by_history=by_history,
    )  # fmt: skip
    return keep(told, folder)


def _who_gets(
    by_history: list[dict[str, Any]],
    by_group: dict[str, list[dict[str, Any]]],
    cold: dict[str, Any],
    network: str,
) -> Section:
    """Show the hits by length of history, by group, and of courses that nobody had taken."""
    lengths = [
        Dot(
            f"{one['from']}–{one['to'] - 1}" if one["to"] < 10**6 else f"{one['from']} and more",
            one["hr10"], one["cases"], "courses taken before",
        )
        for one in by_history
        if one["cases"]
    ]  # fmt: skip
    groups = [
        Dot(one["group"], one["hr10"], one["cases"], attribute)
        for attribute, rows in by_group.items()
        for one in rows
    ]
    unseen = [Dot("nobody's in training", cold["hr10"], cold["cases"], "course")]
    dots = [*lengths, *groups, *(unseen if cold["cases"] else [])]
    return Section(
        "Who is served how well",
        "Dots are the network's, strokes the others'. Few cases (in brackets) score higher or "
        "lower by chance alone.",
        [Dots(f"{COLUMNS['hr10']} (cases in brackets)", network, dots)],
        private=True,
    )


def _fewer(data: Enrolments, cases: Cases) -> str:
    """Say for how many held-out courses fewer others are left than are to be drawn."""
    left = len(data.store.vocabulary[ITEM]) - 2 - np.diff(data.store.history_offsets)
    fewer = left[cases.student] < data.sampled
    if not fewer.any():
        return ""
    return (
        f" For {int(fewer.sum())} of {len(cases)} held-out courses fewer are left to draw, "
        f"{int(left[cases.student].min())} at least: they are ranked among all of these."
    )


def _beside(
    data: Enrolments,
    cases: Cases,
    learnt: Sequence[Recommender],
    blends: Mapping[str, Blend],
    task: CourseRecommendation,
    found: Columns,
) -> dict[str, tuple[str, Ranks]]:
    """Rank the cases by each baseline, by each blend and, if it knows them, by the network."""
    network = type(task.net).__name__
    size = len(data.store.vocabulary[ITEM])
    # Were the ranks of each block kept, they would lie between its scores and tear memory apart.
    names = [*(one.name for one in learnt), *blends, *([network] if found else [])]
    ranks = {name: Ranks.room(len(cases), size, bool(data.sampled)) for name in names}
    for index in cases.blocks():
        scores = {baseline.name: cases.scores(baseline, index) for baseline in learnt}
        parts = [scores[baseline.name] for baseline in learnt if type(baseline) in BLENDED]
        if found and (blends or data.sampled):
            scores[network] = cases.logs(task, found, index)
            parts.append(scores[network])
        for name, blend in blends.items():
            scores[name] = blend(parts[: len(blend.gives_logs)])
        drawn = data.drawn(cases.student[index], cases.position[index]) if data.sampled else None
        for name, score_MN in scores.items():
            ranks[name].put(index, score_MN, cases.target[index], drawn)
    kinds = {network: "network", f"{network} + linear": "blend"}
    return {name: (kinds.get(name, "baseline"), rank) for name, rank in ranks.items()}


def _blends(
    data: Enrolments, linear: Sequence[Recommender], task: CourseRecommendation, found: Columns
) -> dict[str, Blend]:
    """Find the weights of the blends, with and without the network, on the validation part.

    Args:
        data: The enrolments.
        linear: What is blended.
        task: The network.
        found: What it predicted of the validation part; empty where it knows other courses.
    """
    cases = Cases(data, "val")
    drawn = np.random.default_rng(0).permutation(len(cases))
    index = np.sort(drawn[:CHOSEN_ON])
    scores = [cases.scores(baseline, index) for baseline in linear]
    logs = [baseline.gives_logs for baseline in linear]
    blends = {"linear blend": Blend(logs).fit(scores, cases.target[index])}
    if found:
        scores.append(cases.logs(task, found, index))
        blend = Blend([*logs, True])
        blends[f"{type(task.net).__name__} + linear"] = blend.fit(scores, cases.target[index])
    return blends


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
        for attribute in attributes(store.vocabulary)
    }
