"""What a search has to tell in a report: its front, what mattered, and all of its trials."""

import math
from collections.abc import Sequence

from torchedu.sections import (
    Bar,
    Bars,
    Form,
    Number,
    Parallels,
    Point,
    Points,
    Section,
    Table,
    Upright,
)
from torchedu.tune.results import FAILED, STOPPED, WHOLE, Row, Standing, importances
from torchedu.tune.study import Study
from torchedu.tune.tested import OnTest, overlooked

TITLE = "The search: "
"""Begins the title of each section."""
Tested = dict[int, dict[str, OnTest]]


def sections(study: Study, now: Standing, tested: Tested, seeds: Tested) -> list[Section]:
    """Return the sections of a search.

    Args:
        study: The study.
        now: How it stands.
        tested: What the best trials reached on the test part, by their numbers.
        seeds: What the best one reached there, trained anew by each seed.
    """
    shown = [row for row in (_front(now, tested), _again(now, seeds)) if row is not None]
    return [*shown, _mattered(study, now), _all(now)]


def _front(now: Standing, tested: Tested) -> Section:
    """Tell which trials are best, on both parts."""
    goals, rows = now.goals, {row.number: row for row in now.rows}
    assert now.best is not None
    words = [
        f"Of {len(now.rows)} trials {now.count(WHOLE)} were trained to their end, "
        f"{now.count(STOPPED)} stopped early and {now.count(FAILED)} failed. "
        f"Trial {now.best.number} is the best"
        + (" of those that keep " if goals.limits and now.keeps else "")
        + (", ".join(map(str, goals.limits)) if goals.limits and now.keeps else "")
        + (": no other is better by all objectives at once, and it is the nearest to the best of "
           "each." if len(goals.objectives) > 1 else ".")
    ]  # fmt: skip
    if not now.keeps:
        words.append(f"None keeps {', '.join(map(str, goals.limits))}: it is the nearest to that.")
    words.append(
        "Trials were chosen on the validation part, where the best of many looks better than it "
        "is. On the test part, which no choice looked at, they reach what the table tells; in "
        "brackets where that lies in 95 of 100 draws of other people."
    )
    words += filter(None, (overlooked(n, rows[n].reached, at) for n, at in tested.items()))
    columns = ["trial", *goals.names]
    columns += [f"{_plain(name)}, test" for name in goals.names if name in _any(tested)]
    cells: list[list[str | Number]] = []
    for number, scores in tested.items():
        reached = rows[number].reached
        cells.append(
            [
                f"{number}{' (the best)' if number == now.best.number else ''}",
                *(_reached(reached[name]) for name in goals.names),
                *(_interval(scores.get(name)) for name in goals.names if name in _any(tested)),
            ]
        )
    forms: list[Form] = [Table(columns, cells)]
    names = [*goals.names][:2]
    if len(names) == 2:
        forms.insert(0, _points(now, *names))
    return Section(f"{TITLE}the best trials", "\n".join(words), forms)


def _points(now: Standing, y: str, x: str) -> Points:
    leading = {row.number for row in now.front}
    assert now.best is not None

    def kind(row: Row) -> str:
        if row is now.best:
            return "best"
        return "front" if row.number in leading else "stopped" if row.state == STOPPED else ""

    points = [
        Point(str(row.number), row.reached[x], row.reached[y], kind(row))
        for row in now.rows
        if row.state in (WHOLE, STOPPED)
    ]
    bounds: dict[str, Number] = {limit.name: limit.bound for limit in now.goals.limits}
    return Points(x, y, points, (bounds.get(x), bounds.get(y)))


def _again(now: Standing, seeds: Tested) -> Section | None:
    """Tell what the best one reaches by other seeds."""
    names = [name for name in now.goals.names if name in _any(seeds)]
    if len(seeds) < 2 or not names:
        return None
    means = []
    for name in names:
        values = [scores[name].value for scores in seeds.values() if name in scores]
        mean = math.fsum(values) / len(values)
        spread = math.sqrt(math.fsum((v - mean) ** 2 for v in values) / max(1, len(values) - 1))
        means.append(f"{_plain(name)} {mean:.4f} ± {spread:.4f}")
    sentence = (
        f"The best trial's options were trained anew by {len(seeds)} seeds, mean ± standard "
        f"deviation on the test part: {', '.join(means)}. What differs here is chance alone."
    )
    rows = [
        [str(seed), *(_interval(scores.get(n)) for n in names)] for seed, scores in seeds.items()
    ]
    return Section(
        f"{TITLE}the best one by other seeds", sentence,
        [Table(["seed", *(f"{_plain(name)}, test" for name in names)], rows)],
    )  # fmt: skip


def _mattered(study: Study, now: Standing) -> Section:
    """Tell which options mattered."""
    title = f"{TITLE}what mattered"
    forms = []
    for name in now.goals.names:
        shares = importances(study, name)
        if shares:
            forms.append(
                Bars(f"share of {name}", [Bar(o, s, "network") for o, s in shares.items()])
            )
    if not forms:
        return Section(title, "too few trials were trained to their end to tell.", lacking=True)
    sentence = (
        "How much of the differences between trials is due to each option, as a forest of trees "
        "has it (fANOVA). Few trials tell this roughly; options that depend on others have no part."
    )
    return Section(title, sentence, forms)


def _all(now: Standing) -> Section:
    """Show all trials."""
    whole = [row for row in now.rows if row.state in (WHOLE, STOPPED)]
    options = list(dict.fromkeys(name for row in now.rows for name in row.options))
    leading = {row.number for row in now.front}
    axes = [_axis(name, [row.options.get(name) for row in whole]) for name in options]
    axes += [Upright(name, [row.reached[name] for row in whole]) for name in now.goals.names]
    marked = [i for i, row in enumerate(whole) if row.number in leading]
    columns = ["trial", "state", *now.goals.names, "validations", *options, "why it failed"]
    cells: list[list[str | Number]] = [
        [
            str(row.number), row.state, *(_reached(row.reached.get(n)) for n in now.goals.names),
            row.validations, *(_cell(row.options.get(n)) for n in options), row.error[:120],
        ]
        for row in now.rows
    ]  # fmt: skip
    table = Table(columns, cells, f"All {len(now.rows)} trials")
    sentence = (
        "A line a trial, over its options and what it reached on the validation part; the front "
        "stands out. A line has a gap where an option did not apply."
    )
    return Section(f"{TITLE}all trials", sentence, [Parallels(axes, marked), table])


def _axis(name: str, values: Sequence[object]) -> Upright:
    numbers = [v for v in values if isinstance(v, int | float) and not isinstance(v, bool)]
    if len(numbers) + sum(v is None for v in values) == len(values):
        log = min(numbers, default=0) > 0 and max(numbers) / min(numbers) > 30
        return Upright(
            name, [v for v in values if v is None or isinstance(v, int | float)], (), log
        )
    labels = sorted({str(v) for v in values if v is not None})
    return Upright(name, [None if v is None else labels.index(str(v)) for v in values], labels)


def _any(tested: Tested) -> set[str]:
    return {name for scores in tested.values() for name in scores}


def _plain(name: str) -> str:
    return name.removeprefix("val/")


def _cell(value: object) -> str:
    if value is None:
        return "–"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _reached(value: float | None) -> str:
    return f"{value:.4f}" if value is not None and abs(value) < 10 else _cell(value)


def _interval(score: OnTest | None) -> str:
    if score is None or math.isnan(score.value):
        return "–"
    if math.isnan(score.low):
        return f"{score.value:.4f}"
    return f"{score.value:.4f} [{score.low:.4f}, {score.high:.4f}]"
