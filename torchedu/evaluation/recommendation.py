"""An honest ranking: a network beside everything it has to beat, over the whole catalogue."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from lightning.pytorch.utilities.rank_zero import rank_zero_info, rank_zero_warn
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
from torchedu.evaluation.any_task import Request, findings, fitted
from torchedu.evaluation.sections import lacking
from torchedu.evaluation.side_by_side import Models, apart, each, names_of, rows
from torchedu.metrics.fairness import LEAST
from torchedu.metrics.paired import SHARE, averaged
from torchedu.metrics.ranking import HITS, TOP, Ranks, list_scores, ranking_scores
from torchedu.prediction.recommendation import at_positions, log_chances
from torchedu.prediction.stream import Columns, predicted
from torchedu.schema import GROUP, ITEM, RESERVED
from torchedu.sections import Dot, Dots, Section, Table
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
BY_CHANCE = 0.5
"""Hits of which chance alone would give as many are not told: they say nothing of a model."""
BASELINES = (Popularity, ItemKNN, IALS, EASE, RecentEASE, Markov, NextCourseRidge)
Recommender = Baseline[Enrolled, Scores]
BEGINS = (0, 5, 10, 20, 50, 10**6)
"""Numbers of courses taken before at which the stretches of histories begin that are told apart."""
EXAMPLES = 4
"""Students whose recommendations a report shows."""
SHOWN, LATEST = 5, 6
"""Courses shown of each: recommended, and taken before."""
BLENDED = (Popularity, EASE, RecentEASE, Markov, NextCourseRidge)


class Cases:
    """The held-out courses of a part, in the ids of the store that baselines learn from.

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
        names = data.learned.store.vocabulary[ITEM]
        self.item_id = np.array(self.store.vocabulary[ITEM].translation(names), np.int64)
        self.num_items = len(names)
        held_out = self.store.item[self.store.history_offsets[self.student] + self.position]
        self.target = self.item_id[held_out]

    def __len__(self) -> int:
        """Return the number of cases."""
        return len(self.target)

    def histories(self, index: NDArray[Any]) -> Enrolled:
        """Return what the student of each of some cases had taken before."""
        taken = self.store.enrolled(self.student[index], self.position[index])
        return Enrolled(taken.offsets, self.item_id[taken.item].astype(np.int32), self.num_items)

    def blocks(self) -> Sequence[NDArray[np.int64]]:
        """Return the indices of all cases, in blocks of histories that are about as long."""
        order = np.argsort(self.position, kind="stable")
        return np.array_split(order, max(1, -(-len(self) // ROWS)))


@findings.register
def _(task: CourseRecommendation, data: Enrolments, request: Request) -> dict[str, Any]:
    """Rank every course for each held-out one.

    Baselines learn from the training part; the weights of the blends are found on the validation
    part. Adds ``by_group``, ``cold`` (courses that nobody took in the training part, apart) and
    ``by_history``; where ``data.sampled`` asks for it, scores among so many courses drawn too.
    """
    learned = data.learned
    known = predicted(task, data, request.part, request.trainer)
    same = learned.vocabulary == learned.store.vocabulary
    # Weights that were chosen on the part that is scored would say nothing about it.
    blended = bool(request.baselines) and request.part != "val"
    chosen_on = predicted(task, learned, "val", request.trainer) if blended and same else {}
    if not request.trainer.is_global_zero:
        return {}
    cases, store = Cases(data, request.part), data.store
    train = learned.parts["train"]
    enrolled = learned.store.enrolled(train.student, train.stop)
    popularity = np.bincount(enrolled.item, minlength=enrolled.num_items)
    network = type(task.net).__name__
    own = Ranks.of(known["rank"], known["top"], task.net.num_items)
    ranks: Models[Ranks] = {network: ("network", own)}
    sampled = ("hr10", "ndcg10") if data.sampled else ()
    if sampled:
        rank_zero_warn(
            f"ranks among {data.sampled} courses drawn are told too: they may prefer another model "
            "than ranks among all courses do, by which models are to be compared."
            + _fewer(data, cases)
        )
    if request.baselines or sampled:
        every = fitted((kind() for kind in BASELINES), request.baselines, enrolled)
        linear = [baseline for baseline in every if type(baseline) in BLENDED]
        blends = _blends(learned, linear, task, chosen_on) if blended and linear else {}
        beside = _beside(data, cases, every, blends, task, known if same else {})
        _, again = beside.pop(network, ranks[network])
        ranks = {network: ("network", own._replace(sampled=again.sampled)), **beside}
    known_by = learned.popularity if same else task.popularity

    def scored(ranked: Ranks) -> dict[str, Any]:
        drawn = ranking_scores(ranked.sampled) if sampled else {}
        return {
            **ranking_scores(ranked.rank),
            **list_scores(ranked.recommended, known_by),
            **{f"{name}_sampled": drawn[name] for name in sampled},
        }

    columns = _columns(cases)
    measure = next(iter(columns))

    def some(which: NDArray[np.bool_]) -> dict[str, Any]:
        """Score some of the cases."""
        by_model = each(ranks, lambda ranked: ranking_scores(ranked.rank[which])[measure])
        return {"cases": int(which.sum()), measure: by_model}

    by_group = {
        attribute: [
            {"group": name, **some(mine)}
            for name, mine in apart(
                store.group(attribute)[cases.student], names_of(store, GROUP + attribute)
            )
        ]
        for attribute in attributes(store.vocabulary)
    }
    by_history = [
        {"from": first, "to": last, **some((first <= cases.position) & (cases.position < last))}
        for first, last in pairwise(BEGINS)
    ]
    cold = some(popularity[cases.target] == 0)
    return {
        "counts": {
            "students": len(np.unique(cases.student)),
            "held-out courses": len(cases),
            "courses": len(store.vocabulary[ITEM]) - 2,
        },
        "columns": columns
        | {f"{name}_sampled": f"{COLUMNS[name]} of {data.sampled} drawn" for name in sampled},
        "scores": rows(ranks, scored),
        "verb": "recommends with",
        "estimate": lambda name: averaged(_each(measure, ranks[name][1]), cases.student, SHARE),
        "product": "Recommend with it: torchedu predict RUN --pages true writes each student's ten "
        "best courses with reasons, a page a student.",
        "sections": [
            _examples(task, data, known),
            _who_gets(by_history, by_group, cold, network, measure),
        ],
        "recommendation_by_group": by_group,
        "cold": cold,
        "recommendation_by_history": by_history,
    }


def _each(measure: str, ranked: Ranks) -> NDArray[np.float64]:
    """Return what each case adds to a mean that is the first score."""
    rank = ranked.rank.numpy()
    if measure.startswith("hr"):
        return (rank < int(measure[2:])).astype(np.float64)
    return np.where(rank < TOP, 1 / np.log2(rank + 2), 0.0)


def _examples(task: CourseRecommendation, data: Enrolments, known: Columns) -> Section:
    """Show what is recommended to some students, what each course leans on, and what was taken.

    Those are taken who stand at even distances from the best served to the worst.
    """
    if not len(known["rank"]):
        return lacking("What is recommended", "No course was held out.")
    names, of = data.vocabulary[ITEM], data.store.vocabulary[ITEM]
    order = np.argsort(known["rank"], kind="stable")
    chosen = order[np.unique(np.linspace(0, len(order) - 1, EXAMPLES).astype(int))]
    student, position = (known[name][chosen].astype(np.int64) for name in ("student", "position"))
    said, tables = at_positions(task, data, student, position), []
    for i, (row, stop) in enumerate(zip(student.tolist(), position.tolist(), strict=True)):
        begin = int(data.store.history_offsets[row])
        *before, came = map(of.name, data.store.item[begin : begin + stop + 1].tolist())
        finite = np.isfinite(said["score"][i])
        rows = [
            [
                str(place),
                names.name(course),
                "; ".join(names.name(id) for id in leaning if id),
                "yes" if names.name(course) == came else "",
            ]
            for place, (course, leaning) in enumerate(
                zip(
                    said["top"][i][finite].tolist(), said["because"][i][finite].tolist(),
                    strict=True,
                ),
                1,
            )
        ]  # fmt: skip
        cut = f"{len(before) - LATEST} others, " if len(before) > LATEST else ""
        title = (
            f"Student row {row}, who took {cut}{', '.join(before[-LATEST:]) or 'nothing'} and then "
            f"{came}: place {int(known['rank'][chosen[i]]) + 1}"
        )
        headings = ["place", "course", "because of", "taken next"]
        tables.append(Table(headings, rows[:SHOWN], title, opens=True))
    return Section(
        "What is recommended",
        f"The first {SHOWN} courses for some students, from those who were served best to those "
        "who were served worst. Reasons are courses of their own without which the recommended "
        "one would stand lower, where there are such.",
        tables,
        private=True,
    )


def _columns(cases: Cases) -> dict[str, str]:
    """Return the scores that are told: of few courses a long list holds any of them by chance."""
    left = np.maximum(cases.num_items - RESERVED - cases.position, 1)
    lists = {f"hr{k}": k for k in HITS if np.minimum(k / left, 1).mean() >= BY_CHANCE}
    if "hr10" in lists:
        rank_zero_info(
            f"HR@10 is not told: of the {left.mean():.0f} courses that are left to a student on "
            "average ten are most, so that chance alone would do."
        )
    return {name: title for name, title in COLUMNS.items() if name not in lists}


def _who_gets(
    by_history: list[dict[str, Any]],
    by_group: dict[str, list[dict[str, Any]]],
    cold: dict[str, Any],
    network: str,
    measure: str,
) -> Section:
    """Show the first score by length of history, by group, and of courses that nobody had taken."""

    def dot(name: str, row: dict[str, Any], group: str) -> Dot:
        return Dot(name, row[measure], row["cases"], group)

    lengths = [
        f"{row['from']}–{row['to'] - 1}" if row["to"] < BEGINS[-1] else f"{row['from']} and more"
        for row in by_history
    ]
    dots = [
        *(dot(*pair, "courses taken before") for pair in zip(lengths, by_history, strict=True)),
        *(dot(row["group"], row, name) for name, rows in by_group.items() for row in rows),
        dot("nobody's in training", cold, "course"),
    ]
    dots = [each for each in dots if (each.count or 0) >= LEAST]
    title = "Who is served how well"
    if not dots:
        return lacking(title, f"No group has {LEAST} cases.")
    return Section(
        title,
        "Dots are the network's, strokes the others'. Few cases (in brackets) score higher or "
        f"lower by chance alone; groups of fewer than {LEAST} are not drawn.",
        [Dots(f"{COLUMNS[measure]} (cases in brackets)", network, dots)],
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
    known: Columns,
) -> Models[Ranks]:
    """Rank the cases by each baseline, by each blend and, if it knows them, by the network."""
    network = type(task.net).__name__
    size = cases.num_items
    # Were the ranks of each block kept, they would lie between its scores and tear memory apart.
    names = [*(baseline.name for baseline in learnt), *blends, *([network] if known else [])]
    ranks = {name: Ranks.room(len(cases), size, bool(data.sampled)) for name in names}
    for index in cases.blocks():
        histories = cases.histories(index)
        scores = {baseline.name: _scores(baseline, histories) for baseline in learnt}
        parts = [scores[baseline.name] for baseline in learnt if type(baseline) in BLENDED]
        if known and (blends or data.sampled):
            scores[network] = log_chances(task, known["state"][index], histories)
            parts.append(scores[network])
        for name, blend in blends.items():
            scores[name] = blend(parts[: len(blend.gives_logs)])
        drawn = None
        if data.sampled:
            drawn = cases.item_id[data.drawn(cases.student[index], cases.position[index])]
        for name, score_MN in scores.items():
            ranks[name].put(index, score_MN, cases.target[index], drawn)
    kinds = {network: "network", f"{network} + linear": "blend"}
    return {name: (kinds.get(name, "baseline"), rank) for name, rank in ranks.items()}


def _scores(baseline: Recommender, histories: Enrolled) -> NDArray[np.float32]:
    """Return a baseline's scores of every course, minus infinity at courses already taken."""
    return histories.hide(np.array(baseline.predict(histories), np.float32))


def _blends(
    data: Enrolments, linear: Sequence[Recommender], task: CourseRecommendation, known: Columns
) -> dict[str, Blend]:
    """Find the weights of the blends, with and without the network, on the validation part.

    Args:
        data: The enrolments.
        linear: What is blended.
        task: The network.
        known: What it predicted of the validation part; empty where it knows other courses.
    """
    cases = Cases(data, "val")
    drawn = np.random.default_rng(0).permutation(len(cases))
    index = np.sort(drawn[:CHOSEN_ON])
    histories = cases.histories(index)
    scores = [_scores(baseline, histories) for baseline in linear]
    logs = [baseline.gives_logs for baseline in linear]
    blends = {"linear blend": Blend(logs).fit(scores, cases.target[index])}
    if known:
        scores.append(log_chances(task, known["state"][index], histories))
        blend = Blend([*logs, True])
        blends[f"{type(task.net).__name__} + linear"] = blend.fit(scores, cases.target[index])
    return blends
