"""Draw what an epoch of DKT costs by the number of students, from what ``ten_million.py`` kept.

    python benchmarks/ten_million_cost.py                  # docs/cost.png, and the same as a table

A campaign that has not run leaves its points out. Hours are of processors; those of an epoch are
computed of the answers a CPU-second that were measured, on all answers of the class, except for
``ten.quality``, which trains all of them. Energy is an estimate: nobody metered a machine.
"""

import json
import statistics
import sys
from pathlib import Path
from typing import Any, NamedTuple

from torchedu.files import write_whole

RESULTS = Path(__file__).parent / "results" / "ten_million.json"
PICTURE = Path(__file__).parents[1] / "docs" / "cost.png"
ANSWERS_EACH = 100.55
"""Answers of a student, on average of ten million."""
STUDENTS = {"small": 100_000, "large": 10_000_000}
"""Students of the two classes of ``ten.linear``."""
CORE, A100 = 10, 400
"""Watts: what a busy core of a server draws with its share of the rest, taken; an A100's most."""
CLAIM = {"one GPU, two weeks": 14 * 24, "64 A100, 8 hours": 64 * 8}
"""GPU-hours that were published for ten million students."""


class Point(NamedTuple):
    """What was measured of one class.

    Attributes:
        students: Of the class.
        hours: Of processors, an epoch.
        what: What was trained.
        goal: Whose campaign kept it.
    """

    students: int
    hours: float
    what: str
    goal: str

    @property
    def kilowatt_hours(self) -> float:
        """An estimate."""
        return self.hours * CORE / 1000


def points(raw: dict[str, Any]) -> list[Point]:
    """Return what the campaigns kept, by students.

    Args:
        raw: ``raw`` of ``ten_million.json``.
    """
    kept: list[Point] = []
    linear = raw.get("ten.linear", {})
    rates = {STUDENTS[name]: each for name, each in linear.get("rates", {}).items()}
    more = {int(count): each for count, each in linear.get("by_students", {}).items()}
    parts = raw.get("ten.epoch", {}).get("answers_a_cpu_second", [])
    by_goal = [("ten.linear", rates | more), ("ten.epoch", {10_000_000: parts} if parts else {})]
    for goal, each in by_goal:
        for students, some in each.items():
            hours = students * ANSWERS_EACH / statistics.mean(some) / 3600
            kept.append(Point(students, hours, "width 200, steps of 10,000 answers", goal))
    trained = raw.get("ten.quality", {}).get("parts", ())
    if trained and trained[-1]["step"] >= trained[-1]["of"]:
        hours = trained[-1]["cpu_seconds"] / 3600 / 2  # of two passes
        what = "width 128, steps of 4,000 answers, trained whole"
        kept.append(Point(1_000_000, hours, what, "ten.quality"))
    return sorted(kept)


def draw(kept: list[Point]) -> bytes:
    """Return the picture as PNG.

    Args:
        kept: What there is.
    """
    from matplotlib.figure import Figure

    from torchedu.report.style import BASELINE, BOUND, FULL, INK, NETWORK, drawing, saved

    with drawing():
        figure = Figure(figsize=(FULL, 4.4), layout="constrained")
        axes = figure.subplots()
        axes.set_xscale("log")
        axes.set_yscale("log")
        for mark, what in zip("os^", dict.fromkeys(point.what for point in kept), strict=False):
            some = [point for point in kept if point.what == what]
            x, y = [point.students for point in some], [point.hours for point in some]
            axes.plot(x, y, mark, color=NETWORK, label=f"torchedu, core-hours: {what}")
        if kept:
            line = [10_000, 10_000_000]
            least = kept[0].hours / kept[0].students
            axes.plot(
                line, [count * least for count in line], "--", color=INK, linewidth=0.8,
                label=f"as much a student as at {kept[0].students:,}",
            )  # fmt: skip
        for mark, colour, (name, hours) in zip("Dv", (BOUND, BASELINE), CLAIM.items(), strict=True):
            axes.plot(10_000_000, hours, mark, color=colour, label=f"published, GPU-hours: {name}")
        axes.set_xlim(5_000, 20_000_000)
        ticks = [10**power for power in range(4, 8)]
        axes.set_xticks(ticks, [f"{count:,}" for count in ticks])
        axes.set_ylim(1e-3, 1e4)  # room for what the marks are
        scale = [10.0**power for power in range(-3, 4)]
        axes.set_yticks(scale, [f"{hours:,g}" for hours in scale])
        axes.set_xlabel("students, 100 answers each")
        axes.set_ylabel("hours of a core, an epoch; of a GPU, as published")
        axes.legend(loc="upper left")
        return saved(figure, "png")


def table(kept: list[Point]) -> str:
    """Return the same as a table.

    Args:
        kept: What there is.
    """
    rows = ["| students | core-hours an epoch | kWh, estimated | what | campaign |"]
    rows.append("|" + "---|" * 5)
    rows += [
        f"| {point.students:,} | {point.hours:.3g} | {point.kilowatt_hours:.2g} | {point.what} "
        f"| `{point.goal}` |"
        for point in kept
    ]
    rows += [
        f"| 10,000,000 | {hours} GPU-hours | at most {hours * A100 / 1000:.0f} | {name} "
        "| published |"
        for name, hours in CLAIM.items()
    ]
    return "\n".join(rows)


def main() -> int:
    """Draw, print, and return the exit code."""
    kept = points(json.loads(RESULTS.read_text("utf-8"))["raw"])
    if not kept:
        print("Nothing is kept yet: python benchmarks/ten_million.py --only ten.linear --keep")
        return 1
    write_whole(PICTURE, draw(kept))
    print(table(kept))
    return 0


if __name__ == "__main__":
    sys.exit(main())
